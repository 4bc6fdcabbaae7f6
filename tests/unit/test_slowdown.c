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
    /* Time in which no stop came is not the target's, whatever the tracer did with it. */
    assert_int_equal(slowdown_stopped_ns(&(struct ptrace_source_stats){0}, second), 0);
}

static void test_never_more_than_all(void **state)
{
    const struct ptrace_source_stats stats = {.stops = 1u << 30, .idle_ns = 0};

    (void)state;
    assert_int_equal(slowdown_stopped_ns(&stats, second), second);
}

static void test_windows(void **state)
{
    struct slowdown s = {0};
    struct ptrace_source_stats stats = {.stops = 1, .idle_ns = 4 * second};
    unsigned percent = 7;

    (void)state;
    assert_false(slowdown_judge(&s, &stats, 4 * second, &percent));
    assert_int_equal(percent, 7);
    stats.idle_ns = 1 * second;
    assert_true(slowdown_judge(&s, &stats, 5 * second, &percent));
    assert_int_equal(percent, 80);
    /* The next window is judged by itself. */
    stats.idle_ns = 6 * second;
    assert_true(slowdown_judge(&s, &stats, 10 * second, &percent));
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
