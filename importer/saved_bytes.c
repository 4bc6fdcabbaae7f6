#include "importer/saved_bytes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/vector.h"

struct piece {
    uint64_t start, end;
    uint64_t file_at;
    uint8_t pattern[SAVED_BYTES_PATTERN];
    uint8_t pattern_len; /* IN_FILE: the bytes are in the file */
};

struct saved_bytes {
    int fd;
    unsigned holders;
    VECTOR(struct piece) pieces;
    uint64_t count;
};

struct seep_error *saved_bytes_create(int fd, struct saved_bytes **ret_saved)
{
    struct saved_bytes *saved = calloc(1, sizeof(*saved));

    if (!saved) {
        close(fd);
        return error_no_memory();
    }
    saved->fd = fd;
    saved->holders = 1;
    *ret_saved = saved;
    return NULL;
}

void saved_bytes_destroy(struct saved_bytes *saved)
{
    if (!saved || --saved->holders)
        return;
    close(saved->fd);
    vector_deinit(&saved->pieces);
    free(saved);
}

static struct seep_error *add(struct saved_bytes *saved, const struct piece *piece)
{
    struct piece *last = saved->pieces.count ? &saved->pieces.items[saved->pieces.count - 1] : NULL;

    if (piece->start == piece->end)
        return NULL;
    if (last && last->end == piece->start && !last->pattern_len && !piece->pattern_len &&
        last->file_at + (last->end - last->start) == piece->file_at) {
        last->end = piece->end;
        return NULL;
    }
    return vector_push(&saved->pieces, *piece);
}

struct seep_error *saved_bytes_add(struct saved_bytes *saved, uint64_t addr, uint64_t len,
                                   uint64_t file_at)
{
    return add(saved, &(struct piece){.start = addr, .end = addr + len, .file_at = file_at});
}

struct seep_error *saved_bytes_repeat(struct saved_bytes *saved, uint64_t addr, uint64_t len,
                                      const void *pattern, size_t pattern_len)
{
    struct piece piece = {.start = addr, .end = addr + len};

    if (pattern_len == 0 || pattern_len > sizeof(piece.pattern))
        return error_create(ERROR_INVALID, "a pattern of %zu bytes", pattern_len);
    memcpy(piece.pattern, pattern, pattern_len);
    piece.pattern_len = (uint8_t)pattern_len;
    return add(saved, &piece);
}

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *left = a, *right = b;

    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    /* file_at grows with the order in which file pieces came. */
    return (left->file_at > right->file_at) - (left->file_at < right->file_at);
}

void saved_bytes_settle(struct saved_bytes *saved)
{
    size_t kept = 0;

    if (saved->pieces.count)
        qsort(saved->pieces.items, saved->pieces.count, sizeof(*saved->pieces.items),
              compare_pieces);
    for (size_t i = 0; i < saved->pieces.count; i++) {
        struct piece piece = saved->pieces.items[i];
        struct piece *last = kept ? &saved->pieces.items[kept - 1] : NULL;

        if (last && piece.start < last->end) {
            if (piece.start == last->start) {
                *last = piece;
                continue;
            }
            last->end = piece.start;
        }
        saved->pieces.items[kept++] = piece;
    }
    saved->pieces.count = kept;
    saved->count = 0;
    for (size_t i = 0; i < kept; i++)
        saved->count += saved->pieces.items[i].end - saved->pieces.items[i].start;
}

uint64_t saved_bytes_count(const struct saved_bytes *saved)
{
    return saved->count;
}

/* Index of the first piece that ends behind ADDR. */
static size_t find(const struct saved_bytes *saved, uint64_t addr)
{
    size_t low = 0, high = saved->pieces.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (saved->pieces.items[middle].end <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t page_of(uint64_t addr)
{
    return addr & ~(uint64_t)(SAVED_BYTES_PAGE - 1);
}

/* The last page of the address space has no end that fits. */
static uint64_t page_end(uint64_t addr)
{
    uint64_t end = page_of(addr - 1) + SAVED_BYTES_PAGE;

    return end ? end : page_of(UINT64_MAX);
}

/* As saved_bytes_run; does not look beyond LIMIT. */
static bool find_run(const struct saved_bytes *saved, uint64_t addr, uint64_t gap_bytes,
                     uint64_t limit, uint64_t *ret_start, uint64_t *ret_end)
{
    size_t i = find(saved, addr);
    uint64_t start, end;

    if (i == saved->pieces.count)
        return false;
    start = page_of(saved->pieces.items[i].start);
    if (start < addr)
        start = page_of(addr);
    end = page_end(saved->pieces.items[i].end);
    while (++i < saved->pieces.count && end < limit) {
        uint64_t next = page_of(saved->pieces.items[i].start);

        if (next > end && next - end >= gap_bytes)
            break;
        end = page_end(saved->pieces.items[i].end);
    }
    if (start >= end)
        return false;
    *ret_start = start;
    *ret_end = end;
    return true;
}

bool saved_bytes_run(const struct saved_bytes *saved, uint64_t addr, uint64_t gap_bytes,
                     uint64_t *ret_start, uint64_t *ret_end)
{
    return find_run(saved, addr, gap_bytes, UINT64_MAX, ret_start, ret_end);
}

/* --- reading --- */

struct source {
    struct mem_source source;
    struct saved_bytes *saved;
};

static struct seep_error *read_piece(struct saved_bytes *saved, const struct piece *piece,
                                     uint64_t addr, uint8_t *buf, size_t len)
{
    size_t got = 0;

    if (piece->pattern_len) {
        uint64_t phase = (addr - piece->start) % piece->pattern_len;

        for (size_t i = 0; i < len; i++)
            buf[i] = piece->pattern[(phase + i) % piece->pattern_len];
        return NULL;
    }
    /* A file that has become shorter since is zeros there, as an unread page would be. */
    struct seep_error *err =
        io_pread(saved->fd, buf, len, (off_t)(piece->file_at + (addr - piece->start)), &got);

    if (!err)
        memset(buf + got, 0, len - got);
    return err;
}

static struct seep_error *source_read(struct mem_source *base, uint64_t addr, void *buf, size_t len,
                                      size_t *ret_got)
{
    struct saved_bytes *saved = ((struct source *)base)->saved;
    struct seep_error *err = NULL;
    uint64_t start, end, at = addr;
    uint8_t *bytes = buf;
    size_t want;

    /* A page of which only the beginning is there has no piece at ADDR itself. */
    if (!find_run(saved, page_of(addr), SAVED_BYTES_PAGE,
                  addr + len < addr ? UINT64_MAX : addr + len, &start, &end) ||
        start > addr || end <= addr) {
        *ret_got = 0;
        return NULL;
    }
    want = end - addr < len ? (size_t)(end - addr) : len;
    memset(bytes, 0, want);
    for (size_t i = find(saved, addr); i < saved->pieces.count && !err; i++) {
        const struct piece *piece = &saved->pieces.items[i];

        if (piece->start >= addr + want)
            break;
        if (at < piece->start)
            at = piece->start;

        uint64_t stop = piece->end < addr + want ? piece->end : addr + want;

        err = read_piece(saved, piece, at, bytes + (at - addr), (size_t)(stop - at));
        at = stop;
    }
    if (!err)
        *ret_got = want;
    return err;
}

static void source_destroy(struct mem_source *base)
{
    saved_bytes_destroy(((struct source *)base)->saved);
    free(base);
}

struct seep_error *saved_bytes_source(struct saved_bytes *saved, struct mem_source **ret_source)
{
    struct source *src = calloc(1, sizeof(*src));

    if (!src)
        return error_no_memory();
    saved->holders++;
    *src = (struct source){{source_read, source_destroy}, saved};
    *ret_source = &src->source;
    return NULL;
}
