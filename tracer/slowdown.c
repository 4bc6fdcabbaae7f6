#include "tracer/slowdown.h"

#include "base/units.h"

enum { WINDOW_S = 2 };

uint64_t slowdown_stopped_ns(const struct ptrace_source_stats *stats, uint64_t watched_ns)
{
    uint64_t stopped_ns = stats->busy_ns + stats->switches_ns;

    return stopped_ns < watched_ns ? stopped_ns : watched_ns;
}

bool slowdown_judge(struct slowdown *s, const struct ptrace_source_stats *stats,
                    uint64_t watched_ns, unsigned *ret_percent)
{
    uint64_t window_ns = watched_ns - s->window_start_ns;
    uint64_t stopped_ns = slowdown_stopped_ns(stats, watched_ns);

    if (window_ns < (uint64_t)WINDOW_S * NS_PER_S)
        return false;
    *ret_percent = stopped_ns > s->window_stopped_ns
                       ? (unsigned)((stopped_ns - s->window_stopped_ns) * 100 / window_ns)
                       : 0;
    if (*ret_percent > 100)
        *ret_percent = 100; /* the stops before the window were told late */
    s->window_start_ns = watched_ns;
    s->window_stopped_ns = stopped_ns;
    return true;
}
