#include "evidence/dump_index.h"

#include <string.h>
#include <xxhash.h>

#include "base/cursor.h"

enum {
    INDEX_TRUNCATED = 1, /* a flag of the end */
    STATE_BITS = 3,
    MARK_BYTES = 8,
    CHECKSUM_BYTES = 8,
    /* Deflate adds at most 5 bytes to 16 KiB that it cannot compress: no writer comes near. */
    MAX_STORED_BYTES = 2 * DUMP_MEMBER_BYTES,
};

static const char mark[MARK_BYTES] = {'S', 'E', 'E', 'P', 'I', 'D', 'X', '1'};

uint64_t dump_page_hash(const void *page)
{
    return XXH3_64bits(page, DUMP_PAGE_BYTES);
}

void dump_index_begin(uint64_t start, struct buffer *out)
{
    buffer_bytes(out, mark, sizeof(mark));
    buffer_u64(out, start);
    buffer_u32(out, DUMP_PAGE_BYTES);
    buffer_u32(out, DUMP_MEMBER_BYTES);
}

void dump_index_member(uint64_t stored_bytes, const uint8_t *pages, const uint64_t *hashes,
                       size_t page_count, struct buffer *out)
{
    buffer_varint(out, stored_bytes);
    buffer_varint(out, page_count);
    for (size_t at = 0; at < page_count;) {
        size_t run = 1;

        while (at + run < page_count && pages[at + run] == pages[at])
            run++;
        buffer_varint(out, (uint64_t)run << STATE_BITS | pages[at]);
        at += run;
    }
    for (size_t i = 0; i < page_count; i++)
        if (pages[i] == DUMP_PAGE_DATA)
            buffer_u64(out, hashes[i]);
}

void dump_index_end(uint64_t end, bool truncated, struct buffer *out)
{
    buffer_varint(out, 0);
    buffer_u64(out, end);
    buffer_u8(out, truncated ? INDEX_TRUNCATED : 0);
}

struct seep_error *dump_index_format(const struct dump_range *range, struct buffer *ret_bytes)
{
    size_t before = ret_bytes->len;
    size_t left = dump_range_page_count(range), at = 0;

    dump_index_begin(range->start, ret_bytes);
    for (uint64_t m = 0; m < range->member_count; m++) {
        size_t count = left < DUMP_MEMBER_PAGES ? left : DUMP_MEMBER_PAGES;

        dump_index_member(range->member_offsets[m + 1] - range->member_offsets[m],
                          range->pages + at, range->hashes + at, count, ret_bytes);
        at += count;
        left -= count;
    }
    dump_index_end(range->end, range->truncated, ret_bytes);
    if (!ret_bytes->failed)
        buffer_u64(ret_bytes, XXH3_64bits(ret_bytes->bytes + before, ret_bytes->len - before));
    return ret_bytes->failed ? error_no_memory() : NULL;
}

void dump_range_deinit(struct dump_range *range)
{
    free(range->member_offsets);
    free(range->pages);
    free(range->hashes);
    free(range->file_name);
    *range = (struct dump_range){0};
}

static struct seep_error *corrupt(const struct cursor *c, const char *what)
{
    return error_create(ERROR_CORRUPT, "the index is damaged at byte %zu: %s", c->at, what);
}

/* Reads one member into the arrays of RANGE, or only checks it while they are not there yet. */
static struct seep_error *parse_member(struct cursor *c, uint64_t stored, size_t first_page,
                                       struct dump_range *range, uint64_t *ret_pages)
{
    uint64_t page_count = cursor_varint(c), covered = 0, data = 0;

    if (stored > MAX_STORED_BYTES || page_count == 0 || page_count > DUMP_MEMBER_PAGES)
        return corrupt(c, "a member of impossible size");

    uint8_t states[DUMP_MEMBER_PAGES];

    while (covered < page_count) {
        uint64_t run = cursor_varint(c);
        uint64_t count = run >> STATE_BITS;
        uint8_t state = run & ((1 << STATE_BITS) - 1);

        if (c->failed || count == 0 || count > page_count - covered || state > DUMP_PAGE_UNREADABLE)
            return corrupt(c, "page states that do not fit the member");
        memset(states + covered, state, (size_t)count);
        covered += count;
        data += state == DUMP_PAGE_DATA ? count : 0;
    }

    const uint8_t *hashes = cursor_bytes(c, (size_t)data * sizeof(uint64_t));

    if (!hashes)
        return corrupt(c, "page hashes are missing");
    if (range->pages) {
        struct cursor values = cursor_of(hashes, (size_t)data * sizeof(uint64_t));

        memcpy(range->pages + first_page, states, (size_t)page_count);
        for (size_t i = 0; i < page_count; i++)
            if (states[i] == DUMP_PAGE_DATA)
                range->hashes[first_page + i] = cursor_u64(&values);
    }
    *ret_pages = page_count;
    return NULL;
}

/* Reads all members; sets member_count, and the arrays when they are there. */
static struct seep_error *parse_members(struct cursor *c, struct dump_range *range,
                                        size_t *ret_page_count)
{
    size_t page_count = 0, members = 0;
    uint64_t offset = 0;

    for (;;) {
        uint64_t stored = cursor_varint(c), pages = 0;

        if (range->member_offsets)
            range->member_offsets[members] = offset;
        if (c->failed || stored == 0)
            break;
        if (page_count % DUMP_MEMBER_PAGES)
            return corrupt(c, "a short member that is not the last");

        struct seep_error *err = parse_member(c, stored, page_count, range, &pages);

        if (err)
            return err;
        page_count += (size_t)pages;
        offset += stored;
        members++;
    }
    range->member_count = members;
    *ret_page_count = page_count;
    return NULL;
}

static struct seep_error *parse_end(struct cursor *c, struct dump_range *range, size_t page_count)
{
    uint64_t end = cursor_u64(c), expected;
    uint8_t flags = cursor_u8(c);

    if (c->failed || cursor_left(c))
        return corrupt(c, "its end is not where it should be");
    if (__builtin_add_overflow(range->start, (uint64_t)page_count * DUMP_PAGE_BYTES, &expected) ||
        end != expected || page_count == 0)
        return corrupt(c, "its members do not make up its range");
    range->end = end;
    range->truncated = flags & INDEX_TRUNCATED;
    return NULL;
}

struct seep_error *dump_index_parse(const void *bytes, size_t len, struct dump_range *ret_range)
{
    _cleanup_(dump_range_deinit) struct dump_range range = {0};

    if (len < MARK_BYTES + CHECKSUM_BYTES || memcmp(bytes, mark, MARK_BYTES) != 0)
        return error_create(ERROR_CORRUPT, "not an index of saved memory");

    struct cursor c = cursor_of(bytes, len - CHECKSUM_BYTES);
    struct cursor checksum = cursor_of((const char *)bytes + c.len, CHECKSUM_BYTES);

    if (cursor_u64(&checksum) != XXH3_64bits(bytes, c.len))
        return error_create(ERROR_CORRUPT, "the index is damaged: its checksum is wrong");

    cursor_bytes(&c, MARK_BYTES);
    range.start = cursor_u64(&c);
    uint32_t page_bytes = cursor_u32(&c), member_bytes = cursor_u32(&c);
    if (c.failed || range.start % DUMP_PAGE_BYTES || page_bytes != DUMP_PAGE_BYTES ||
        member_bytes != DUMP_MEMBER_BYTES)
        return corrupt(&c, "pages or members of another size than this version knows");

    /* Twice over the members: no array is made before it is known that the bytes for it are there.
     * Hashes stay untouched memory where there are none. */
    struct cursor again = c;
    size_t page_count = 0;
    struct seep_error *err = parse_members(&c, &range, &page_count);

    if (!err)
        err = parse_end(&c, &range, page_count);
    if (err)
        return err;
    range.member_offsets = calloc((size_t)range.member_count + 1, sizeof(uint64_t));
    range.pages = malloc(page_count);
    range.hashes = calloc(page_count, sizeof(uint64_t));
    if (!range.member_offsets || !range.pages || !range.hashes)
        return error_no_memory();
    err = parse_members(&again, &range, &page_count);
    if (err)
        return err;
    *ret_range = range;
    range = (struct dump_range){0};
    return NULL;
}
