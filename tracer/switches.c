#include "tracer/switches.h"

#include <stdlib.h>

enum {
    /* On one CPU, as tests/bench/bench_stops.c measures it on an AMD EPYC. */
    USUAL_NS = 4400,
};

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void switches_note(struct switches *s, uint64_t wait_ns)
{
    s->waits_ns[s->count++] = wait_ns;
    if (s->count < SWITCHES_WAITS)
        return;
    qsort(s->waits_ns, SWITCHES_WAITS, sizeof(s->waits_ns[0]), compare);
    s->each_ns = s->waits_ns[SWITCHES_WAITS / 4];
    s->count = 0;
}

uint64_t switches_each_ns(const struct switches *s)
{
    return s->each_ns ? s->each_ns : USUAL_NS;
}
