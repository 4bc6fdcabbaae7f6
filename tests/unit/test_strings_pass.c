/* Strings found by a pass are those that one scanner finds from the beginning to the end, however
 * the memory is cut and however many threads there are. */
#include "tests/unit/scan_units.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "content/strings_pass.h"

enum { LEN = 60000, BASE = 0x7000 };

static struct seep_error *write_down(const struct strings_found *found, void *context)
{
    struct buffer *said = context;

    buffer_printf(said, "%lx %zu %s%s ", (unsigned long)found->address, found->raw_len,
                  strings_encoding_name(found->encoding), found->continued ? "+" : "");
    buffer_bytes(said, found->text, found->len);
    buffer_u8(said, '\n');
    return NULL;
}

/* One scanner, in one thread, over the whole of it. */
static void model(const struct units *units, const struct strings_options *options,
                  struct buffer *said)
{
    static const uint8_t zeros[LEN];
    struct strings_scan scan;

    assert_null(strings_scan_init(&scan, options, write_down, said));
    for (size_t u = 0; u < units->units.count; u++) {
        const struct cut_unit *cut = &units->units.items[u];

        if (cut->unit.begins)
            assert_null(strings_scan_finish(&scan));
        for (size_t i = 0; i < cut->stretches.count; i++) {
            const struct scan_stretch *s = &cut->stretches.items[i];

            assert_null(strings_scan_push(&scan, s->address, s->bytes ? s->bytes : zeros, s->len));
        }
    }
    assert_null(strings_scan_finish(&scan));
    strings_scan_deinit(&scan);
}

static void compare(struct units *units, const struct strings_options *options, unsigned threads)
{
    struct buffer want = {0}, got = {0};
    struct strings_in_order sink;
    struct strings_sink *sinks[] = {&sink.sink};
    struct strings_pass pass;
    struct scan_consumer *consumers[] = {&pass.consumer};
    struct scan_options run = {.threads = threads};

    model(units, options, &want);
    strings_in_order_init(&sink, write_down, &got);
    assert_null(strings_pass_init(&pass, options, sinks, 1));
    units->next = 0;
    assert_null(scan_run(&units->source, consumers, 1, &run));
    strings_pass_deinit(&pass);
    if (want.len)
        assert_string_equal(got.bytes, want.bytes);
    assert_int_equal(got.len, want.len);
    buffer_deinit(&want);
    buffer_deinit(&got);
}

/* --- what memory may hold --- */

static void put_text(uint8_t *bytes, size_t *at, uint32_t point, int form)
{
    char text[4];
    size_t len = utf8_encode(point, text);

    if (form > 1) {
        text[form == 3] = (char)(point & 0xff);
        text[form != 3] = (char)(point >> 8);
        len = 2;
    }
    for (size_t i = 0; i < len && *at < LEN; i++)
        bytes[(*at)++] = (uint8_t)text[i];
}

/* Runs of text in every encoding and of noise; LONGEST characters each. */
static void fill(uint8_t *bytes, int longest, unsigned *seed)
{
    static const uint32_t bases[] = {0x20, 0x400, 0x4e00, 0xac00, 0x3b0, 0xe0};

    for (size_t at = 0; at < LEN;) {
        int count = 1 + rand_r(seed) % longest;
        uint32_t base = bases[(size_t)rand_r(seed) % ARRAY_SIZE(bases)];
        int form = rand_r(seed) % 6;

        if (rand_r(seed) % 3 == 0)
            bytes[at++] = (uint8_t)(rand_r(seed) % 32);
        for (int i = 0; i < count && at < LEN; i++)
            if (form < 4)
                put_text(bytes, &at, base + (uint32_t)rand_r(seed) % 60, form);
            else
                bytes[at++] = form == 4 ? 0 : (uint8_t)(rand_r(seed) >> 8);
    }
}

static const struct strings_options all_options[] = {
    {STRINGS_ASCII, 1}, {STRINGS_ASCII, 10},  {STRINGS_ASCII | STRINGS_UTF8, 4},
    {STRINGS_UTF8, 10}, {STRINGS_UTF16LE, 4}, {STRINGS_UTF16LE | STRINGS_UTF16BE, 1},
    {STRINGS_ALL, 4},   {STRINGS_ALL, 10},
};

static void test_any_cut(void **state)
{
    static const size_t most[] = {5, 40, 700, 9000};
    static uint8_t bytes[LEN];
    unsigned seed = 71;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all_options); i++)
        for (size_t m = 0; m < ARRAY_SIZE(most); m++)
            for (int holes = 0; holes < 2; holes++) {
                struct units units;

                fill(bytes, m % 2 ? 30 : 400, &seed);
                units_cut(&units, BASE, bytes, LEN, most[m], holes, &seed);
                compare(&units, &all_options[i], 1 + (unsigned)rand_r(&seed) % 4);
                units_deinit(&units);
            }
}

/* A string over many units: pieces of 64 KiB each, which no look can find by itself. */
static void test_string_without_end(void **state)
{
    enum { MANY = 5 * SCAN_UNIT_BYTES + 1 };
    uint8_t *bytes = malloc(MANY);
    struct strings_options options = {STRINGS_ALL, 10};
    struct buffer want = {0}, got = {0};

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', MANY);
    bytes[3 * SCAN_UNIT_BYTES + 5] = '\n';
    for (unsigned threads = 1; threads < 4; threads++) {
        struct strings_in_order sink;
        struct strings_sink *sinks[] = {&sink.sink};
        struct strings_pass pass;
        struct scan_consumer *consumers[] = {&pass.consumer};
        struct scan_options run = {.threads = threads};
        struct scan_bytes source;

        buffer_clear(&got);
        scan_bytes_init(&source, BASE, bytes, MANY);
        strings_in_order_init(&sink, write_down, &got);
        assert_null(strings_pass_init(&pass, &options, sinks, 1));
        assert_null(scan_run(&source.source, consumers, 1, &run));
        strings_pass_deinit(&pass);
        if (threads == 1) {
            buffer_bytes(&want, got.bytes, got.len);
            assert_true(want.len > MANY);
        }
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.bytes, want.bytes, want.len);
    }
    buffer_deinit(&want);
    buffer_deinit(&got);
    free(bytes);
}

/* What a sink refuses ends the pass, and no part is lost. */
static struct seep_error *refuse(const struct strings_found *found, void *context)
{
    (void)context;
    return found->address > BASE + LEN / 2 ? error_create(ERROR_FULL, "enough") : NULL;
}

static void test_refusal(void **state)
{
    static uint8_t bytes[LEN];
    struct strings_options options = {STRINGS_ALL, 4};
    unsigned seed = 5;

    (void)state;
    fill(bytes, 30, &seed);
    for (unsigned threads = 1; threads < 4; threads++) {
        struct strings_in_order sink;
        struct strings_sink *sinks[] = {&sink.sink};
        struct strings_pass pass;
        struct scan_consumer *consumers[] = {&pass.consumer};
        struct scan_options run = {.threads = threads};
        struct units units;

        units_cut(&units, BASE, bytes, LEN, 900, false, &seed);
        strings_in_order_init(&sink, refuse, NULL);
        assert_null(strings_pass_init(&pass, &options, sinks, 1));

        struct seep_error *err = scan_run(&units.source, consumers, 1, &run);

        assert_non_null(err);
        assert_int_equal(err->code, ERROR_FULL);
        error_destroy(err);
        strings_pass_deinit(&pass);
        units_deinit(&units);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_string_without_end),
        cmocka_unit_test(test_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
