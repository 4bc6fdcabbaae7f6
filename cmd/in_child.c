#include "cmd/in_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cmd/stop.h"

static const int asking[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};

/* The parent decides: at a terminal ^C comes to both. */
__attribute__((noreturn)) static void be_child(int (*work)(void *context), void *context,
                                               pid_t parent, const sigset_t *mask)
{
    for (size_t i = 0; i < ARRAY_SIZE(asking); i++)
        signal(asking[i], SIG_IGN);
    sigprocmask(SIG_SETMASK, mask, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before that */
        _exit(EXIT_FAILURE);
    exit(work(context));
}

/* Until the child has closed its end of the pipe, or somebody asks us to stop. */
static void wait_for(pid_t child, int pipe_fd, const sigset_t *mask)
{
    struct pollfd end = {.fd = pipe_fd};

    while (!stop_requested && ppoll(&end, 1, NULL, mask) < 0 && errno == EINTR)
        ;
    if (stop_requested)
        kill(child, SIGKILL);
}

struct seep_error *in_child(int (*work)(void *context), void *context, int *ret_status)
{
    _cleanup_close_ int read_end = -1;
    pid_t child, self = getpid();
    sigset_t blocked, mask;
    int ends[2], status = 0;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(errno, NULL, "cannot make a pipe");
    read_end = ends[0];
    fflush(NULL);
    sigemptyset(&blocked);
    for (size_t i = 0; i < ARRAY_SIZE(asking); i++)
        sigaddset(&blocked, asking[i]);
    sigprocmask(SIG_BLOCK, &blocked, &mask);
    for (size_t i = 0; i < ARRAY_SIZE(asking); i++)
        sigdelset(&mask, asking[i]);
    stop_on_signals();
    child = fork();
    if (child == 0)
        be_child(work, context, self, &mask);
    close(ends[1]);
    if (child < 0)
        return error_errno(errno, NULL, "cannot make a process");
    wait_for(child, read_end, &mask);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (stop_requested)
        return error_create(ERROR_INVALID, "it was ended by SIG%s", sigabbrev_np(stop_requested));
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));

        return error_remedy(error_create(ERROR_SYSTEM, "it was killed by SIG%s", name ? name : "?"),
                            WTERMSIG(status) == SIGKILL ? "the kernel does so for want of memory"
                                                        : "please report this");
    }
    *ret_status = WEXITSTATUS(status);
    return NULL;
}
