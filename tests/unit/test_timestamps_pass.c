/* Times found by a pass are those that one scan finds from the beginning to the end, however the
 * memory is cut and however many threads there are. */
#include "tests/unit/scan_units.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "content/timestamps_pass.h"

enum { LEN = 200000, BASE = 0x7000 };

#define S       UINT64_C(1000000000)
#define TRUTH_S UINT64_C(1614644953)

static const struct timestamps_options options = {
    .first_ns = (TRUTH_S - 30 * 86400) * S,
    .last_ns = (TRUTH_S + 86400) * S,
    .utc_offset_s = 8 * 3600,
    .forms = TIMESTAMPS_ALL_FORMS,
};

VECTOR_TYPE(times, struct timestamps_found);

static struct seep_error *collect(const struct timestamps_found *found, void *context)
{
    return vector_push((struct times *)context, *found);
}

static int by_place(const void *left, const void *right)
{
    const struct timestamps_found *a = left, *b = right;

    return a->address != b->address ? (a->address < b->address ? -1 : 1)
                                    : (int)a->form - (int)b->form;
}

static void sort(struct times *times)
{
    if (times->count)
        qsort(times->items, times->count, sizeof(*times->items), by_place);
}

/* Dates, ids and binary times among noise and zeros, many of them across borders. */
static void fill(uint8_t *bytes, unsigned *seed)
{
    static const char *const texts[] = {"1614644953220",
                                        "2021-03-02T08:29:13Z",
                                        "Tue, 02 Mar 2021 08:29:13 +0800",
                                        "2 mars 2021 08:29:13",
                                        "501fd280-7aee-11eb-9439-0242ac130002",
                                        "datetime.datetime(2021, 3, 2, 8, 29, 13)"};

    for (size_t at = 0; at < LEN;) {
        const char *text = texts[(size_t)rand_r(seed) % ARRAY_SIZE(texts)];
        size_t left = LEN - at, len = 1 + (size_t)rand_r(seed) % 60;
        uint64_t word = (TRUTH_S - (unsigned)rand_r(seed) % 500) * 1000 + 7;
        int kind = rand_r(seed) % 6;

        if (kind == 0 && strlen(text) < left) {
            len = strlen(text);
            memcpy(bytes + at, text, len);
        } else if (kind == 1 && at % 8 == 0 && left > 8) {
            len = 8;
            memcpy(bytes + at, &word, 8);
        } else {
            len = len < left ? len : left;
            for (size_t i = 0; i < len; i++)
                bytes[at + i] = kind == 2 ? (uint8_t)(rand_r(seed) >> 8) : kind == 3 ? 0 : ' ';
            len += -(at + len) % 8 < left - len ? -(at + len) % 8 : 0;
        }
        at += len;
    }
}

/* One scan over what lies together; company ends with the memory's origin. */
static void model(const struct units *units, struct times *into)
{
    static const uint8_t zeros[LEN];
    struct timestamps_scan scan;
    const void *origin = NULL;

    timestamps_scan_init(&scan, &options, collect, into);
    for (size_t u = 0; u < units->units.count; u++) {
        const struct cut_unit *cut = &units->units.items[u];

        if (cut->unit.begins)
            assert_null(timestamps_scan_finish(&scan));
        for (size_t i = 0; i < cut->stretches.count; i++) {
            const struct scan_stretch *s = &cut->stretches.items[i];

            if (origin != cut->unit.origin) {
                assert_null(timestamps_scan_finish(&scan));
                timestamp_judge_reset(&scan.judge);
            }
            origin = cut->unit.origin;
            assert_null(
                timestamps_scan_push(&scan, s->address, s->bytes ? s->bytes : zeros, s->len));
        }
    }
    assert_null(timestamps_scan_finish(&scan));
}

static void test_any_cut(void **state)
{
    static const size_t most[] = {50, 700, 5000, 30000};
    static uint8_t bytes[LEN];
    unsigned seed = 72;

    (void)state;
    for (int round = 0; round < 24; round++) {
        struct times want = {0}, got = {0}, again = {0};
        struct timestamps_pass pass;
        struct scan_consumer *consumers[] = {&pass.consumer};
        struct scan_options run = {.threads = 1};
        struct units units;

        fill(bytes, &seed);
        units_cut(&units, BASE, bytes, LEN, most[round % 4], round / 4 % 2, &seed);
        model(&units, &want);
        timestamps_pass_init(&pass, &options, collect, &got);
        assert_null(scan_run(&units.source, consumers, 1, &run));
        run.threads = 2 + (unsigned)round % 3;
        units.next = 0;
        timestamps_pass_init(&pass, &options, collect, &again);
        assert_null(scan_run(&units.source, consumers, 1, &run));

        /* In the very same order. */
        assert_int_equal(got.count, again.count);
        for (size_t i = 0; i < got.count; i++)
            assert_int_equal(by_place(&got.items[i], &again.items[i]), 0);
        sort(&want);
        sort(&got);
        for (size_t i = 0; i < got.count && i < want.count; i++)
            if (by_place(&got.items[i], &want.items[i]) ||
                got.items[i].epoch_ns != want.items[i].epoch_ns)
                fail_msg("round %d: %zx %s, not %zx %s", round, (size_t)got.items[i].address - BASE,
                         timestamps_form_name(got.items[i].form),
                         (size_t)want.items[i].address - BASE,
                         timestamps_form_name(want.items[i].form));
        assert_int_equal(got.count, want.count);
        assert_true(want.count > 100);
        vector_deinit(&want);
        vector_deinit(&got);
        vector_deinit(&again);
        units_deinit(&units);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_cut)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
