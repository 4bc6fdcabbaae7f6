#include "target/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* Its flags of permissions are those of enum vma_perms. */
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

/* The first VMA with end > ADDR, only of the kinds in FLAGS; QUERY->vma_start = UINT64_MAX when there is
 * none. */
static struct seep_error *query_vma(struct mapped *m, uint64_t addr, uint64_t flags,
                                    struct query *query)
{
    query->size = sizeof(*query);
    query->flags = QUERY_COVERING_OR_NEXT | flags;
    query->addr = addr;
    if (TEMP_FAILURE_RETRY(ioctl(m->fd, QUERY_IOCTL, query)) == 0)
        return NULL;
    if (errno == ESRCH)
        return gone(m);
    if (errno != ENOENT)
        m->no_query = true;
    query->vma_start = query->vma_end = UINT64_MAX;
    return NULL;
}

static struct seep_error *read_text(struct mapped *m, struct maps *ret_maps)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct seep_error *err = NULL;

    if (lseek(m->fd, 0, SEEK_SET) < 0)
        err = error_errno(errno, NULL, "cannot read the maps of process %d", (int)m->pid);
    if (!err)
        err = io_read_fd(m->fd, MAX_TEXT_BYTES, &text);
    if (!err && text.len == 0)
        err = gone(m);
    return err ? err : maps_parse(text.bytes, text.len, ret_maps);
}

static struct seep_error *run_by_text(struct mapped *m, uint64_t start, uint64_t end,
                                      uint64_t *ret_start, uint64_t *ret_end)
{
    _cleanup_(maps_deinit) struct maps maps = {0};
    struct seep_error *err = read_text(m, &maps);

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
        struct query query = {0};
        struct seep_error *err = query_vma(m, at, 0, &query);

        if (err)
            return err;
        from = query.vma_start;
        to = query.vma_end;
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

static struct seep_error *each_by_text(struct mapped *m, uint64_t start, uint64_t end, bool code,
                                       mapped_visit visit, void *context)
{
    _cleanup_(maps_deinit) struct maps maps = {0};
    struct seep_error *err = read_text(m, &maps);

    for (size_t i = err ? 0 : maps_lower_bound(&maps, start); i < maps.count; i++) {
        const struct vma *vma = &maps.vmas[i];

        if (vma->start >= end)
            break;
        if ((!code || (vma->perms & VMA_EXEC)) && !visit(vma, context))
            break;
    }
    return err;
}

struct seep_error *mapped_each(struct mapped *m, uint64_t start, uint64_t end, bool code,
                               mapped_visit visit, void *context)
{
    char name[PATH_MAX];
    struct vma vma = {.name = name};

    for (uint64_t at = start; at < end && !m->no_query; at = vma.end) {
        struct query query = {.vma_name_addr = (uintptr_t)name, .vma_name_size = sizeof(name)};
        struct seep_error *err = query_vma(m, at, code ? VMA_EXEC : 0, &query);

        if (err)
            return err;
        if (m->no_query)
            break;
        if (query.vma_start >= end)
            return NULL;
        if (query.vma_name_size == 0)
            name[0] = '\0';
        vma.start = query.vma_start;
        vma.end = query.vma_end;
        vma.offset = query.vma_offset;
        vma.inode = query.inode;
        vma.major = query.dev_major;
        vma.minor = query.dev_minor;
        vma.perms = (uint32_t)query.vma_flags & 0xf;
        if (!visit(&vma, context))
            return NULL;
    }
    /* It does not know the ioctl: known at the first call. */
    return m->no_query ? each_by_text(m, start, end, code, visit, context) : NULL;
}
