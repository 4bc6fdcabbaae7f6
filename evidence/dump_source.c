/* Reads one dump by address: expands the member asked for and keeps the last one. */
#include <string.h>

#include "base/io.h"
#include "evidence/case.h"
#include "evidence/codec.h"
#include "evidence/dump.h"

struct dump_source {
    struct mem_source source;
    const struct dump *dump;
    const struct dump_range *open; /* the range FD belongs to; NULL: none */
    int fd;
    const struct dump_range *member_range; /* whose member RAW holds; NULL: none */
    uint64_t member;
    struct buffer stored;
    uint8_t raw[DUMP_MEMBER_BYTES];
};

/* Index of the first range with end > ADDR. */
static size_t find_range(const struct dump *dump, uint64_t addr)
{
    size_t low = 0, high = dump->ranges.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (dump->ranges.items[middle].end > addr)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static struct seep_error *load_member(struct dump_source *src, const struct dump_range *range,
                                      uint64_t member)
{
    uint64_t offset = range->member_offsets[member];
    size_t len = (size_t)(range->member_offsets[member + 1] - offset), got = 0;
    uint64_t left = range->end - range->start - member * DUMP_MEMBER_BYTES;

    if (src->member_range == range && src->member == member)
        return NULL;
    src->member_range = NULL;
    if (src->open != range) {
        if (src->fd >= 0)
            close(src->fd);
        src->open = NULL;
        src->fd = -1;

        struct seep_error *err = case_open_file(src->dump->dir_fd, range->file_name, &src->fd);

        if (err)
            return err;
        src->open = range;
    }
    buffer_clear(&src->stored);
    if (!buffer_extend(&src->stored, len))
        return error_no_memory();

    struct seep_error *err = io_pread(src->fd, src->stored.bytes, len, (off_t)offset, &got);

    if (!err && got < len)
        err = error_create(ERROR_CORRUPT, "the file ends inside a member");
    if (!err)
        err = codec_gzip_expand(src->stored.bytes, len, src->raw,
                                left < DUMP_MEMBER_BYTES ? (size_t)left : DUMP_MEMBER_BYTES);
    if (err)
        return error_prefix(err, "%s", range->file_name);
    src->member_range = range;
    src->member = member;
    return NULL;
}

/* Reads from one page state's worth of RANGE at ADDR; *RET_GOT 0: a hole. */
static struct seep_error *read_range(struct dump_source *src, const struct dump_range *range,
                                     uint64_t addr, uint8_t *out, size_t len, size_t *ret_got)
{
    uint64_t in_range = addr - range->start;
    uint64_t member = in_range / DUMP_MEMBER_BYTES;
    uint64_t member_end = range->start + (member + 1) * DUMP_MEMBER_BYTES;
    size_t page = (size_t)(in_range / DUMP_PAGE_BYTES), count = dump_range_page_count(range);
    enum dump_page state = range->pages[page];
    uint64_t end = addr - addr % DUMP_PAGE_BYTES + DUMP_PAGE_BYTES;

    while (end < addr + len && ++page < count && range->pages[page] == state &&
           (state != DUMP_PAGE_DATA || end < member_end))
        end += DUMP_PAGE_BYTES;
    if (end - addr < len)
        len = (size_t)(end - addr);
    if (state == DUMP_PAGE_UNREADABLE || state == DUMP_PAGE_SWAPPED) {
        *ret_got = 0;
        return NULL;
    }
    if (state == DUMP_PAGE_DATA) {
        struct seep_error *err = load_member(src, range, member);

        if (err)
            return error_address(err, addr);
        memcpy(out, src->raw + in_range % DUMP_MEMBER_BYTES, len);
    } else {
        memset(out, 0, len);
    }
    *ret_got = len;
    return NULL;
}

static size_t read_gap(const struct dump *dump, uint64_t addr, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < dump->gaps.count; i++) {
        const struct dump_gap *gap = &dump->gaps.items[i];

        if (addr < gap->start || addr >= gap->end)
            continue;
        if (gap->state != DUMP_PAGE_ABSENT)
            return 0;
        if (gap->end - addr < len)
            len = (size_t)(gap->end - addr);
        memset(out, 0, len);
        return len;
    }
    return 0;
}

static struct seep_error *source_read(struct mem_source *source, uint64_t addr, void *buf,
                                      size_t len, size_t *ret_got)
{
    struct dump_source *src = (struct dump_source *)source;
    const struct dump *dump = src->dump;
    size_t done = 0;

    if (len > UINT64_MAX - addr)
        len = (size_t)(UINT64_MAX - addr);
    while (done < len) {
        uint64_t at = addr + done;
        size_t i = find_range(dump, at), want = len - done, got = 0;
        const struct dump_range *range = i < dump->ranges.count ? &dump->ranges.items[i] : NULL;
        uint8_t *out = (uint8_t *)buf + done;
        struct seep_error *err = NULL;

        if (range && range->start <= at)
            err = read_range(src, range, at, out, want, &got);
        else
            got = read_gap(dump, at, out,
                           range && range->start - at < want ? (size_t)(range->start - at) : want);
        if (err)
            return err;
        if (got == 0)
            break;
        done += got;
    }
    *ret_got = done;
    return NULL;
}

static void source_destroy(struct mem_source *source)
{
    struct dump_source *src = (struct dump_source *)source;

    if (src->fd >= 0)
        close(src->fd);
    buffer_deinit(&src->stored);
    free(src);
}

struct seep_error *dump_source_create(const struct dump *dump, struct mem_source **ret_source)
{
    struct dump_source *src = malloc(sizeof(*src));

    if (!src)
        return error_no_memory();
    memset(src, 0, offsetof(struct dump_source, raw));
    src->source = (struct mem_source){.read = source_read, .destroy = source_destroy};
    src->dump = dump;
    src->fd = -1;
    *ret_source = &src->source;
    return NULL;
}
