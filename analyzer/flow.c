#include "analyzer/flow.h"

#include <math.h>

#include "base/cleanup.h"

enum { POINTS = 128, MIN_SAMPLES = 8 };

void flow_deinit(struct flow *flow)
{
    vector_deinit(&flow->samples);
    *flow = (struct flow){0};
}

struct seep_error *flow_add(struct flow *flow, uint64_t time_ns, double bytes)
{
    struct growth_sample *items = flow->samples.items;
    size_t count = flow->samples.count;

    flow->level += bytes;
    /* Returns of calls that were under way together may come a little out of order. */
    if (count && time_ns < items[count - 1].time_ns)
        time_ns = items[count - 1].time_ns;
    if (count > 1 && time_ns - items[count - 2].time_ns < flow->spacing_ns) {
        items[count - 1].value = flow->level;
        return NULL;
    }
    if (count == FLOW_MAX_SAMPLES) {
        for (size_t i = 1; i < count / 2; i++)
            items[i] = items[2 * i];
        flow->spacing_ns = (time_ns - items[0].time_ns) / (FLOW_MAX_SAMPLES / 2);
        flow->samples.count = count / 2;
    }
    return vector_push(&flow->samples, (struct growth_sample){time_ns, flow->level});
}

void flow_add_late(struct flow *flow, uint64_t time_ns, double bytes)
{
    flow->level += bytes;
    for (size_t i = flow->samples.count; i > 0; i--) {
        if (flow->samples.items[i - 1].time_ns < time_ns)
            break;
        flow->samples.items[i - 1].value += bytes;
    }
}

struct seep_error *flow_note(struct flow *flow, const struct event *ev, uint64_t page_bytes)
{
    double pages[3];

    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
        pages[i] = ceil((double)ev->args[i] / (double)page_bytes) * (double)page_bytes;
    switch (ev->kind) {
    case EVENT_MMAP:
        return flow_add(flow, ev->exit_ns, pages[1]);
    case EVENT_MUNMAP:
        return flow_add(flow, ev->exit_ns, -pages[1]);
    case EVENT_MREMAP:
        return flow_add(flow, ev->exit_ns, pages[2] - pages[1]);
    default:
        return NULL;
    }
}

bool flow_trend(const struct flow *flow, uint64_t from_ns, uint64_t to_ns,
                struct flow_trend *ret_trend)
{
    struct growth_sample points[POINTS];
    double level = 0, low = INFINITY, high = -INFINITY, fall = 0;
    size_t next = 0, before;

    if (to_ns <= from_ns || to_ns - from_ns < POINTS)
        return false;
    while (next < flow->samples.count && flow->samples.items[next].time_ns < from_ns)
        level = flow->samples.items[next++].value;
    before = next;
    for (size_t i = 0; i < POINTS; i++) {
        uint64_t time_ns = from_ns + (to_ns - from_ns) / (POINTS - 1) * i;

        while (next < flow->samples.count && flow->samples.items[next].time_ns <= time_ns)
            level = flow->samples.items[next++].value;
        points[i] = (struct growth_sample){time_ns, level};
        if (i > 0)
            fall = fmax(fall, points[i - 1].value - level);
        low = fmin(low, level);
        high = fmax(high, level);
    }
    if (next - before < MIN_SAMPLES)
        return false;
    *ret_trend = (struct flow_trend){
        .rise_bytes = growth_slope(points, POINTS) * (double)(to_ns - from_ns) / 1e9,
        .range_bytes = high - low,
        .fall_bytes = fall,
    };
    return true;
}
