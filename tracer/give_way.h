/*
 * Lets a tracee have the tracer's CPU the moment it is resumed.
 *
 *     tracer   stop, served ── resume ─┐      ┌── stop, served ── resume ─┐
 *     tracee                           └─runs─┘                           └─runs ...    one CPU, no sleep
 *
 * The kernel wakes a task on another CPU when that one is idle and its own is not: a stop then wakes two
 * sleeping CPUs, which takes ten times as long as the stop. A CPU on which only tasks of SCHED_IDLE run
 * counts as idle, and such a task gives way at once (sched_idle_cpu() and check_preempt_wakeup_fair() of
 * the kernel's fair.c): so the tracer is of that class while stops come fast.
 *
 * Beside other work it would hardly get its turn, and the tracee would stand still with it. A thread of
 * ordinary class looks every two milliseconds: if no stop was served meanwhile, or the tracer is kept from
 * a tracee that stands still, it gets its own class back, in the latter case for seconds.
 *
 * It is refused to a tracer of another policy or nice value than the usual, which is its user's choice,
 * and where the way back is not permitted (RLIMIT_NICE, CAP_SYS_NICE). The tracee's policy is not touched.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct give_way;

/* For the calling thread. NULL: it is refused, or there is no memory or thread for it. */
struct give_way *give_way_create(void);

/* The tracer has its own class again. NULL is fine. */
void give_way_destroy(struct give_way *g);

/* A stop of TID was found at NOW_NS and is about to be served; ON: it may give way. NULL is fine. */
void give_way_stop(struct give_way *g, pid_t tid, bool on, uint64_t now_ns);

/* Until the next stop the tracer has other things to do than to serve stops. NULL is fine. */
void give_way_pause(struct give_way *g);
