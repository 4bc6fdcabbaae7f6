/* Paths of the test itself against glibc's backtrace; made-up stacks against what they were made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <execinfo.h>

#include "temporary.h"
#include "tests/copied_stack.h"

enum { MAX_FRAMES = 128 };

static struct modules *modules;
static struct layout *layout;
static struct unwinder *unwinder;

static int set_up(void **state)
{
    (void)state;
    must(modules_create(&modules));
    copied_layout(getpid(), modules, &layout);
    must(unwinder_create(&unwinder));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unwinder_destroy(unwinder);
    layout_unref(layout);
    modules_destroy(modules);
    return 0;
}

static void run(struct copied_stack *copy, unsigned max_frames, struct stack_path *ret_path)
{
    struct unwind_input input = {layout, copy->registers, &copy->source, max_frames};

    must(unwinder_run(unwinder, &input, ret_path));
}

/* The frames above the one that asks. */
static void compare_with_backtrace(void)
{
    void *expected[MAX_FRAMES];
    struct copied_stack copy;
    struct stack_path path;
    ucontext_t context;
    int count = backtrace(expected, MAX_FRAMES);

    assert_int_equal(getcontext(&context), 0);
    copied_stack_init(&copy, &context, 1 << 16);
    run(&copy, MAX_FRAMES, &path);
    assert_int_equal(path.end, STACK_END_COMPLETE);
    assert_int_equal(path.count, count);
    for (int i = 1; i < count; i++)
        assert_int_equal(path.frames[i].address, (uintptr_t)expected[i]);
    copied_stack_deinit(&copy);
}

__attribute__((noinline)) static int deeper(int depth)
{
    volatile char room[64];

    room[depth] = (char)depth;
    if (depth == 0)
        compare_with_backtrace();
    else
        deeper(depth - 1);
    return room[depth];
}

static void paths_are_those_of_backtrace(void **state)
{
    (void)state;
    deeper(0);
    deeper(20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_those_of_backtrace),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
