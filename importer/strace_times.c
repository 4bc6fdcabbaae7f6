#include "base/units.h"
#include "importer/strace_log.h"

enum {
    HALF_DAY_S = 12 * 3600,
    DAY_S = 24 * 3600,
    NS_PER_LINE = 1000, /* in a log without times, whose order alone is known */
};

/* Midnight went by where a time of day is half a day and more before the one before. */
static uint64_t past_midnight(struct strace_log *log, uint64_t clock_ns)
{
    const uint64_t born_ns = collection_birth(log->c, log->file_tid) * 60 * NS_PER_S;

    if (log->timed && clock_ns + (uint64_t)HALF_DAY_S * NS_PER_S < log->last_clock_ns)
        log->days_ns += (uint64_t)DAY_S * NS_PER_S;
    /* The file of a thread begins on the day on which the thread was made, or later. */
    while (!log->timed && clock_ns + log->days_ns < born_ns)
        log->days_ns += (uint64_t)DAY_S * NS_PER_S;
    log->last_clock_ns = clock_ns;
    log->clock_ns = clock_ns + log->days_ns;
    return log->clock_ns;
}

static void widen_window(struct strace_log *log)
{
    if (!log->windowed) {
        log->window_first_ns = log->window_last_ns = log->now_ns;
        log->window_basis = log->basis;
        log->windowed = true;
    }
    if (log->basis != log->window_basis)
        return;
    if (log->now_ns < log->window_first_ns)
        log->window_first_ns = log->now_ns;
    if (log->now_ns > log->window_last_ns)
        log->window_last_ns = log->now_ns;
}

static void set_now(struct strace_log *log, const struct strace_line *line)
{
    int64_t ns = (int64_t)line->ns;

    log->basis = line->basis;
    if (line->basis == WHEN_NONE) {
        log->now_ns = log->line_number * NS_PER_LINE;
        return;
    }
    if (line->basis == WHEN_TIME_OF_DAY)
        ns = (int64_t)past_midnight(log, line->ns);
    if (line->is_delta)
        ns = (int64_t)(log->relative_ns += line->ns);
    if (!log->timed) {
        const struct when when = {line->basis, ns};

        log->first_basis = line->basis;
        log->placed = when_place(when, &collection_options(log->c)->when);
        log->placed_shift_ns = log->placed.ns - ns;
        log->timed = true;
    }
    if (line->basis == log->first_basis) {
        log->basis = log->placed.basis;
        ns += log->placed_shift_ns;
    }
    log->now_ns = ns > 0 ? (uint64_t)ns : 0;
}

void strace_times_set(struct strace_log *log, const struct strace_line *line)
{
    set_now(log, line);
    widen_window(log);
}

/* The lines of one file are in the order in which calls returned; rounded times must not change it. A
 * clock that was set back may. */
uint64_t strace_times_in_order(struct strace_log *log, uint64_t exit_ns)
{
    if (exit_ns < log->last_exit_ns && log->last_exit_ns - exit_ns < NS_PER_S)
        exit_ns = log->last_exit_ns;
    log->last_exit_ns = exit_ns;
    return exit_ns;
}
