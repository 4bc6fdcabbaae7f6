#include "target/take.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/io.h"
#include "base/units.h"
#include "base/vector.h"
#include "evidence/proc_text.h"
#include "target/cgroup.h"
#include "target/held.h"
#include "target/proc.h"

enum {
    SMALL_MAX_BYTES = 1 << 20,
    TABLE_MAX_BYTES = 2 << 20,
    /* The smaps of some 300,000 regions: whoever has more is read without smaps. */
    MAPS_MAX_BYTES = 256 << 20,
    TASKS_MAX = 8192,                /* about 25 us each */
    KERNEL_THREAD_FLAG = 0x00200000, /* PF_KTHREAD in include/linux/sched.h */
};

/* A section before the buffer has come to rest. */
struct piece {
    const char *name;
    size_t offset, len;
};

struct builder {
    pid_t pid;
    int dir_fd; /* /proc/PID, so that a reused pid is never read for the old one */
    int mm_fd;  /* the same, or a thread that still has the memory when the first one has ended */
    bool has_stat;
    struct proc_text_stat stat;
    struct buffer text;
    VECTOR(struct piece) pieces;
};

static void builder_deinit(struct builder *b)
{
    if (b->mm_fd >= 0 && b->mm_fd != b->dir_fd)
        close(b->mm_fd);
    if (b->dir_fd >= 0)
        close(b->dir_fd);
    buffer_deinit(&b->text);
    vector_deinit(&b->pieces);
}

/* Makes a section of what was appended to the text from START on; nothing when that is nothing. */
static struct seep_error *end_piece(struct builder *b, const char *name, size_t start)
{
    size_t len = b->text.len - start;

    if (!b->text.failed && len == 0)
        return NULL;
    buffer_u8(&b->text, 0);
    if (b->text.failed)
        return error_no_memory();
    return vector_push(&b->pieces, (struct piece){name, start, len});
}

/* Adds the file PATH as section NAME; what cannot be read is left out, and told in RET_ERRNUM. */
static struct seep_error *add_file(struct builder *b, int dir_fd, const char *path,
                                   const char *name, size_t max_bytes, int *ret_errnum)
{
    size_t start = b->text.len;
    struct seep_error *err = io_read_file(dir_fd, path, max_bytes, &b->text);

    if (err && err->code == ERROR_NO_MEMORY)
        return err;
    if (ret_errnum)
        *ret_errnum = !err ? 0 : err->errnum ? err->errnum : EFBIG;
    error_destroy(err);
    return end_piece(b, name, start);
}

/* --- the memory map --- */

/* In a process whose first thread has ended, the others keep the memory: /proc/PID shows none. */
static int open_living_thread(const struct builder *b)
{
    struct proc_pids tids = {0};
    int fd = -1;

    error_destroy(proc_threads(b->pid, &tids));
    for (size_t i = 0; i < tids.count && fd < 0; i++) {
        struct proc_stat stat;
        char path[64];
        struct seep_error *err = proc_thread_stat(b->pid, tids.items[i], &stat);

        snprintf(path, sizeof(path), "task/%d", tids.items[i]);
        if (!err && stat.state != 'Z' && stat.state != 'X')
            fd = openat(b->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        error_destroy(err);
    }
    vector_deinit(&tids);
    return fd;
}

/* Why the memory map may not be read: ptrace(2), "Ptrace access mode checking". */
static struct seep_error *denied(const struct builder *b)
{
    struct seep_error *err =
        error_create(ERROR_DENIED, "the memory map of process %d may not be read", b->pid);
    uint64_t uid;
    struct stat owner;
    _cleanup_error_ struct seep_error *unknown = proc_status_number(b->pid, "Uid", &uid);

    if (geteuid() == 0)
        return error_remedy(err,
                            "it has capabilities that seep lacks, or seep lacks CAP_SYS_PTRACE "
                            "over it: run seep outside of the container, or with --cap-add "
                            "SYS_PTRACE");
    if (!unknown && uid == geteuid() && fstatat(b->dir_fd, "maps", &owner, 0) == 0 &&
        owner.st_uid != uid)
        return error_remedy(err, "it made itself undumpable or changed its user: run seep as root");
    if (!unknown && uid != geteuid())
        return error_remedy(err, "it belongs to user %" PRIu64 ": run seep as that user or as root",
                            uid);
    return error_remedy(err, "run seep as root");
}

/* Why there is no memory map to be read. */
static struct seep_error *without_memory(const struct builder *b)
{
    if (!b->has_stat)
        return error_create(ERROR_GONE, "there is no process %d, or no more", b->pid);

    _cleanup_free_ char *name = escape_text(b->stat.comm, strlen(b->stat.comm));

    if (b->stat.flags & KERNEL_THREAD_FLAG)
        return error_remedy(error_create(ERROR_UNSUPPORTED, "process %d (%s) is a kernel thread",
                                         b->pid, name ? name : "?"),
                            "kernel threads have no memory map; /proc/meminfo and slabtop(1) show "
                            "the kernel's own memory");
    if (b->stat.state == 'Z' || b->stat.state == 'X')
        return error_remedy(error_create(ERROR_GONE, "process %d (%s) has ended: it is a zombie",
                                         b->pid, name ? name : "?"),
                            "its memory is gone; only its parent, process %d, can clear it away",
                            b->stat.ppid);
    return error_create(ERROR_GONE, "process %d (%s) is just ending", b->pid, name ? name : "?");
}

/* Its memory went while it was read: the text ends at any line, like a whole one (m_start in
 * fs/proc/task_mmu.c). */
static bool has_lost_memory(const struct builder *b)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct seep_error *err = io_read_file(b->mm_fd, "statm", TABLE_MAX_BYTES, &text);
    bool lost = err || text.len < 2 || (text.bytes[0] == '0' && text.bytes[1] == ' ');

    error_destroy(err);
    return lost;
}

static struct seep_error *add_maps(struct builder *b, enum take_depth *depth, struct taken *taken)
{
    struct seep_error *err = NULL;
    size_t before = b->pieces.count;
    int errnum = 0;

    taken->record.begin_ns = units_monotonic_ns();
    if (*depth == TAKE_FULL)
        err = add_file(b, b->mm_fd, "smaps", "smaps", MAPS_MAX_BYTES, &errnum);
    if (!err && b->pieces.count == before) {
        *depth = *depth == TAKE_FULL ? TAKE_LIGHT : *depth;
        err = add_file(b, b->mm_fd, "maps", "maps", MAPS_MAX_BYTES, &errnum);
    }
    taken->record.end_ns = units_monotonic_ns();
    taken->smaps_ns = taken->record.end_ns - taken->record.begin_ns;
    if (!err && b->pieces.count > before && has_lost_memory(b))
        return without_memory(b);
    if (err || b->pieces.count > before)
        return err;
    if (errnum == EACCES || errnum == EPERM)
        return denied(b);
    if (errnum == EFBIG)
        return error_create(ERROR_UNSUPPORTED, "the memory map of process %d is longer than %d MiB",
                            b->pid, MAPS_MAX_BYTES >> 20);
    if (errnum && errnum != ESRCH && errnum != ENOENT)
        return error_errno(errnum, NULL, "cannot read the memory map of process %d", b->pid);
    return without_memory(b);
}

/* --- the tables --- */

/* Reads the small file TID/NAME below TASK_DIR; its length, or -1. */
static ssize_t read_task_file(int task_dir, const char *tid, const char *name, char *text,
                              size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/%s", tid, name);

    _cleanup_close_ int fd = openat(task_dir, path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -1 : TEMP_FAILURE_RETRY(read(fd, text, size));
}

/* "TID STATE CPU_NS SWITCHES NAME": see docs/FORMAT.md. */
static void append_task(int task_dir, const char *tid, struct buffer *out)
{
    char text[1024];
    struct proc_text_stat stat;
    uint64_t cpu_ns, switches, number;
    ssize_t len = read_task_file(task_dir, tid, "stat", text, sizeof(text));
    size_t at = 0;

    if (len <= 0 || !proc_text_stat(text, (size_t)len, &stat))
        return;
    cpu_ns = (stat.user_ticks + stat.system_ticks) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
    /* schedstat: time on the CPU, time waiting for it, times put on it. */
    len = read_task_file(task_dir, tid, "schedstat", text, sizeof(text));
    buffer_printf(out, "%s %c ", tid, stat.state);
    if (len > 0 && proc_text_digits(text, (size_t)len, &at, &number) && ++at < (size_t)len &&
        proc_text_digits(text, (size_t)len, &at, &switches) && ++at < (size_t)len &&
        proc_text_digits(text, (size_t)len, &at, &switches))
        buffer_printf(out, "%" PRIu64 " %" PRIu64 " ", number > cpu_ns ? number : cpu_ns, switches);
    else
        buffer_printf(out, "%" PRIu64 " - ", cpu_ns);
    proc_text_escape(out, stat.comm, strlen(stat.comm));
    buffer_u8(out, '\n');
}

static struct seep_error *add_tasks(struct builder *b)
{
    size_t start = b->text.len;
    uint64_t seen = 0;
    int fd = openat(b->dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && seen++ < TASKS_MAX)
            append_task(fd, entry->d_name, &b->text);
    closedir(dir);
    if (seen > TASKS_MAX)
        buffer_printf(&b->text, "skipped %" PRIu64 "\n", seen - TASKS_MAX);
    return end_piece(b, "tasks", start);
}

/* /proc/sysvipc shows the reader's IPC namespace. */
static bool same_ipc_namespace(const struct builder *b)
{
    struct stat own, its;

    return stat("/proc/self/ns/ipc", &own) == 0 && fstatat(b->dir_fd, "ns/ipc", &its, 0) == 0 &&
           own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

static struct seep_error *add_held(struct builder *b)
{
    _cleanup_buffer_ struct buffer sysv = {0};
    size_t start = b->text.len;
    int fd_dir = openat(b->mm_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd_dir >= 0)
        held_append_descriptors(fd_dir, &b->text);
    if (same_ipc_namespace(b)) {
        error_destroy(io_read_file(AT_FDCWD, "/proc/sysvipc/shm", TABLE_MAX_BYTES, &sysv));
        held_append_sysv(sysv.bytes, sysv.len, b->pid, &b->text);
    }
    return end_piece(b, "held", start);
}

static struct seep_error *add_cgroup_memory(struct builder *b)
{
    _cleanup_buffer_ struct buffer cgroup = {0}, mounts = {0}, stat = {0};
    size_t start = b->text.len;

    error_destroy(io_read_file(b->dir_fd, "cgroup", SMALL_MAX_BYTES, &cgroup));
    error_destroy(io_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &mounts));

    struct seep_error *err =
        cgroup_read_memory(cgroup.bytes, cgroup.len, mounts.bytes, mounts.len, &b->text, &stat);

    if (!err)
        err = end_piece(b, "cgroup_memory", start);
    start = b->text.len;
    buffer_bytes(&b->text, stat.bytes, stat.len);
    return err ? err : end_piece(b, "memory.stat", start);
}

static struct seep_error *add_thp(struct builder *b)
{
    static const char *const settings[] = {"enabled", "defrag", "shmem_enabled"};
    size_t start = b->text.len;

    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        _cleanup_buffer_ struct buffer text = {0};
        char path[80];

        snprintf(path, sizeof(path), "/sys/kernel/mm/transparent_hugepage/%s", settings[i]);

        _cleanup_error_ struct seep_error *err = io_read_file(AT_FDCWD, path, 4096, &text);

        if (!err)
            buffer_printf(&b->text, "%s %s", settings[i], text.bytes);
    }
    return end_piece(b, "thp", start);
}

/* All but the map itself. */
static struct seep_error *add_rest(struct builder *b)
{
    static const char *const files[] = {"limits", "cgroup", "io", "schedstat"};
    struct seep_error *err = add_file(b, b->mm_fd, "status", "status", SMALL_MAX_BYTES, NULL);

    for (size_t i = 0; !err && i < ARRAY_SIZE(files); i++)
        err = add_file(b, b->dir_fd, files[i], files[i], SMALL_MAX_BYTES, NULL);
    if (!err)
        err = add_file(b, AT_FDCWD, "/proc/meminfo", "meminfo", SMALL_MAX_BYTES, NULL);
    if (!err)
        err = add_cgroup_memory(b);
    if (!err)
        err = add_thp(b);
    if (!err)
        err = add_tasks(b);
    if (!err)
        err = add_held(b);
    return err;
}

static struct seep_error *build(struct builder *b, enum take_depth *depth, struct taken *taken)
{
    struct seep_error *err = add_file(b, b->dir_fd, "stat", "stat", SMALL_MAX_BYTES, NULL);

    b->has_stat = b->pieces.count && proc_text_stat(b->text.bytes, b->text.len, &b->stat);
    if (!err && b->has_stat && (b->stat.state == 'Z' || b->stat.state == 'X')) {
        int fd = open_living_thread(b);

        b->mm_fd = fd >= 0 ? fd : b->dir_fd;
    }
    if (!err)
        err = add_maps(b, depth, taken);
    if (!err && *depth == TAKE_FULL) {
        uint64_t begin_ns = units_monotonic_ns();

        err = add_file(b, b->mm_fd, "smaps_rollup", "smaps_rollup", SMALL_MAX_BYTES, NULL);
        taken->smaps_ns += units_monotonic_ns() - begin_ns;
    }
    if (!err && *depth != TAKE_MAPS)
        err = add_rest(b);
    return err;
}

struct seep_error *take_snapshot(pid_t pid, enum snapshot_reason reason, enum take_depth depth,
                                 struct taken *ret_taken)
{
    _cleanup_(builder_deinit) struct builder b = {.pid = pid, .dir_fd = -1, .mm_fd = -1};
    struct taken taken = {.record = {.pid = pid, .reason = reason}};
    struct proc_stat stat;
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d", pid);
    b.dir_fd = b.mm_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b.dir_fd < 0)
        /* Says which it is: gone, hidden, or no /proc at all. */
        return proc_stat(pid, &stat) ?: error_create(ERROR_GONE, "there was no process %d", pid);

    struct seep_error *err = build(&b, &depth, &taken);

    for (size_t i = 0; !err && i < b.pieces.count; i++) {
        const struct piece *piece = &b.pieces.items[i];

        err = snapshot_record_add(&taken.record, piece->name, b.text.bytes + piece->offset,
                                  piece->len);
    }
    if (err) {
        snapshot_record_deinit(&taken.record);
        return err;
    }
    taken.record.start_ticks = b.has_stat ? b.stat.start_ticks : 0;
    taken.depth = depth;
    taken.text = b.text;
    b.text = (struct buffer){0};
    *ret_taken = taken;
    return NULL;
}

void taken_deinit(struct taken *taken)
{
    snapshot_record_deinit(&taken->record);
    buffer_deinit(&taken->text);
}
