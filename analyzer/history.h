/*
 * What a replay tells besides the ledger: processes and threads, their lives and names, their work,
 * their regions from look to look, and their memory in all.
 *
 *     history_create(&ledger, runtime, &history);
 *     replay_case(fd, ledger, &(struct replay_observer){history_event, history_snapshot, history}, ...)
 *     for (p = history->processes.items ...) p->growth, p->births, p->places ...
 *
 * A process starts anew with exec. Bounded by what lives: what an exited process leaves that is too
 * little to judge is dropped at once.
 */
#pragma once

#include "analyzer/activity.h"
#include "analyzer/births.h"
#include "analyzer/flow.h"
#include "analyzer/frame_names.h"
#include "analyzer/growth.h"
#include "analyzer/held.h"
#include "analyzer/ledger.h"
#include "analyzer/places.h"
#include "analyzer/residence.h"
#include "analyzer/threads.h"
#include "evidence/case.h"

/* Of an exited process, what is not mapped from files and worth a judgement; when there are many
 * such processes. */
enum {
    HISTORY_MIN_BYTES = 64 << 10,
    HISTORY_MANY_MIN_BYTES = 1 << 20,
    HISTORY_MANY = 1000,
};

/* Calls whose return nobody saw are kept for geometry.h; more are only counted. */
enum { HISTORY_MAX_UNPLACED = 65536 };

enum { HISTORY_STALE_NS = 2000000000 };

struct history_pid;

/* What a log tells of a process. */
struct history_log {
    uint64_t first_ns, last_ns;
    bool whole; /* not only those calls that a search for mappings leaves */
};

struct history_process {
    pid_t pid, ppid;
    uint64_t start_ns;     /* of its image, or when it was first seen */
    uint64_t end_ns;       /* of its exit; 0: lived to the end */
    uint64_t exit_look_ns; /* the last look at it, when it had stopped to exit; 0: none */
    uint64_t detached_ns;
    uint64_t start_ticks;
    char *exe;
    bool started; /* in the window: nothing of it was there before */
    bool forked;
    bool execed;        /* its memory began empty */
    bool counted_first; /* its first RSS is part of the first total */
    bool retired;       /* too little to judge: its parts are empty */
    uint64_t events;
    VECTOR(struct event) unplaced; /* mmaps of anonymous memory without a known result */
    uint64_t unplaced_skipped;     /* and those beyond HISTORY_MAX_UNPLACED */
    uint64_t unmaps;               /* calls of munmap */
    VECTOR(struct ledger_range)
    first_map; /* of the look before the first event; if there was one */
    struct activity activity;
    struct births births;
    struct flow flow;
    struct places places;
    struct held held;
    struct growth growth;
    struct residence first_residence, residence; /* of imported looks */
    uint64_t first_look_ns, last_look_ns;        /* of these */
    uint64_t log_first_ns, log_last_ns; /* an imported log begins and ends; 0: it is a recording */
    VECTOR(struct history_log) logs;    /* by time */
    uint64_t log_gap_ns;                /* between these, in all */
    uint64_t rss_told_ns;               /* of the last look that told what is resident */
    bool imported;
    bool made_up;   /* the pid is a name that an import gave: nobody else knows it */
    bool log_whole; /* a munmap would be in its logs */
    /* of the last look; SNAPSHOT_UNKNOWN */
    uint64_t rss_bytes, pss_bytes, virtual_bytes;
    uint64_t cgroup_limit_bytes, cgroup_used_bytes, rlimit_as_bytes;
    uint64_t memory_total_bytes, memory_available_bytes;
    uint64_t counted_rss_bytes, counted_virtual_bytes; /* its part of the totals */
};

/* All processes together. */
struct history_memory {
    uint64_t rss_first_bytes, rss_last_bytes, virtual_first_bytes, virtual_last_bytes;
    uint64_t spacing_ns;
    VECTOR(struct growth_sample) rss; /* thinned out when there are too many */
};

struct history {
    const struct ledger *ledger;
    const char *runtime;
    bool imported; /* looks are few: what each says of residence is kept */
    VECTOR(struct history_process *) processes; /* in order of appearance */
    size_t ended;                               /* of them, and not retired */
    size_t retired;                             /* dropped when there are many */
    bool worked;                                /* some event was recorded */
    struct history_pid *pids;                   /* a uthash table */
    struct threads threads;
    struct history_process *last; /* the one asked for last */
    struct history_memory memory;
    struct frame_uses uses;                      /* of call paths */
    uint64_t live_rss_bytes, live_virtual_bytes; /* of the processes that live */
    uint64_t first_ns, last_ns;
    uint64_t first_event_ns, last_event_ns;
    uint64_t page_bytes;
};

struct seep_error *history_create(const struct ledger *ledger, const char *runtime,
                                  uint64_t page_bytes, struct history **ret_history);
void history_destroy(struct history *history);
DEFINE_CLEANUP(struct history *, history_destroy);

/* For replay_observer. */
struct seep_error *history_event(void *history, const struct event *ev);
struct seep_error *history_snapshot(void *history, const struct snapshot *snap);

/* Of imported looks the last one does not tell what is resident, and the one that did is older by more
 * than what one look takes: what ranges have of it was that of others. In a recording looks are near to
 * each other. */
static inline bool history_rss_is_stale(const struct history_process *p)
{
    return p->imported && p->rss_told_ns && !p->growth.rss_told &&
           p->growth.last_ns > p->rss_told_ns + HISTORY_STALE_NS;
}

/* The process PID that was seen last, or NULL. */
struct history_process *history_find(const struct history *history, pid_t pid);

/* A call of mmap that was in P's UNPLACED, now with its result: see geometry.h. */
struct seep_error *history_placed(struct history *history, struct history_process *p,
                                  const struct event *ev);

/* The end of imported evidence: that a log ends is no sign that nothing was called any more, as the end
 * of a recording would be. C tells of when its logs are; each process is judged by its own. */
struct seep_error *history_end_logs(struct history *history, const struct case_dir *c);

/* For ledger_on_freed: when what came by which call path was given back. */
void history_freed(const struct ledger_charge *charge, uint64_t time_ns, void *history);

/* The name that thread TID had at TIME_NS (UINT64_MAX: its last), NULL when it is not known; and whether
 * it was seen to exit. */
const char *history_thread_name_at(const struct history *history, pid_t tid, uint64_t time_ns);
bool history_thread_exited(const struct history *history, pid_t tid);

/* Calls VISIT for every thread of PID that is known. */
void history_each_thread(const struct history *history, pid_t pid,
                         bool (*visit)(pid_t tid, void *context), void *context);
