/* Every form against a table of truths, wherever it lies, and the scan against a slow model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/units.h"
#include "base/vector.h"
#include "content/timestamp_text.h"
#include "content/timestamps.h"

#define BASE     UINT64_C(0x7f46d34e2000)
#define S        UINT64_C(1000000000)
#define TRUTH_S  UINT64_C(1614644953) /* 2021-03-02T00:29:13Z, 08:29:13 in Shanghai */
#define SHANGHAI (8 * 3600)

VECTOR_TYPE(times, struct timestamps_found);

static const struct timestamps_options defaults = {
    .first_ns = (TRUTH_S - 30 * 86400) * S,
    .last_ns = (TRUTH_S + 86400) * S,
    .utc_offset_s = SHANGHAI,
    .forms = TIMESTAMPS_ALL_FORMS,
};

static struct seep_error *collect(const struct timestamps_found *found, void *context)
{
    return vector_push((struct times *)context, *found);
}

static int by_address(const void *left, const void *right)
{
    const struct timestamps_found *a = left, *b = right;

    return a->address != b->address ? (a->address < b->address ? -1 : 1)
                                    : (int)a->form - (int)b->form;
}

/* Pieces of random sizes up to PIECE (0: one piece), sorted by address. */
static struct times scan_at(uint64_t base, const void *bytes, size_t len,
                            const struct timestamps_options *options, size_t piece, unsigned *seed)
{
    struct times into = {0};
    struct timestamps_scan s;

    timestamps_scan_init(&s, options, collect, &into);
    for (size_t at = 0; at < len;) {
        size_t step = piece ? (size_t)rand_r(seed) % piece + 1 : len;

        step = step < len - at ? step : len - at;
        uint8_t *copy = malloc(step);

        assert_non_null(copy);
        memcpy(copy, (const uint8_t *)bytes + at, step);
        assert_null(timestamps_scan_push(&s, base + at, copy, step));
        free(copy);
        at += step;
    }
    assert_null(timestamps_scan_finish(&s));
    if (into.count)
        qsort(into.items, into.count, sizeof(*into.items), by_address);
    return into;
}

static void same(const struct times *got, const struct times *want)
{
    for (size_t i = 0; i < got->count && i < want->count; i++)
        if (got->items[i].address != want->items[i].address ||
            got->items[i].epoch_ns != want->items[i].epoch_ns ||
            got->items[i].form != want->items[i].form)
            fail_msg(
                "time %zu: got +%#lx %s %lu, want +%#lx %s %lu", i,
                (unsigned long)(got->items[i].address - BASE),
                timestamps_form_name(got->items[i].form), (unsigned long)got->items[i].epoch_ns,
                (unsigned long)(want->items[i].address - BASE),
                timestamps_form_name(want->items[i].form), (unsigned long)want->items[i].epoch_ns);
    assert_int_equal(got->count, want->count);
}

struct row {
    const char *text;
    enum timestamps_form form;
    uint64_t ns;
    size_t skip; /* characters before the date proper */
};

static const struct row truths[] = {
    {"1614644953", TIMESTAMPS_EPOCH_S, TRUTH_S *S, 0},
    {"@1614644953", TIMESTAMPS_EPOCH_S, TRUTH_S *S, 1},
    {"1614644953.220", TIMESTAMPS_EPOCH_S, TRUTH_S *S + 220000000, 0},
    {"1614644953.000000001", TIMESTAMPS_EPOCH_S, TRUTH_S *S + 1, 0},
    {"1614644953.0000000019", TIMESTAMPS_EPOCH_S, TRUTH_S *S + 1, 0},
    {"1614644953.", TIMESTAMPS_EPOCH_S, TRUTH_S *S, 0},
    {"1614644953220", TIMESTAMPS_EPOCH_MS, TRUTH_S *S + 220000000, 0},
    {"1614644953220.5", TIMESTAMPS_EPOCH_MS, TRUTH_S *S + 220500000, 0},
    {"1614644953220123", TIMESTAMPS_EPOCH_US, TRUTH_S *S + 220123000, 0},
    {"1614644953220123456", TIMESTAMPS_EPOCH_NS, TRUTH_S *S + 220123456, 0},
    {"349.581113.1614644953220.JavaMail", TIMESTAMPS_EPOCH_MS, TRUTH_S *S + 220000000, 11},
    {"Part_581112_788432614.1614644953220", TIMESTAMPS_EPOCH_MS, TRUTH_S *S + 220000000, 22},
    {"session-1614644953", TIMESTAMPS_EPOCH_S, TRUTH_S *S, 8},
    {"2021-03-02T00:29:13Z", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"2021-03-02T00:29:13.220Z", TIMESTAMPS_ISO8601, TRUTH_S *S + 220000000, 0},
    {"2021-03-02T08:29:13.220123456+08:00", TIMESTAMPS_ISO8601, TRUTH_S *S + 220123456, 0},
    {"2021-03-01T19:29:13-0500", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"2021-03-02T08:29:13+08", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"2021-03-02T08:29:13", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"2021-03-02 08:29:13,220", TIMESTAMPS_ISO8601, TRUTH_S *S + 220000000, 0},
    {"2021-03-02 00:29:13 UTC", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"2021-03-02 00:29:13 +0000", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"2021/03/02 08:29:13", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"2021-03-02 08:29", TIMESTAMPS_ISO8601, (TRUTH_S - 13) * S, 0},
    {"2021-03-02T00:29Z", TIMESTAMPS_ISO8601, (TRUTH_S - 13) * S, 0},
    {"20210302T002913Z", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"20210302T082913.220", TIMESTAMPS_ISO8601, TRUTH_S *S + 220000000, 0},
    {"Tue, 02 Mar 2021 08:29:13 +0800", TIMESTAMPS_RFC2822, TRUTH_S *S, 5},
    {"2 Mar 2021 08:29 +0800", TIMESTAMPS_RFC2822, (TRUTH_S - 13) * S, 0},
    {"Mon, 1 Mar 2021 19:29:13 EST", TIMESTAMPS_RFC2822, TRUTH_S *S, 5},
    {"Tue, 02 Mar 2021 00:29:13 GMT", TIMESTAMPS_RFC2822, TRUTH_S *S, 5},
    {"Tuesday, 02-Mar-21 00:29:13 GMT", TIMESTAMPS_RFC2822, TRUTH_S *S, 9},
    {"02-Mar-2021 08:29:13.220", TIMESTAMPS_RFC2822, TRUTH_S *S + 220000000, 0},
    {"16067:M 02 Mar 2021 08:29:13.220 * Ready", TIMESTAMPS_RFC2822, TRUTH_S *S + 220000000, 8},
    {"Tue Mar  2 00:29:13 UTC 2021", TIMESTAMPS_RFC2822, TRUTH_S *S, 4},
    {"Tue Mar  2 08:29:13 2021", TIMESTAMPS_RFC2822, TRUTH_S *S, 4},
    {"Tue Mar 02 08:29:13 CST 2021", TIMESTAMPS_RFC2822, TRUTH_S *S, 4},
    {"Mar  2 08:29:13 host sshd[1]: x", TIMESTAMPS_SYSLOG, TRUTH_S *S, 0},
    {"<34>Mar 02 08:29:13 host", TIMESTAMPS_SYSLOG, TRUTH_S *S, 4},
    {"1100:M 02 Mar 08:29:13.220 # x", TIMESTAMPS_SYSLOG, TRUTH_S *S + 220000000, 7},
    {"[02/Mar/2021:08:29:13 +0800] \"GET", TIMESTAMPS_COMMON_LOG, TRUTH_S *S, 1},
    {"02/Mar/2021:00:29:13 +0000", TIMESTAMPS_COMMON_LOG, TRUTH_S *S, 0},
};

static const char *const lies[] = {
    "16146449532",
    "161464495322",
    "11614644953220123456",
    "a1614644953",
    "1614644953a",
    "_1614644953",
    "1614644953_",
    "0.1614644953",
    "-1614644953",
    "0x1614644953220",
    "1514644953",
    "1714644953220",
    "2021-13-02T00:29:13Z",
    "2021-02-30T00:29:13Z",
    "2021-03-02T24:29:13Z",
    "2021-03-02T00:60:13Z",
    "2021-03-02T00:29:61Z",
    "12021-03-02T00:29:13Z",
    "2021-03-02T00:29:134",
    "2020-03-02T00:29:13Z",
    "2021-03/02 00:29:13",
    "32/Mar/2021:08:29:13 +0800",
    "02/Mar/20210:08:29:13",
    "xMar  2 08:29:13",
    "Mat  2 08:29:13",
    "Jun  2 08:29:13",
    "02 Mar 2021 08:29:1",
    "08:29:13",
    "2021-03-02",
    "00:16:3e:08:29:13",
    "20210302T0029130",
    "20210302T002960Z1",
    "Mar  2 08:29",
};

/* TEXT as STRIDE bytes a character, the second one after (little-endian) or before. */
static size_t spell(uint8_t *to, const char *text, unsigned stride, bool big_endian)
{
    size_t len = strlen(text);

    memset(to, 0, len * stride);
    for (size_t i = 0; i < len; i++)
        to[i * stride + (stride == 2 && big_endian)] = (uint8_t)text[i];
    return len * stride;
}

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
        for (int encoding = 0; encoding < 3; encoding++)
            for (size_t before = 0; before < 70; before++) {
                const struct row *row = &truths[i];
                unsigned stride = encoding ? 2 : 1, seed = 1;
                bool big = encoding == 2;
                uint8_t bytes[400];

                memset(bytes, before % 3 ? 0 : encoding ? 1 : ' ', sizeof(bytes));
                if (big) /* its last character wants a zero behind it, as more text gives */
                    memset(bytes, 0, sizeof(bytes));
                spell(bytes + before, row->text, stride, big);

                struct times got = scan_at(BASE, bytes, sizeof(bytes), &defaults, 0, &seed);

                if (got.count != 1)
                    fail_msg("'%s' (%d, +%zu): %zu times", row->text, encoding, before, got.count);
                if (got.items[0].epoch_ns != row->ns)
                    fail_msg("'%s': %lu, not %lu", row->text, (unsigned long)got.items[0].epoch_ns,
                             (unsigned long)row->ns);
                assert_int_equal(got.items[0].form, row->form);
                assert_int_equal(got.items[0].address, BASE + before + row->skip * stride + big);
                vector_deinit(&got);
            }
}

/* The text alone, at either end of what there is, cut at every place. */
static void test_borders(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
        for (unsigned stride = 1; stride <= 2; stride++) {
            uint8_t bytes[600];
            const struct row *row = &truths[i];
            size_t len = spell(bytes + 200, row->text, stride, false);

            memset(bytes, ' ', 200);
            memset(bytes + 200 + len, ' ', sizeof(bytes) - 200 - len);
            if (stride == 2)
                for (size_t b = 1; b < sizeof(bytes); b += 2)
                    bytes[b] = 0;
            for (size_t around = 0; around <= 200; around += 200)
                for (size_t border = 0; border <= len; border++) {
                    const uint8_t *start = bytes + 200 - around;
                    struct times into = {0};
                    struct timestamps_scan s;

                    timestamps_scan_init(&s, &defaults, collect, &into);
                    assert_null(timestamps_scan_push(&s, BASE, start, around + border));
                    assert_null(timestamps_scan_push(&s, BASE + around + border,
                                                     start + around + border,
                                                     len - border + around));
                    assert_null(timestamps_scan_finish(&s));
                    if (into.count != 1 || into.items[0].epoch_ns != row->ns)
                        fail_msg("'%s' cut at %zu: %zu times", row->text, border, into.count);
                    assert_int_equal(into.items[0].address, BASE + around + row->skip * stride);
                    vector_deinit(&into);
                }
        }
}

static void test_lies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
        for (unsigned stride = 1; stride <= 2; stride++) {
            uint8_t bytes[128];
            size_t len = spell(bytes, lies[i], stride, false);
            unsigned seed = 1;
            struct times got = scan_at(BASE, bytes, len, &defaults, 0, &seed);

            if (got.count)
                fail_msg("'%s' taken for a %s", lies[i], timestamps_form_name(got.items[0].form));
            vector_deinit(&got);
        }
}

static void test_gap(void **state)
{
    struct times into = {0};
    struct timestamps_scan s;

    (void)state;
    timestamps_scan_init(&s, &defaults, collect, &into);
    assert_null(timestamps_scan_push(&s, BASE, "16146", 5));
    assert_null(timestamps_scan_push(&s, BASE + 6, "44953", 5));
    assert_null(timestamps_scan_push(&s, BASE + 20, "1614644953", 10));
    assert_null(timestamps_scan_push(&s, BASE + 31, "1614644953", 10));
    assert_null(timestamps_scan_finish(&s));
    assert_int_equal(into.count, 2);
    assert_int_equal(into.items[0].address, BASE + 20);
    assert_int_equal(into.items[1].address, BASE + 31);
    vector_deinit(&into);
}

static void test_year_of_syslog(void **state)
{
    static const struct {
        uint64_t first_s, last_s;
        const char *text;
        uint64_t s; /* 0: none */
    } rows[] = {
        {1609459200 - 86400, 1609459200 + 86400, "Dec 31 23:59:59", 1609459199},
        {1609459200 - 86400, 1609459200 + 86400, "Jan  1 00:00:00", 1609459200},
        {1609459200 - 86400, 1609459200 + 86400, "Jan  3 00:00:00", 0},
        /* Of several years the latest: 2020, which has the leap day. */
        {0, 1614644953, "Feb 29 12:00:00", 1582977600},
        {0, UINT64_MAX / S, "Mar  2 00:29:13", 18434478553},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct timestamps_options options = {rows[i].first_s * S, rows[i].last_s * S, 0,
                                             1 << TIMESTAMPS_SYSLOG};
        unsigned seed = 1;
        struct times got = scan_at(BASE, rows[i].text, strlen(rows[i].text), &options, 0, &seed);

        assert_int_equal(got.count, rows[i].s != 0);
        if (got.count)
            assert_int_equal(got.items[0].epoch_ns, rows[i].s * S);
        vector_deinit(&got);
    }
}

static void put(uint8_t *bytes, size_t at, uint64_t word)
{
    for (int i = 0; i < 8; i++)
        bytes[at + (size_t)i] = (uint8_t)(word >> 8 * i);
}

static void test_binary(void **state)
{
    const uint64_t noise = UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t ms = TRUTH_S * 1000 + 220, ns = TRUTH_S * S + 5;

    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        uint8_t bytes[8 * 32 + 8];
        unsigned seed = 1;

        for (size_t i = 0; i < sizeof(bytes); i += 8)
            put(bytes, i, noise);
        put(bytes, 8 * 2, ms);
        put(bytes, 8 * 6, ns - 700 * S); /* nothing near it in time */
        put(bytes, 8 * 11, ns + 1);      /* company that comes later */
        put(bytes, 8 * 17, ns + 2);
        put(bytes, 8 * 23, 0);
        put(bytes, 8 * 24, ns + 3 + 86400 / 2 * S); /* between zeros */
        put(bytes, 8 * 25, 0);
        put(bytes, 8 * 30, ns + 599 * S);

        struct times got = scan_at(BASE + shift, bytes, sizeof(bytes), &defaults, 0, &seed);

        if (shift) {
            assert_int_equal(got.count, 0);
            continue;
        }
        assert_int_equal(got.count, 5);
        assert_int_equal(got.items[0].form, TIMESTAMPS_BINARY_MS);
        assert_int_equal(got.items[0].epoch_ns, ms * 1000000);
        assert_int_equal(got.items[0].address, BASE + 16);
        for (uint64_t i = 1; i < 5; i++)
            assert_int_equal(got.items[i].form, TIMESTAMPS_BINARY_NS);
        assert_int_equal(got.items[1].epoch_ns, ns + 1);
        assert_int_equal(got.items[2].epoch_ns, ns + 2);
        assert_int_equal(got.items[3].epoch_ns, ns + 3 + 86400 / 2 * S);
        assert_int_equal(got.items[4].epoch_ns, ns + 599 * S);
        vector_deinit(&got);
    }
}

/* Company too far away is none. */
static void test_binary_far_apart(void **state)
{
    enum { LEN = 3 * 65536 };
    uint8_t *bytes = malloc(LEN);
    unsigned seed = 1;

    (void)state;
    assert_non_null(bytes);
    for (size_t far = 0; far < 2; far++) {
        memset(bytes, 0xee, LEN);
        put(bytes, 800, TRUTH_S * S);
        put(bytes, 800 + 65536 + 8 * far, TRUTH_S * S + 1);

        struct times got = scan_at(BASE, bytes, LEN, &defaults, 0, &seed);

        assert_int_equal(got.count, far ? 0 : 2);
        vector_deinit(&got);
    }
    free(bytes);
}

/* Random bytes are not full of times. */
static void test_random_bytes(void **state)
{
    enum { LEN = 8 << 20 };
    uint8_t *bytes = malloc(LEN);
    unsigned seed = 2;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(rand_r(&seed) >> 7);

    struct times got = scan_at(BASE, bytes, LEN, &defaults, 0, &seed);

    assert_true(got.count <= 2);
    vector_deinit(&got);
    free(bytes);
}

/* --- the model: every place is tried --- */

static bool is_digit(const uint8_t *bytes, size_t len, size_t at, unsigned stride)
{
    return at < len && bytes[at] >= '0' && bytes[at] <= '9' &&
           (stride == 1 || at + 1 >= len || bytes[at + 1] == 0);
}

static struct times model(const uint8_t *bytes, size_t len)
{
    struct times times = {0};

    for (size_t at = 0; at < len; at++)
        for (unsigned stride = 1; stride <= 2; stride++) {
            struct timestamp_text text = {bytes, len, at, stride};
            struct timestamps_found found;
            unsigned run = 0;

            while (run < 8 && is_digit(bytes, len, at + run * stride, stride))
                run++;
            if ((run == 8 && (at < stride || !is_digit(bytes, len, at - stride, stride)) &&
                 timestamp_text_number(&text, &defaults, &found)) ||
                (run == 2 && at + 2 * stride < len && bytes[at + 2 * stride] == ':' &&
                 (stride == 1 || at + 5 >= len || bytes[at + 5] == 0) &&
                 is_digit(bytes, len, at + 3 * stride, stride) &&
                 is_digit(bytes, len, at + 4 * stride, stride) &&
                 timestamp_text_clock(&text, &defaults, &found))) {
                found.address += BASE;
                assert_null(vector_push(&times, found));
            }
        }
    if (times.count)
        qsort(times.items, times.count, sizeof(*times.items), by_address);
    return times;
}

static void test_model(void **state)
{
    enum { LEN = 4000, ROUNDS = 60 };
    static const size_t pieces[] = {0, 1, 7, 64, 191, 192, 193, 1000};
    struct timestamps_options options = defaults;
    uint8_t bytes[LEN + 200];
    unsigned seed = 20210302;

    (void)state;
    options.forms &= ~(1U << TIMESTAMPS_BINARY_MS | 1U << TIMESTAMPS_BINARY_NS);
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = 0;

        while (len < LEN) {
            const char *text = rand_r(&seed) % 4
                                   ? truths[(size_t)rand_r(&seed) % ARRAY_SIZE(truths)].text
                                   : lies[(size_t)rand_r(&seed) % ARRAY_SIZE(lies)];
            size_t start = len;

            len += spell(bytes + len, text, 1 + (unsigned)(round % 3 == 1), round % 6 == 4);
            /* Cut it, damage it, or leave it. */
            if (rand_r(&seed) % 3 == 0)
                len = start + (size_t)rand_r(&seed) % (len - start);
            if (rand_r(&seed) % 3 == 0 && len > start)
                bytes[start + (size_t)rand_r(&seed) % (len - start)] =
                    (uint8_t) "0:. -T9"[rand_r(&seed) % 7];
            for (int blanks = rand_r(&seed) % 3; blanks > 0; blanks--)
                bytes[len++] = (uint8_t) "  \0\n,"[rand_r(&seed) % 5];
        }

        struct times want = model(bytes, len);
        struct times got =
            scan_at(BASE, bytes, len, &options, pieces[round % ARRAY_SIZE(pieces)], &seed);

        same(&got, &want);
        assert_true(want.count > 0);
        vector_deinit(&got);
        vector_deinit(&want);
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

/* A page of a real leak: mail that JavaMail wrote, its time in the Message-ID. */
static void test_netty_mail(void **state)
{
    _cleanup_buffer_ struct buffer page = {0};
    unsigned seed = 1;

    (void)state;
    assert_null(io_read_file(AT_FDCWD, "unit/data/netty-mail.bin", 1 << 20, &page));

    struct times got = scan_at(0x219460, page.bytes, page.len, &defaults, 0, &seed);

    assert_int_equal(got.count, 4);
    assert_int_equal(got.items[0].address, 0x219460 + 27);
    for (size_t i = 0; i < got.count; i++) {
        assert_int_equal(got.items[i].form, TIMESTAMPS_EPOCH_MS);
        assert_int_equal(got.items[i].epoch_ns, UINT64_C(1614644953220) * NS_PER_MS);
    }
    vector_deinit(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_year_of_syslog),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_binary_far_apart),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_binary_pieces),
        cmocka_unit_test(test_netty_mail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
