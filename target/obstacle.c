#include "target/obstacle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/io.h"
#include "base/units.h"
#include "target/proc.h"

enum { KERNEL_THREAD = 0x00200000 /* PF_KTHREAD, include/linux/sched.h */ };

struct identity {
    uint64_t real_uid, real_gid, tracer, seccomp, no_new_privileges;
    uint64_t effective_capabilities;
};

static void read_identity(pid_t pid, struct identity *ret)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_error_ struct seep_error *err = proc_read(pid, "status", &text);

    *ret = (struct identity){0};
    if (err)
        return;

    const struct {
        const char *field;
        uint64_t *number;
        int base;
    } fields[] = {
        {"\nUid:", &ret->real_uid, 10},
        {"\nGid:", &ret->real_gid, 10},
        {"\nTracerPid:", &ret->tracer, 10},
        {"\nSeccomp:", &ret->seccomp, 10},
        {"\nNoNewPrivs:", &ret->no_new_privileges, 10},
        {"\nCapEff:", &ret->effective_capabilities, 16},
    };

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const char *at = strstr(text.bytes, fields[i].field);

        if (at)
            *fields[i].number = strtoull(at + strlen(fields[i].field), NULL, fields[i].base);
    }
}

static bool has_capability(const struct identity *who, int capability)
{
    return who->effective_capabilities >> capability & 1;
}

/* -1: there is no such file. */
static int read_setting(const char *path)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_error_ struct seep_error *err = io_read_file(AT_FDCWD, path, 4096, &text);

    return err ? -1 : atoi(text.bytes);
}

static char *name_of(pid_t pid)
{
    struct proc_stat stat;
    _cleanup_error_ struct seep_error *err = proc_stat(pid, &stat);

    return err ? strdup("?") : escape_text(stat.comm, strlen(stat.comm));
}

static struct seep_error *traced_by(pid_t pid, pid_t tracer)
{
    _cleanup_free_ char *name = name_of(tracer);

    if (tracer == getpid())
        return error_create(ERROR_INVALID, "process %d is traced by this seep already", (int)pid);
    return error_remedy(
        error_create(ERROR_DENIED, "process %d is already traced by %s (pid %d)", (int)pid,
                     name ? name : "?", (int)tracer),
        "a process has one tracer at a time: end that one, or watch by snapshots with `seep snap`");
}

struct seep_error *obstacle_before_attach(pid_t pid)
{
    struct proc_stat stat;
    struct identity target;
    pid_t group;
    struct seep_error *err;

    if (pid == getpid())
        return error_create(ERROR_INVALID, "seep cannot trace itself");
    err = proc_thread_group(pid, &group);
    if (!err)
        err = proc_stat(pid, &stat);
    if (err && (err->code == ERROR_GONE || err->code == ERROR_NOT_FOUND)) {
        error_destroy(err);
        return error_remedy(error_create(ERROR_NOT_FOUND, "there is no process %d", (int)pid),
                            "see `ps -e`; in a container, use the pid that this side sees");
    }
    if (err)
        return err;
    if (group != pid)
        return error_remedy(
            error_create(ERROR_INVALID, "%d is a thread of process %d", (int)pid, (int)group),
            "name the process: -p %d", (int)group);
    if (stat.flags & KERNEL_THREAD)
        return error_create(ERROR_INVALID,
                            "process %d is a kernel thread, which has no memory of its own",
                            (int)pid);
    if (stat.state == 'Z' && stat.thread_count <= 1)
        return error_create(ERROR_GONE, "process %d is a zombie: its memory is gone already",
                            (int)pid);
    read_identity(pid, &target);
    return target.tracer ? traced_by(pid, (pid_t)target.tracer) : NULL;
}

static bool ptrace_works_at_all(void)
{
    pid_t child = fork();
    int status = 0;

    if (child < 0)
        return true;
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }

    bool works = ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;

    kill(child, SIGKILL);
    waitpid(child, &status, __WALL);
    return works;
}

struct seep_error *obstacle_explain(pid_t pid, int errnum)
{
    struct seep_error *err = obstacle_before_attach(pid);
    struct identity target, self;
    int yama = read_setting("/proc/sys/kernel/yama/ptrace_scope");

    if (err)
        return err;
    read_identity(pid, &target);
    read_identity(getpid(), &self);

    bool capable = has_capability(&self, CAP_SYS_PTRACE);

    if (!ptrace_works_at_all())
        return error_remedy(error_create(ERROR_DENIED,
                                         "ptrace is forbidden here, even of one's own child: a "
                                         "seccomp filter, most likely a container's"),
                            "run seep outside the container, or start the container with "
                            "--cap-add=SYS_PTRACE --security-opt seccomp=unconfined");
    if (yama == 3)
        return error_remedy(
            error_create(ERROR_DENIED, "Yama's ptrace_scope is 3: nothing may be traced"),
            "it can only be changed by a reboot with kernel.yama.ptrace_scope below 3");
    if (yama == 2 && !capable)
        return error_remedy(
            error_create(ERROR_DENIED, "Yama's ptrace_scope is 2: only root may trace"),
            "run seep as root");
    if (!capable && getuid() != target.real_uid)
        return error_remedy(error_create(ERROR_DENIED,
                                         "process %d belongs to another user (uid %" PRIu64 ")",
                                         (int)pid, target.real_uid),
                            "run seep as root or as that user");
    if (!capable && yama == 1)
        return error_remedy(error_create(ERROR_DENIED,
                                         "Yama's ptrace_scope is 1: only a process's own "
                                         "descendants may be traced"),
                            "run seep as root, or `sysctl kernel.yama.ptrace_scope=0`, or start "
                            "the program with `seep run`");
    if (!capable && (target.effective_capabilities & ~self.effective_capabilities))
        return error_remedy(
            error_create(ERROR_DENIED, "process %d has capabilities that seep has not", (int)pid),
            "run seep as root");
    if (!capable)
        return error_remedy(error_create(ERROR_DENIED,
                                         "process %d is not dumpable (a set-user-id program, or "
                                         "one that called prctl(PR_SET_DUMPABLE))",
                                         (int)pid),
                            "run seep as root (it needs CAP_SYS_PTRACE)");
    return error_remedy(error_errno(errnum, NULL, "cannot trace process %d", (int)pid),
                        "a security module (SELinux, AppArmor) or a user namespace that this "
                        "seep has no rights in may forbid it: see the kernel's log");
}

int obstacle_check_machine(FILE *out)
{
    struct identity self;
    int yama = read_setting("/proc/sys/kernel/yama/ptrace_scope");
    bool works = ptrace_works_at_all();

    read_identity(getpid(), &self);

    bool capable = has_capability(&self, CAP_SYS_PTRACE);

    fprintf(out, "user              uid %d, CAP_SYS_PTRACE %s, CAP_SYS_ADMIN %s\n", (int)getuid(),
            capable ? "yes" : "no", has_capability(&self, CAP_SYS_ADMIN) ? "yes" : "no");
    fprintf(out, "ptrace            %s\n", works ? "works" : "forbidden by a seccomp filter");
    if (yama < 0)
        fprintf(out, "Yama              not there: a process of the same user may be traced\n");
    else
        fprintf(out, "Yama              ptrace_scope %d: %s\n", yama,
                yama == 0   ? "a process of the same user may be traced"
                : yama == 1 ? "only descendants, unless CAP_SYS_PTRACE"
                : yama == 2 ? "only with CAP_SYS_PTRACE"
                            : "nothing may be traced");
    fprintf(out, "seccomp filter    %s\n",
            prctl(PR_GET_SECCOMP) >= 0 ? "available to seep run" : "not in this kernel");
    fprintf(out, "process memory    /proc/PID/mem and process_vm_readv need the same rights as "
                 "ptrace\n");
    fprintf(out,
            "an attach         interrupts each thread once at the start and once at the end; a "
            "thread asleep in\n"
            "                  epoll_wait, semop, nanosleep of old kernels and the other calls "
            "that signal(7)\n"
            "                  lists may see EINTR; each system call of the target then stops "
            "twice\n");
    return !works || yama == 3 || (yama == 2 && !capable);
}

int obstacle_check_process(pid_t pid, FILE *out)
{
    struct seep_error *err = obstacle_before_attach(pid);
    pid_t tid = proc_memory_thread(pid);

    if (!err && ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
        err = obstacle_explain(pid, errno);
    else if (!err) {
        int status;

        ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
        if (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status))
            ptrace(PTRACE_DETACH, tid, NULL,
                   status >> 16 == 0 ? (void *)(intptr_t)WSTOPSIG(status) : NULL);
    }
    if (err)
        fprintf(out, "process %-9d cannot be traced: %s%s%s\n", (int)pid, err->message,
                err->remedy ? ". To do: " : "", err->remedy ? err->remedy : "");
    else
        fprintf(out, "process %-9d can be traced\n", (int)pid);

    int obstacles = err != NULL;

    error_destroy(err);
    return obstacles;
}
