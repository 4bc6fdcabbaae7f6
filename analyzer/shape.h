/*
 * The shape of a growth: what was added when and is still held, against what came and went.
 *
 *     held                          held                          held
 *      |            ....            |      ..............         |                  .
 *      |      ......                |   ...                       |                 .
 *      |......          steady      |...        settled           |................   young
 *      +----------------|--|        +----------------|--|         +----------------|--|
 *       q1   q2   q3   q4  last tenth
 *
 * Judged on the clock of activity.h, so that idle time counts for nothing, and without its last
 * tenth: what is held there may just be in use. docs/INTERNALS.md states the rule; the numbers
 * are the enums below.
 *
 * It knows bytes and moments only, not what they are.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyzer/activity.h"

enum shape_kind {
    SHAPE_NONE,     /* nothing was added */
    SHAPE_YOUNG,    /* nearly all of it in the last tenth */
    SHAPE_TURNOVER, /* the old ones are given back, the young ones are held */
    SHAPE_ONCE,     /* in one burst, then flat for a third of the window and more */
    SHAPE_SETTLED,  /* grew for a while, then flat while work went on */
    SHAPE_STALLED,  /* grew for a while, then flat; whether work went on is not known */
    SHAPE_LATE,     /* began in the second half and goes on */
    SHAPE_FEW,      /* too few moments, or too far apart, to call it steady */
    SHAPE_STEADY,   /* through the window, and going on */
};

/* Per cent of the clock. */
enum {
    SHAPE_JUDGED = 90,     /* the last tenth is left out */
    SHAPE_BURST = 10,      /* growth within less is one burst */
    SHAPE_FLAT = 30,       /* without growth for as long: flat */
    SHAPE_MIN_MOMENTS = 4, /* of 16 equal parts, with growth */
};

struct shape_point {
    uint64_t time_ns;
    uint64_t bytes; /* added then, still held at the end */
};

struct shape_input {
    const struct shape_point *points; /* by time */
    size_t count;
    uint64_t start_ns, end_ns;       /* the window */
    const struct activity *activity; /* NULL: unknown */
    const struct slots *births;      /* all that were added, given back or not; NULL: unknown */
    const struct slots *deaths;      /* of the same kind; NULL: unknown */
    uint64_t freed;                  /* of those, given back */
};

struct shape {
    enum shape_kind kind;
    enum activity_answer worked; /* since it went flat */
    uint64_t bytes;              /* in all */
    uint64_t judged_bytes;       /* without the last tenth */
    uint64_t judged_count;       /* points, likewise */
    uint64_t first_ns, last_ns;  /* of 5 and 95 per cent of the judged bytes */
    unsigned moments;            /* of 16 equal parts, with growth */
    double flat;                 /* share of the clock without growth before the last tenth */
    double grown;                /* share of the clock from first_ns to last_ns */
    bool ageing; /* the older ones are fewer than of an even leak, though their number rises */
    double early_births, early_held;   /* in the first half of what is judged */
    double recent_births, recent_held; /* in its second half */
};

struct seep_error *shape_judge(const struct shape_input *input, struct shape *ret_shape);
