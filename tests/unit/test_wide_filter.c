/* The filter against the same question asked unit by unit, and that no character is lost to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "content/unicode.h"
#include "content/wide_filter.h"

enum { LEN = 1000 };

static uint8_t scripts[UNICODE_BMP];
static struct wide_filter filter;

static int setup(void **state)
{
    (void)state;
    unicode_fill(scripts);
    wide_filter_init(&filter, scripts);
    return 0;
}

/* Whether the filter may pass the unit at AT in GROUP; what lies behind LEN may. */
static bool is_alive(const uint8_t *bytes, size_t len, size_t at, size_t group, bool big)
{
    size_t upper_at = at + !big, low_at = at + big, first = 0;

    if (upper_at >= len)
        return true;
    for (size_t g = 0; g < group; g++)
        first += filter.counts[g];
    for (size_t i = first; i < first + filter.counts[group]; i++)
        if (bytes[upper_at] >= filter.ranges[i].low && bytes[upper_at] <= filter.ranges[i].high)
            return true;
    if (bytes[upper_at])
        return false;
    if (low_at >= len)
        return true;

    uint8_t low = bytes[low_at];

    return low == '\t' || (low >= 0x20 && low < 0x7f) || low >= 0xa0;
}

static bool starts(const uint8_t *bytes, size_t len, size_t at, size_t run, bool big)
{
    for (size_t group = 0; group < WIDE_FILTER_GROUPS; group++) {
        size_t n = 0;

        while (n < run && is_alive(bytes, len, at + 2 * n, group, big))
            n++;
        if (n == run)
            return true;
    }
    return false;
}

static void test_model(void **state)
{
    static const size_t runs[] = {1, 4, 10, 24, 100};
    unsigned seed = 9;

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t total = 1 + (size_t)rand_r(&seed) % LEN, len = 1 + (size_t)rand_r(&seed) % total;
        size_t min_chars = runs[(size_t)round % ARRAY_SIZE(runs)];
        size_t run = min_chars < WIDE_FILTER_RUN ? min_chars : WIDE_FILTER_RUN;
        uint8_t *bytes = malloc(total);
        struct wide_places places[2];

        assert_non_null(bytes);
        for (size_t i = 0; i < total; i++)
            bytes[i] = rand_r(&seed) % 3 ? (uint8_t)(rand_r(&seed) >> 8) : i % 2 ? 'a' : 0;
        wide_filter_fill(&filter, bytes, len, total - len, min_chars, &places[0], &places[1]);
        for (size_t i = 0; i < len; i++)
            for (int big = 0; big < 2; big++) {
                bool want = starts(bytes, total, i, run, big),
                     alive = starts(bytes, total, i, 1, big);
                bool got = places[big].starts[i / 64] >> i % 64 & 1;

                /* It looks no further than a block behind, and need not. */
                assert_true(got || !want);
                if (i + 2 * run + 1 < len)
                    assert_int_equal(got, want);
                assert_int_equal(places[big].alive[i / 64] >> i % 64 & 1, alive);
            }
        free(bytes);
    }
}

/* Every character that may be in a string is alive in the group of each string that it may be in. */
static void test_characters(void **state)
{
    static const enum unicode_script groups[] = {UNICODE_HAN, UNICODE_HANGUL, UNICODE_CYRILLIC};

    (void)state;
    for (uint32_t point = 0; point < UNICODE_BMP; point++)
        for (size_t g = 0; g < WIDE_FILTER_GROUPS; g++) {
            uint8_t bytes[] = {(uint8_t)point, (uint8_t)(point >> 8)};
            enum unicode_script script = unicode_script(point);
            bool surrogate = point >= 0xd800 && point < 0xe000;
            bool apart = script == UNICODE_HAN || script == UNICODE_HANGUL;

            if (surrogate || script == UNICODE_COMMON || script == groups[g] ||
                (g == 2 && !apart && script != UNICODE_NONE && script != UNICODE_RARE))
                assert_true(is_alive(bytes, 2, 0, g, false));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_characters),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
