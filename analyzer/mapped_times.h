/*
 * When what lies in each outstanding mapping was written, against when it was mapped.
 *
 *     mapped_times_create(ledger, wall_offset_ns, &times)
 *     mapped_times_add(times, pid, address, epoch_ns)          every time that was found
 *     mapped_times_each(times, visit, context)
 *         mmap 08:22:40, 81 times in it, 08:22:40 to 08:22:43
 *         mapped_times_sentence: "written within 30 s of being mapped, never since"
 *
 * It tells a leaked buffer, filled once and forgotten, from one that is in use.
 */
#pragma once

#include "analyzer/ledger.h"

enum { MAPPED_TIMES_SOON_S = 30, MAPPED_TIMES_EARLY_S = 2 };

/* What was found in what is left of one event's memory. */
struct mapped_time {
    const struct ledger_charge *charge;
    uint64_t mapped_ns;         /* wall clock */
    uint64_t count;             /* times in it */
    uint64_t first_ns, last_ns; /* of them */
    uint64_t before, soon;      /* from before it was mapped; within MAPPED_TIMES_SOON_S of it */
};

struct mapped_times;

/* The ledger must outlive RET_TIMES, unchanged. */
struct seep_error *mapped_times_create(const struct ledger *ledger, uint64_t wall_offset_ns,
                                       struct mapped_times **ret_times);
void mapped_times_destroy(struct mapped_times *times);
DEFINE_CLEANUP(struct mapped_times *, mapped_times_destroy);

/* A time in PID's memory; where nothing outstanding is mapped it is nobody's. */
void mapped_times_add(struct mapped_times *times, pid_t pid, uint64_t address, uint64_t epoch_ns);

/* Calls VISIT for the mappings that lie in PID's [start, end), even in part, and hold times, the
 * earliest first, until it returns false. */
struct seep_error *mapped_times_each(const struct mapped_times *times, pid_t pid, uint64_t start,
                                     uint64_t end,
                                     bool (*visit)(const struct mapped_time *time, void *context),
                                     void *context);

enum mapped_times_kind {
    MAPPED_TIMES_ONCE,  /* written soon after it was mapped, never since */
    MAPPED_TIMES_LATER, /* written later too */
    MAPPED_TIMES_OLDER, /* only times from before */
};
enum mapped_times_kind mapped_times_kind(const struct mapped_time *time);

/* In the local zone. RET_TEXT: the caller frees. */
struct seep_error *mapped_times_sentence(const struct mapped_time *time, char **ret_text);
