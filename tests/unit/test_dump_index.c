/* The index of saved memory: what is formatted parses back, and nothing else parses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "evidence/dump_index.h"

static void make_range(struct dump_range *range, size_t page_count, unsigned seed)
{
    size_t members = (page_count + DUMP_MEMBER_PAGES - 1) / DUMP_MEMBER_PAGES;

    *range = (struct dump_range){
        .start = 0x7f46a0000000,
        .end = 0x7f46a0000000 + (uint64_t)page_count * DUMP_PAGE_BYTES,
        .member_count = members,
        .member_offsets = calloc(members + 1, sizeof(uint64_t)),
        .pages = calloc(page_count, 1),
        .hashes = calloc(page_count, sizeof(uint64_t)),
        .truncated = seed % 2,
    };
    for (size_t m = 0; m < members; m++)
        range->member_offsets[m + 1] =
            range->member_offsets[m] + 1 + (uint64_t)rand_r(&seed) % 5000;
    for (size_t i = 0; i < page_count; i++) {
        /* runs, as memory has them, with a change now and then */
        range->pages[i] =
            i && rand_r(&seed) % 8 ? range->pages[i - 1] : (uint8_t)(rand_r(&seed) % 5);
        if (range->pages[i] == DUMP_PAGE_DATA)
            range->hashes[i] = (uint64_t)rand_r(&seed) << 32 | (uint64_t)rand_r(&seed);
    }
}

static void round_trip(void **state)
{
    static const size_t sizes[] = {1, 2, 255, 256, 257, 512, 1000, 5000};

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(sizes); n++) {
        _cleanup_(dump_range_deinit) struct dump_range range = {0}, back = {0};
        _cleanup_buffer_ struct buffer bytes = {0};
        size_t count = sizes[n];

        make_range(&range, count, (unsigned)n + 1);
        assert_null(dump_index_format(&range, &bytes));
        assert_null(dump_index_parse(bytes.bytes, bytes.len, &back));
        assert_int_equal(back.start, range.start);
        assert_int_equal(back.end, range.end);
        assert_int_equal(back.truncated, range.truncated);
        assert_int_equal(back.member_count, range.member_count);
        assert_memory_equal(back.member_offsets, range.member_offsets,
                            (range.member_count + 1) * sizeof(uint64_t));
        assert_memory_equal(back.pages, range.pages, count);
        assert_memory_equal(back.hashes, range.hashes, count * sizeof(uint64_t));
    }
}

static enum error_code refusal(const void *bytes, size_t len)
{
    struct dump_range range = {0};
    struct seep_error *err = dump_index_parse(bytes, len, &range);
    enum error_code code;

    assert_non_null(err);
    assert_null(range.pages);
    code = err->code;
    error_destroy(err);
    return code;
}

static void every_cut_and_every_flipped_byte_is_refused(void **state)
{
    _cleanup_(dump_range_deinit) struct dump_range range = {0};
    _cleanup_buffer_ struct buffer bytes = {0};

    (void)state;
    make_range(&range, 300, 7);
    assert_null(dump_index_format(&range, &bytes));
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(refusal(bytes.bytes, len), ERROR_CORRUPT);
    for (size_t at = 0; at < bytes.len; at++) {
        bytes.bytes[at] ^= 0x10;
        assert_int_equal(refusal(bytes.bytes, bytes.len), ERROR_CORRUPT);
        bytes.bytes[at] ^= 0x10;
    }
}

/* An index whose checksum is right and whose contents are not. */
static void seal(struct buffer *bytes)
{
    buffer_u64(bytes, XXH3_64bits(bytes->bytes, bytes->len));
}

enum wrong {
    NOTHING_WRONG,
    UNALIGNED_START,
    NO_MEMBER,
    HUGE_MEMBER,
    SHORT_MEMBER_FIRST,
    END_TOO_FAR,
    BYTES_BEHIND,
    WRONG_COUNT
};

static void contents_that_contradict_are_refused(void **state)
{
    static const uint8_t pages[DUMP_MEMBER_PAGES];
    static const uint64_t hashes[DUMP_MEMBER_PAGES];
    const uint64_t start = 0x10000;

    (void)state;
    for (int wrong = NOTHING_WRONG; wrong < WRONG_COUNT; wrong++) {
        _cleanup_(dump_range_deinit) struct dump_range range = {0};
        _cleanup_buffer_ struct buffer bytes = {0};
        size_t first = wrong == SHORT_MEMBER_FIRST ? 2 : DUMP_MEMBER_PAGES;
        uint64_t end = start + (first + 1) * DUMP_PAGE_BYTES;

        dump_index_begin(wrong == UNALIGNED_START ? start + 1 : start, &bytes);
        if (wrong != NO_MEMBER) {
            dump_index_member(wrong == HUGE_MEMBER ? 100ULL << 20 : 100, pages, hashes, first,
                              &bytes);
            dump_index_member(100, pages, hashes, 1, &bytes);
        }
        dump_index_end(wrong == NO_MEMBER     ? start
                       : wrong == END_TOO_FAR ? end + DUMP_PAGE_BYTES
                                              : end,
                       false, &bytes);
        if (wrong == BYTES_BEHIND)
            buffer_u8(&bytes, 0);
        seal(&bytes);
        if (wrong)
            assert_int_equal(refusal(bytes.bytes, bytes.len), ERROR_CORRUPT);
        else
            assert_null(dump_index_parse(bytes.bytes, bytes.len, &range));
    }
}

static void a_range_that_wraps_around_is_refused(void **state)
{
    static const uint8_t pages[DUMP_MEMBER_PAGES] = {DUMP_PAGE_ZERO, DUMP_PAGE_ZERO};
    static const uint64_t hashes[DUMP_MEMBER_PAGES];
    _cleanup_buffer_ struct buffer bytes = {0};

    (void)state;
    dump_index_begin(UINT64_MAX - DUMP_PAGE_BYTES + 1, &bytes);
    dump_index_member(20, pages, hashes, 2, &bytes);
    dump_index_end(DUMP_PAGE_BYTES, false, &bytes);
    seal(&bytes);
    assert_int_equal(refusal(bytes.bytes, bytes.len), ERROR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(every_cut_and_every_flipped_byte_is_refused),
        cmocka_unit_test(contents_that_contradict_are_refused),
        cmocka_unit_test(a_range_that_wraps_around_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
