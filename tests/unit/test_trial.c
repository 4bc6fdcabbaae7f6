#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "tracer/trial.h"

/* A target that stops forever, each stop taking USUAL_US or OTHER_US; the share of stops in percent that
 * were served the other way, of STOPS. */
static unsigned share(unsigned usual_us, unsigned other_us, unsigned stops)
{
    struct trial t = {0};
    uint64_t now_ns = NS_PER_S;
    unsigned other = 0;

    for (unsigned i = 0; i < stops; i++) {
        bool way = trial_stop(&t, now_ns);

        other += way;
        now_ns += (uint64_t)(way ? other_us : usual_us) * NS_PER_US;
    }
    return other * 100 / stops;
}

static void test_the_better_way_is_taken(void **state)
{
    (void)state;
    assert_true(share(60, 5, 1000000) > 95);
    assert_true(share(5, 6, 1000000) < 5);
}

static void test_no_difference_is_the_usual_way(void **state)
{
    (void)state;
    assert_true(share(20, 20, 1000000) < 5);
}

static void test_a_far_dearer_way_is_left_at_once(void **state)
{
    (void)state;
    /* 2 ms a stop: no whole sample of a hundred is borne. */
    assert_true(share(10, 2000, 100000) * 1000 < 1000);
}

static void test_waiting_for_work_says_nothing(void **state)
{
    struct trial t = {0};
    uint64_t now_ns = NS_PER_S;
    bool way = false;

    (void)state;
    /* The other way is better; now and then the target has nothing to do for seconds. */
    for (unsigned i = 0; i < 800; i++) {
        way = trial_stop(&t, now_ns);
        now_ns += way ? 5 * NS_PER_US : 100 * NS_PER_US;
        if (i % 200 == 150)
            now_ns += 3 * (uint64_t)NS_PER_S;
    }
    assert_true(trial_stop(&t, now_ns));
}

static void test_it_is_tried_again(void **state)
{
    struct trial t = {0};
    uint64_t now_ns = NS_PER_S;
    unsigned other = 0;

    (void)state;
    for (unsigned i = 0; i < 200000; i++)
        now_ns += trial_stop(&t, now_ns) ? 50 * NS_PER_US : 10 * NS_PER_US;
    for (unsigned i = 0; i < 2000000; i++) {
        bool way = trial_stop(&t, now_ns);

        other += way;
        now_ns += way ? 5 * NS_PER_US : 50 * NS_PER_US;
    }
    assert_true(other > 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_better_way_is_taken),
        cmocka_unit_test(test_no_difference_is_the_usual_way),
        cmocka_unit_test(test_a_far_dearer_way_is_left_at_once),
        cmocka_unit_test(test_waiting_for_work_says_nothing),
        cmocka_unit_test(test_it_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
