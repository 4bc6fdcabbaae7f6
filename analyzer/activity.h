/*
 * What a process did with its time: the clock by which growth is judged.
 *
 *     wall     0 ....... 10 ....... 20 ....... 30 ....... 40 s
 *     work        busy       idle       busy       busy
 *     clock    0 ------ 1/3 ------ 1/3 ------ 2/3 ------ 1
 *
 * An idle target proves nothing: time in which it did next to nothing (by CPU time, context
 * switches, I/O calls and recorded events alike) is cut out of the clock. Where nothing tells work
 * from idleness, wall time stands.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"

enum { SLOTS_COUNT = 32, ACTIVITY_MAX_SAMPLES = 256 };

/* How many things happened when, in 32 equal slots from origin on that widen as time goes on. */
struct slots {
    uint64_t origin_ns;
    uint8_t shift; /* a slot is 1 << shift ns wide */
    uint32_t counts[SLOTS_COUNT];
};

void slots_init(struct slots *slots, uint64_t origin_ns);
void slots_add(struct slots *slots, uint64_t time_ns);

/* Adds what FROM counted, which has the same origin. */
void slots_merge(struct slots *slots, const struct slots *from);

/* About how many happened in [from, to). */
double slots_between(const struct slots *slots, uint64_t from_ns, uint64_t to_ns);

enum activity_measure {
    ACTIVITY_CPU_NS,
    ACTIVITY_SWITCHES,
    ACTIVITY_IO_CALLS,
    ACTIVITY_EVENTS,
    ACTIVITY_MEASURES,
};

struct activity_sample {
    uint64_t time_ns;
    uint64_t counters[ACTIVITY_EVENTS]; /* cumulative; UINT64_MAX unknown */
};

struct activity {
    uint64_t spacing_ns;                    /* samples nearer to each other are not kept apart */
    VECTOR(struct activity_sample) samples; /* by time; thinned out when there are too many */
    struct slots events;
};

void activity_init(struct activity *activity, uint64_t origin_ns);
void activity_deinit(struct activity *activity);

/* Samples that go back in time are left out. */
struct seep_error *activity_add_sample(struct activity *activity,
                                       const struct activity_sample *sample);

struct activity_span {
    uint64_t from_ns, to_ns;
    uint64_t active_before_ns; /* active time in the spans before */
    bool active;
};

struct activity_clock {
    VECTOR(struct activity_span) spans; /* cover [start, end) without a gap */
    uint64_t active_ns;                 /* in all */
};

/* The clock of ACTIVITY (NULL: wall time) over [start, end). */
struct seep_error *activity_clock_init(struct activity_clock *clock,
                                       const struct activity *activity, uint64_t start_ns,
                                       uint64_t end_ns);
void activity_clock_deinit(struct activity_clock *clock);

/* From 0 at the start to 1 at the end of the clock; and back. */
double activity_clock_position(const struct activity_clock *clock, uint64_t time_ns);
uint64_t activity_clock_time(const struct activity_clock *clock, double position);

enum activity_answer {
    ACTIVITY_UNKNOWN, /* nothing was measured at that resolution */
    ACTIVITY_IDLE,
    ACTIVITY_WORKED, /* at a quarter or more of the pace before */
};

/* Did work go on after SINCE, until END, as it had from START to SINCE? */
enum activity_answer activity_went_on(const struct activity *activity, uint64_t start_ns,
                                      uint64_t since_ns, uint64_t end_ns);

/* Did it do any work worth the name from SINCE to END: 1% of a CPU, or 50 switches a second? */
enum activity_answer activity_worked(const struct activity *activity, uint64_t since_ns,
                                     uint64_t end_ns);
