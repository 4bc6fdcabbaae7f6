/*
 * How many points in time fall where, in memory that does not grow with them.
 *
 *     width 1 s   08:22:18 #####  08:22:19 ###  ...  (an outlier three weeks ago) #
 *
 *     time_histogram_add(&h, ns);  ...
 *     time_histogram_span(&h, &span);       the bulk: 08:22:18.220 to 08:29:13.004
 *     time_histogram_rows(&h, rows, 10);    ten equal parts of it
 *
 * Buckets are one second wide at first and exist where something fell; when there are too many they
 * double. Each remembers its first and last time exactly.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { TIME_HISTOGRAM_MAX_BUCKETS = 1 << 16 };

struct time_bucket;

struct time_histogram {
    struct time_bucket *buckets; /* uthash, by number */
    struct time_bucket *last;    /* the one added to last */
    unsigned shift;              /* a bucket is 1 s << shift wide */
    uint64_t count;
    uint64_t first_ns, last_ns; /* of all */
};

/* An empty one is all zeros. */
void time_histogram_deinit(struct time_histogram *h);

struct seep_error *time_histogram_add(struct time_histogram *h, uint64_t epoch_ns);

/* A stretch of time and how many fell into it. */
struct time_span {
    uint64_t first_ns, last_ns; /* both included */
    uint64_t count;
};

/* The bulk: the shortest stretch that holds 95 of 100, and what is no further from it than a
 * quarter of its length. All of it when nothing lies apart; count 0 when H is empty. */
struct seep_error *time_histogram_span(const struct time_histogram *h, struct time_span *ret_span);

/* Cuts SPAN into COUNT equal parts, and counts in each. Where buckets are wider than that, a bucket
 * counts where it began. */
void time_histogram_rows(const struct time_histogram *h, const struct time_span *span,
                         struct time_span *ret_rows, size_t count);
