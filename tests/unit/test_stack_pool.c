/* Stacks from a tracer, which never waits, through workers to a writer, all at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "temporary.h"
#include "tests/copied_stack.h"
#include "tracer/stack_pool.h"

enum { DEPTHS = 8, MANY = 20000, RING = 256, MAX_FRAMES = 128 };

/* What is captured again and again: this thread's stack, at several depths. */
static struct copied_stack copies[DEPTHS];
static size_t frames_at_depth_0;

__attribute__((noinline)) static void capture_at(int depth)
{
    ucontext_t context;

    if (depth > 0)
        capture_at(depth - 1);
    assert_int_equal(getcontext(&context), 0);
    copied_stack_init(&copies[DEPTHS - 1 - depth], &context, 1 << 16);
    __asm__ volatile("" ::: "memory");
}

static struct capture *take(struct stack_pool *pool, struct layout *layout, int depth)
{
    const struct copied_stack *copy = &copies[depth];
    struct capture *capture = stack_pool_take(pool, copy->len);

    if (!capture)
        return NULL;
    capture->layout = layout_ref(layout);
    capture->registers = copy->registers;
    capture->sp = copy->start;
    capture->len = copy->len;
    memcpy(capture->bytes, copy->bytes, copy->len);
    stack_pool_submit(pool, capture);
    return capture;
}

/* From the tracer to the writer, as event_queue.h hands captures on. */
struct pipe {
    struct stack_pool *pool;
    struct layout *layout;
    _Atomic(struct capture *) ring[RING];
    _Atomic int depths[RING];
    _Atomic uint64_t pushed, popped;
    _Atomic bool ended;
    uint64_t taken, refused, abandoned;
};

static void *trace(void *context)
{
    struct pipe *p = context;

    for (uint64_t i = 0; i < MANY; i++) {
        struct capture *capture = take(p->pool, p->layout, (int)(i % DEPTHS));

        if (!capture) {
            p->refused++;
        } else if (i % 7 == 0 || atomic_load(&p->pushed) - atomic_load(&p->popped) == RING) {
            stack_pool_release(capture); /* its event was lost */
            p->abandoned++;
        } else {
            atomic_store(&p->depths[p->pushed % RING], (int)(i % DEPTHS));
            atomic_store(&p->ring[p->pushed % RING], capture);
            atomic_fetch_add(&p->pushed, 1);
        }
        if (i % 64 == 0)
            sched_yield();
    }
    atomic_store(&p->ended, true);
    return NULL;
}

static void check_path(struct capture *capture, int depth)
{
    const struct stack_path *path = stack_pool_path(capture);

    assert_non_null(path);
    assert_int_equal(path->end, STACK_END_COMPLETE);
    assert_int_equal(path->count, frames_at_depth_0 + (size_t)depth);
    assert_int_equal(path->frames[0].address, copies[depth].registers.values[16]);
    assert_non_null(path->frames[0].module);
}

static void every_stack_is_unwound_or_counted(void **state)
{
    _cleanup_(stack_pool_destroyp) struct stack_pool *pool = NULL;
    struct pipe *p = calloc(1, sizeof(*p));
    struct stack_pool_stats stats;
    uint64_t seen = 0;
    pthread_t tracer;

    (void)state;
    assert_non_null(p);
    must(stack_pool_create(MAX_FRAMES, &pool));
    copied_layout(getpid(), stack_pool_modules(pool), &p->layout);
    p->pool = pool;
    assert_int_equal(pthread_create(&tracer, NULL, trace, p), 0);
    while (!atomic_load(&p->ended) || seen < atomic_load(&p->pushed)) {
        if (seen == atomic_load(&p->pushed)) {
            sched_yield();
            continue;
        }

        struct capture *capture = atomic_load(&p->ring[seen % RING]);

        check_path(capture, atomic_load(&p->depths[seen % RING]));
        stack_pool_release(capture);
        seen++;
        atomic_store(&p->popped, seen);
    }
    pthread_join(tracer, NULL);
    stack_pool_stats(pool, &stats);
    assert_int_equal(stats.stacks, seen + p->abandoned);
    assert_int_equal(stats.lost, p->refused);
    assert_int_equal(stats.stacks + stats.lost, MANY);
    assert_true(seen > 0);
    layout_unref(p->layout);
    free(p);
}

/* Nobody takes them out. */
static void a_full_pool_drops_stacks(void **state)
{
    _cleanup_(stack_pool_destroyp) struct stack_pool *pool = NULL;
    enum { LEN = 64 << 10, MOST = STACK_POOL_BYTES / LEN };
    struct capture *captures[MOST + 1];
    struct stack_pool_stats stats;
    size_t count = 0;

    (void)state;
    must(stack_pool_create(MAX_FRAMES, &pool));
    while (count <= MOST && (captures[count] = stack_pool_take(pool, LEN)))
        count++;
    assert_true(count < MOST && count > MOST * 9 / 10);
    stack_pool_stats(pool, &stats);
    assert_int_equal(stats.lost, 1);
    assert_null(stack_pool_take(pool, LEN));
    /* What was never submitted is only released, and there is room again. */
    stack_pool_release(captures[--count]);
    assert_non_null(captures[count] = stack_pool_take(pool, LEN));
    for (size_t i = 0; i <= count; i++)
        stack_pool_release(captures[i]);
    stack_pool_stats(pool, &stats);
    assert_int_equal(stats.lost, 2);
    assert_int_equal(stats.stacks, 0);
}

static int set_up(void **state)
{
    _cleanup_(stack_pool_destroyp) struct stack_pool *pool = NULL;
    struct layout *layout;
    struct capture *capture;

    (void)state;
    capture_at(DEPTHS - 1);
    must(stack_pool_create(MAX_FRAMES, &pool));
    copied_layout(getpid(), stack_pool_modules(pool), &layout);
    capture = take(pool, layout, 0);
    frames_at_depth_0 = stack_pool_path(capture)->count;
    stack_pool_release(capture);
    layout_unref(layout);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stack_is_unwound_or_counted),
        cmocka_unit_test(a_full_pool_drops_stacks),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
