#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tracer/switches.h"

static void test_a_guess_until_it_is_known(void **state)
{
    struct switches s = {0};

    (void)state;
    assert_int_equal(switches_each_ns(&s), 4400);
    for (unsigned i = 0; i < SWITCHES_WAITS - 1; i++)
        switches_note(&s, 60000);
    assert_int_equal(switches_each_ns(&s), 4400);
    switches_note(&s, 60000);
    assert_int_equal(switches_each_ns(&s), 60000);
}

/* Half of the calls wait for something: that is the target's own time. */
static void test_long_calls_do_not_count(void **state)
{
    struct switches s = {0};

    (void)state;
    for (unsigned i = 0; i < SWITCHES_WAITS; i++)
        switches_note(&s, i % 2 ? 5000 : 7000000);
    assert_int_equal(switches_each_ns(&s), 5000);
}

static void test_it_follows(void **state)
{
    struct switches s = {0};

    (void)state;
    for (unsigned i = 0; i < SWITCHES_WAITS; i++)
        switches_note(&s, 60000);
    for (unsigned i = 0; i < SWITCHES_WAITS; i++)
        switches_note(&s, 3000 + i);
    assert_int_equal(switches_each_ns(&s), 3016);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_guess_until_it_is_known),
        cmocka_unit_test(test_long_calls_do_not_count),
        cmocka_unit_test(test_it_follows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
