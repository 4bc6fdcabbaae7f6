/*
 * What stands in the way of tracing a process, and what to do about it.
 *
 *     EPERM from PTRACE_SEIZE   ->   "already traced by strace (pid 4711)"
 *                                    "Yama's ptrace_scope is 1: only descendants may be traced" ...
 *
 * The kernel gives one errno for all of it; this reads /proc to tell the reasons apart, as the
 * checks of __ptrace_may_access() and the Yama module are ordered. It cannot see the rules of other
 * security modules (SELinux, AppArmor): those are named as a possibility when nothing else explains
 * it.
 */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "base/error.h"

/* NULL, or why PID need not even be tried: no such process, a zombie, a kernel thread, a thread of
 * another process, seep itself, another tracer. */
struct seep_error *obstacle_before_attach(pid_t pid);

/* Why seizing PID failed with ERRNUM. Never NULL. */
struct seep_error *obstacle_explain(pid_t pid, int errnum);

/* Prints what this machine permits, one fact a line. Returns the number of obstacles, as the next. */
int obstacle_check_machine(FILE *out);

/* Attaches to PID, lets go at once, and prints how that went. */
int obstacle_check_process(pid_t pid, FILE *out);
