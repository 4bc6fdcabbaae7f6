#include "stacks/symbols_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/io.h"
#include "base/units.h"
#include "stacks/debug_fetch.h"
#include "stacks/symbols_module.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { OUT_FD = 3 };

static const uint64_t memory_bytes = UINT64_C(4) << 30;

static void limit(__rlimit_resource_t resource, uint64_t most)
{
    struct rlimit now;

    if (getrlimit(resource, &now) != 0)
        return;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
        most = now.rlim_max;
    if (now.rlim_cur != RLIM_INFINITY && now.rlim_cur < most)
        most = now.rlim_cur;
    setrlimit(resource, &(struct rlimit){most, most});
}

/* What seep has mapped already counts too, since the child began as its copy. */
static uint64_t mapped_bytes(void)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_error_ struct seep_error *err =
        io_read_file(AT_FDCWD, "/proc/self/statm", 4096, &text);

    return err || !text.len ? 0 : strtoull(text.bytes, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void set_limits(uint64_t deadline_ns)
{
    uint64_t now = units_monotonic_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    /* A sanitizer's shadow is larger than any limit. */
    if (!SANITIZED)
        limit(RLIMIT_AS, mapped_bytes() + memory_bytes);
    limit(RLIMIT_CPU, left / NS_PER_S + 2);
    limit(RLIMIT_CORE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

    /* When memory is short, the kernel takes the child rather than anything else. */
    if (fd >= 0) {
        if (write(fd, "1000", 4) != 4)
            errno = 0;
        close(fd);
    }
}

/* Signals as after an exec, but for what exec keeps: nothing is ignored. */
static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Leaves OUT_FD and three that lead nowhere. */
static bool set_descriptors(int out_fd)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(out_fd, OUT_FD) < 0)
        return false;
    for (int fd = 0; fd < OUT_FD; fd++)
        if (dup2(null, fd) < 0)
            return false;
    fcntl(OUT_FD, F_SETFD, FD_CLOEXEC);
    closefrom(OUT_FD + 1);
    return true;
}

_Noreturn static void run(const struct symbols_work *work, int out_fd, pid_t parent)
{
    reset_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || !set_descriptors(out_fd))
        _exit(1);
    set_limits(work->deadline_ns);

    struct seep_error *err = symbols_child_work(work, OUT_FD);

    _exit(err ? 1 : 0);
}

struct seep_error *symbols_child_start(const struct symbols_work *work, pid_t *ret_pid, int *ret_fd)
{
    pid_t self = getpid(), pid;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(errno, NULL, "cannot make a pipe");
    pid = fork();
    if (pid == 0)
        run(work, ends[1], self);
    close(ends[1]);
    if (pid < 0) {
        int errnum = errno;

        close(ends[0]);
        return error_errno(errnum, NULL, "cannot start a process to read symbols");
    }
    *ret_pid = pid;
    *ret_fd = ends[0];
    return NULL;
}

struct seep_error *symbols_child_work(const struct symbols_work *work, int out_fd)
{
    struct symbols_module_output out = {.fd = out_fd};
    _cleanup_(debug_fetch_destroyp) struct debug_fetch *fetch =
        debug_fetch_wanted() ? debug_fetch_create(work->deadline_ns, symbols_module_waiting, &out)
                             : NULL;
    struct seep_error *err = NULL;

    for (enum symbols_task_state pass = SYMBOLS_TASK_READ; pass < SYMBOLS_TASK_DONE; pass++) {
        for (size_t i = 0; !err && i < work->count; i++) {
            struct symbols_task *task = &work->tasks[i];
            const struct symbols_module_query query = {
                .module = task->module,
                .offsets = task->offsets,
                .count = task->count,
                .debug_dirs = work->debug_dirs,
                .recorded_ns = work->recorded_ns,
                .fetch = pass == SYMBOLS_TASK_FETCH ? fetch : NULL,
            };
            bool wanting = false;

            if (task->state != pass)
                continue;
            symbols_wire_number(&out.bytes, SYMBOLS_WIRE_BEGIN, i);
            err = symbols_module_flush(&out);
            if (!err)
                err = symbols_module_resolve(&query, &out, &wanting);
            wanting = wanting && fetch && pass == SYMBOLS_TASK_READ;
            task->state = wanting ? SYMBOLS_TASK_FETCH : SYMBOLS_TASK_DONE;
            symbols_wire_number(&out.bytes, SYMBOLS_WIRE_END, wanting);
            if (!err)
                err = symbols_module_flush(&out);
        }
    }
    buffer_deinit(&out.bytes);
    return err;
}
