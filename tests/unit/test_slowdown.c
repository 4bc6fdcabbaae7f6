#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "tracer/slowdown.h"

static const uint64_t second = NS_PER_S;

static void test_nothing_stopped(void **state)
{
    (void)state;
    assert_int_equal(slowdown_stopped_ns(&(struct ptrace_source_stats){0}, second), 0);
}

/* Serving stops and the switches from and to the tracees, but never more than there was time. */
static void test_never_more_than_all(void **state)
{
    const struct ptrace_source_stats stats = {.busy_ns = 300, .switches_ns = second - 301};

    (void)state;
    assert_int_equal(slowdown_stopped_ns(&stats, second), second - 1);
    assert_int_equal(slowdown_stopped_ns(&stats, second / 2), second / 2);
}

static void test_windows(void **state)
{
    struct slowdown s = {0};
    struct ptrace_source_stats stats = {.busy_ns = 0};
    unsigned percent = 7;

    (void)state;
    assert_false(slowdown_judge(&s, &stats, 1 * second, &percent));
    assert_int_equal(percent, 7);
    stats.busy_ns = 3 * second / 2;
    assert_true(slowdown_judge(&s, &stats, 2 * second, &percent));
    assert_int_equal(percent, 75);
    /* The next window is judged by itself. */
    assert_true(slowdown_judge(&s, &stats, 4 * second, &percent));
    assert_int_equal(percent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_stopped),
        cmocka_unit_test(test_never_more_than_all),
        cmocka_unit_test(test_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
