#include "tracer/program.h"

#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 50 };

void program_pass_on(pid_t pid, const siginfo_t *info)
{
    /* The terminal has told the whole foreground process group already. */
    if (info->si_code == SI_KERNEL && getpgid(pid) == getpgrp())
        return;
    kill(pid, info->si_signo);
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
