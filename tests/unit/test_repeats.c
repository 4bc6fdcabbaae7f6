/* What comes often is found among what comes once, with its exact count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "content/repeats.h"

static uint64_t hash_of(uint64_t number)
{
    number *= UINT64_C(0x9e3779b97f4a7c15);
    return (number ^ number >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

static void add(struct repeats *repeats, uint64_t number, uint64_t count, uint64_t address)
{
    uint8_t bytes[REPEATS_KEPT_BYTES];

    memset(bytes, (int)number, sizeof(bytes));
    repeats_add(repeats, &(struct repeats_block){.hash = hash_of(number),
                                                 .count = count,
                                                 .address = address,
                                                 .bytes = bytes,
                                                 .len = number % 2 ? 4096 : 10,
                                                 .kind = (uint8_t)number});
}

static void test_few(void **s)
{
    _cleanup_(repeats_destroyp) struct repeats *repeats = NULL;
    struct repeats_items items = {0};

    (void)s;
    assert_null(repeats_create(&repeats));
    for (uint64_t i = 0; i < 100; i++)
        for (uint64_t times = 0; times <= i; times++)
            add(repeats, i, 1 + i % 2, 0x1000 * i + times);
    assert_null(repeats_list(repeats, 2, 1000, &items));
    assert_int_equal(items.count, 99);
    for (size_t i = 0; i < items.count; i++) {
        const struct repeats_item *item = &items.items[i];
        uint64_t number = item->address / 0x1000;

        assert_int_equal(item->count, (number + 1) * (1 + number % 2));
        assert_int_equal(item->address % 0x1000, 0);
        assert_int_equal(item->kind, number);
        assert_int_equal(item->len, number % 2 ? REPEATS_KEPT_BYTES : 10);
        assert_int_equal(item->bytes[item->len - 1], number);
        assert_true(i == 0 || item->count <= items.items[i - 1].count);
    }
    vector_deinit(&items);
    assert_null(repeats_list(repeats, 150, 3, &items));
    assert_int_equal(items.count, 3);
    vector_deinit(&items);
}

/* A million others neither push it out nor raise its count. */
static void test_crowd(void **s)
{
    _cleanup_(repeats_destroyp) struct repeats *repeats = NULL;
    struct repeats_items items = {0};

    (void)s;
    assert_null(repeats_create(&repeats));
    for (uint64_t i = 0; i < 1000000; i++) {
        add(repeats, 1000 + i, 1, i);
        if (i % 10 == 0)
            add(repeats, 7, 1, i);
    }
    assert_null(repeats_list(repeats, 2, 10, &items));
    assert_int_equal(items.count, 1);
    assert_int_equal(items.items[0].count, 100000);
    assert_int_equal(items.items[0].kind, 7);
    vector_deinit(&items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
