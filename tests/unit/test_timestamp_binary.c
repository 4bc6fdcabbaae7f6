/* Times as binary numbers, and ids: which company they need, and that what is cut into pieces makes
 * no difference. */
#include "tests/unit/times.h"

#include <stdio.h>

static void put(uint8_t *bytes, size_t at, uint64_t word)
{
    for (int i = 0; i < 8; i++)
        bytes[at + (size_t)i] = (uint8_t)(word >> 8 * i);
}

static void put_big(uint8_t *bytes, size_t at, uint64_t word)
{
    put(bytes, at, __builtin_bswap64(word));
}

/* Writes NS at AT in FORM, as that form has it; 0: FORM is no binary one. */
static void put_form(uint8_t *bytes, size_t at, uint64_t ns, enum timestamps_form form)
{
    switch (form) {
    case TIMESTAMPS_BINARY_MS:
        put(bytes, at, ns / NS_PER_MS);
        break;
    case TIMESTAMPS_BINARY_NS:
        put(bytes, at, ns);
        break;
    case TIMESTAMPS_BINARY_BE_MS:
        put_big(bytes, at, ns / NS_PER_MS);
        break;
    case TIMESTAMPS_BINARY_BE_NS:
        put_big(bytes, at, ns);
        break;
    case TIMESTAMPS_BINARY_S_NS:
        put(bytes, at, ns / S);
        put(bytes, at + 8, ns % S);
        break;
    case TIMESTAMPS_BINARY_FILETIME:
        put(bytes, at, ns / 100 + UINT64_C(116444736000000000));
        break;
    case TIMESTAMPS_BINARY_UUID:
        put_big(bytes, at, (ns / NS_PER_MS) << 16 | 0x7abc);
        put_big(bytes, at + 8, UINT64_C(0x9abcdef012345678));
        break;
    case TIMESTAMPS_BINARY_SNOWFLAKE:
        put(bytes, at, (ns / NS_PER_MS - UINT64_C(1288834974657)) << 22 | 0x12345);
        break;
    default:
        fail();
    }
}

/* Where FORM may begin, so that it is seen: at multiples of this, and SHIFT more. */
static size_t step_of(enum timestamps_form form)
{
    return form == TIMESTAMPS_BINARY_FILETIME ? 4
           : form == TIMESTAMPS_BINARY_BE_MS || form == TIMESTAMPS_BINARY_BE_NS ||
                   form == TIMESTAMPS_BINARY_UUID
               ? 1
               : 8;
}

/* Times that are apart in all their bits, but whole milliseconds. */
static uint64_t at_step(size_t i)
{
    return TRUTH_S * S + 220000000 + i * UINT64_C(17934000000);
}

/* Each form counts in the company that it needs, at each place where it may stand, and no other
 * form is seen in it. */
static void test_binary(void **state)
{
    enum { LEN = 4096, MOST = 10, APART = 200 };
    struct timestamp_windows windows;
    struct timestamp_judge judge;

    (void)state;
    timestamp_windows_init(&windows, &defaults);
    timestamp_judge_init(&judge, &windows, NULL, NULL);
    for (int form = TIMESTAMPS_FIRST_BINARY; form < TIMESTAMPS_FORM_COUNT; form++) {
        size_t needs = judge.needs[form];

        assert_true(needs < MOST);
        for (size_t shift = 0; shift < 8; shift++)
            for (size_t count = 1; count < MOST; count++) {
                bool seen = shift % step_of((enum timestamps_form)form) == 0;
                unsigned seed = (unsigned)count;
                uint8_t bytes[LEN];

                for (size_t i = 0; i < LEN; i += 8)
                    put(bytes, i, UINT64_C(0x9e3669b96f4a6c15));
                for (size_t i = 0; i < count; i++)
                    put_form(bytes, 64 + APART * i + shift, at_step(i), (enum timestamps_form)form);

                struct times got = scan_at(BASE, bytes, LEN, &defaults, count % 2 ? 0 : 300, &seed);

                if (got.count != (seen && count > needs ? count : 0))
                    fail_msg("%s at +%zu: %zu of %zu seen",
                             timestamps_form_name((enum timestamps_form)form), shift, got.count,
                             count);
                for (size_t i = 0; i < got.count; i++) {
                    uint64_t ns = at_step(i);

                    assert_int_equal(got.items[i].form, form);
                    assert_int_equal(got.items[i].address, BASE + 64 + APART * i + shift);
                    assert_int_equal(got.items[i].epoch_ns, ns);
                }
                vector_deinit(&got);
            }
    }
}

/* What stands between zeros needs no company. */
static void test_binary_alone(void **state)
{
    static const struct {
        uint64_t words[3];
        enum timestamps_form form;
        uint64_t ns;
        size_t at;
    } rows[] = {
        {{0, TRUTH_S * 1000 + 220, 0}, TIMESTAMPS_BINARY_MS, TRUTH_S * S + 220000000, 8},
        {{0, TRUTH_S * S + 5, 0}, TIMESTAMPS_BINARY_NS, TRUTH_S * S + 5, 8},
        {{7, TRUTH_S * 1000 + 220, 0}, TIMESTAMPS_FORM_COUNT, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned seed = 1;
        struct times got = scan_at(BASE, rows[i].words, sizeof(rows[i].words), &defaults, 0, &seed);

        assert_int_equal(got.count, rows[i].form != TIMESTAMPS_FORM_COUNT);
        if (got.count) {
            assert_int_equal(got.items[0].form, rows[i].form);
            assert_int_equal(got.items[0].epoch_ns, rows[i].ns);
            assert_int_equal(got.items[0].address, BASE + rows[i].at);
        }
        vector_deinit(&got);
    }
}

/* Company too far away in either sense is none; nor is what differs in a few bits only, as code and
 * tables do, however often it comes. What is near times that count counts. */
static void test_company(void **state)
{
    enum { LEN = 4 * 65536, MOST = 12 };
    static const struct {
        size_t apart;
        uint64_t later_ms;
        size_t written, count;
    } rows[] = {
        {8, 1234, 3, 3},           {8, 1234, 2, 0},
        {32768, 1234, 3, 3},       {32768 + 8, 1234, 3, 0},
        {8, 300 * 1000 - 9, 3, 3}, {8, 300 * 1000 + 1, 3, 0},
        {8, 0, MOST, 0},           {8, 1, 4, 0},
        {8, 1500, 3, 3},
    };
    uint8_t *bytes = malloc(LEN);
    unsigned seed = 1;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        memset(bytes, 0xee, LEN);
        for (size_t n = 0; n < rows[i].written; n++)
            put(bytes, 800 + n * rows[i].apart, TRUTH_S * 1000 + n * rows[i].later_ms);

        struct times got = scan_at(BASE, bytes, LEN, &defaults, 5000, &seed);

        if (got.count != rows[i].count)
            fail_msg("row %zu: %zu times", i, got.count);
        vector_deinit(&got);
    }
    memset(bytes, 0xee, LEN);
    for (size_t n = 0; n < 3; n++)
        put(bytes, 800 + 8 * n, TRUTH_S * 1000 + n * 1234);
    for (size_t n = 3; n < MOST; n++)
        put(bytes, 800 + 8 * n, TRUTH_S * 1000);

    struct times got = scan_at(BASE, bytes, LEN, &defaults, 0, &seed);

    assert_int_equal(got.count, MOST);
    vector_deinit(&got);
    free(bytes);
}

/* Seconds with micro- or nanoseconds behind them, or with nanoseconds before them. */
static void test_seconds(void **state)
{
    enum { COUNT = 3, WORDS = 4 };

    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        uint64_t words[COUNT][WORDS];
        unsigned seed = 1;

        memset(words, 0xee, sizeof(words));
        for (size_t i = 0; i < COUNT; i++) {
            uint64_t *w = words[i], s = TRUTH_S + 17 * i, part = 220123456 + 7654321 * i;

            w[0] = 0xf800;
            w[1] = s;
            switch (kind) {
            case 0: /* struct timespec */
                w[2] = part;
                break;
            case 1: /* struct timeval */
                w[2] = part / 1000;
                break;
            case 2: /* java.time.Instant */
                w[0] |= part << 32;
                break;
            case 3: /* time_t alone, or behind a small number */
                w[0] |= 3ULL << 32;
                break;
            default: /* no nanoseconds */
                w[2] = 1000000000;
                break;
            }
        }

        struct times got = scan_at(BASE, words, sizeof(words), &defaults, 0, &seed);

        assert_int_equal(got.count, kind < 3 ? COUNT : 0);
        for (size_t i = 0; i < got.count; i++) {
            uint64_t part = 220123456 + 7654321 * i;

            assert_int_equal(got.items[i].form, TIMESTAMPS_BINARY_S_NS);
            assert_int_equal(got.items[i].address, BASE + 8 * (WORDS * i + 1));
            assert_int_equal(got.items[i].epoch_ns,
                             (TRUTH_S + 17 * i) * S + (kind == 1 ? part / 1000 * 1000 : part));
        }
        vector_deinit(&got);
    }
}

/* Ids of 17 to 19 digits count when four of them agree. */
static void test_snowflakes(void **state)
{
    char text[400];
    unsigned seed = 1;

    (void)state;
    for (unsigned count = 1; count < 8; count++) {
        size_t len = 0;

        for (unsigned i = 0; i < count; i++)
            len += (size_t)snprintf(
                text + len, sizeof(text) - len, "\"id\":\"%lu\",",
                (unsigned long)((TRUTH_S * 1000 + i * 1000 - 1288834974657) << 22 | 77 * i));

        struct times got = scan_at(BASE, text, len, &defaults, 0, &seed);

        assert_int_equal(got.count, count > 3 ? count : 0);
        for (size_t i = 0; i < got.count; i++) {
            assert_int_equal(got.items[i].form, TIMESTAMPS_SNOWFLAKE);
            assert_int_equal(got.items[i].epoch_ns, (TRUTH_S + i) * S);
        }
        vector_deinit(&got);
    }
}

/* Binary words come out the same whatever the pieces. */
static void test_binary_pieces(void **state)
{
    enum { WORDS = 500, ROUNDS = 40 };
    uint8_t bytes[8 * WORDS];
    unsigned seed = 11;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < WORDS; i++) {
            uint64_t high = (uint64_t)rand_r(&seed) << 33 | (uint64_t)rand_r(&seed) << 10;

            put(bytes, 8 * i,
                rand_r(&seed) % 6 == 0   ? (TRUTH_S - 1000) * S + (uint64_t)rand_r(&seed)
                : rand_r(&seed) % 9 == 0 ? TRUTH_S * 1000
                : rand_r(&seed) % 3      ? high | UINT64_C(1) << 62
                                         : 64);
        }

        uint64_t base = BASE + (uint64_t)(round % 8);
        struct times want = scan_at(base, bytes, sizeof(bytes), &defaults, 0, &seed);
        struct times got =
            scan_at(base, bytes, sizeof(bytes), &defaults, 1 + (size_t)round * 9, &seed);

        same(&got, &want);
        assert_true(round % 8 || want.count > 20);
        vector_deinit(&got);
        vector_deinit(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binary),     cmocka_unit_test(test_binary_alone),
        cmocka_unit_test(test_company),    cmocka_unit_test(test_seconds),
        cmocka_unit_test(test_snowflakes), cmocka_unit_test(test_binary_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
