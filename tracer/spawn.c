#include "tracer/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evidence/syscalls.h"
#include "target/tracee.h"

/* NULL where libseccomp refuses. */
static scmp_filter_ctx build_filter(bool no_new_privileges)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int failed = !filter;

    if (failed)
        return NULL;
#ifdef __x86_64__
    failed =
        seccomp_arch_add(filter, SCMP_ARCH_X86) < 0 || seccomp_arch_add(filter, SCMP_ARCH_X32) < 0;
#endif
    /* By default calls of any other ABI kill the caller. */
    failed = failed || seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW) < 0;
    failed = failed || seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, no_new_privileges) < 0;
    /* The filter guards nothing: no need for the mitigations that come with one. */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    for (size_t i = 0; i < syscalls_count && !failed; i++) {
        int number = seccomp_syscall_resolve_name(syscalls_table[i].name);

        if (number != __NR_SCMP_ERROR)
            failed = seccomp_rule_add(filter, SCMP_ACT_TRACE(0), number, 0) < 0;
    }
    if (failed) {
        seccomp_release(filter);
        return NULL;
    }
    return filter;
}

static bool loads(scmp_filter_ctx filter)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(seccomp_load(filter) < 0);
    return child > 0 && TEMP_FAILURE_RETRY(waitpid(child, &status, 0)) == child && status == 0;
}

/* A filter that the kernel takes. Without no_new_privs, which would disarm set-user-id programs,
 * where seep has CAP_SYS_ADMIN. NULL: none. */
static scmp_filter_ctx usable_filter(void)
{
    for (int no_new_privileges = 0; no_new_privileges < 2; no_new_privileges++) {
        scmp_filter_ctx filter = build_filter(no_new_privileges);

        if (filter && loads(filter))
            return filter;
        if (filter)
            seccomp_release(filter);
    }
    return NULL;
}

static void restore_oom_score(const char *value)
{
    _cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    /* It cannot always be lowered again; the program runs all the same. */
    if (fd >= 0 && write(fd, value, strlen(value)) < 0)
        errno = 0;
}

static void run_child(const struct spawn_options *options, scmp_filter_ctx filter, int start_fd,
                      int result_fd)
{
    char go;

    if (TEMP_FAILURE_RETRY(read(start_fd, &go, 1)) != 1)
        _exit(125);
    if (options->oom_score_adj)
        restore_oom_score(options->oom_score_adj);
    for (int signal = 1; signal < NSIG; signal++) {
        bool ignored = sigismember(options->ignored, signal) == 1;

        sigaction(signal, &(struct sigaction){.sa_handler = ignored ? SIG_IGN : SIG_DFL}, NULL);
    }
    sigprocmask(SIG_SETMASK, options->mask, NULL);
    if (filter && seccomp_load(filter) < 0)
        _exit(125);
    execvp(options->argv[0], options->argv);

    int errnum = errno;

    if (write(result_fd, &errnum, sizeof(errnum)) < 0)
        _exit(125);
    _exit(errnum == ENOENT ? 127 : 126);
}

struct seep_error *spawn_prepare(const struct spawn_options *options, struct spawned *ret_spawned)
{
    int start[2], result[2];
    scmp_filter_ctx filter;

    if (pipe2(start, O_CLOEXEC) < 0)
        return error_errno(errno, NULL, "cannot make a pipe");

    _cleanup_close_ int start_read = start[0], start_write = start[1];

    if (pipe2(result, O_CLOEXEC) < 0)
        return error_errno(errno, NULL, "cannot make a pipe");

    _cleanup_close_ int result_read = result[0], result_write = result[1];

    filter = options->follow ? usable_filter() : NULL;

    pid_t pid = fork();

    if (pid == 0) {
        close(start_write);
        close(result_read);
        run_child(options, filter, start_read, result_write);
    }

    struct spawned spawned = {.pid = pid, .filtered = filter != NULL};
    unsigned flags = (options->follow ? TRACEE_FOLLOW_FORKS : 0) |
                     (filter ? TRACEE_SECCOMP_STOPS | TRACEE_KILL_ON_EXIT : 0);

    if (filter)
        seccomp_release(filter);
    if (pid < 0)
        return error_errno(errno, NULL, "cannot fork");
    if (tracee_seize(pid, flags) != TRACEE_DONE) {
        int errnum = errno;

        kill(pid, SIGKILL);
        TEMP_FAILURE_RETRY(waitpid(pid, NULL, __WALL));
        return error_remedy(error_errno(errnum, NULL, "cannot trace the program started"),
                            "`seep check` says what this machine permits");
    }
    spawned.start_fd = take_fd(&start_write);
    spawned.result_fd = take_fd(&result_read);
    *ret_spawned = spawned;
    return NULL;
}

void spawn_start(struct spawned *spawned)
{
    /* A child that was killed meanwhile is seen by waitpid. */
    if (write(spawned->start_fd, "", 1) < 0)
        errno = 0;
    close(take_fd(&spawned->start_fd));
}

int spawn_result(struct spawned *spawned)
{
    int errnum = 0;

    if (TEMP_FAILURE_RETRY(read(spawned->result_fd, &errnum, sizeof(errnum))) != sizeof(errnum))
        errnum = 0;
    close(take_fd(&spawned->result_fd));
    return errnum;
}
