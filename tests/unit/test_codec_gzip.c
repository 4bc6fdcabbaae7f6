/* gzip members: what one state writes, member after member, expands to what was pushed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/codec.h"

enum { LEN = 3 << 20 };

static void fill(uint8_t *bytes, unsigned seed, unsigned variety)
{
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = variety ? (uint8_t)((unsigned)rand_r(&seed) % variety) : 0;
}

static void check_codec(const struct codec *codec)
{
    static const unsigned varieties[] = {0, 2, 256};
    _cleanup_free_ uint8_t *bytes = malloc(LEN), *back = malloc(LEN);
    struct codec_state *gzip = NULL;
    unsigned seed = 3;

    assert_null(codec->begin(1, &gzip));
    for (size_t v = 0; v < ARRAY_SIZE(varieties); v++) {
        _cleanup_buffer_ struct buffer out = {0};

        fill(bytes, (unsigned)v + 1, varieties[v]);
        for (size_t at = 0, step; at < LEN; at += step) {
            step = 1 + (size_t)rand_r(&seed) % 300000;
            if (step > LEN - at)
                step = LEN - at;
            assert_null(codec->push(gzip, bytes + at, step, &out));
        }
        assert_null(codec->finish(gzip, &out));
        assert_true(out.len < LEN + LEN / 1000 + 64);
        assert_null(codec_gzip_expand(out.bytes, out.len, back, LEN));
        assert_memory_equal(bytes, back, LEN);
    }
    codec->destroy(gzip);
    codec->destroy(NULL);
}

static void members_expand_to_what_was_pushed(void **state)
{
    (void)state;
    check_codec(&codec_gzip);
    check_codec(&codec_isal);
}

static void refused(const void *stored, size_t stored_len, size_t raw_len)
{
    _cleanup_free_ uint8_t *raw = malloc(raw_len + 1);
    _cleanup_error_ struct seep_error *err = codec_gzip_expand(stored, stored_len, raw, raw_len);

    assert_non_null(err);
    assert_int_equal(err->code, ERROR_CORRUPT);
}

static void anything_but_exactly_one_member_is_refused(void **state)
{
    _cleanup_buffer_ struct buffer out = {0};
    struct codec_state *gzip = NULL;

    (void)state;
    assert_null(codec_gzip.begin(1, &gzip));
    assert_null(codec_gzip.push(gzip, "hello, hello, hello", 19, &out));
    assert_null(codec_gzip.finish(gzip, &out));
    codec_gzip.destroy(gzip);
    refused(out.bytes, out.len, 18);
    refused(out.bytes, out.len, 20);
    for (size_t len = 0; len < out.len; len++)
        refused(out.bytes, len, 19);
    out.bytes[out.len - 6] ^= 1; /* within the CRC */
    refused(out.bytes, out.len, 19);
    out.bytes[out.len - 6] ^= 1;
    buffer_u8(&out, 0);
    refused(out.bytes, out.len, 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_expand_to_what_was_pushed),
        cmocka_unit_test(anything_but_exactly_one_member_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
