/*
 * Keeps the tracer on the CPU its tracee runs on.
 *
 * A stop on another CPU wakes that CPU from sleep: tens of microseconds. On the same CPU it is a
 * context switch. The tracer moves only when its tracees have been elsewhere for a while, and goes
 * back to where it was allowed to run when it is done. There is one tracer in a process.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct follow_cpu {
    cpu_set_t allowed; /* as the tracer found itself */
    int cpu;           /* where it is pinned; -1: nowhere */
    int elsewhere;     /* where the last samples were, and how many of them */
    unsigned samples;
    unsigned stops; /* until the next sample */
    uint64_t looked_ns;
};

void follow_cpu_init(struct follow_cpu *f);
void follow_cpu_deinit(struct follow_cpu *f);

/* To be called at each stop of a tracee, which was AWAY_NS since it was resumed; looks every 100th time.
 * CLOSE: moves as soon as it sees the tracee elsewhere, and looks when it was away for so long that it may
 * be. */
void follow_cpu_stop(struct follow_cpu *f, pid_t pid, pid_t tid, bool close, uint64_t away_ns,
                     uint64_t now_ns);

/* To be called now and then by seep's other busy threads: keeps the caller off the tracer's CPU, where it
 * would take the tracer's turn, and with it the tracee's. */
void follow_cpu_stay_off(void);
