#include "target/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "target/proc.h"

/* include/uapi/linux/fs.h of 6.11; older headers do not have it. */
struct query {
    uint64_t size, flags, addr;
    uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
    uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
    uint64_t vma_name_addr, build_id_addr;
};

#define QUERY_IOCTL _IOWR('f', 17, struct query)

enum { QUERY_COVERING_OR_NEXT = 0x10, MAX_TEXT_BYTES = 1 << 30 };

struct mapped {
    pid_t pid;
    int fd;
    bool no_query;
};

struct seep_error *mapped_regions(pid_t pid, struct maps *ret_maps)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct seep_error *err = proc_read(pid, "smaps", &text);

    if (err && err->code != ERROR_GONE) {
        error_destroy(err);
        buffer_clear(&text);
        err = proc_read(pid, "maps", &text);
    }
    return err ? err : maps_parse(text.bytes, text.len, ret_maps);
}

struct seep_error *mapped_create(pid_t pid, struct mapped **ret_mapped)
{
    struct mapped *m = calloc(1, sizeof(*m));
    char path[32];

    if (!m)
        return error_no_memory();
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    m->pid = pid;
    m->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (m->fd < 0) {
        int errnum = errno == ENOENT ? ESRCH : errno;

        free(m);
        return error_errno(errnum, path, "cannot open %s", path);
    }
    *ret_mapped = m;
    return NULL;
}

void mapped_destroy(struct mapped *m)
{
    if (!m)
        return;
    close(m->fd);
    free(m);
}

void mapped_read_text(struct mapped *m)
{
    m->no_query = true;
}

static struct seep_error *gone(const struct mapped *m)
{
    return error_create(ERROR_GONE, "process %d has ended, or runs another program now",
                        (int)m->pid);
}

/* The first VMA with end > ADDR; *RET_START = UINT64_MAX when there is none. */
static struct seep_error *query_vma(struct mapped *m, uint64_t addr, uint64_t *ret_start,
                                    uint64_t *ret_end)
{
    struct query query = {.size = sizeof(query), .flags = QUERY_COVERING_OR_NEXT, .addr = addr};

    if (TEMP_FAILURE_RETRY(ioctl(m->fd, QUERY_IOCTL, &query)) == 0) {
        *ret_start = query.vma_start;
        *ret_end = query.vma_end;
        return NULL;
    }
    if (errno == ESRCH)
        return gone(m);
    if (errno != ENOENT)
        m->no_query = true;
    *ret_start = *ret_end = UINT64_MAX;
    return NULL;
}

static struct seep_error *run_by_text(struct mapped *m, uint64_t start, uint64_t end,
                                      uint64_t *ret_start, uint64_t *ret_end)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_(maps_deinit) struct maps maps = {0};
    struct seep_error *err = NULL;

    if (lseek(m->fd, 0, SEEK_SET) < 0)
        err = error_errno(errno, NULL, "cannot read the maps of process %d", (int)m->pid);
    if (!err)
        err = io_read_fd(m->fd, MAX_TEXT_BYTES, &text);
    if (!err && text.len == 0)
        err = gone(m);
    if (!err)
        err = maps_parse(text.bytes, text.len, &maps);
    if (err)
        return err;

    size_t i = maps_lower_bound(&maps, start);
    uint64_t from = i < maps.count && maps.vmas[i].start < end ? maps.vmas[i].start : end;
    uint64_t to = from < start ? start : from;

    *ret_start = to;
    while (i < maps.count && maps.vmas[i].start <= to && to < end)
        to = maps.vmas[i++].end;
    *ret_end = to < end ? to : end;
    return NULL;
}

struct seep_error *mapped_run(struct mapped *m, uint64_t start, uint64_t end, uint64_t *ret_start,
                              uint64_t *ret_end)
{
    uint64_t from = UINT64_MAX, to = UINT64_MAX, first = end, last = end;

    for (uint64_t at = start; at < end && !m->no_query; at = to) {
        struct seep_error *err = query_vma(m, at, &from, &to);

        if (err)
            return err;
        if (from >= end || (first < end && from > last))
            break;
        if (first == end)
            first = from < start ? start : from;
        last = to < end ? to : end;
    }
    if (m->no_query)
        return run_by_text(m, start, end, ret_start, ret_end);
    *ret_start = first;
    *ret_end = last;
    return NULL;
}
