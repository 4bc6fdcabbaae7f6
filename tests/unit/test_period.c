/* Arrays of records of every length, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/period.h"

enum { LEN = PERIOD_SAMPLE_BYTES };

static uint8_t bytes[LEN];

/* Records of RECORD bytes: a name that is always the same, a number, a random field, zeros. */
static void fill(size_t record, size_t lead, unsigned *seed)
{
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(i < lead ? (unsigned)rand_r(seed) : 0);
    for (size_t at = lead; at < LEN; at += record) {
        uint8_t one[PERIOD_MOST] = "Kind:A";
        uint32_t number = (uint32_t)(at / record);

        memcpy(one + 8, &number, 4);
        for (size_t i = 16; i < record / 2; i++)
            one[i] = (uint8_t)(i % 3 ? (unsigned)rand_r(seed) : i);
        memcpy(bytes + at, one, record < LEN - at ? record : LEN - at);
    }
}

static void test_records(void **s)
{
    unsigned seed = 3;

    (void)s;
    for (size_t record = 24; record < 9000; record += 1 + record / 5) {
        struct period period;
        bool constant[PERIOD_MOST];
        size_t lead = (size_t)rand_r(&seed) % record;

        fill(record, lead, &seed);
        if (!period_find(bytes, LEN, &period))
            fail_msg("no period in records of %zu bytes", record);
        assert_int_equal(period.len, record);
        assert_memory_equal(bytes + period.offset, "Kind:A", 7);
        assert_true(period.constants >= 6 && period.constants < record);
        period_constants(&period, bytes, LEN, constant);
        for (size_t i = 0; i < 7; i++)
            assert_true(constant[i]);
        assert_false(constant[8]);
    }
}

/* Lines of one length are records as well. */
static void test_lines(void **s)
{
    struct period period;

    (void)s;
    for (size_t at = 0; at + 64 <= LEN; at += 64) {
        char line[65];

        snprintf(line, sizeof(line), "%010u  some text that is always there %17u\n",
                 (unsigned)at * 7919, (unsigned)at * 31);
        memcpy(bytes + at, line, 64);
    }
    assert_true(period_find(bytes, LEN, &period));
    assert_int_equal(period.len, 64);
}

static void test_none(void **s)
{
    static const char *const words[] = {"the ",    "house ", "of ",   "memory ", "is ",
                                        "always ", "full ",  "and\n", "never ",  "again "};
    struct period period;
    unsigned seed = 5;

    (void)s;
    memset(bytes, 0, LEN);
    assert_false(period_find(bytes, LEN, &period));
    memset(bytes, 'x', LEN);
    assert_false(period_find(bytes, LEN, &period));
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)rand_r(&seed);
    assert_false(period_find(bytes, LEN, &period));
    for (size_t at = 0; at + 8 < LEN;) {
        const char *word = words[(unsigned)rand_r(&seed) % 10];

        memcpy(bytes + at, word, strlen(word));
        at += strlen(word);
    }
    assert_false(period_find(bytes, LEN, &period));
    for (uint32_t i = 0; i < LEN / 4; i++)
        memcpy(bytes + 4 * i, &i, 4);
    assert_false(period_find(bytes, LEN, &period));
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = "abcd"[i % 4];
    assert_false(period_find(bytes, LEN, &period));
}

static void test_short(void **s)
{
    struct period period;
    unsigned seed = 9;

    (void)s;
    for (size_t len = 0; len < 400; len++) {
        uint8_t *copy = malloc(len ? len : 1);

        assert_non_null(copy);
        fill(24, 0, &seed);
        memcpy(copy, bytes, len);
        if (period_find(copy, len, &period))
            assert_true(period.len * PERIOD_RECORDS <= len && period.offset + period.len <= len);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
