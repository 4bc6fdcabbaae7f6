#include "cmd/stop.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/units.h"

volatile sig_atomic_t stop_requested;

static void request(int signal)
{
    stop_requested = signal;
}

void stop_on_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};

    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        struct sigaction old;

        if (signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
            continue;
        sigaction(signals[i], &(struct sigaction){.sa_handler = request}, NULL);
    }
}

void stop_sleep(uint64_t ns)
{
    uint64_t end_ns = units_monotonic_ns() + ns;
    struct timespec end = {.tv_sec = (time_t)(end_ns / NS_PER_S),
                           .tv_nsec = (long)(end_ns % NS_PER_S)};

    while (!stop_requested && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
        ;
}
