/*
 * How long a tracee takes to run again and to come back, over and above its own work: the two switches
 * of context, which a tracer cannot time by themselves.
 *
 *     resume ── switch ── the tracee's call ── switch ── stop found       switches_note(all of that)
 *
 * Most calls take next to nothing. So it is the lower quartile of the last waits, from a call's
 * entry to its exit.
 */
#pragma once

#include <stdint.h>

enum { SWITCHES_WAITS = 64 };

struct switches {
    uint64_t waits_ns[SWITCHES_WAITS];
    unsigned count;
    uint64_t each_ns; /* 0: none are known yet */
};

void switches_note(struct switches *s, uint64_t wait_ns);

/* Of one stop. */
uint64_t switches_each_ns(const struct switches *s);
