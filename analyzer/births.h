/*
 * How many allocations of each kind a process made, and when: those given back since too. And when
 * mappings of as many bytes were unmapped, whoever mapped them: enough to tell whether the number
 * of a size that stand rises or stays.
 *
 *     births_add(&births, BIRTHS_ANONYMOUS, 16781312, tid, t)   once per size, once per thread
 *     births_died(&births, 16781312, t)
 *     births_of_size(&births, BIRTHS_ANONYMOUS, 16781312)       slots, or NULL: not kept
 *     births_of_thread(&births, BIRTHS_ANONYMOUS, tid)
 *
 * Bounded: of more than BIRTHS_MAX_KINDS sizes or threads the later ones are not kept.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "analyzer/activity.h"
#include "base/error.h"

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
};

void births_deinit(struct births *births);

struct seep_error *births_add(struct births *births, enum births_kind kind, uint64_t bytes,
                              pid_t tid, uint64_t time_ns);

/* An munmap of BYTES. */
void births_died(struct births *births, uint64_t bytes, uint64_t time_ns);

struct births_slots {
    struct slots born;
    struct slots died; /* of a thread: none are counted */
};

const struct births_slots *births_of_size(const struct births *births, enum births_kind kind,
                                          uint64_t bytes);
const struct births_slots *births_of_thread(const struct births *births, enum births_kind kind,
                                            pid_t tid);
