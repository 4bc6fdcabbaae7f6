#include "evidence/block.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>
#include <zlib.h>

#include "base/cursor.h"
#include "base/io.h"

enum {
    SUMMED_HEADER_BYTES = 16,
    HEADER_BYTES = 24,
    MAGIC = 0x4b4c4253, /* "SBLK" */
    CODEC_NONE = 0,
    CODEC_ZLIB = 1,
    ZLIB_LEVEL = 1,
    /* Deflate cannot expand further (zlib.net/zlib_tech.html: 1032:1). */
    ZLIB_MAX_RATIO = 1032,
};

static const char mark[BLOCK_MARK_BYTES] = "SEEPBLK1";

static uint64_t checksum(const void *header, const void *stored, size_t len)
{
    return XXH64(stored, len, XXH64(header, SUMMED_HEADER_BYTES, 0));
}

/* Appends all of it or, on failure, leaves the file as it was. */
static struct seep_error *append(int fd, const void *bytes, size_t len)
{
    off_t end = lseek(fd, 0, SEEK_END);

    if (end < 0)
        return error_errno(errno, NULL, "cannot append");

    struct seep_error *err = io_write(fd, bytes, len);

    if (err && ftruncate(fd, end) == 0)
        lseek(fd, end, SEEK_SET);
    return err;
}

struct seep_error *block_write_mark(int fd)
{
    return append(fd, mark, BLOCK_MARK_BYTES);
}

/* The parts as one zlib stream into OUT; *RET_LEN 0: that would take ROOM bytes or more. */
static struct seep_error *compress_parts(const struct block_part *parts, size_t count, Bytef *out,
                                         size_t room, size_t *ret_len)
{
    z_stream z = {.next_out = out, .avail_out = (uInt)room};
    int step = Z_OK;

    if (deflateInit(&z, ZLIB_LEVEL) != Z_OK)
        return error_no_memory();
    for (size_t i = 0; i < count && step == Z_OK; i++) {
        /* A change of parameters ends the deflate block, as does Z_BLOCK: the next part begins with
         * Huffman codes of its own (zlib.h, deflateParams). */
        deflateParams(&z, ZLIB_LEVEL,
                      parts[i].texture == BLOCK_NUMBERS ? Z_RLE : Z_DEFAULT_STRATEGY);
        z.next_in = (Bytef *)parts[i].bytes;
        z.avail_in = (uInt)parts[i].len;
        step = deflate(&z, i + 1 < count ? Z_BLOCK : Z_FINISH);
        if (z.avail_out == 0)
            break;
    }
    *ret_len = step == Z_STREAM_END && z.avail_out ? z.total_out : 0;
    deflateEnd(&z);
    return NULL;
}

/* Appends header and stored bytes, for parts of LEN bytes in all. */
static struct seep_error *format_block(struct buffer *out, uint8_t type,
                                       const struct block_part *parts, size_t count, size_t len)
{
    _cleanup_free_ uint8_t *stored = malloc(len ? len : 1);
    size_t stored_len = 0;

    if (!stored)
        return error_no_memory();

    struct seep_error *err = compress_parts(parts, count, stored, len, &stored_len);

    if (err)
        return err;

    uint8_t codec = stored_len ? CODEC_ZLIB : CODEC_NONE;

    for (size_t i = 0; i < count && codec == CODEC_NONE; stored_len += parts[i++].len)
        if (parts[i].len)
            memcpy(stored + stored_len, parts[i].bytes, parts[i].len);
    buffer_u32(out, MAGIC);
    buffer_u8(out, type);
    buffer_u8(out, codec);
    buffer_u8(out, 0);
    buffer_u8(out, 0);
    buffer_u32(out, (uint32_t)stored_len);
    buffer_u32(out, (uint32_t)len);
    if (out->failed)
        return error_no_memory();
    buffer_u64(out, checksum(out->bytes, stored, stored_len));
    buffer_bytes(out, stored, stored_len);
    return out->failed ? error_no_memory() : NULL;
}

struct seep_error *block_write_parts(int fd, uint8_t type, const struct block_part *parts,
                                     size_t count, uint64_t *ret_written)
{
    _cleanup_buffer_ struct buffer out = {0};
    size_t len = 0;

    for (size_t i = 0; i < count && len <= BLOCK_MAX_RAW_BYTES; i++)
        len += parts[i].len;
    if (len > BLOCK_MAX_RAW_BYTES)
        return error_create(ERROR_INVALID, "a block of %zu bytes is too long", len);

    struct seep_error *err = format_block(&out, type, parts, count, len);

    if (!err)
        err = append(fd, out.bytes, out.len);
    if (!err && ret_written)
        *ret_written = out.len;
    return err;
}

struct seep_error *block_write(int fd, uint8_t type, const void *raw, size_t len,
                               uint64_t *ret_written)
{
    struct block_part part = {raw, len, BLOCK_TEXT};

    return block_write_parts(fd, type, &part, 1, ret_written);
}

void block_reader_init(struct block_reader *r, int fd)
{
    *r = (struct block_reader){.fd = fd};
}

void block_reader_deinit(struct block_reader *r)
{
    buffer_deinit(&r->stored);
    buffer_deinit(&r->raw);
}

static struct seep_error *read_mark(struct block_reader *r, enum block_step *ret_step)
{
    char got_mark[BLOCK_MARK_BYTES];
    size_t got;
    struct seep_error *err = io_pread(r->fd, got_mark, BLOCK_MARK_BYTES, 0, &got);

    if (err)
        return err;
    if (memcmp(got_mark, mark, got) != 0)
        return error_create(ERROR_CORRUPT, "it does not begin with %.8s", mark);
    *ret_step = got == BLOCK_MARK_BYTES ? BLOCK_MORE : BLOCK_CUT;
    if (got == BLOCK_MARK_BYTES)
        r->offset = BLOCK_MARK_BYTES;
    return NULL;
}

struct header {
    uint8_t bytes[HEADER_BYTES];
    uint8_t type, codec;
    uint32_t stored_len, raw_len;
    uint64_t sum;
};

/* false: no such header is ever written. */
static bool parse_header(struct header *header)
{
    struct cursor c = cursor_of(header->bytes, HEADER_BYTES);
    uint32_t magic = cursor_u32(&c);

    header->type = cursor_u8(&c);
    header->codec = cursor_u8(&c);

    uint8_t zeros = cursor_u8(&c) | cursor_u8(&c);

    header->stored_len = cursor_u32(&c);
    header->raw_len = cursor_u32(&c);
    header->sum = cursor_u64(&c);
    return magic == MAGIC && zeros == 0 && header->raw_len <= BLOCK_MAX_RAW_BYTES &&
           header->stored_len <= header->raw_len;
}

/* Reads header and stored bytes; *RET_STEP MORE: whole and unharmed. */
static struct seep_error *read_stored(struct block_reader *r, struct header *header,
                                      enum block_step *ret_step)
{
    struct stat st;
    size_t got;
    struct seep_error *err = io_pread(r->fd, header->bytes, HEADER_BYTES, (off_t)r->offset, &got);

    if (err)
        return err;
    *ret_step = got ? BLOCK_CUT : BLOCK_END;
    if (got < HEADER_BYTES || !parse_header(header))
        return NULL;
    if (fstat(r->fd, &st) < 0)
        return error_errno(errno, NULL, "cannot read");

    /* Nothing is allocated for a length that the file has not. */
    if (r->offset + HEADER_BYTES + header->stored_len > (uint64_t)st.st_size)
        return NULL;
    buffer_clear(&r->stored);
    if (!buffer_extend(&r->stored, header->stored_len))
        return error_no_memory();
    err = io_pread(r->fd, r->stored.bytes, header->stored_len, (off_t)(r->offset + HEADER_BYTES),
                   &got);
    if (!err && got == header->stored_len &&
        checksum(header->bytes, r->stored.bytes, got) == header->sum)
        *ret_step = BLOCK_MORE;
    return err;
}

static struct seep_error *expand(struct block_reader *r, const struct header *header)
{
    unsigned long long at = r->offset;
    uLongf len = header->raw_len;

    buffer_clear(&r->raw);
    switch (header->codec) {
    case CODEC_NONE:
        if (header->stored_len != header->raw_len)
            break;
        buffer_bytes(&r->raw, r->stored.bytes, r->stored.len);
        return r->raw.failed ? error_no_memory() : NULL;
    case CODEC_ZLIB:
        if (header->raw_len / ZLIB_MAX_RATIO > header->stored_len)
            break;
        if (!buffer_extend(&r->raw, header->raw_len))
            return error_no_memory();
        if (uncompress((Bytef *)r->raw.bytes, &len, (Bytef *)r->stored.bytes, r->stored.len) !=
                Z_OK ||
            len != header->raw_len)
            break;
        return NULL;
    default:
        return error_remedy(error_create(ERROR_UNSUPPORTED, "the block at offset %llu has codec %u",
                                         at, header->codec),
                            "use a newer seep");
    }
    return error_create(ERROR_CORRUPT, "the block at offset %llu does not expand", at);
}

struct seep_error *block_reader_next(struct block_reader *r, uint8_t *ret_type,
                                     enum block_step *ret_step)
{
    struct header header;
    enum block_step step = BLOCK_MORE;
    struct seep_error *err = r->offset ? NULL : read_mark(r, &step);

    if (!err && step == BLOCK_MORE)
        err = read_stored(r, &header, &step);
    if (!err && step == BLOCK_MORE) {
        err = expand(r, &header);
        if (!err) {
            r->offset += HEADER_BYTES + header.stored_len;
            *ret_type = header.type;
        }
    }
    if (!err)
        *ret_step = step;
    return err;
}

/* Where the last whole block ends. */
static struct seep_error *find_end(int fd, uint64_t *ret_end)
{
    struct block_reader reader;
    enum block_step step = BLOCK_MORE;
    struct seep_error *err = NULL;
    uint8_t type;

    block_reader_init(&reader, fd);
    while (!err && step == BLOCK_MORE)
        err = block_reader_next(&reader, &type, &step);
    if (!err)
        *ret_end = reader.offset;
    block_reader_deinit(&reader);
    return err;
}

struct seep_error *block_open_append(int dir_fd, const char *name, int *ret_fd)
{
    _cleanup_close_ int fd =
        openat(dir_fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    uint64_t end;

    if (fd < 0)
        return error_errno(errno, name, "cannot open %s", name);

    struct seep_error *err = find_end(fd, &end);

    if (!err && ftruncate(fd, (off_t)end) < 0)
        err = error_errno(errno, name, "cannot cut off the torn end");
    if (!err && end == 0)
        err = block_write_mark(fd);
    if (err)
        return error_prefix(err, "%s", name);
    *ret_fd = take_fd(&fd);
    return NULL;
}
