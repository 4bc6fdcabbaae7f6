/*
 * The snapshot thread of a recording: looks at every watched process at the start, at intervals and
 * at its end, and writes what it saw to the case.
 *
 *     tracer --snapper_base(maps of a stopped process)-->  queue --> snapshots
 *            --snapper_exit(pid, tid)------------------->  full snapshot, dump --> released(tid)
 *     clock  ------------------------------------------->  full snapshot of each process
 *
 * Reading smaps holds the target's mmap lock: full snapshots are spaced so that reading them takes at
 * most 1% of the time, with maps alone in between; an interval that the user named is kept. Early
 * snapshots come at a quarter of a second, a half, one, two ...: a short program has a history too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/snapshot.h"

struct snapper;

struct snapper_options {
    int case_fd;
    uint64_t every_ns;
    bool every_named; /* by the user: kept even where it costs more than 1% */
    /* Memory of PID still there, its last thread about to exit; on the snapshot thread. NULL: none. */
    struct seep_error *(*dump)(void *context, int case_fd, pid_t pid);
    void *dump_context;
    /* The thread kept for snapper_exit may go. */
    void (*released)(void *context, pid_t tid);
    void *context;
};

struct seep_error *snapper_create(const struct snapper_options *options,
                                  struct snapper **ret_snapper);
/* Ends the thread after all that is queued has been written. */
void snapper_destroy(struct snapper *snapper);

/* PID is to be looked at, NOW or after the first interval, and from then on; or no more. */
void snapper_watch(struct snapper *snapper, pid_t pid, uint64_t start_ticks, bool now);
void snapper_forget(struct snapper *snapper, pid_t pid);

/* Reads the maps of a stopped process here and now; they are written later. DEPTH full reads smaps. */
void snapper_base(struct snapper *snapper, pid_t pid, enum snapshot_reason reason, bool all_stopped,
                  bool full);

/* Queues a full snapshot of a process that is kept at its exit; options.released follows. */
void snapper_exit(struct snapper *snapper, pid_t pid, pid_t tid);

/* A full snapshot of every process now, for REASON; waits until it is written, at most LIMIT_NS. */
void snapper_all(struct snapper *snapper, enum snapshot_reason reason, uint64_t limit_ns);

/* Looks at nothing any more, and waits until what is queued has been written, at most LIMIT_NS. */
void snapper_stop(struct snapper *snapper, uint64_t limit_ns);

struct snapper_stats {
    uint64_t snapshots, written_bytes;
    uint64_t watched;    /* processes alive */
    uint64_t rss_bytes;  /* of the first of them at the last look; 0 unknown */
    uint64_t reading_ns; /* spent on maps and smaps */
    uint64_t longest_ns; /* one reading */
    bool spaced_out;     /* full snapshots come less often than asked for */
};
void snapper_stats(struct snapper *snapper, struct snapper_stats *ret_stats);

/* The first error of writing or dumping; the caller's. NULL: none. */
struct seep_error *snapper_take_error(struct snapper *snapper);
