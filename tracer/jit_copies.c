#include "tracer/jit_copies.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/units.h"
#include "target/proc.h"

void jit_copies_deinit(struct jit_copies *copies)
{
    jit_maps_deinit(&copies->maps);
    vector_deinit(&copies->last);
}

/* The process's pid as it knows it itself, and its user; false: it is gone. */
static bool read_identity(pid_t pid, unsigned long *ret_own_pid, unsigned long *ret_user)
{
    _cleanup_buffer_ struct buffer status = {0};
    _cleanup_error_ struct seep_error *err = proc_read(pid, "status", &status);
    const char *pids = err ? NULL : strstr(status.bytes, "\nNSpid:");
    const char *users = err ? NULL : strstr(status.bytes, "\nUid:");

    if (!pids || !users || sscanf(users, "\nUid: %*u %lu", ret_user) != 1)
        return false;
    *ret_own_pid = (unsigned long)pid;
    pids += strlen("\nNSpid:");
    for (int len; sscanf(pids, " %lu%n", ret_own_pid, &len) == 1 && *pids != '\n';)
        pids += len;
    return true;
}

static int open_in_root(pid_t pid, const char *path)
{
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW,
                                 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    char root_path[32];

    /* A first thread that has ended has no root. */
    snprintf(root_path, sizeof(root_path), "/proc/%d/root", (int)proc_memory_thread(pid));

    _cleanup_close_ int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static struct jit_copies_last *find_last(struct jit_copies *copies, pid_t pid)
{
    for (size_t i = 0; i < copies->last.count; i++)
        if (copies->last.items[i].pid == pid)
            return &copies->last.items[i];
    return NULL;
}

/* Most are only added to: each copy being half as long again, all together stay bounded. So do those of one that
 * is cut again and again. */
static bool is_due(const struct jit_copies_last *known, const struct stat *st, bool last)
{
    if (!known)
        return st->st_size > 0;
    if (st->st_size == known->size && st->st_mtim.tv_sec == known->changed.tv_sec &&
        st->st_mtim.tv_nsec == known->changed.tv_nsec)
        return false;
    if (st->st_size < known->size && (uint64_t)st->st_size >= known->copied_bytes / 2)
        return true;
    return last || st->st_size > known->size + known->size / 2;
}

/* KNOWN, of COPIES, is of PID. */
static struct seep_error *copy(struct jit_copies *copies, int case_fd,
                               struct jit_copies_last *known, int fd)
{
    _cleanup_buffer_ struct buffer text = {0};
    char chunk[1 << 16];
    ssize_t got;

    while (text.len < JIT_MAPS_MAX_BYTES && (got = read(fd, chunk, sizeof(chunk))) > 0)
        buffer_bytes(&text, chunk, (size_t)got);
    if (text.failed)
        return error_no_memory();
    if (text.len == 0 || text.len > JIT_COPIES_MAX_BYTES - copies->copied_bytes)
        return NULL;
    known->copied_bytes += text.len;
    copies->copied_bytes += text.len;
    return jit_maps_add(&copies->maps, case_fd, known->pid, units_monotonic_ns(), text.bytes,
                        text.len);
}

struct seep_error *jit_copies_look(struct jit_copies *copies, int case_fd, pid_t pid, bool last)
{
    unsigned long own_pid, user;
    struct seep_error *err = NULL;
    struct stat st;
    char path[48];

    if (!read_identity(pid, &own_pid, &user))
        return NULL;
    snprintf(path, sizeof(path), "tmp/perf-%lu.map", own_pid);

    _cleanup_close_ int fd = open_in_root(pid, path);
    struct jit_copies_last *known = find_last(copies, pid);

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != user ||
        !is_due(known, &st, last))
        return NULL;
    if (!known) {
        err = vector_push(&copies->last, (struct jit_copies_last){.pid = pid});
        known = err ? NULL : &copies->last.items[copies->last.count - 1];
    }
    if (!err)
        err = copy(copies, case_fd, known, fd);
    /* As many copies as there may be: enough is known of the code. */
    if (err && err->code == ERROR_FULL && err->errnum == 0) {
        error_destroy(err);
        err = NULL;
    }
    if (known) {
        known->size = st.st_size;
        known->changed = st.st_mtim;
    }
    return err;
}
