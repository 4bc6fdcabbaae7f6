/*
 * What the files of correlate.h share: correlate.c gathers allocations, correlate_kinds.c counts how
 * many of each kind there were, given back or not, correlate_regions.c the growth that none explains,
 * and shared memory that nobody maps. Nobody else includes this.
 */
#pragma once

#include <stdlib.h>

#include "analyzer/correlate.h"

struct suspect correlate_new_suspect(const struct correlate_process *c, enum suspect_kind kind,
                                     enum region region);

void correlate_suspect_deinit(struct suspect *suspect);

/* Hands SUSPECT on, or destroys it. */
struct seep_error *correlate_add_suspect(struct suspects *suspects, struct suspect *suspect);

/* The growth of P's regions that its allocations do not explain. */
struct seep_error *correlate_regions(const struct correlate_process *c, struct suspects *suspects);

/* What descriptors and ids hold of shared memory that no process maps. */
struct seep_error *correlate_held(struct correlation *correlation);

/* What the looks say of S after its process was let go, when they went on for at least as long as its
 * events: growth that came to an end there has ended, whatever its events had. */
struct seep_error *correlate_looks_after(struct suspect *s);

/* A piece with what it is gathered by. */
struct correlate_member {
    const struct piece *piece;
    const struct call_path *path; /* NULL: not known, or nobody is the culprit */
    enum suspect_kind kind;
    enum suspect_by by;
    uint64_t key; /* what BY says: a path, a culprit, a size, a tid + 1; a block */
};

/* The key of a path or culprit: anonymous mappings and others apart. */
static inline uint64_t correlate_path_key(uint32_t number, enum births_kind kind)
{
    return (uint64_t)number << 1 | kind;
}

/* The path of GROUP's calls, if it has a culprit. */
static inline const struct call_path *correlate_path_of(const struct call_paths *paths,
                                                        const struct ledger_group *group)
{
    const struct call_path *path = call_paths_get(paths, group->stack_id);

    return path && path->has_culprit ? path : NULL;
}

/* What is known of when those of the kind of S, made of the COUNT MEMBERS, were made and given back. */
struct seep_error *correlate_find_births(const struct correlate_process *c,
                                         const struct correlate_member *members, size_t count,
                                         struct suspect *s);

/* Fills calls and freed of what births did not tell. */
struct seep_error *correlate_count_calls(const struct ledger *ledger,
                                         const struct call_paths *paths, struct suspects *suspects);

/* Unknown with anything is unknown; never overflows into it. */
uint64_t correlate_sum(uint64_t a, uint64_t b);

/* LAST - FIRST, clamped; never SUSPECT_NET_UNKNOWN. */
int64_t correlate_difference(uint64_t last, uint64_t first);

int correlate_compare_points(const void *a, const void *b);

/* One entry a thread, one a range, the most bytes first. */
void correlate_merge_threads(struct suspect_threads *threads);
void correlate_merge_ranges(struct suspect_ranges *ranges);

/* qsort of a vector, which may be empty. */
#define correlate_sort(vector, compare)                                                            \
    do {                                                                                           \
        if ((vector)->count > 1)                                                                   \
            qsort((vector)->items, (vector)->count, sizeof(*(vector)->items), compare);            \
    } while (0)
