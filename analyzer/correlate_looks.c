#include "analyzer/correlate_internal.h"

enum { MIN_LOOKS_AFTER = 4 };

/* When the looks after the detach begin to be compared: at the first of them, which may hold what came
 * between the detach and itself. 0: they are too few, or go on for less long than the events did. */
static uint64_t base_of(const struct suspect *s, uint64_t *ret_last_ns)
{
    const struct activity *activity = &s->process->activity;
    uint64_t detached_ns = s->process->detached_ns, base_ns = 0;
    unsigned looks = 0;

    for (size_t i = 0; i < activity->samples.count; i++) {
        uint64_t time_ns = activity->samples.items[i].time_ns;

        if (time_ns <= detached_ns)
            continue;
        if (!base_ns)
            base_ns = time_ns;
        *ret_last_ns = time_ns;
        looks++;
    }
    return looks >= MIN_LOOKS_AFTER && *ret_last_ns - base_ns >= detached_ns - s->start_ns ? base_ns
                                                                                           : 0;
}

static uint64_t cut_before(struct growth_points *points, uint64_t base_ns)
{
    uint64_t sum = 0;
    size_t kept = 0;

    for (size_t i = 0; i < points->count; i++)
        if (points->items[i].time_ns > base_ns) {
            points->items[kept++] = points->items[i];
            sum = correlate_sum(sum, points->items[i].bytes);
        }
    points->count = kept;
    return sum;
}

/* What came after BASE_NS and stayed: of the regions of its kind, or of all anonymous memory, where that
 * is less. New regions may take the place of others, and others may grow beside it. */
static struct seep_error *find_rises(const struct suspect *s, enum growth_measure measure,
                                     uint64_t base_ns, struct growth_points *points,
                                     uint64_t *ret_sum)
{
    const struct growth *growth = &s->process->growth;
    struct growth_points whole = {0};
    struct seep_error *err = NULL;
    uint64_t sum, whole_sum;

    for (size_t i = 0; i < growth->tracks.count && !err; i++)
        if (growth->tracks.items[i].region == s->region)
            err = growth_held(&growth->tracks.items[i], measure, points);
    if (!err && s->region != REGION_SHARED_MEMORY && s->region != REGION_FILE)
        err = growth_held(&growth->anonymous, measure, &whole);
    sum = cut_before(points, base_ns);
    whole_sum = cut_before(&whole, base_ns);
    if (s->region != REGION_SHARED_MEMORY && s->region != REGION_FILE && whole_sum < sum) {
        struct growth_points swap = *points;

        *points = whole;
        whole = swap;
        sum = whole_sum;
    }
    vector_deinit(&whole);
    *ret_sum = sum;
    return err;
}

static struct seep_error *find_later(const struct suspect *s, uint64_t base_ns,
                                     struct growth_points *ret_points)
{
    struct growth_points open = {0}, rss = {0};
    uint64_t open_sum = 0, rss_sum = 0;
    struct seep_error *err = find_rises(s, GROWTH_OPEN, base_ns, &open, &open_sum);

    if (!err && s->process->growth.has_rss)
        err = find_rises(s, GROWTH_RSS, base_ns, &rss, &rss_sum);
    *ret_points = rss_sum > open_sum ? rss : open;
    vector_deinit(rss_sum > open_sum ? &open : &rss);
    return err;
}

static bool has_ended(const struct shape *shape)
{
    return shape->kind == SHAPE_ONCE || shape->kind == SHAPE_SETTLED ||
           shape->kind == SHAPE_STALLED;
}

static struct seep_error *judge_longer(struct suspect *s, struct growth_points *points,
                                       uint64_t end_ns)
{
    struct shape shape;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < s->points.count && !err; i++)
        err = vector_push(points, s->points.items[i]);
    if (err)
        return err;
    correlate_sort(points, correlate_compare_points);
    /* What was born and died is known of the events' time only. */
    err = shape_judge(&(struct shape_input){.points = points->items,
                                            .count = points->count,
                                            .start_ns = s->start_ns,
                                            .end_ns = end_ns,
                                            .activity = &s->process->activity},
                      &shape);
    if (err || !has_ended(&shape))
        return err;
    s->shape = shape;
    s->end_ns = end_ns;
    s->looked_on = true;
    return NULL;
}

struct seep_error *correlate_looks_after(struct suspect *s)
{
    const struct history_process *p = s->process;
    struct growth_points points = {0};
    struct seep_error *err;
    uint64_t base_ns, end_ns = 0;

    if (!p->detached_ns || s->end_ns != p->detached_ns || s->shape.kind == SHAPE_NONE ||
        s->shape.kind == SHAPE_TURNOVER || has_ended(&s->shape))
        return NULL;
    base_ns = base_of(s, &end_ns);
    if (!base_ns)
        return NULL;
    err = find_later(s, base_ns, &points);
    if (!err)
        err = judge_longer(s, &points, end_ns);
    vector_deinit(&points);
    return err;
}
