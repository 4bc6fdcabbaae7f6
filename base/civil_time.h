/*
 * A date and time as logs and tools print them at the start of a line.
 *
 *     2026-11-20 08:22:40,073   2026-11-20T08:22:40.073+08:00   2026/11/20 08:22:40   08:22:40.123
 *     Nov 20 08:22:40   Fri Nov 20 08:22:40 2026   Fri Nov 20 08:22:40 CST 2026   20-Nov-2026 08:22:40
 *
 * What the text does not say is said to be missing rather than guessed: the zone (then the seconds
 * are those of the clock on the wall), the year, the date. Only UTC, GMT, Z and numeric offsets
 * count as zones: "CST" is three of them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct civil_time {
    int64_t seconds; /* since 1970-01-01 00:00:00 of that zone; of the day when !has_date;
                             in the year 1972 when !has_year (a leap year) */
    uint32_t ns;
    int32_t utc_offset_s; /* east of Greenwich; 0 when !has_zone */
    bool has_date, has_year, has_zone;
};

/* Steps over a time at the start of TEXT. */
bool civil_time_take(struct span *text, struct civil_time *ret_time);

/* The first time that begins within the first 96 bytes of LINE. RET_BEHIND (NULL: not wanted) is
 * what follows it. */
bool civil_time_find(struct span line, struct civil_time *ret_time, struct span *ret_behind);

/* Seconds since the epoch of a day that exists; false otherwise. MONTH and DAY begin at 1. */
bool civil_time_day(unsigned year, unsigned month, unsigned day, int64_t *ret_seconds);
