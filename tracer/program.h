/*
 * The program that `seep run` started, seen from the main thread: its signals and its end.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "tracer/ptrace_source.h"
#include "tracer/signals.h"

/* Hands a signal that came to seep on to PID, unless the terminal has given it that one already. After
 * ^Z on the terminal seep stops too, once the program has, so that the shell takes over; fg continues
 * both. */
void program_pass_on(pid_t pid, const siginfo_t *info);

/* True when PID, which nobody traces any more, has ended; it is not reaped. */
bool program_has_ended(pid_t pid);

/* Passes signals on until SOURCE has served the last descendant of PID, and PID itself, if it was let
 * go of, has ended. Returns its wait status. */
int program_await(pid_t pid, struct ptrace_source *source, const struct signals *signals);
