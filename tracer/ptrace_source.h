/*
 * The ptrace event source: seizes processes, or starts one, and turns their stops into events.
 *
 *     create -> attach(pid)... | spawn(argv) -> begin -> next, next, ... END -> destroy
 *
 *     waitpid --> classify --> dispatch --> [event] --> resume       all in one thread, nothing
 * blocks between a stop and its resume A spawned process is filtered by seccomp where that can be
 * had: only the rows of the syscall table stop. All calls but those marked "any thread" belong to
 * one thread, which must not have other children. Signals are delivered as they come, group-stops
 * are kept.
 *
 * It does not know what was mapped before: the `base` hook is told when a process can be looked at.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/event_source.h"
#include "evidence/snapshot.h"
#include "tracer/capture.h"

struct ptrace_hooks {
    /* PID stands still with an address space to start from (START, EXEC, FORK) or to compare with
     * (END); ALL_STOPPED false: some thread could not be stopped in time. It waits: be quick. */
    void (*base)(void *context, pid_t pid, enum snapshot_reason reason, bool all_stopped);
    /* The last thread of PID is about to exit and its memory is still there. True: it is kept so
     * until ptrace_source_release(TID). */
    bool (*last_exit)(void *context, pid_t pid, pid_t tid);
    void *context;
};

struct ptrace_source;

struct ptrace_source_options {
    bool follow; /* trace children of fork and vfork */
    struct capture_options capture;
    struct ptrace_hooks hooks;
};

struct seep_error *ptrace_source_create(const struct ptrace_source_options *options,
                                        struct ptrace_source **ret_source);
/* Frees what it holds; the kernel lets go of tracees that are left when the thread ends. */
void ptrace_source_destroy(struct ptrace_source *source);

/* Seizes every thread of PID. A refusal says what stands in the way and its remedy. */
struct seep_error *ptrace_source_attach(struct ptrace_source *source, pid_t pid);

/* Takes in PID, a child of this thread that was seized by spawn.h and waits for its exec. FILTERED:
 * by seccomp, so that only the wanted calls stop and it cannot be let go of. */
struct seep_error *ptrace_source_adopt(struct ptrace_source *source, pid_t pid, bool filtered);

/* Stops all attached threads, has the base hook look, and lets them run. */
struct seep_error *ptrace_source_begin(struct ptrace_source *source);

/* The source's events; END when it was told to detach and has, or when no tracee is left. */
struct seep_error *ptrace_source_next(struct ptrace_source *source, struct event *ret_ev,
                                      enum event_source_step *ret_step);

/* The stack of the event that was delivered last, the caller's to release; NULL: none was taken. */
struct capture *ptrace_source_take_capture(struct ptrace_source *source);

/* After END: goes on serving what could not be let go of (a filtered child and its descendants; a
 * thread that does not stop) until it has ended. */
void ptrace_source_serve(struct ptrace_source *source);

/* --- any thread --- */

enum ptrace_ending {
    PTRACE_ENDING_NONE,
    PTRACE_ENDING_QUIET,  /* record no more, but serve the stops (a filtered child) */
    PTRACE_ENDING_DETACH, /* let go of all */
};

void ptrace_source_end(struct ptrace_source *source, enum ptrace_ending how);

/* Lets the thread kept by the last_exit hook go. */
void ptrace_source_release(struct ptrace_source *source, pid_t tid);

struct ptrace_source_stats {
    uint64_t stops;       /* served so far */
    uint64_t busy_ns;     /* spent on tracees that stood still meanwhile */
    uint64_t switches_ns; /* of context, from and to them */
    uint64_t tracees;     /* now */
    int exit_status;      /* wait status of the adopted process; -1: still running */
};
void ptrace_source_stats(struct ptrace_source *source, struct ptrace_source_stats *ret_stats);
