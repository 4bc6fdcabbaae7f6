/*
 * How much a process has mapped over time, by its calls: what mmap and mremap added less what munmap
 * took away, of any size and whenever it was mapped.
 *
 *     flow_add(&flow, t, +65536)                    at an mmap
 *     flow_add(&flow, t, -65536)                    at an munmap, of a block of before the trace too
 *     flow_trend(&flow, from, to, &trend)           did the whole rise from then to then, and how far?
 *
 * A cache that replaces its entries maps new ones all the time, and some size may by chance look
 * kept: the whole stays level. Bounded: samples are thinned out when they become too many. It does
 * not know what was replaced by MAP_FIXED: that makes the whole rise, never sink.
 */
#pragma once

#include "analyzer/growth.h"
#include "evidence/event.h"

enum { FLOW_MAX_SAMPLES = 512 };

/* All zeros is empty. */
struct flow {
    double level;
    uint64_t spacing_ns; /* samples nearer to each other are not kept apart */
    VECTOR(struct growth_sample) samples;
};

void flow_deinit(struct flow *flow);

struct seep_error *flow_add(struct flow *flow, uint64_t time_ns, double bytes);

/* What a call that succeeded adds or takes; calls of other kinds are none of its business. */
struct seep_error *flow_note(struct flow *flow, const struct event *ev, uint64_t page_bytes);

/* What turns out later to have been mapped at TIME_NS. */
void flow_add_late(struct flow *flow, uint64_t time_ns, double bytes);

struct flow_trend {
    double rise_bytes;  /* by the slope of it all */
    double range_bytes; /* from the lowest to the highest */
    double fall_bytes;  /* the largest at once */
};

/* False: too little is known. */
bool flow_trend(const struct flow *flow, uint64_t from_ns, uint64_t to_ns,
                struct flow_trend *ret_trend);
