/*
 * ^C, and what else asks a command to end, as a flag that the command looks at in its own time.
 *
 *     stop_on_signals();
 *     while (!stop_requested) ...
 *
 * SIGINT and SIGTERM count even when they were ignored at the start (a script's background job); a
 * SIGHUP ignored at the start (nohup) stays ignored. For commands that hold no tracee: those have
 * tracer/signals.h.
 */
#pragma once

#include <signal.h>
#include <stdint.h>

extern volatile sig_atomic_t stop_requested; /* the signal's number; 0: none came */

void stop_on_signals(void);

/* Sleeps for NS, or until a signal asks to stop. */
void stop_sleep(uint64_t ns);
