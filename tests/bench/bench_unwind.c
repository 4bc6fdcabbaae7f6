/*
 * Stacks unwound in a second of one CPU's time: copies of this program's own stack at many depths, through a
 * few functions of different frames, and through the C library in their middle.
 *
 *     bench_unwind [FRAMES [ROUNDS]]     -> "unwind N stacks/s at N frames, N distinct stacks, ..."
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/copied_stack.h"

enum { STACKS = 1000, COPY_BYTES = 16384, OTHER_FRAMES = 8 };

static struct copied_stack stacks[STACKS];
static size_t taken;
static unsigned middle;

static void take(void)
{
    ucontext_t context;

    getcontext(&context);
    copied_stack_init(&stacks[taken++], &context, COPY_BYTES);
}

static unsigned go_on(unsigned depth, unsigned path);

/* Frames of several sizes, with and without saved registers, and one behind a callback of libc. */
#define FRAME(number)                                                                              \
    __attribute__((noinline)) static unsigned frame_##number(unsigned depth, unsigned path)        \
    {                                                                                              \
        volatile char room[16 + 24 * number];                                                      \
                                                                                                   \
        room[depth % sizeof(room)] = (char)path;                                                   \
        return go_on(depth - 1, path * 5 + number) + (unsigned)room[depth % sizeof(room)];         \
    }

FRAME(1)
FRAME(2)
FRAME(3)
FRAME(4)

static unsigned sort_depth, sort_path;

static int compare(const void *a, const void *b)
{
    static int busy;

    (void)a, (void)b;
    if (!busy++)
        go_on(sort_depth, sort_path);
    busy--;
    return 0;
}

__attribute__((noinline)) static unsigned through_libc(unsigned depth, unsigned path)
{
    int two[2] = {1, 2};

    sort_depth = depth - 1;
    sort_path = path;
    qsort(two, 2, sizeof(*two), compare);
    return (unsigned)two[0];
}

static unsigned go_on(unsigned depth, unsigned path)
{
    if (depth == 0) {
        take();
        return path;
    }
    if (depth == middle)
        return through_libc(depth, path) + 1;
    switch ((path ^ path >> 3 ^ depth) % 4) {
    case 0:
        return frame_1(depth, path) + 1;
    case 1:
        return frame_2(depth, path) + 2;
    case 2:
        return frame_3(depth, path) + 3;
    default:
        return frame_4(depth, path) + 4;
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    unsigned wanted = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    unsigned depth = wanted > OTHER_FRAMES + 2 ? wanted - OTHER_FRAMES - 2 : 1;
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 200;
    struct modules *modules;
    struct layout *layout;
    struct unwinder *unwinder;
    struct stack_path path;
    size_t frames = 0, complete = 0;
    uint64_t since_ns, ns;

    copied_check(modules_create(&modules));
    copied_layout(getpid(), modules, &layout);
    copied_check(unwinder_create(&unwinder));
    middle = depth / 2;
    for (unsigned i = 0; i < STACKS; i++)
        go_on(depth + i % 5, i);
    since_ns = cpu_ns();
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < taken; i++) {
            struct unwind_input input = {layout, stacks[i].registers, &stacks[i].source,
                                         STACK_MAX_FRAMES};

            copied_check(unwinder_run(unwinder, &input, &path));
            frames += path.count;
            complete += path.end == STACK_END_COMPLETE;
        }
    ns = cpu_ns() - since_ns;

    double runs = (double)rounds * (double)taken;

    printf(
        "unwind %.0f stacks/s at %.1f frames, %zu distinct stacks, %.0f ns a frame, %.1f%% to the "
        "outermost frame\n",
        runs * 1e9 / (double)ns, (double)frames / runs, taken, (double)ns / (double)frames,
        100 * (double)complete / runs);
    for (size_t i = 0; i < taken; i++)
        copied_stack_deinit(&stacks[i]);
    unwinder_destroy(unwinder);
    layout_unref(layout);
    modules_destroy(modules);
    return 0;
}
