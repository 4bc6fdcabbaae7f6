/*
 * How many allocations of each kind a process made, and when: those given back since too. And when
 * mappings of as many bytes were unmapped, whoever mapped them: enough to tell whether the number
 * of a size that stand rises or stays.
 *
 *     births_add(&births, BIRTHS_ANONYMOUS, 16781312, ev)       by size, by thread, by call path
 *     births_died(&births, 16781312, t)
 *     births_freed(&births, BIRTHS_ANONYMOUS, stack_id, t)      an allocation that came by that path
 *     births_of_size(&births, BIRTHS_ANONYMOUS, 16781312)       slots, or NULL: not kept
 *     births_of_thread(&births, BIRTHS_ANONYMOUS, tid)
 *
 * Bounded: of more than BIRTHS_MAX_KINDS sizes, or a few times as many threads or paths, the later ones
 * are not kept.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "analyzer/activity.h"
#include "analyzer/ledger.h"
#include "base/error.h"
#include "evidence/event.h"

enum births_kind {
    BIRTHS_ANONYMOUS, /* mmap, private or shared */
    BIRTHS_OBJECT,    /* mmap of a descriptor, shmat */
};

enum { BIRTHS_MAX_KINDS = 8192 };

struct births_entry;

/* All zeros is empty. */
struct births {
    struct births_entry *entries; /* a uthash table */
    uint64_t origin_ns;
    bool lost_paths; /* some paths are not kept */
};

/* Of what a group's calls mapped. */
static inline enum births_kind births_kind_of(const struct ledger_group *group)
{
    return group->backing == LEDGER_ANON || group->backing == LEDGER_ANON_SHARED ? BIRTHS_ANONYMOUS
                                                                                 : BIRTHS_OBJECT;
}

void births_deinit(struct births *births);

/* A call of EV's thread and path that mapped BYTES. */
struct seep_error *births_add(struct births *births, enum births_kind kind, uint64_t bytes,
                              const struct event *ev);

/* An munmap of BYTES. */
void births_died(struct births *births, uint64_t bytes, uint64_t time_ns);

/* What came by path STACK_ID was given back to its last byte. */
void births_freed(struct births *births, enum births_kind kind, uint32_t stack_id,
                  uint64_t time_ns);

struct births_slots {
    struct slots born;
    struct slots died; /* of a thread: none are counted */
};

const struct births_slots *births_of_size(const struct births *births, enum births_kind kind,
                                          uint64_t bytes);
const struct births_slots *births_of_thread(const struct births *births, enum births_kind kind,
                                            pid_t tid);

/* Calls VISIT for every path, in no order, until it returns false. */
void births_each_path(const struct births *births,
                      bool (*visit)(enum births_kind kind, uint32_t stack_id,
                                    const struct births_slots *slots, void *context),
                      void *context);
