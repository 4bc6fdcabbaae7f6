/* Counts of times against an array of all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/units.h"
#include "content/time_histogram.h"

#define START (UINT64_C(1614644953) * NS_PER_S)

static uint64_t random_ns(unsigned *seed, uint64_t below)
{
    return ((uint64_t)rand_r(seed) << 31 | (uint64_t)rand_r(seed)) % below;
}

static void test_empty(void **state)
{
    struct time_histogram h = {0};
    struct time_span span = {1, 2, 3};

    (void)state;
    assert_null(time_histogram_span(&h, &span));
    assert_int_equal(span.count, 0);
    time_histogram_deinit(&h);
}

/* Times within minutes, with some from weeks ago. */
static void test_bulk(void **state)
{
    struct time_histogram h = {0};
    uint64_t first = UINT64_MAX, last = 0;
    struct time_span span, rows[10];
    unsigned seed = 4;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        uint64_t ns = START + random_ns(&seed, 411 * (uint64_t)NS_PER_S);

        first = ns < first ? ns : first;
        last = ns > last ? ns : last;
        assert_null(time_histogram_add(&h, ns));
        if (i % 100 == 0)
            assert_null(
                time_histogram_add(&h, START - (1 + random_ns(&seed, 20)) * 86400 * NS_PER_S));
    }
    assert_int_equal(h.count, 5050);
    assert_true(h.first_ns <= START - 86400 * (uint64_t)NS_PER_S);
    assert_null(time_histogram_span(&h, &span));
    assert_int_equal(span.first_ns, first);
    assert_int_equal(span.last_ns, last);
    assert_int_equal(span.count, 5000);
    time_histogram_rows(&h, &span, rows, 10);

    uint64_t total = 0;

    for (int i = 0; i < 10; i++) {
        assert_in_range(rows[i].count, 300, 700);
        total += rows[i].count;
    }
    assert_int_equal(total, 5000);
    assert_int_equal(rows[0].first_ns, first);
    assert_true(rows[9].last_ns >= last);
    time_histogram_deinit(&h);
}

/* The shortest stretch of 95 of 100, by trying all. */
static void test_shortest(void **state)
{
    enum { COUNT = 200 };
    unsigned seed = 9;

    (void)state;
    for (int round = 0; round < 50; round++) {
        struct time_histogram h = {0};
        uint64_t times[COUNT], shortest = UINT64_MAX;
        struct time_span span;

        for (int i = 0; i < COUNT; i++) {
            /* One to a second, so that buckets hide nothing. */
            times[i] =
                (uint64_t)i * i * i * NS_PER_S * (1 + (uint64_t)round) + random_ns(&seed, NS_PER_S);
            assert_null(time_histogram_add(&h, times[i]));
        }
        for (int from = 0; from + 190 <= COUNT; from++)
            if (times[from + 189] - times[from] < shortest)
                shortest = times[from + 189] - times[from];
        assert_null(time_histogram_span(&h, &span));
        assert_true(span.count >= 190);
        assert_true(span.last_ns - span.first_ns >= shortest);
        time_histogram_deinit(&h);
    }
}

/* More seconds than there may be buckets: they widen, and no count is lost. */
static void test_widens(void **state)
{
    enum { COUNT = 3 * TIME_HISTOGRAM_MAX_BUCKETS };
    struct time_histogram h = {0};
    struct time_span span, rows[4];
    unsigned seed = 3;

    (void)state;
    for (uint64_t i = 0; i < COUNT; i++)
        assert_null(time_histogram_add(&h, START + (i * 7919 % COUNT) * 3 * NS_PER_S +
                                               random_ns(&seed, NS_PER_S)));
    assert_int_equal(h.count, COUNT);
    assert_true(h.shift >= 2 && h.shift <= 5);
    assert_null(time_histogram_span(&h, &span));
    assert_int_equal(span.count, COUNT);
    assert_int_equal(span.first_ns, h.first_ns);
    assert_int_equal(span.last_ns, h.last_ns);
    time_histogram_rows(&h, &span, rows, 4);
    for (int i = 0; i < 4; i++)
        assert_in_range(rows[i].count, COUNT / 4 - 20, COUNT / 4 + 20);
    time_histogram_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_shortest),
        cmocka_unit_test(test_widens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
