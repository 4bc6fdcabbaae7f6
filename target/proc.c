#include "target/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/io.h"
#include "base/units.h"
#include "evidence/proc_text.h"

enum {
    PATH_BYTES = 64 + NAME_MAX,
    SMALL_BYTES = 4096,            /* stat, comm: one read gets all of it */
    COMMAND_MAX_BYTES = 128 << 10, /* a process can make its cmdline as long as it likes */
    READ_MAX_BYTES = 1 << 30,
};

/* Why PATH, below the directory of TASK ("/proc/1/task/2"), could not be had. The kernel says
 * ENOENT for a process that ended before the open and ESRCH for one that ended before the read. */
static struct seep_error *failure(const char *task, pid_t id, const char *path, int errnum)
{
    struct seep_error *err;

    if (errnum == ESRCH || (errnum == ENOENT && access(task, F_OK) < 0)) {
        char process[PATH_BYTES];

        if (access("/proc/self/stat", F_OK) < 0)
            return error_remedy(error_create(ERROR_UNSUPPORTED, "/proc is not mounted"),
                                "mount -t proc proc /proc");
        snprintf(process, sizeof(process), "/proc/%d", id);
        if (errnum == ESRCH || id <= 0 || access(process, F_OK) == 0 ||
            (kill(id, 0) < 0 && errno != EPERM))
            return error_remedy(
                error_create(ERROR_GONE, "there is no process %d, or no more", id),
                "it may have ended or been started anew under another pid: see pgrep or ps -e");
        err = error_create(ERROR_DENIED, "process %d is hidden by the hidepid option of /proc", id);
        return error_remedy(err, "run seep as root or as the owner of process %d", id);
    }
    err = error_errno(errnum, path, "cannot read %s", path);
    if (err->code == ERROR_DENIED)
        error_remedy(err, "run seep as root or as the owner of process %d", id);
    return err;
}

/* TID 0: the process itself. */
struct task_path {
    pid_t id;
    char task[PATH_BYTES];
    char path[PATH_BYTES * 2];
};

static void task_path(struct task_path *p, pid_t pid, pid_t tid, const char *name)
{
    p->id = tid ? tid : pid;
    if (tid)
        snprintf(p->task, sizeof(p->task), "/proc/%d/task/%d", pid, tid);
    else
        snprintf(p->task, sizeof(p->task), "/proc/%d", pid);
    snprintf(p->path, sizeof(p->path), "%s/%s", p->task, name);
}

/* At most SIZE - 1 bytes and a NUL. */
static struct seep_error *read_small(pid_t pid, pid_t tid, const char *name, char *text,
                                     size_t size, size_t *ret_len)
{
    struct task_path p;
    size_t len = 0;

    task_path(&p, pid, tid, name);

    _cleanup_close_ int fd = open(p.path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return failure(p.task, p.id, p.path, errno);
    while (len + 1 < size) {
        ssize_t got = TEMP_FAILURE_RETRY(read(fd, text + len, size - 1 - len));

        if (got < 0)
            return failure(p.task, p.id, p.path, errno);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    text[len] = '\0';
    *ret_len = len;
    return NULL;
}

struct seep_error *proc_thread_stat(pid_t pid, pid_t tid, struct proc_stat *ret_stat)
{
    struct proc_text_stat stat;
    char text[SMALL_BYTES];
    size_t len;
    struct seep_error *err = read_small(pid, tid, "stat", text, sizeof(text), &len);

    if (err)
        return err;
    if (!proc_text_stat(text, len, &stat))
        return error_create(ERROR_CORRUPT, "cannot understand the stat file of process %d",
                            tid ? tid : pid);
    *ret_stat = (struct proc_stat){
        .pid = stat.pid,
        .ppid = stat.ppid,
        .pgrp = stat.pgrp,
        .session = stat.session,
        .state = stat.state,
        .flags = stat.flags,
        .start_ticks = stat.start_ticks,
        .cpu_ns =
            (stat.user_ticks + stat.system_ticks) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK)),
        .processor = stat.processor,
        .thread_count = stat.thread_count,
    };
    snprintf(ret_stat->comm, sizeof(ret_stat->comm), "%.16s", stat.comm);
    return NULL;
}

struct seep_error *proc_stat(pid_t pid, struct proc_stat *ret_stat)
{
    return proc_thread_stat(pid, 0, ret_stat);
}

struct seep_error *proc_status_number(pid_t pid, const char *field, uint64_t *ret_number)
{
    char text[SMALL_BYTES * 2];
    size_t len;
    struct seep_error *err = read_small(pid, 0, "status", text, sizeof(text), &len);

    if (err)
        return err;
    if (!proc_text_number(text, len, field, ret_number))
        return error_create(ERROR_NOT_FOUND, "/proc/%d/status has no number %s", pid, field);
    return NULL;
}

struct seep_error *proc_thread_group(pid_t tid, pid_t *ret_pid)
{
    uint64_t pid;
    struct seep_error *err = proc_status_number(tid, "Tgid", &pid);

    if (!err)
        *ret_pid = (pid_t)pid;
    return err;
}

struct seep_error *proc_thread_name(pid_t pid, pid_t tid, char *ret_name)
{
    char text[SMALL_BYTES];
    size_t len;
    struct seep_error *err = read_small(pid, tid, "comm", text, sizeof(text), &len);

    if (err)
        return err;
    /* The kernel adds one newline; any other is the name's. */
    if (len && text[len - 1] == '\n')
        text[--len] = '\0';
    snprintf(ret_name, 17, "%.16s", text);
    return NULL;
}

static int compare_pids(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

    return (left > right) - (left < right);
}

/* Appends the names of DIR_PATH that are numbers. */
static struct seep_error *list_numbers(const char *dir_path, const char *task, pid_t id,
                                       struct proc_pids *ret_pids)
{
    struct seep_error *err = NULL;
    size_t before = ret_pids->count;
    DIR *dir = opendir(dir_path);

    if (!dir)
        return failure(task, id, dir_path, errno);
    for (struct dirent *entry; !err && (errno = 0, entry = readdir(dir));) {
        size_t at = 0, len = strlen(entry->d_name);
        uint64_t number;

        if (proc_text_digits(entry->d_name, len, &at, &number) && at == len && number <= INT_MAX)
            err = vector_push(ret_pids, (pid_t)number);
    }
    if (!err && errno)
        err = failure(task, id, dir_path, errno);
    closedir(dir);
    if (err)
        ret_pids->count = before;
    return err;
}

struct seep_error *proc_threads(pid_t pid, struct proc_pids *ret_tids)
{
    struct task_path p;
    size_t before = ret_tids->count;

    task_path(&p, pid, 0, "task");

    struct seep_error *err = list_numbers(p.path, p.task, pid, ret_tids);

    if (err)
        return err;
    if (ret_tids->count == before)
        return failure(p.task, pid, p.path, ESRCH);
    qsort(ret_tids->items + before, ret_tids->count - before, sizeof(pid_t), compare_pids);
    return NULL;
}

static bool has_memory(pid_t tid)
{
    char path[64], byte;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);

    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && read(fd, &byte, 1) == 1;
}

pid_t proc_memory_thread(pid_t pid)
{
    _cleanup_(proc_pids_deinit) struct proc_pids tids = {0};

    if (has_memory(pid))
        return pid;
    error_destroy(proc_threads(pid, &tids));
    for (size_t i = 0; i < tids.count; i++)
        if (has_memory(tids.items[i]))
            return tids.items[i];
    return pid;
}

struct child {
    pid_t ppid, pid;
};

static int compare_children(const void *a, const void *b)
{
    const struct child *left = a, *right = b;

    if (left->ppid != right->ppid)
        return left->ppid < right->ppid ? -1 : 1;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

/* Appends the children of PARENT from the sorted CHILDREN. */
static struct seep_error *append_children(const struct child *children, size_t count, pid_t parent,
                                          struct proc_pids *pids)
{
    size_t low = 0, high = count;
    struct seep_error *err = NULL;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (children[middle].ppid < parent)
            low = middle + 1;
        else
            high = middle;
    }
    for (; !err && low < count && children[low].ppid == parent; low++)
        err = vector_push(pids, children[low].pid);
    return err;
}

struct seep_error *proc_descendants(pid_t pid, struct proc_pids *ret_pids)
{
    VECTOR(struct child) children = {0};
    struct proc_pids all = {0};
    struct proc_stat stat;
    size_t before = ret_pids->count;
    struct seep_error *err = proc_stat(pid, &stat);

    if (!err)
        err = list_numbers("/proc", "/proc", 0, &all);
    for (size_t i = 0; !err && i < all.count; i++) {
        err = proc_stat(all.items[i], &stat);
        if (!err)
            err = vector_push(&children, (struct child){stat.ppid, stat.pid});
        else if (err->code == ERROR_GONE || err->code == ERROR_DENIED) {
            error_destroy(err);
            err = NULL;
        }
    }
    if (!err && children.count) {
        qsort(children.items, children.count, sizeof(*children.items), compare_children);
        err = append_children(children.items, children.count, pid, ret_pids);
    }
    /* A pid that was reused while /proc was read can make its own ancestor its child: stop then. */
    for (size_t i = before; !err && i < ret_pids->count && ret_pids->count - before <= all.count;
         i++)
        err = append_children(children.items, children.count, ret_pids->items[i], ret_pids);
    if (err)
        ret_pids->count = before;
    vector_deinit(&children);
    vector_deinit(&all);
    return err;
}

/* "[comm]", for what has no executable: a kernel thread or a zombie. */
static struct seep_error *bracketed_name(pid_t pid, char **ret_name)
{
    struct proc_stat stat;
    struct seep_error *err = proc_stat(pid, &stat);
    char *name;

    if (err)
        return err;
    if (asprintf(&name, "[%s]", stat.comm) < 0)
        return error_no_memory();
    *ret_name = name;
    return NULL;
}

struct seep_error *proc_exe(pid_t pid, char **ret_path)
{
    struct task_path p;
    char target[PATH_MAX];

    task_path(&p, pid, 0, "exe");

    ssize_t len = readlink(p.path, target, sizeof(target));

    if (len < 0) {
        int errnum = errno;

        if (errnum == ENOENT && access(p.task, F_OK) == 0)
            return bracketed_name(pid, ret_path);
        return failure(p.task, pid, p.path, errnum);
    }

    char *path = strndup(target, (size_t)len);

    if (!path)
        return error_no_memory();
    *ret_path = path;
    return NULL;
}

struct seep_error *proc_command(pid_t pid, char **ret_command)
{
    _cleanup_free_ char *text = malloc(COMMAND_MAX_BYTES);
    size_t len = 0;

    if (!text)
        return error_no_memory();

    struct seep_error *err = read_small(pid, 0, "cmdline", text, COMMAND_MAX_BYTES, &len);

    if (err)
        return err;
    while (len && text[len - 1] == '\0')
        len--;
    if (len == 0) {
        free(take_ptr(text));
        err = bracketed_name(pid, &text);
        if (err)
            return err;
        len = strlen(text);
    }
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0')
            text[i] = ' ';

    char *command = escape_text(text, len);

    if (!command)
        return error_no_memory();
    *ret_command = command;
    return NULL;
}

struct seep_error *proc_read(pid_t pid, const char *name, struct buffer *ret_text)
{
    struct task_path p;

    task_path(&p, pid, 0, name);

    _cleanup_close_ int fd = open(p.path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return failure(p.task, pid, p.path, errno);

    struct seep_error *err = io_read_fd(fd, READ_MAX_BYTES, ret_text);

    if (err && err->code != ERROR_NO_MEMORY && err->errnum) {
        int errnum = err->errnum;

        error_destroy(err);
        return failure(p.task, pid, p.path, errnum);
    }
    return error_prefix(err, "%s", p.path);
}
