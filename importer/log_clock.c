#include "importer/log_clock.h"

#include <time.h>

#include "base/units.h"

/* The longest stack trace that a line's time is still good for. */
enum { STALE_LINES = 2000, DAY_S = 86400, FIRST_YEAR = 1972 };

void log_clock_init(struct log_clock *clock, const struct input *in)
{
    *clock = (struct log_clock){.mtime_ns = in->mtime_ns};
}

/* The latest such day that is not after the file was written, a day apart for zones. */
static bool place_in_year(int64_t *seconds, uint64_t mtime_ns)
{
    time_t first = (time_t)*seconds, mtime = (time_t)(mtime_ns / NS_PER_S);
    struct tm day, written;
    int64_t midnight;

    gmtime_r(&first, &day);
    gmtime_r(&mtime, &written);
    for (int year = written.tm_year + 1900, i = 0; i < 8 && year >= FIRST_YEAR; i++, year--)
        if (civil_time_day((unsigned)year, (unsigned)day.tm_mon + 1, (unsigned)day.tm_mday,
                           &midnight) &&
            midnight <= (int64_t)mtime + DAY_S) {
            *seconds = midnight + *seconds % DAY_S;
            return true;
        }
    return false;
}

struct when log_clock_when(const struct civil_time *time, uint64_t mtime_ns)
{
    int64_t seconds = time->seconds;

    if (!time->has_date)
        return (struct when){WHEN_TIME_OF_DAY, seconds * NS_PER_S + time->ns};
    if (!time->has_year && (!mtime_ns || !place_in_year(&seconds, mtime_ns)))
        return (struct when){WHEN_TIME_OF_DAY, seconds % DAY_S * NS_PER_S + time->ns};
    if (seconds >= INT64_MAX / NS_PER_S - DAY_S)
        return (struct when){WHEN_NONE, 0};
    if (time->has_zone)
        return (struct when){WHEN_ABSOLUTE, (seconds - time->utc_offset_s) * NS_PER_S + time->ns};
    return (struct when){WHEN_LOCAL, seconds * NS_PER_S + time->ns};
}

void log_clock_set(struct log_clock *clock, const struct civil_time *time)
{
    clock->last = log_clock_when(time, clock->mtime_ns);
    clock->lines_since = 0;
}

void log_clock_line(struct log_clock *clock, struct span line)
{
    struct civil_time time;

    clock->lines_since++;
    if (civil_time_find(line, &time, NULL))
        log_clock_set(clock, &time);
}

struct when log_clock_now(const struct log_clock *clock)
{
    return clock->lines_since <= STALE_LINES ? clock->last : (struct when){WHEN_NONE, 0};
}
