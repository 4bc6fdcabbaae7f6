#include "analyzer/activity.h"

#include <string.h>

enum {
    SLOTS_FIRST_SHIFT = 16,
    IDLE_PER_MILLE = 30,   /* of the busiest span's pace: less is idle */
    WORKED_PER_CENT = 25,  /* of the pace before: as much is going on */
    WORKED_MIN_EVENTS = 4, /* fewer events are no sign of work */
    WORK_CPU_PER_CENT = 1,
    WORK_SWITCHES_PER_S = 50,
};

/* --- slots --- */

void slots_init(struct slots *slots, uint64_t origin_ns)
{
    *slots = (struct slots){.origin_ns = origin_ns, .shift = SLOTS_FIRST_SHIFT};
}

static void slots_widen(struct slots *slots)
{
    for (unsigned i = 0; i < SLOTS_COUNT / 2; i++) {
        uint32_t pair;

        if (__builtin_add_overflow(slots->counts[2 * i], slots->counts[2 * i + 1], &pair))
            pair = UINT32_MAX;
        slots->counts[i] = pair;
    }
    memset(&slots->counts[SLOTS_COUNT / 2], 0, sizeof(slots->counts) / 2);
    slots->shift++;
}

void slots_add(struct slots *slots, uint64_t time_ns)
{
    uint64_t since = time_ns > slots->origin_ns ? time_ns - slots->origin_ns : 0;

    while (since >> slots->shift >= SLOTS_COUNT)
        slots_widen(slots);

    uint32_t *count = &slots->counts[since >> slots->shift];

    if (*count < UINT32_MAX)
        (*count)++;
}

void slots_merge(struct slots *slots, const struct slots *from)
{
    struct slots other = *from;

    while (slots->shift < other.shift)
        slots_widen(slots);
    while (other.shift < slots->shift)
        slots_widen(&other);
    for (unsigned i = 0; i < SLOTS_COUNT; i++)
        if (__builtin_add_overflow(slots->counts[i], other.counts[i], &slots->counts[i]))
            slots->counts[i] = UINT32_MAX;
}

double slots_between(const struct slots *slots, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t width = 1ull << slots->shift;
    double sum = 0;

    for (unsigned i = 0; i < SLOTS_COUNT; i++) {
        uint64_t start, end;

        if (__builtin_add_overflow(slots->origin_ns, i * width, &start))
            break;
        if (__builtin_add_overflow(start, width, &end))
            end = UINT64_MAX;
        /* What came before the origin was counted in the first slot. */
        if (i == 0 && from_ns < start)
            from_ns = start;

        uint64_t low = from_ns > start ? from_ns : start, high = to_ns < end ? to_ns : end;

        if (low < high)
            sum += slots->counts[i] * ((double)(high - low) / (double)width);
    }
    return sum;
}

/* --- samples --- */

void activity_init(struct activity *activity, uint64_t origin_ns)
{
    *activity = (struct activity){0};
    slots_init(&activity->events, origin_ns);
}

void activity_deinit(struct activity *activity)
{
    vector_deinit(&activity->samples);
}

struct seep_error *activity_add_sample(struct activity *activity,
                                       const struct activity_sample *sample)
{
    size_t count = activity->samples.count;

    if (count && sample->time_ns <= activity->samples.items[count - 1].time_ns)
        return NULL;
    /* Counters are cumulative: leaving one out loses only resolution. The first and the last stay. */
    if (count > 1 &&
        sample->time_ns - activity->samples.items[count - 2].time_ns < activity->spacing_ns) {
        activity->samples.items[count - 1] = *sample;
        return NULL;
    }
    if (count == ACTIVITY_MAX_SAMPLES) {
        struct activity_sample *items = activity->samples.items;

        for (size_t i = 1; i < count / 2; i++)
            items[i] = items[2 * i];
        activity->spacing_ns = (sample->time_ns - items[0].time_ns) / (ACTIVITY_MAX_SAMPLES / 2);
        activity->samples.count = count / 2;
    }
    return vector_push(&activity->samples, *sample);
}

/* What measure M counted between two samples; negative: unknown. */
static double work_between(const struct activity *activity, enum activity_measure m,
                           const struct activity_sample *from, const struct activity_sample *to)
{
    if (m == ACTIVITY_EVENTS)
        return slots_between(&activity->events, from->time_ns, to->time_ns);
    if (from->counters[m] == UINT64_MAX || to->counters[m] == UINT64_MAX ||
        to->counters[m] < from->counters[m])
        return -1;
    return (double)(to->counters[m] - from->counters[m]);
}

static double pace_between(const struct activity *activity, enum activity_measure m,
                           const struct activity_sample *from, const struct activity_sample *to)
{
    return work_between(activity, m, from, to) / (double)(to->time_ns - from->time_ns);
}

/* --- the clock --- */

static struct seep_error *add_span(struct activity_clock *clock, uint64_t from_ns, uint64_t to_ns,
                                   bool active)
{
    size_t count = clock->spans.count;

    if (from_ns >= to_ns)
        return NULL;
    if (count && clock->spans.items[count - 1].active == active) {
        clock->spans.items[count - 1].to_ns = to_ns;
    } else {
        struct seep_error *err =
            vector_push(&clock->spans, (struct activity_span){.from_ns = from_ns,
                                                              .to_ns = to_ns,
                                                              .active_before_ns = clock->active_ns,
                                                              .active = active});

        if (err)
            return err;
    }
    if (active)
        clock->active_ns += to_ns - from_ns;
    return NULL;
}

/* The fastest pace of each measure between any two samples that follow each other. */
static void find_peaks(const struct activity *activity, double peaks[ACTIVITY_MEASURES])
{
    for (unsigned m = 0; m < ACTIVITY_MEASURES; m++) {
        peaks[m] = 0;
        for (size_t i = 1; i < activity->samples.count; i++) {
            double pace = pace_between(activity, m, &activity->samples.items[i - 1],
                                       &activity->samples.items[i]);

            if (pace > peaks[m])
                peaks[m] = pace;
        }
    }
}

static bool is_idle(const struct activity *activity, size_t i, const double *peaks)
{
    const struct activity_sample *from = &activity->samples.items[i - 1];
    bool measured = false;

    for (unsigned m = 0; m < ACTIVITY_MEASURES; m++) {
        double pace = pace_between(activity, m, from, from + 1);

        if (pace < 0 || peaks[m] <= 0)
            continue;
        /* Events alone do not tell: a process can work without mapping anything. */
        measured |= m != ACTIVITY_EVENTS;
        if (pace * 1000 >= peaks[m] * IDLE_PER_MILLE)
            return false;
    }
    return measured;
}

struct seep_error *activity_clock_init(struct activity_clock *clock,
                                       const struct activity *activity, uint64_t start_ns,
                                       uint64_t end_ns)
{
    double peaks[ACTIVITY_MEASURES];
    struct seep_error *err = NULL;
    uint64_t at = start_ns;

    *clock = (struct activity_clock){0};
    if (activity && activity->samples.count > 2) {
        find_peaks(activity, peaks);
        for (size_t i = 1; i < activity->samples.count && !err; i++) {
            const struct activity_sample *to = &activity->samples.items[i];
            uint64_t until = to->time_ns < end_ns ? to->time_ns : end_ns;

            if (until <= at)
                continue;
            err = add_span(clock, at, until, !is_idle(activity, i, peaks));
            at = until;
        }
    }
    if (!err)
        err = add_span(clock, at, end_ns, true);
    if (err)
        activity_clock_deinit(clock);
    return err;
}

void activity_clock_deinit(struct activity_clock *clock)
{
    vector_deinit(&clock->spans);
}

double activity_clock_position(const struct activity_clock *clock, uint64_t time_ns)
{
    size_t low = 0, high = clock->spans.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (clock->spans.items[middle].to_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == clock->spans.count)
        return 1;
    if (clock->active_ns == 0)
        return 0;

    const struct activity_span *span = &clock->spans.items[low];
    uint64_t inside = span->active && time_ns > span->from_ns ? time_ns - span->from_ns : 0;

    return (double)(span->active_before_ns + inside) / (double)clock->active_ns;
}

uint64_t activity_clock_time(const struct activity_clock *clock, double position)
{
    double wanted = position * (double)clock->active_ns;

    for (size_t i = 0; i < clock->spans.count; i++) {
        const struct activity_span *span = &clock->spans.items[i];
        double inside = wanted - (double)span->active_before_ns;

        if (span->active && inside <= (double)(span->to_ns - span->from_ns))
            return span->from_ns + (uint64_t)(inside > 0 ? inside : 0);
    }
    return clock->spans.count ? clock->spans.items[clock->spans.count - 1].to_ns : 0;
}

/* --- did work go on? --- */

static enum activity_answer events_went_on(const struct activity *activity, uint64_t start_ns,
                                           uint64_t since_ns, uint64_t end_ns)
{
    double before = slots_between(&activity->events, start_ns, since_ns);
    double after = slots_between(&activity->events, since_ns, end_ns);
    double pace = before / (double)(since_ns - start_ns);

    return after >= WORKED_MIN_EVENTS &&
                   after * 100 >= pace * WORKED_PER_CENT * (double)(end_ns - since_ns)
               ? ACTIVITY_WORKED
               : ACTIVITY_UNKNOWN;
}

/* The samples between which the time after SINCE lies; false: they leave most of it out, as a look or
 * two right at the end do. */
static bool find_after(const struct activity *activity, uint64_t since_ns, uint64_t end_ns,
                       const struct activity_sample **ret_turn,
                       const struct activity_sample **ret_last)
{
    const struct activity_sample *items = activity->samples.items;
    size_t count = activity->samples.count, at = 0;

    while (at < count && items[at].time_ns < since_ns)
        at++;
    if (at == count || items[count - 1].time_ns - items[at].time_ns < (end_ns - since_ns) / 4)
        return false;
    *ret_turn = &items[at];
    *ret_last = &items[count - 1];
    return true;
}

enum activity_answer activity_went_on(const struct activity *activity, uint64_t start_ns,
                                      uint64_t since_ns, uint64_t end_ns)
{
    const struct activity_sample *first, *turn, *last;

    if (!activity || start_ns >= since_ns || since_ns >= end_ns)
        return ACTIVITY_UNKNOWN;
    if (events_went_on(activity, start_ns, since_ns, end_ns) == ACTIVITY_WORKED)
        return ACTIVITY_WORKED;
    if (!find_after(activity, since_ns, end_ns, &turn, &last))
        return ACTIVITY_UNKNOWN;
    first = &activity->samples.items[0];
    if (turn == first)
        return ACTIVITY_UNKNOWN;

    bool measured = false;

    for (unsigned m = 0; m < ACTIVITY_EVENTS; m++) {
        double before = pace_between(activity, m, first, turn);
        double after = pace_between(activity, m, turn, last);

        if (before <= 0 || after < 0)
            continue;
        measured = true;
        if (after * 100 >= before * WORKED_PER_CENT)
            return ACTIVITY_WORKED;
    }
    return measured ? ACTIVITY_IDLE : ACTIVITY_UNKNOWN;
}

enum activity_answer activity_worked(const struct activity *activity, uint64_t since_ns,
                                     uint64_t end_ns)
{
    const struct activity_sample *turn, *last;
    double cpu, switches, seconds;

    if (!activity || since_ns >= end_ns || !find_after(activity, since_ns, end_ns, &turn, &last) ||
        turn == last)
        return ACTIVITY_UNKNOWN;
    seconds = (double)(last->time_ns - turn->time_ns) / 1e9;
    cpu = work_between(activity, ACTIVITY_CPU_NS, turn, last) / 1e9;
    switches = work_between(activity, ACTIVITY_SWITCHES, turn, last);
    if (cpu * 100 >= seconds * WORK_CPU_PER_CENT || switches >= seconds * WORK_SWITCHES_PER_S)
        return ACTIVITY_WORKED;
    return cpu < 0 && switches < 0 ? ACTIVITY_UNKNOWN : ACTIVITY_IDLE;
}
