/*
 * What may have leaked: the outstanding allocations of a process, gathered by what they have in
 * common, and the growth of its regions that no allocation explains.
 *
 *     pieces      16 MiB by 25893   16 MiB by 25894   64 KiB by 9   72 KiB by 9   brk ...
 *     suspects   |96 mappings of 16 MiB by 8 threads| |14 of 64 to 192 KiB by 9| |the heap|
 *
 * Mappings are gathered by call path; those of paths that hold few, by culprit; where that is not known,
 * or holds few too, by size; those of sizes that hardly occur again, by thread; what is left, together.
 * It gathers figures and judges nothing: verdict.h does.
 */
#pragma once

#include "analyzer/path_births.h"
#include "analyzer/pieces.h"
#include "analyzer/shape.h"

enum suspect_kind {
    SUSPECT_MAPPINGS,     /* of one size */
    SUSPECT_MIXED,        /* of many sizes */
    SUSPECT_BLOCK,        /* one block that mremap grows */
    SUSPECT_COMMITS,      /* made usable within a reservation */
    SUSPECT_HEAP,         /* brk, or an arena: REGION tells */
    SUSPECT_STACKS,       /* of threads that live */
    SUSPECT_ORPHANS,      /* stacks of threads that are gone */
    SUSPECT_RESERVATIONS, /* PROT_NONE */
    SUSPECT_FILES,
    SUSPECT_RUNTIME,
    SUSPECT_OTHER,
    SUSPECT_HELD,    /* shared memory that nobody maps */
    SUSPECT_MAPPED,  /* growth of a region's mapped size without known allocations */
    SUSPECT_TOUCHED, /* growth of a region's resident size, what is mapped standing still */
};

/* What mappings were gathered by. */
enum suspect_by {
    SUSPECT_BY_KIND,
    SUSPECT_BY_PATH,
    SUSPECT_BY_CULPRIT,
    SUSPECT_BY_SIZE,
    SUSPECT_BY_THREAD
};

struct suspect_thread {
    pid_t tid;
    uint64_t count, bytes;
    uint64_t last_ns; /* of its last call */
};

struct suspect_path {
    uint32_t stack_id; /* 0: no path was recorded */
    uint64_t count, bytes;
};

struct suspect_range {
    size_t range;   /* index in the process's growth.ranges */
    uint64_t bytes; /* of the suspect in it */
};

#define SUSPECT_NET_UNKNOWN INT64_MIN

/* When one of them was made, and by whom. */
struct suspect_mark {
    uint64_t time_ns;
    pid_t tid;
};

VECTOR_TYPE(suspect_threads, struct suspect_thread);
VECTOR_TYPE(suspect_paths, struct suspect_path);
VECTOR_TYPE(suspect_ranges, struct suspect_range);

struct suspect {
    const struct history_process *process;
    enum suspect_kind kind;
    enum region region;
    uint64_t bytes, count;       /* outstanding */
    uint64_t resident_bytes;     /* an estimate; ANALYSIS_UNKNOWN */
    uint64_t unit_min, unit_max; /* sizes asked for */
    uint64_t calls, freed;       /* of the same kind, in the window; ANALYSIS_UNKNOWN */
    uint64_t first_ns, last_ns;  /* of those outstanding */
    uint64_t held_before_bytes;  /* SUSPECT_HELD: at the start already */
    int64_t net_bytes;           /* what the process, or the region, grew by in all */
    uint64_t start_ns, end_ns;   /* the window it is judged over */
    uint64_t despite;            /* SUSPECT_ORPHANS: mapped while others stood abandoned */
    enum suspect_by by;
    uint64_t key;     /* what it was gathered by: a path, a size, a tid + 1, 0 */
    uint32_t culprit; /* of call_paths.h, when it was gathered by that; else 0 */
    const char *pool; /* most of it came through what takes memory for many callers; NULL */
    bool has_events;  /* the ledger saw the process */
    bool looked_on;   /* looks after its process was let go show that the growth ended */
    bool has_births;
    bool has_deaths; /* births.died too */
    bool counted;    /* calls and freed are known by its births */
    enum births_kind births_kind;
    struct births_slots births;
    struct growth_points points;       /* by time */
    VECTOR(struct suspect_mark) marks; /* in no order */
    struct suspect_threads threads;    /* the most bytes first */
    struct suspect_paths paths;        /* by number */
    struct suspect_ranges ranges;      /* the most bytes first */
    VECTOR(char *) names;              /* SUSPECT_HELD: of some of them */
    struct shape shape;
};

VECTOR_TYPE(suspects, struct suspect);

/* A process with what the ledger says of it. */
struct correlate_process {
    const struct history_process *process;
    struct pieces pieces;
    struct path_births path_births;
    uint64_t start_ns, end_ns; /* its window */
    int64_t net_bytes;         /* growth of its accessible anonymous memory, or unknown */
};

struct correlation {
    struct suspects suspects;
    VECTOR(struct correlate_process) processes; /* those worth a judgement */
};

/* Gathers all that HISTORY and LEDGER, which must outlive it, have. PATHS: NULL, none. END_NS is the end
 * of the recording. */
struct seep_error *correlate(const struct history *history, const struct ledger *ledger,
                             const struct call_paths *paths, uint64_t end_ns,
                             struct correlation *ret_correlation);
void correlation_deinit(struct correlation *correlation);

/* One entry a path, by number. */
void correlate_merge_paths(struct suspect_paths *paths);
