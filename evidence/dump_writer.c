#include "evidence/dump_writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/io.h"
#include "evidence/codec.h"
#include "evidence/dump_index.h"

#define RESERVE_NAME "reserve.tmp"

enum {
    LEVEL = 1,       /* of ISA-L: the target's machine has other work to do */
    ZEROS_LEVEL = 9, /* of zlib */
    RESERVE_MIN_BYTES = 64 * 1024,
};

struct file {
    int fd;
    uint64_t len; /* what is good: a failed write is cut back to this */
    char name[40];
};

struct dump_writing {
    struct codec_state *isal;
    struct buffer zeros; /* a member of nothing but zeros, as stored */
    struct buffer stored, piece;
    bool open, failed;
    uint64_t start, end; /* END: of the members written */
    struct file gz, idx;
    XXH3_state_t *checksum;
    size_t raw_len;
    uint8_t pages[DUMP_MEMBER_PAGES];
    uint64_t hashes[DUMP_MEMBER_PAGES];
    uint8_t raw[DUMP_MEMBER_BYTES];
};

/* --- the directory --- */

static uint32_t next_number(int mem_fd)
{
    int fd = openat(mem_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    unsigned long last = 0;

    if (!entries) {
        if (fd >= 0)
            close(fd);
        return 1;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        unsigned long number = strtoul(entry->d_name, NULL, 10);

        if (number > last && number < UINT32_MAX)
            last = number;
    }
    closedir(entries);
    return (uint32_t)last + 1;
}

static struct seep_error *make_directory(int case_fd, struct dump *dump)
{
    if (mkdirat(case_fd, "mem", 0700) < 0 && errno != EEXIST)
        return error_errno(errno, "mem", "cannot create mem/ in the case");

    _cleanup_close_ int mem_fd =
        openat(case_fd, "mem", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (mem_fd < 0)
        return error_errno(errno, "mem", "cannot open mem/ in the case");
    for (uint32_t number = next_number(mem_fd);; number++) {
        char name[32];

        snprintf(name, sizeof(name), "%" PRIu32 "-%d", number, (int)dump->pid);
        if (mkdirat(mem_fd, name, 0700) < 0) {
            if (errno == EEXIST)
                continue;
            return error_errno(errno, name, "cannot create mem/%s in the case", name);
        }
        dump->number = number;
        dump->dir_fd = openat(mem_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return dump->dir_fd < 0 ? error_errno(errno, name, "cannot open mem/%s", name) : NULL;
    }
}

/* A member of zeros costs a write and no compression: it can be pressed as hard as can be. */
static struct seep_error *prepare_zeros(struct dump_writing *g)
{
    struct codec_state *gzip = NULL;
    struct seep_error *err = codec_gzip.begin(ZEROS_LEVEL, &gzip);

    memset(g->raw, 0, sizeof(g->raw));
    if (!err)
        err = codec_gzip.push(gzip, g->raw, sizeof(g->raw), &g->zeros);
    if (!err)
        err = codec_gzip.finish(gzip, &g->zeros);
    codec_gzip.destroy(gzip);
    return err;
}

struct seep_error *dump_writer_create(int case_fd, pid_t pid, struct dump_writer **ret_writer)
{
    _cleanup_(dump_writer_destroyp) struct dump_writer *w = calloc(1, sizeof(*w));
    struct dump_writing *g = calloc(1, sizeof(*g));
    struct seep_error *err;

    if (!w || !g) {
        free(g);
        return error_no_memory();
    }
    w->writing = g;
    w->dump.pid = pid;
    w->dump.dir_fd = g->gz.fd = g->idx.fd = -1;
    g->checksum = XXH3_createState();
    if (!g->checksum)
        return error_no_memory();
    err = codec_isal.begin(LEVEL, &g->isal);
    if (!err)
        err = prepare_zeros(g);
    if (!err)
        err = make_directory(case_fd, &w->dump);
    if (!err)
        *ret_writer = take_ptr(w);
    return err;
}

static void file_discard(struct dump_writer *w, struct file *file)
{
    if (file->fd < 0)
        return;
    close(file->fd);
    file->fd = -1;
    unlinkat(w->dump.dir_fd, file->name, 0);
}

void dump_writer_destroy(struct dump_writer *w)
{
    if (!w)
        return;

    struct dump_writing *g = w->writing;

    if (g) {
        file_discard(w, &g->gz);
        file_discard(w, &g->idx);
        codec_isal.destroy(g->isal);
        XXH3_freeState(g->checksum);
        buffer_deinit(&g->zeros);
        buffer_deinit(&g->stored);
        buffer_deinit(&g->piece);
        free(g);
    }
    if (w->dump.dir_fd >= 0) {
        char path[48];

        unlinkat(w->dump.dir_fd, RESERVE_NAME, 0);
        snprintf(path, sizeof(path), "../%" PRIu32 "-%d", w->dump.number, (int)w->dump.pid);
        unlinkat(w->dump.dir_fd, path, AT_REMOVEDIR); /* refused while anything is in it */
    }
    dump_deinit(&w->dump);
    free(w);
}

static struct seep_error *write_json(struct dump_writer *w, size_t *ret_len)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct seep_error *err = dump_json_format(&w->dump, &text);

    if (!err)
        err = io_replace_file(w->dump.dir_fd, "dump.json", text.bytes, text.len);
    if (!err)
        *ret_len = text.len;
    return err;
}

static struct seep_error *keep_room(struct dump_writer *w, size_t len)
{
    _cleanup_close_ int fd = openat(w->dump.dir_fd, RESERVE_NAME,
                                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int errnum = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)len);

    return errnum ? error_errno(errnum, NULL, "cannot keep %zu bytes of room", len) : NULL;
}

struct seep_error *dump_writer_start(struct dump_writer *w)
{
    size_t len = 0;
    struct seep_error *err = write_json(w, &len);

    /* The last text is longer than the first by the gaps, and stands beside it before it takes
     * its place. */
    if (!err)
        err = keep_room(w, 2 * len + RESERVE_MIN_BYTES);
    if (err) {
        unlinkat(w->dump.dir_fd, "dump.json", 0);
        unlinkat(w->dump.dir_fd, RESERVE_NAME, 0);
    }
    return err;
}

struct seep_error *dump_writer_finish(struct dump_writer *w)
{
    size_t len;

    unlinkat(w->dump.dir_fd, RESERVE_NAME, 0);
    return write_json(w, &len);
}

/* --- a range --- */

static struct seep_error *file_create(struct dump_writer *w, const char *suffix, struct file *file)
{
    snprintf(file->name, sizeof(file->name), "%08" PRIx64 ".%s.tmp", w->writing->start, suffix);
    file->len = 0;
    file->fd = openat(w->dump.dir_fd, file->name,
                      O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return file->fd < 0 ? error_errno(errno, file->name, "cannot create %s", file->name) : NULL;
}

/* Appends all of BYTES or nothing. */
static struct seep_error *file_append(struct file *file, const void *bytes, size_t len)
{
    struct seep_error *err = io_write(file->fd, bytes, len);

    if (!err) {
        file->len += len;
        return NULL;
    }
    if (ftruncate(file->fd, (off_t)file->len) < 0 ||
        lseek(file->fd, (off_t)file->len, SEEK_SET) < 0)
        return error_prefix(err, "%s, and cannot cut it back", file->name);
    return error_prefix(err, "%s", file->name);
}

static struct seep_error *append_index(struct dump_writing *g)
{
    if (g->piece.failed)
        return error_no_memory();

    struct seep_error *err = file_append(&g->idx, g->piece.bytes, g->piece.len);

    if (!err)
        XXH3_64bits_update(g->checksum, g->piece.bytes, g->piece.len);
    return err;
}

struct seep_error *dump_writer_begin(struct dump_writer *w, uint64_t start)
{
    struct dump_writing *g = w->writing;
    struct seep_error *err;

    g->start = g->end = start;
    g->raw_len = 0;
    g->failed = false;
    XXH3_64bits_reset(g->checksum);
    buffer_clear(&g->piece);
    dump_index_begin(start, &g->piece);
    err = file_create(w, "gz", &g->gz);
    if (!err)
        err = file_create(w, "idx", &g->idx);
    if (!err)
        err = append_index(g);
    if (err) {
        file_discard(w, &g->gz);
        file_discard(w, &g->idx);
        return err;
    }
    g->open = true;
    return NULL;
}

bool dump_writer_is_open(const struct dump_writer *w)
{
    return w->writing->open;
}

static struct seep_error *compress_member(struct dump_writing *g, const struct buffer **ret_stored)
{
    size_t page_count = g->raw_len / DUMP_PAGE_BYTES, i = 0;

    while (i < page_count && g->pages[i] != DUMP_PAGE_DATA)
        i++;
    if (i == page_count && g->raw_len == DUMP_MEMBER_BYTES) {
        *ret_stored = &g->zeros;
        return NULL;
    }
    for (i = 0; i < page_count; i++)
        if (g->pages[i] != DUMP_PAGE_DATA)
            memset(g->raw + i * DUMP_PAGE_BYTES, 0, DUMP_PAGE_BYTES);
    buffer_clear(&g->stored);

    struct seep_error *err = codec_isal.push(g->isal, g->raw, g->raw_len, &g->stored);
    struct seep_error *end = codec_isal.finish(g->isal, &g->stored);

    *ret_stored = &g->stored;
    if (err)
        error_destroy(end);
    return err ? err : end;
}

static struct seep_error *write_member(struct dump_writer *w)
{
    struct dump_writing *g = w->writing;
    const struct buffer *stored = NULL;
    uint64_t gz_len = g->gz.len;
    struct seep_error *err = compress_member(g, &stored);

    if (!err)
        err = file_append(&g->gz, stored->bytes, stored->len);
    if (!err) {
        buffer_clear(&g->piece);
        dump_index_member(stored->len, g->pages, g->hashes, g->raw_len / DUMP_PAGE_BYTES,
                          &g->piece);
        err = append_index(g);
        if (err && ftruncate(g->gz.fd, (off_t)gz_len) == 0)
            g->gz.len = gz_len;
    }
    if (err) {
        g->failed = true;
        return err;
    }
    w->written_bytes += stored->len + g->piece.len;
    g->end += g->raw_len;
    g->raw_len = 0;
    return NULL;
}

static bool page_is_zero(const uint8_t *page)
{
    uint64_t any, words[DUMP_PAGE_BYTES / sizeof(uint64_t)];

    memcpy(&any, page, sizeof(any));
    if (any)
        return false;
    memcpy(words, page, sizeof(words));
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        any |= words[i];
    return any == 0;
}

struct seep_error *dump_writer_put(struct dump_writer *w, const void *bytes, size_t len)
{
    struct dump_writing *g = w->writing;

    if (g->failed)
        return error_create(ERROR_INVALID, "a range that failed can only be ended");
    for (size_t done = 0; done < len; done += DUMP_PAGE_BYTES) {
        const uint8_t *page = (const uint8_t *)bytes + done;
        size_t i = g->raw_len / DUMP_PAGE_BYTES;
        struct seep_error *err = NULL;

        g->pages[i] = page_is_zero(page) ? DUMP_PAGE_ZERO : DUMP_PAGE_DATA;
        if (g->pages[i] == DUMP_PAGE_DATA) {
            memcpy(g->raw + g->raw_len, page, DUMP_PAGE_BYTES);
            g->hashes[i] = dump_page_hash(page);
        }
        g->raw_len += DUMP_PAGE_BYTES;
        if (g->raw_len == DUMP_MEMBER_BYTES)
            err = write_member(w);
        if (err)
            return err;
    }
    return NULL;
}

struct seep_error *dump_writer_fill(struct dump_writer *w, enum dump_page state, uint64_t len)
{
    struct dump_writing *g = w->writing;

    if (g->failed)
        return error_create(ERROR_INVALID, "a range that failed can only be ended");
    while (len) {
        size_t room = DUMP_MEMBER_BYTES - g->raw_len;
        size_t step = len < room ? (size_t)len : room;
        struct seep_error *err = NULL;

        memset(g->pages + g->raw_len / DUMP_PAGE_BYTES, (int)state, step / DUMP_PAGE_BYTES);
        g->raw_len += step;
        len -= step;
        if (g->raw_len == DUMP_MEMBER_BYTES)
            err = write_member(w);
        if (err)
            return err;
    }
    return NULL;
}

/* The end of the index may use the room that was kept. */
static struct seep_error *finish_index(struct dump_writer *w, bool truncated)
{
    struct dump_writing *g = w->writing;
    struct seep_error *err;

    buffer_clear(&g->piece);
    dump_index_end(g->end, truncated, &g->piece);
    if (!g->piece.failed) {
        XXH3_64bits_update(g->checksum, g->piece.bytes, g->piece.len);
        buffer_u64(&g->piece, XXH3_64bits_digest(g->checksum));
    }
    if (g->piece.failed)
        return error_no_memory();
    err = file_append(&g->idx, g->piece.bytes, g->piece.len);
    if (err && err->code == ERROR_FULL) {
        error_destroy(err);
        unlinkat(w->dump.dir_fd, RESERVE_NAME, 0);
        err = file_append(&g->idx, g->piece.bytes, g->piece.len);
    }
    if (!err)
        w->written_bytes += g->piece.len;
    return err;
}

/* Some file systems say only now that the disk is full. */
static struct seep_error *file_name(struct dump_writer *w, struct file *file, const char *suffix)
{
    struct dump_writing *g = w->writing;
    char name[48];
    int status = close(file->fd);

    file->fd = -1;
    snprintf(name, sizeof(name), "%08" PRIx64 "-%08" PRIx64 ".%s", g->start, g->end, suffix);
    if (status < 0 || renameat(w->dump.dir_fd, file->name, w->dump.dir_fd, name) < 0) {
        struct seep_error *err = error_errno(errno, name, "cannot write %s", name);

        unlinkat(w->dump.dir_fd, file->name, 0);
        return err;
    }
    return NULL;
}

struct seep_error *dump_writer_end(struct dump_writer *w, bool truncated)
{
    struct dump_writing *g = w->writing;
    struct seep_error *full = NULL, *err = NULL;

    if (!g->open)
        return NULL;
    g->open = false;
    if (g->raw_len && !g->failed)
        full = write_member(w);
    if (g->end > g->start) {
        err = finish_index(w, truncated || g->failed);
        if (!err)
            err = file_name(w, &g->gz, "gz");
        if (!err)
            err = file_name(w, &g->idx, "idx");
        if (!err) {
            w->file_count++;
            w->raw_bytes += g->end - g->start;
        }
    }
    file_discard(w, &g->gz);
    file_discard(w, &g->idx);
    if (full)
        error_destroy(err);
    return full ? full : err;
}
