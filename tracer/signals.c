#include "tracer/signals.h"

#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
/* Ignored, SIGCHLD would have the kernel reap our children before we do; SIGPIPE and SIGXFSZ would
 * kill seep for a failed write, which is an error to be told instead. */
static const int set_aside[] = {SIGTSTP, SIGTTOU, SIGPIPE, SIGXFSZ, SIGCHLD};

static void do_nothing(int signal)
{
    (void)signal;
}

static void set_action(int signal, void (*handler)(int))
{
    sigaction(signal, &(struct sigaction){.sa_handler = handler}, NULL);
}

void signals_take(struct signals *s, bool wait_stop)
{
    sigset_t blocked;

    sigemptyset(&s->ignored);
    sigemptyset(&s->waited);
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction old;

        if (sigaction(signal, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
            sigaddset(&s->ignored, signal);
    }
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (ends[i] == SIGHUP && sigismember(&s->ignored, SIGHUP))
            continue;
        sigaddset(&s->waited, ends[i]);
        set_action(ends[i], do_nothing);
    }
    for (size_t i = 0; i < ARRAY_SIZE(set_aside); i++)
        set_action(set_aside[i], set_aside[i] == SIGCHLD ? SIG_DFL : SIG_IGN);
    if (wait_stop && !sigismember(&s->ignored, SIGTSTP)) {
        sigaddset(&s->waited, SIGTSTP);
        set_action(SIGTSTP, do_nothing);
    }
    set_action(SIGUSR1, do_nothing);
    blocked = s->waited;
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &s->mask);
}

void signals_give_back(const struct signals *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(ends) + ARRAY_SIZE(set_aside); i++) {
        int signal = i < ARRAY_SIZE(ends) ? ends[i] : set_aside[i - ARRAY_SIZE(ends)];

        set_action(signal, sigismember(&s->ignored, signal) == 1 ? SIG_IGN : SIG_DFL);
    }
    pthread_sigmask(SIG_SETMASK, &s->mask, NULL);
}

int signals_wait(const struct signals *s, unsigned limit_ms, siginfo_t *ret_info)
{
    struct timespec limit = {.tv_sec = limit_ms / 1000,
                             .tv_nsec = (long)(limit_ms % 1000) * NS_PER_MS};
    int signal = sigtimedwait(&s->waited, ret_info, &limit);

    return signal > 0 ? signal : 0;
}

static time_t exit_allowed_s;

static void exit_at_once(int signal)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec >= exit_allowed_s)
        _exit(128 + signal);
}

void signals_allow_exit(void)
{
    struct timespec now;
    sigset_t set;

    clock_gettime(CLOCK_MONOTONIC, &now);
    exit_allowed_s = now.tv_sec + SIGNALS_PATIENCE_S;
    set_action(SIGTERM, exit_at_once);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
