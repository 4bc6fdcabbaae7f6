/* The most frequent strings against a plain count of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "content/top_strings.h"

static void add(struct top_strings *top, const char *text, size_t len, bool continued)
{
    struct strings_found found = {
        .text = text, .len = len, .raw_len = 2 * len, .continued = continued};

    assert_null(top_strings_add(top, &found));
}

/* While all fit, every count is exact. */
static void test_exact(void **state)
{
    enum { DISTINCT = TOP_STRINGS_KEPT, ADDS = 200000 };
    _cleanup_(top_strings_destroyp) struct top_strings *top = NULL;
    struct top_strings_items items = {0};
    uint64_t *counts = calloc(DISTINCT, sizeof(*counts));
    unsigned seed = 1;

    (void)state;
    assert_non_null(counts);
    assert_null(top_strings_create(&top));
    for (size_t i = 0; i < ADDS; i++) {
        char text[32];
        size_t which = (size_t)rand_r(&seed) % (1 + (size_t)rand_r(&seed) % DISTINCT);

        counts[which]++;
        add(top, text, (size_t)sprintf(text, "string %zu", which), false);
    }
    assert_null(top_strings_list(top, SIZE_MAX, &items));
    for (size_t i = 0; i < items.count; i++) {
        size_t which;
        char text[32] = {0};

        memcpy(text, items.items[i].text, items.items[i].len);
        assert_int_equal(sscanf(text, "string %zu", &which), 1);
        assert_int_equal(items.items[i].count, counts[which]);
        assert_int_equal(items.items[i].bytes, 2 * counts[which] * items.items[i].len);
        assert_false(items.items[i].at_least);
        counts[which] = 0;
        if (i && (items.items[i - 1].count > 1) == (items.items[i].count > 1))
            assert_true(items.items[i - 1].bytes >= items.items[i].bytes);
    }
    for (size_t i = 0; i < DISTINCT; i++)
        assert_int_equal(counts[i], 0);
    vector_deinit(&items);
    free(counts);
}

/* Among many that come once, those that come often are found, and never counted too high. */
static void test_bounded(void **state)
{
    enum { ROUNDS = 40000, NOISE = 12, FREQUENT = 20 };
    uint64_t counts[2][FREQUENT];

    (void)state;
    for (int run = 0; run < 2; run++) {
        _cleanup_(top_strings_destroyp) struct top_strings *top = NULL;
        struct top_strings_items items = {0};
        size_t serial = 0;

        assert_null(top_strings_create(&top));
        for (size_t round = 0; round < ROUNDS; round++)
            for (size_t i = 0; i <= NOISE; i++) {
                /* The frequent ones begin only when every place is taken. */
                bool frequent = i == NOISE && round > 1000;
                char text[40];
                int len = frequent ? sprintf(text, "frequent %zu", round % FREQUENT)
                                   : sprintf(text, "noise %zu", serial++);

                add(top, text, (size_t)len, false);
            }
        assert_null(top_strings_list(top, FREQUENT, &items));
        assert_int_equal(items.count, FREQUENT);
        for (size_t i = 0; i < FREQUENT; i++) {
            const struct top_strings_item *item = &items.items[i];

            assert_memory_equal(item->text, "frequent ", 9);
            assert_true(item->at_least);
            assert_in_range(item->count, ROUNDS / FREQUENT * 9 / 10, ROUNDS / FREQUENT);
            assert_int_equal(item->bytes, 2 * item->count * item->len);
            counts[run][i] = item->count;
        }
        vector_deinit(&items);
    }
    assert_memory_equal(counts[0], counts[1], sizeof(counts[0]));
}

static void test_long_strings(void **state)
{
    _cleanup_(top_strings_destroyp) struct top_strings *top = NULL;
    struct top_strings_items items = {0};
    char text[TOP_STRINGS_TEXT_BYTES + 100];

    (void)state;
    assert_null(top_strings_create(&top));
    memset(text, 'x', sizeof(text));
    add(top, text, sizeof(text), true);
    add(top, "the rest of it", 14, true);
    add(top, "and the end", 11, false);
    text[sizeof(text) - 1] = 'y';
    add(top, text, sizeof(text), false);
    add(top, "the rest of it", 14, false);
    assert_null(top_strings_list(top, 10, &items));
    assert_int_equal(items.count, 2);
    assert_int_equal(items.items[0].len, TOP_STRINGS_TEXT_BYTES);
    assert_int_equal(items.items[0].count, 2);
    assert_int_equal(items.items[0].bytes, 2 * (2 * sizeof(text) + 25));
    assert_int_equal(items.items[1].count, 1);
    vector_deinit(&items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_long_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
