#include "analyzer/shape.h"

#include <math.h>

enum { PARTS = 16, QUARTERS = 4, MIN_SHARE_OF_QUARTER = 4, MIN_BIRTHS = 4, YOUTH = 2 };

static const double judged = SHAPE_JUDGED / 100.0;

/* What one pass over the points gathers. */
struct pass {
    const struct shape_input *in;
    struct activity_clock clock;
    uint64_t parts[PARTS];
    double from, to; /* positions of 5 and 95 per cent of the judged bytes */
    double gap;      /* the longest without growth between those */
    uint64_t young_bytes, young_count;
};

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void gather(struct pass *p, struct shape *s)
{
    for (size_t i = 0; i < p->in->count; i++) {
        const struct shape_point *point = &p->in->points[i];
        double at = activity_clock_position(&p->clock, point->time_ns);

        s->bytes = add(s->bytes, point->bytes);
        if (at >= judged) {
            p->young_bytes = add(p->young_bytes, point->bytes);
            p->young_count++;
            continue;
        }
        s->judged_bytes = add(s->judged_bytes, point->bytes);
        s->judged_count++;
        if (at < judged / 2)
            s->early_held++;
        else
            s->recent_held++;

        unsigned part = (unsigned)(at / judged * PARTS);

        p->parts[part < PARTS ? part : PARTS - 1] =
            add(p->parts[part < PARTS ? part : PARTS - 1], point->bytes);
    }
}

/* Where 5 and 95 per cent of the judged bytes were reached, and the longest pause between. */
static void find_extent(struct pass *p, struct shape *s)
{
    double low = 0.05 * (double)s->judged_bytes, high = 0.95 * (double)s->judged_bytes, sum = 0;
    double previous = -1;

    for (size_t i = 0; i < p->in->count; i++) {
        const struct shape_point *point = &p->in->points[i];
        double at = activity_clock_position(&p->clock, point->time_ns);

        if (at >= judged)
            break;
        sum += (double)point->bytes;
        if (sum < low)
            continue;
        if (previous < 0) {
            p->from = previous = at;
            s->first_ns = point->time_ns;
        }
        if (at - previous > p->gap)
            p->gap = at - previous;
        previous = at;
        p->to = at;
        s->last_ns = point->time_ns;
        if (sum >= high)
            break;
    }
    s->flat = judged - p->to;
    s->grown = p->to - p->from;
}

static void count_births(struct pass *p, struct shape *s)
{
    uint64_t middle = activity_clock_time(&p->clock, judged / 2);
    uint64_t end = activity_clock_time(&p->clock, judged);

    s->early_births = slots_between(p->in->births, p->in->start_ns, middle);
    s->recent_births = slots_between(p->in->births, middle, end);
    /* The slots are coarser than the points. */
    s->early_births = fmax(s->early_births, s->early_held);
    s->recent_births = fmax(s->recent_births, s->recent_held);
}

/* How far the births of those held lie from being spread evenly over all births, in standard
 * deviations of the mean of as many even ones; positive: towards the end. A leak holds the same
 * share of every age; what comes and goes holds the young. */
static double youth_of_held(struct pass *p, const struct shape *s)
{
    uint64_t end = activity_clock_time(&p->clock, judged);
    double births = slots_between(p->in->births, p->in->start_ns, end), sum = 0;

    if (births < 1 || s->judged_count == 0)
        return 0;
    for (size_t i = 0; i < p->in->count; i++) {
        uint64_t born_ns = p->in->points[i].time_ns;

        if (activity_clock_position(&p->clock, born_ns) < judged)
            sum += fmin(slots_between(p->in->births, p->in->start_ns, born_ns) / births, 1);
    }
    return (sum / (double)s->judged_count - 0.5) * sqrt(12 * (double)s->judged_count);
}

/* Was the number that stand as high before as it is now? */
static bool is_level(struct pass *p)
{
    double stand = 0, early = 0, late = 0;
    uint64_t before = p->in->start_ns;

    if (!p->in->deaths)
        return true;
    for (unsigned i = 1; i <= SLOTS_COUNT; i++) {
        double position = judged * i / SLOTS_COUNT;
        uint64_t until = activity_clock_time(&p->clock, position);

        stand += slots_between(p->in->births, before, until) -
                 slots_between(p->in->deaths, before, until);
        before = until;
        if (position <= 0.6)
            early = fmax(early, stand);
        else
            late = fmax(late, stand);
    }
    return early >= 0.75 * late;
}

static bool has_frees(const struct pass *p, const struct shape *s)
{
    double births = s->early_births + s->recent_births;

    return births >= MIN_BIRTHS && (double)p->in->freed >= fmax(2, births * 0.05);
}

static bool is_turnover(struct pass *p, struct shape *s)
{
    double held = s->early_held + s->recent_held;

    if (!has_frees(p, s))
        return false;
    if (s->judged_bytes < s->bytes / 10)
        return held < (s->early_births + s->recent_births) * 0.1;
    if (youth_of_held(p, s) < YOUTH)
        return false;
    s->ageing = !is_level(p);
    return !s->ageing;
}

/* Since it went flat, others of the same kind came and went. */
static bool came_and_went(struct pass *p, const struct shape *s)
{
    if (!p->in->births)
        return false;

    uint64_t end = activity_clock_time(&p->clock, judged);
    uint64_t span = end > s->last_ns ? end - s->last_ns : 0;

    /* A slot is blurred at its edges: leave the first tenth of the pause out. */
    return slots_between(p->in->births, s->last_ns + span / 10, end) >= MIN_BIRTHS;
}

/* Does it grow again in the last tenth, at a quarter of its pace from before and more? A burst has
 * no pace: a fifth as much again is asked of it. */
static bool grows_again(const struct pass *p, const struct shape *s)
{
    double before = (double)s->judged_bytes, young = (double)p->young_bytes;

    if (young > before / 5)
        return true;
    return s->grown >= SHAPE_BURST / 100.0 && p->young_count >= 3 &&
           young / (1 - judged) >= before / s->grown / 4;
}

static unsigned count_filled(const uint64_t *parts, unsigned count, uint64_t least)
{
    unsigned filled = 0;

    for (unsigned i = 0; i < count; i++)
        filled += parts[i] > 0 && parts[i] >= least;
    return filled;
}

static enum shape_kind kind_of_spread(const struct pass *p, const struct shape *s)
{
    uint64_t quarters[QUARTERS] = {0};
    uint64_t least = s->judged_bytes / 100 * MIN_SHARE_OF_QUARTER;

    for (unsigned i = 0; i < PARTS; i++)
        quarters[i / (PARTS / QUARTERS)] = add(quarters[i / (PARTS / QUARTERS)], p->parts[i]);

    unsigned filled = count_filled(quarters, QUARTERS, least);

    if (filled >= 3 && s->moments >= SHAPE_MIN_MOMENTS)
        return SHAPE_STEADY;
    return p->from >= judged / 2 ? SHAPE_LATE : SHAPE_FEW;
}

static enum shape_kind find_kind(struct pass *p, struct shape *s)
{
    bool renewed = p->in->births && is_turnover(p, s);

    if (s->judged_bytes < s->bytes / 10)
        return renewed ? SHAPE_TURNOVER : SHAPE_YOUNG;
    if (renewed)
        return SHAPE_TURNOVER;

    bool passing = came_and_went(p, s);
    /* What comes in bursts is flat only when it has paused for longer than before; and what grows
     * again in the last tenth is not flat, unless it is known to come and go. */
    bool flat =
        s->flat >= SHAPE_FLAT / 100.0 && s->flat >= 2 * p->gap && (passing || !grows_again(p, s));

    if (!flat)
        return kind_of_spread(p, s);
    s->worked = passing
                    ? ACTIVITY_WORKED
                    : activity_went_on(p->in->activity, p->in->start_ns, s->last_ns, p->in->end_ns);
    if (s->grown < SHAPE_BURST / 100.0) {
        /* What is done at once, at a start mostly, is no measure of the work after it. */
        if (s->worked != ACTIVITY_WORKED)
            s->worked = activity_worked(p->in->activity, s->last_ns, p->in->end_ns);
        return SHAPE_ONCE;
    }
    return s->worked == ACTIVITY_WORKED ? SHAPE_SETTLED : SHAPE_STALLED;
}

struct seep_error *shape_judge(const struct shape_input *input, struct shape *ret_shape)
{
    struct pass p = {.in = input};
    struct shape s = {.kind = SHAPE_NONE, .worked = ACTIVITY_UNKNOWN};
    struct seep_error *err =
        activity_clock_init(&p.clock, input->activity, input->start_ns, input->end_ns);

    if (err)
        return err;
    gather(&p, &s);
    if (s.bytes > 0) {
        if (s.judged_bytes > 0)
            find_extent(&p, &s);
        s.moments = count_filled(p.parts, PARTS, s.judged_bytes / 200);
        if (input->births)
            count_births(&p, &s);
        s.kind = find_kind(&p, &s);
    }
    activity_clock_deinit(&p.clock);
    *ret_shape = s;
    return NULL;
}
