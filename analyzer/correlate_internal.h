/*
 * What the files of correlate.h share: correlate.c gathers allocations, correlate_regions.c the
 * growth that none explains, and shared memory that nobody maps. Nobody else includes this.
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
