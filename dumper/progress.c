#include "dumper/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/units.h"

#define CLEAR_LINE "\r\033[K"

static const uint64_t quiet_ns = NS_PER_S, every_ns = NS_PER_S / 4;

void progress_begin(struct progress *p, bool on, uint64_t total_bytes)
{
    *p = (struct progress){
        .on = on && isatty(STDERR_FILENO),
        .total_bytes = total_bytes,
        .begin_ns = units_monotonic_ns(),
    };
}

static void show(struct progress *p, uint64_t now)
{
    struct units_text done, total, rate, left;
    double bytes_per_s = (double)p->done_bytes * NS_PER_S / (double)(now - p->begin_ns);
    uint64_t total_bytes = p->total_bytes > p->done_bytes ? p->total_bytes : p->done_bytes;
    uint64_t left_ns =
        bytes_per_s > 0 ? (uint64_t)((double)(total_bytes - p->done_bytes) / bytes_per_s * NS_PER_S)
                        : 0;

    fprintf(stderr, CLEAR_LINE "seep: %s of %s, %s/s, %s left",
            units_format_size(&done, p->done_bytes), units_format_size(&total, total_bytes),
            units_format_size(&rate, (uint64_t)bytes_per_s), units_format_duration(&left, left_ns));
    fflush(stderr);
    p->shown = true;
}

void progress_add(struct progress *p, uint64_t bytes)
{
    uint64_t now;

    p->done_bytes += bytes;
    if (!p->on)
        return;
    now = units_monotonic_ns();
    if (now - p->begin_ns < quiet_ns || now - p->last_ns < every_ns)
        return;
    p->last_ns = now;
    show(p, now);
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputs(CLEAR_LINE, stderr);
}
