/*
 * Strings as a consumer of a pass over memory (content/scan.h): what one scanner would find that
 * reads everything from the beginning, found on all cores.
 *
 *     stretch     |..........p-------------------------------|
 *     look         dropped   |strings of a scanner begun at the stretch's first byte
 *     merge    -------------->the scanner that comes from the stretch before
 *
 *     struct strings_sink *sinks[] = {&lines.sink, &templates.sink};
 *     strings_pass_init(&pass, &options, sinks, 2);    ... scan_run with &pass.consumer ...
 *     strings_pass_deinit(&pass);
 *
 * P is the first place where nothing is open in the scanner that began afresh. When nothing is in
 * the other one either, the two are alike from there on: what look found from P on holds, and its
 * scanner goes on in the next stretch. When they are not, which takes a string without end, the
 * stretch is read again, in order.
 *
 * What comes of the strings are the sinks' parts: one that formats or parses them does so in all
 * threads, and only puts the parts together in order.
 */
#pragma once

#include <pthread.h>

#include "content/scan.h"
#include "content/strings.h"

struct strings_sink {
    /* In any thread: a part for strings in the memory of ORIGIN (scan_stretch). */
    struct seep_error *(*begin)(struct strings_sink *sink, const void *origin, void **ret_part);
    /* The part's strings, in the order of their addresses. The pieces of a string that is
     * `continued` may go on in the next part. */
    struct seep_error *(*found)(const struct strings_found *found, void *part);
    /* One at a time, in order; takes PART over. */
    struct seep_error *(*merge)(struct strings_sink *sink, void *part);
    /* Of a part that is not to be merged. From any thread. */
    void (*drop)(struct strings_sink *sink, void *part);
};

struct strings_lane;

struct strings_pass {
    struct scan_consumer consumer;
    struct strings_options options;
    struct strings_sink *const *sinks;
    size_t sink_count;
    struct strings_lane *carried; /* goes from stretch to stretch; NULL: none yet */
    const void *origin;           /* of the stretch that it was in last */
    pthread_mutex_t lock;
    struct strings_lane *free_lanes; /* with the lock */
};

/* ERROR_INVALID when the options are out of range. SINKS outlive the pass. */
struct seep_error *strings_pass_init(struct strings_pass *pass,
                                     const struct strings_options *options,
                                     struct strings_sink *const *sinks, size_t sink_count);
void strings_pass_deinit(struct strings_pass *pass);

/* A sink that only tells the strings, one at a time and in order. */
struct strings_in_order {
    struct strings_sink sink;
    strings_callback found;
    void *context;
    const void *origin; /* of the memory in which the string told is */
};
void strings_in_order_init(struct strings_in_order *ret_sink, strings_callback found,
                           void *context);
