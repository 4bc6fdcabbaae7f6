/*
 * The signals of a recording: what ends it is waited for instead of killing seep, and ^Z is refused,
 * since a stopped seep would leave the target standing at its next stop.
 *
 * SIGINT, SIGTERM and SIGQUIT end a recording even when they were ignored at the start (a script's
 * background job); a SIGHUP ignored at the start (nohup) stays ignored.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum { SIGNALS_PATIENCE_S = 3 };

struct signals {
    sigset_t mask;    /* as it was: a program that is started gets it back */
    sigset_t ignored; /* what was ignored, likewise */
    sigset_t waited;
};

/* For this thread and those that it starts; SIGUSR1 is blocked with a handler that does nothing. WAIT_STOP:
 * ^Z is waited for as well instead of being refused. */
void signals_take(struct signals *s, bool wait_stop);
void signals_give_back(const struct signals *s);

/* Waits up to LIMIT_MS for a signal that ends the recording; its number, or 0. */
int signals_wait(const struct signals *s, unsigned limit_ms, siginfo_t *ret_info);

/* The recording is ending: from SIGNALS_PATIENCE_S on SIGTERM ends seep at once, should that hang (a process
 * that serves a file system can be stopped, or its disk be gone). The kernel lets go of whom it traced. */
void signals_allow_exit(void);
