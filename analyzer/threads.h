/*
 * The threads of a recording: whose they are, what they were called when, and which have exited.
 *
 *     threads_event(&threads, ledger, ev)        starts, names, exits
 *     threads_look(&threads, ledger, snap)       a rename by another thread shows in a look only
 *     threads_name_at(&threads, 25900, t)        "nioEventLoopGro"
 *
 * An id that is given again goes on with the names of the thread before, by their times. Bounded by what
 * lives or holds memory in the ledger: other exited threads are forgotten when there are many.
 */
#pragma once

#include <sys/types.h>

#include "analyzer/ledger.h"
#include "analyzer/thread_names.h"

struct threads_entry;
struct threads_process;

/* All zeros is empty. */
struct threads {
    struct threads_entry *entries;     /* a uthash table */
    struct threads_process *processes; /* those that have any, by pid */
    size_t limit;                      /* of entries, before a clean-up */
};

void threads_deinit(struct threads *threads);

/* EV: EVENT_THREAD_START, EVENT_THREAD_NAME or EVENT_THREAD_EXIT. */
struct seep_error *threads_event(struct threads *threads, const struct ledger *ledger,
                                 const struct event *ev);
struct seep_error *threads_look(struct threads *threads, const struct ledger *ledger,
                                const struct snapshot *snap);

/* NULL: not known. */
const char *threads_name_at(const struct threads *threads, pid_t tid, uint64_t time_ns);
bool threads_exited(const struct threads *threads, pid_t tid);

/* Calls VISIT for every thread of PID that is known, until it returns false. */
void threads_each(const struct threads *threads, pid_t pid, bool (*visit)(pid_t tid, void *context),
                  void *context);
