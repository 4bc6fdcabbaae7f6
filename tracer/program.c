#include "tracer/program.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 50, STOP_WAIT_MS = 100 };

void program_pass_on(pid_t pid, const siginfo_t *info)
{
    /* The terminal has told the whole foreground process group already. */
    if (info->si_code != SI_KERNEL || getpgid(pid) != getpgrp()) {
        kill(pid, info->si_signo);
        return;
    }
    if (info->si_signo != SIGTSTP)
        return;
    /* Its threads are to reach their stop, which this process has to serve, before it stops itself. */
    nanosleep(&(struct timespec){.tv_nsec = STOP_WAIT_MS * 1000 * 1000}, NULL);
    kill(getpid(), SIGSTOP);
}

bool program_has_ended(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

int program_await(pid_t pid, struct ptrace_source *source, const struct signals *signals)
{
    struct ptrace_source_stats stats;
    siginfo_t info;
    int status = -1;

    for (;;) {
        ptrace_source_stats(source, &stats);
        if (stats.tracees == 0)
            break;
        if (signals_wait(signals, POLL_MS, &info))
            program_pass_on(pid, &info);
    }
    if (stats.exit_status != -1)
        return stats.exit_status;
    while (waitpid(pid, &status, WNOHANG) == 0)
        if (signals_wait(signals, POLL_MS, &info))
            program_pass_on(pid, &info);
    return status;
}
