/*
 * A recording, from the first look to the last: what `seep run` and `seep trace` have in common.
 *
 *     main thread      signals, --for, --max-size, --max-slowdown, progress      decides when it ends
 *     tracer thread    ptrace_source -> event_queue                              never waits
 *     unwinders        stacks that the tracer copied -> call paths      see stack_pool.h
 *     writer thread    event_queue, call paths -> events
 *     snapper thread   /proc -> snapshots
 *
 *     session_record(&options, &session)    returns when the recording is over; the case is still
 *                                           in state recording, so that dumps can be added
 *     session_finish(session)               waits for a filtered program's last descendant
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/case.h"
#include "target/proc.h"

struct session_options {
    const char *case_path; /* NULL: EXE-PID-TIME.seep */
    /* What to record: processes that are there ... */
    const pid_t *pids;
    size_t pid_count;
    bool tree; /* and their descendants */
    /* ... or a program to start. */
    char *const *argv;
    const char *options_text; /* as the user gave them, for case.json */

    bool follow;
    uint64_t for_ns; /* 0: until it ends */
    uint64_t snap_every_ns;
    bool snap_every_named;
    uint64_t max_bytes;    /* of the case; 0: no bound */
    unsigned max_slowdown; /* percent of the time that the target may stand still */
    /* Call paths of what adds memory. */
    bool stacks;
    uint64_t stack_bytes;      /* copied of each stack at most */
    uint64_t stack_from_bytes; /* only for calls of this size and more */
    unsigned max_frames;
    bool show_progress; /* on standard error when that is a terminal */
    /* Told what the user should know while it happens: one sentence, without newline. */
    void (*say)(const char *text);
    /* Dumps PID, whose last thread is about to exit; see snapper.h. NULL: no dump at exit. */
    struct seep_error *(*dump)(void *context, int case_fd, pid_t pid);
    void *dump_context;
};

struct session;

struct session_result {
    struct case_dir *c;     /* the session's, until session_finish */
    enum case_state state;  /* to be saved: complete, or interrupted */
    const char *reason;     /* why it was interrupted or degraded; NULL */
    struct seep_error *err; /* what interrupted it; the session's; NULL */
    struct proc_pids alive; /* processes that were watched at the end and go on; the session's */
    int exec_errno;         /* the program could not be executed; 0 */
};

/* Fails when nothing could be recorded: then there is no session, and a program was not started. */
struct seep_error *session_record(const struct session_options *options,
                                  struct session **ret_session);

const struct session_result *session_result(const struct session *session);

/* Gives the signals back that would otherwise end a recording in order: nothing is left to be saved. Of
 * a program that is still served they are kept until session_finish all the same. */
void session_end_signals(struct session *session);

/* Serves a program's descendants until the last has ended, frees the session and its case. Returns
 * the wait status of the program; -1 for processes that were attached to. NULL is fine. */
int session_finish(struct session *session);
