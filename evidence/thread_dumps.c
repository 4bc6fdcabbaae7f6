#include "evidence/thread_dumps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/span.h"
#include "evidence/case.h"
#include "evidence/codec.h"

enum {
    GZIP_LEAST_BYTES = 18,
    DEFLATE_MOST = 1032, /* to how many bytes one can expand: RFC 1951, a length of 258 in 2 bits */
};

static void entry_name(const struct thread_dumps_entry *entry, char name[128])
{
    snprintf(name, 128, "%" PRIu32 "-%d-%" PRIu64 ".%s.gz", entry->number, (int)entry->pid,
             entry->time_ns, entry->kind);
}

/* Only what reads exactly as it would be written. */
static bool parse_name(const char *file, struct thread_dumps_entry *entry)
{
    struct span at = span_text(file), kind;
    uint64_t number, pid, time_ns;
    char name[128];

    if (!span_take_number(&at, &number) || number > UINT32_MAX || !span_take(&at, "-") ||
        !span_take_number(&at, &pid) || pid > INT_MAX || !span_take(&at, "-") ||
        !span_take_number(&at, &time_ns) || !span_take(&at, ".") || !span_ends(at, ".gz"))
        return false;
    kind = span_first(at, at.len - strlen(".gz"));
    if (kind.len == 0 || kind.len >= sizeof(entry->kind))
        return false;
    *entry = (struct thread_dumps_entry){(uint32_t)number, (pid_t)pid, time_ns, ""};
    memcpy(entry->kind, kind.text, kind.len);
    entry_name(entry, name);
    return strcmp(name, file) == 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct thread_dumps_entry *first = a, *second = b;

    if (first->time_ns != second->time_ns)
        return first->time_ns < second->time_ns ? -1 : 1;
    return first->number < second->number ? -1 : first->number > second->number;
}

struct seep_error *thread_dumps_open(int case_fd, struct thread_dumps *ret_dumps)
{
    struct thread_dumps dumps = {.dir_fd = -1};
    struct seep_error *err = NULL;
    struct dirent *file;
    DIR *files;
    int fd;

    dumps.dir_fd = openat(case_fd, "threads", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dumps.dir_fd < 0) {
        if (errno != ENOENT)
            return error_errno(errno, "threads", "cannot open threads");
        *ret_dumps = dumps;
        return NULL;
    }
    fd = fcntl(dumps.dir_fd, F_DUPFD_CLOEXEC, 0);
    files = fd < 0 ? NULL : fdopendir(fd);
    if (!files) {
        err = error_errno(errno, "threads", "cannot list threads");
        if (fd >= 0)
            close(fd);
        thread_dumps_deinit(&dumps);
        return err;
    }
    while (!err && (file = readdir(files))) {
        struct thread_dumps_entry entry;

        if (parse_name(file->d_name, &entry))
            err = vector_push(&dumps.entries, entry);
    }
    closedir(files);
    if (err) {
        thread_dumps_deinit(&dumps);
        return err;
    }
    if (dumps.entries.count)
        qsort(dumps.entries.items, dumps.entries.count, sizeof(dumps.entries.items[0]),
              compare_entries);
    *ret_dumps = dumps;
    return NULL;
}

void thread_dumps_deinit(struct thread_dumps *dumps)
{
    if (dumps->dir_fd >= 0)
        close(dumps->dir_fd);
    vector_deinit(&dumps->entries);
    *dumps = (struct thread_dumps){.dir_fd = -1};
}

const struct thread_dumps_entry *thread_dumps_nearest(const struct thread_dumps *dumps, pid_t pid,
                                                      uint64_t time_ns, const char *kind)
{
    const struct thread_dumps_entry *best = NULL;
    uint64_t best_apart = UINT64_MAX;

    for (size_t i = 0; i < dumps->entries.count; i++) {
        const struct thread_dumps_entry *entry = &dumps->entries.items[i];
        uint64_t apart =
            entry->time_ns > time_ns ? entry->time_ns - time_ns : time_ns - entry->time_ns;

        if (entry->time_ns == 0 || (pid && entry->pid && entry->pid != pid) ||
            strcmp(entry->kind, kind) != 0 || apart >= best_apart)
            continue;
        best = entry;
        best_apart = apart;
    }
    return best;
}

struct seep_error *thread_dumps_read(const struct thread_dumps *dumps,
                                     const struct thread_dumps_entry *entry,
                                     struct buffer *ret_text)
{
    _cleanup_buffer_ struct buffer stored = {0};
    _cleanup_close_ int fd = -1;
    char name[128];
    struct seep_error *err;
    uint32_t raw_len;
    void *raw;

    entry_name(entry, name);
    err = case_open_file(dumps->dir_fd, name, &fd);
    if (!err)
        err = io_read_fd(fd, THREAD_DUMPS_MAX_BYTES, &stored);
    if (err)
        return err;
    if (stored.len < GZIP_LEAST_BYTES)
        return error_create(ERROR_CORRUPT, "threads/%s is cut", name);
    /* A member ends with its length, little-endian (RFC 1952). */
    raw_len = (uint32_t)(uint8_t)stored.bytes[stored.len - 4] |
              (uint32_t)(uint8_t)stored.bytes[stored.len - 3] << 8 |
              (uint32_t)(uint8_t)stored.bytes[stored.len - 2] << 16 |
              (uint32_t)(uint8_t)stored.bytes[stored.len - 1] << 24;
    if (raw_len > THREAD_DUMPS_MAX_BYTES || raw_len / DEFLATE_MOST > stored.len)
        return error_create(ERROR_CORRUPT, "threads/%s says it is of %" PRIu32 " bytes", name,
                            raw_len);
    raw = buffer_extend(ret_text, raw_len);
    if (!raw)
        return error_no_memory();
    err = codec_gzip_expand(stored.bytes, stored.len, raw, raw_len);
    if (err) {
        ret_text->len -= raw_len;
        return error_prefix(err, "threads/%s", name);
    }
    return NULL;
}
