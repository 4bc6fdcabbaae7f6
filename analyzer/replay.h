/*
 * Runs a recorded case through the ledger: events in kernel order, snapshots in between.
 *
 *     events     --e--e----e-e---e--e-->     order.h
 *     snapshots  S        P       P    X     S, exec, fork rebase; periodic, exit and end compare
 *
 * A snapshot is compared when every event that had returned before its reading ended has been
 * applied; ranges touched by a call that overlaps the reading, also by one that returns later, are
 * left to the next one. A comparison is complete, and counts, when the books were certain: a base
 * was read, nothing was lost since, and no call of unknown outcome overlaps. Other snapshots correct
 * the books silently. One without a single mapping (it may not be read) is no comparison at all.
 */
#pragma once

#include "analyzer/ledger.h"
#include "evidence/event_source.h"
#include "evidence/stack_table.h"

struct replay_result {
    uint64_t events;            /* delivered to the ledger */
    uint64_t lost_events;       /* as the trace says */
    uint64_t first_ns, last_ns; /* of events and snapshots; 0: none */
    uint64_t snapshots;
    uint64_t unexplained_bytes; /* sum over processes of each one's last complete comparison */
    uint64_t unexplained_max;   /* the largest such sum seen on the way */
    uint64_t comparisons;       /* complete ones */
    bool compared;              /* at least one comparison took place */
    bool cut;                   /* a file ended inside a block */
};

/* Told of everything in replay order, after the ledger; any may be NULL. */
struct replay_observer {
    struct seep_error *(*on_event)(void *context, const struct event *ev);
    struct seep_error *(*on_snapshot)(void *context, const struct snapshot *snap);
    void *context;
};

/* CASE_FD: the case directory. Missing `events` (snapshots only) is not an error. OBSERVER: NULL
 * for none. STACKS gets the call paths that events name; NULL: not wanted. */
struct seep_error *replay_case(int case_fd, struct ledger *ledger,
                               const struct replay_observer *observer, struct stack_table *stacks,
                               struct replay_result *ret_result);

/* The same from anywhere. */
struct replay_input {
    struct event_source *events; /* NULL: none */
    /* In the order of end_ns; RET_SNAP is the replay's to snapshot_deinit. NULL: none. */
    struct seep_error *(*next_snapshot)(void *context, struct snapshot *ret_snap, bool *ret_more);
    void *context;
};

struct seep_error *replay_run(const struct replay_input *input, struct ledger *ledger,
                              const struct replay_observer *observer,
                              struct replay_result *ret_result);
