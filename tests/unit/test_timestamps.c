/* Every form against a table of truths, wherever it lies, and the scan against a slow model. */
#include "tests/unit/times.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/io.h"
#include "base/utf8.h"
#include "content/timestamp_text.h"

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
    /* Go's time.Time */
    {"2021-03-02 08:29:13.220123456 +0800 CST m=+0.000012345", TIMESTAMPS_ISO8601,
     TRUTH_S *S + 220123456, 0},
    {"2021-03-02 00:29:13 +0000 UTC", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"Tue Mar  2 01:29:13 CET 2021", TIMESTAMPS_RFC2822, TRUTH_S *S, 4},
    {"2021-03-02 09:29:13 JST", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
    {"datetime.datetime(2021, 3, 2, 8, 29, 13, 220123)", TIMESTAMPS_PYTHON, TRUTH_S *S + 220123000,
     18},
    {"datetime.datetime(2021, 3, 2, 8, 29)", TIMESTAMPS_PYTHON, (TRUTH_S - 13) * S, 18},
    {"datetime.datetime(2021, 3, 2, 0, 29, 13, tzinfo=datetime.timezone.utc)", TIMESTAMPS_PYTHON,
     TRUTH_S *S, 18},
    {"datetime.datetime(2021, 3, 2, 0, 29, 13, tzinfo=<UTC>)", TIMESTAMPS_PYTHON, TRUTH_S *S, 18},
    {"datetime.datetime(2021, 3, 2, 1, 29, 13, fold=1, tzinfo="
     "datetime.timezone(datetime.timedelta(seconds=3600)))",
     TIMESTAMPS_PYTHON, TRUTH_S *S, 18},
    {"datetime.datetime(2021, 3, 1, 19, 29, 13, tzinfo="
     "datetime.timezone(datetime.timedelta(days=-1, seconds=68400)))",
     TIMESTAMPS_PYTHON, TRUTH_S *S, 18},
    {"501fd280-7aee-11eb-9439-0242ac130002", TIMESTAMPS_UUID, TRUTH_S *S, 0},
    {"{0177F056-C084-7CCC-98C4-DC0C0C07398F}", TIMESTAMPS_UUID, TRUTH_S *S + 220000000, 1},
    {"2021/03/02 8:29:13", TIMESTAMPS_ISO8601, TRUTH_S *S, 0},
};

/* Of characters beyond ASCII, or that must not touch any: as UTF-8 and UTF-16LE. */
static const struct row foreign[] = {
    {"Mar 02, 2021 8:29:13 AM org.apache", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"March 2, 2021 at 08:29:13 AM", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"March 1st, 2021 at 11:29:13 PM", TIMESTAMPS_WORDS, (TRUTH_S - 9 * 3600) * S, 0},
    {"2 mars 2021 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 mars 2021 à 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"mar. 02 mars 2021 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 5},
    {"02. März 2021 um 08:29", TIMESTAMPS_WORDS, (TRUTH_S - 13) * S, 0},
    {"Di 2. Mär 08:29:13 CST 2021", TIMESTAMPS_WORDS, TRUTH_S *S, 3},
    {"2 de marzo de 2021, 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 de março de 2021 às 8:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 MARZO 2021 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 maart 2021 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 marca 2021 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2. března 2021 8:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 Mart 2021 Saat 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2. maaliskuuta 2021 klo 8:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2021. március 2. 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 марта 2021 г. 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 МАРТА 2021 08:29:13 MSK", TIMESTAMPS_WORDS, (TRUTH_S + 5 * 3600) * S, 0},
    {"2 березня 2021 р. 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 Μαρτίου 2021 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"mar  2 08:29:13 host sshd", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2 mar 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"вт 02 мар 2021 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 3},
    {"2021年3月2日 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2021年 03月 02日 火曜日 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2021年03月02日(火) 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
    {"2021년 3월 2일 08:29:13", TIMESTAMPS_WORDS, TRUTH_S *S, 0},
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
    "5 programs 08:29:13",
    "2 mars 08:29",
    "32 mars 2021 08:29:13",
    "2 mars 12021 08:29:13",
    "datetime.datetime(2021, 3, 2)",
    "datetime(2021, 13, 2, 8, 29)",
    "xyz(2021, 3, 2, 8, 29)",
    "501fd280-7aee-41eb-9439-0242ac130002",
    "501fd280-7aee-11eb-0439-0242ac130002",
    "a501fd280-7aee-11eb-9439-0242ac130002",
    "1366532187451392000",
    "2021年3月2 08:29:13",
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

/* TEXT in UTF-16LE; returns its length in bytes. */
static size_t spell_wide(uint8_t *to, const char *text)
{
    size_t left = strlen(text), len = 0;

    while (left) {
        uint32_t point;
        size_t step = utf8_decode(text, left, &point);

        assert_true(step > 0);
        to[len++] = (uint8_t)point;
        to[len++] = (uint8_t)(point >> 8);
        text += step;
        left -= step;
    }
    return len;
}

static void test_foreign_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
        for (size_t before = 0; before < 70; before++)
            for (unsigned stride = 1; stride <= 2; stride++) {
                const struct row *row = &foreign[i];
                uint8_t bytes[400];
                unsigned seed = 1;
                size_t piece = before % 3 == 2 ? 1 + before : 0;

                memset(bytes, before % 2 || stride == 2 ? 0 : '\n', sizeof(bytes));
                if (stride == 1)
                    memcpy(bytes + before, row->text, strlen(row->text));
                else
                    bytes[before + spell_wide(bytes + before, row->text)] = 0;

                struct times got = scan_at(BASE, bytes, sizeof(bytes), &defaults, piece, &seed);

                if (got.count != 1 || got.items[0].epoch_ns != row->ns)
                    fail_msg("'%s' (%u, +%zu): %zu times, %ld", row->text, stride, before,
                             got.count,
                             got.count ? (long)(got.items[0].epoch_ns - row->ns) / (long)S : 0);
                assert_int_equal(got.items[0].form, row->form);
                if (stride == 1)
                    assert_true(got.items[0].address >= BASE + before);
                vector_deinit(&got);
            }
}

/* The text alone, at either end of what there is, cut at every place. */
static void test_borders(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
        for (unsigned stride = 1; stride <= 2; stride++) {
            uint8_t bytes[900];
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

/* --- the model: every place is tried --- */

static bool is_digit(const uint8_t *bytes, size_t len, size_t at, unsigned stride)
{
    return at < len && bytes[at] >= '0' && bytes[at] <= '9' &&
           (stride == 1 || at + 1 >= len || bytes[at + 1] == 0);
}

static bool is_char(const uint8_t *bytes, size_t len, size_t at, unsigned stride, char c)
{
    return at < len && bytes[at] == (uint8_t)c &&
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
            bool fresh = at < stride || !is_digit(bytes, len, at - stride, stride);

            if ((run == 8 && fresh && timestamp_text_number(&text, &defaults, &found)) ||
                (run == 2 && is_char(bytes, len, at + 2 * stride, stride, ':') &&
                 is_digit(bytes, len, at + 3 * stride, stride) &&
                 is_digit(bytes, len, at + 4 * stride, stride) &&
                 timestamp_text_clock(&text, &defaults, &found)) ||
                (run == 4 && fresh && is_char(bytes, len, at + 4 * stride, stride, ',') &&
                 timestamp_text_python(&text, &defaults, &found)) ||
                (is_char(bytes, len, at + 8 * stride, stride, '-') &&
                 is_char(bytes, len, at + 13 * stride, stride, '-') &&
                 is_char(bytes, len, at + 18 * stride, stride, '-') &&
                 is_char(bytes, len, at + 23 * stride, stride, '-') &&
                 timestamp_text_uuid(&text, &defaults, &found))) {
                if (found.doubtful)
                    continue;
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
    uint8_t bytes[LEN + 400];
    unsigned seed = 20210302;

    (void)state;
    options.forms = TIMESTAMPS_TEXT_FORMS & ~(1U << TIMESTAMPS_SNOWFLAKE);
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
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_foreign_words),
        cmocka_unit_test(test_borders), cmocka_unit_test(test_lies),
        cmocka_unit_test(test_gap),     cmocka_unit_test(test_year_of_syslog),
        cmocka_unit_test(test_model),   cmocka_unit_test(test_netty_mail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
