/*
 * How long the target stands still for being watched.
 *
 *     |--- tracer waits ---|- serves a stop -|--- waits ---|- serves -|     standing still: the time in
 *                                                                          which a stop is served, and
 *                                                                          two switches of context (switches.h)
 *
 * With several threads it is the time in which at least one of them stands still.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tracer/ptrace_source.h"

struct slowdown {
    uint64_t window_start_ns; /* of WATCHED_NS, as below */
    uint64_t window_stopped_ns;
};

/* The time stood still in WATCHED_NS of watching. */
uint64_t slowdown_stopped_ns(const struct ptrace_source_stats *stats, uint64_t watched_ns);

/* True when a window of two seconds has just ended; RET_PERCENT: of it, the target stood still. */
bool slowdown_judge(struct slowdown *s, const struct ptrace_source_stats *stats,
                    uint64_t watched_ns, unsigned *ret_percent);
