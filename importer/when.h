/*
 * When something was, as far as the evidence says.
 *
 *     "1614644560.118204"            WHEN_ABSOLUTE     strace -ttt, epoch numbers, a zone that is given
 *     "2021-03-02 09:58:59,073"      WHEN_LOCAL        a date, but of which time zone?
 *     "22:48:40.293407"              WHEN_TIME_OF_DAY  of which day?
 *     "     0.000123" after another  WHEN_RELATIVE     since the first line of that file
 *     nothing                        WHEN_NONE         only the order is known
 *
 * --date makes local times of times of day, --tz absolute times of local ones. Only times of one kind
 * can be compared, relative ones only within their file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum when_basis {
    WHEN_NONE,
    WHEN_RELATIVE,
    WHEN_TIME_OF_DAY, /* ns since the midnight before the first; 24 h and more on the days after */
    WHEN_LOCAL,       /* ns since the epoch, as if the zone were UTC */
    WHEN_ABSOLUTE,    /* ns since the epoch */
};

struct when {
    enum when_basis basis;
    int64_t ns;
};

/* --date and --tz. */
struct when_options {
    bool has_date;
    int64_t date_s; /* midnight of that day as if in UTC, seconds since the epoch */
    bool has_zone;
    int64_t zone_s; /* east of UTC, when the zone is a plain offset */
    char *zone;     /* else its name for tzset(3); NULL */
};

/* "2021-03-02". ERROR_INVALID says what was expected. */
struct seep_error *when_parse_date(const char *text, struct when_options *options);
/* "+08:00", "Z", "UTC", "Europe/Berlin": a name must be in the machine's time zone database. */
struct seep_error *when_parse_zone(const char *text, struct when_options *options);
void when_options_deinit(struct when_options *options);

/* Reads one time at the start of TEXT: RFC 3339 and ISO 8601 with 'T' or blank, with '.' or ',' before
 * the fraction, with or without a zone; a time of day; seconds since the epoch (nine digits and more)
 * with or without a fraction. Returns how many bytes it took; 0: no time begins here. */
size_t when_parse(const char *text, size_t len, struct when *ret_when);

/* What --date and --tz make of it. Times of day that went past midnight go to the days after. */
struct when when_place(struct when when, const struct when_options *options);

/* "time-of-day": as the report's time_basis has it; a local time is a time of day there. */
const char *when_basis_name(enum when_basis basis);

static inline bool when_comparable(struct when a, struct when b)
{
    return a.basis == b.basis && a.basis >= WHEN_TIME_OF_DAY;
}
