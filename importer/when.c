#include "importer/when.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/units.h"

enum { NS_DIGITS = 9 };

/* --- reading --- */

/* COUNT digits as a number; -1: there are not that many. */
static int digits(const char *text, size_t len, size_t at, size_t count)
{
    int number = 0;

    if (at > len || len - at < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!isdigit((unsigned char)text[at + i]))
            return -1;
        number = number * 10 + (text[at + i] - '0');
    }
    return number;
}

static bool is_at(const char *text, size_t len, size_t at, const char *any)
{
    return at < len && text[at] && strchr(any, text[at]);
}

/* ".118204" or ",118": nanoseconds. What is finer is left out. */
static int64_t fraction(const char *text, size_t len, size_t *at)
{
    int64_t ns = 0;
    size_t from = *at + 1, i = from;

    if (!is_at(text, len, *at, ".,") || i >= len || !isdigit((unsigned char)text[i]))
        return 0;
    for (; i < len && isdigit((unsigned char)text[i]); i++)
        if (i - from < NS_DIGITS)
            ns = ns * 10 + (text[i] - '0');
    for (size_t n = i - from; n < NS_DIGITS; n++)
        ns *= 10;
    *at = i;
    return ns;
}

/* "HH:MM:SS" and a fraction: ns since midnight; -1: it is none. 24 h and more never; a leap second is. */
static int64_t time_of_day(const char *text, size_t len, size_t *at)
{
    int hour = digits(text, len, *at, 2), minute = digits(text, len, *at + 3, 2);
    int second = digits(text, len, *at + 6, 2);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
        text[*at + 2] != ':' || text[*at + 5] != ':')
        return -1;
    *at += 8;
    return (hour * 3600 + minute * 60 + second) * (int64_t)NS_PER_S + fraction(text, len, at);
}

/* "2021-03-02" or "2021/03/02": midnight in UTC, seconds since the epoch. */
static bool date(const char *text, size_t len, size_t *at, int64_t *ret_s)
{
    int year = digits(text, len, *at, 4), month = digits(text, len, *at + 5, 2);
    int day = digits(text, len, *at + 8, 2);
    struct tm tm;

    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 ||
        !is_at(text, len, *at + 4, "-/") || text[*at + 7] != text[*at + 4])
        return false;
    tm = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    *ret_s = timegm(&tm);
    if (tm.tm_mday != day)
        return false; /* February 30th */
    *at += 10;
    return true;
}

/* "Z", "+08:00", "+0800", " +0800": seconds east of UTC. */
static bool zone(const char *text, size_t len, size_t *at, int64_t *ret_s)
{
    size_t from = *at + is_at(text, len, *at, " ");
    int hours, minutes;
    bool colon;

    if (is_at(text, len, *at, "Z")) {
        *at += 1;
        *ret_s = 0;
        return true;
    }
    if (!is_at(text, len, from, "+-"))
        return false;
    hours = digits(text, len, from + 1, 2);
    colon = is_at(text, len, from + 3, ":");
    minutes = digits(text, len, from + 3 + colon, 2);
    if (hours < 0 || hours > 15 || minutes < 0 || minutes > 59)
        return false;
    *ret_s = (hours * 3600 + minutes * 60) * (text[from] == '-' ? -1 : 1);
    *at = from + 5 + colon;
    return true;
}

/* Seconds since the epoch, from 1973 to 5138. */
static size_t epoch(const char *text, size_t len, struct when *ret_when)
{
    enum { FEWEST = 9, MOST = 11 };
    size_t at = 0;
    int64_t s = 0;

    for (; at < len && at <= MOST && isdigit((unsigned char)text[at]); at++)
        s = s * 10 + (text[at] - '0');
    if (at < FEWEST || at > MOST || s > INT64_MAX / NS_PER_S - 1)
        return 0;
    *ret_when = (struct when){WHEN_ABSOLUTE, s * NS_PER_S + fraction(text, len, &at)};
    return at;
}

size_t when_parse(const char *text, size_t len, struct when *ret_when)
{
    size_t at = 0;
    int64_t day_s, ns, zone_s;

    if (date(text, len, &at, &day_s)) {
        if (!is_at(text, len, at, "T "))
            return 0;
        at++;
        ns = time_of_day(text, len, &at);
        if (ns < 0)
            return 0;
        ns += day_s * NS_PER_S;
        if (zone(text, len, &at, &zone_s))
            *ret_when = (struct when){WHEN_ABSOLUTE, ns - zone_s * NS_PER_S};
        else
            *ret_when = (struct when){WHEN_LOCAL, ns};
        return at;
    }
    ns = time_of_day(text, len, &at);
    if (ns < 0)
        return epoch(text, len, ret_when);
    *ret_when = (struct when){WHEN_TIME_OF_DAY, ns};
    return at;
}

/* --- what the user says --- */

struct seep_error *when_parse_date(const char *text, struct when_options *options)
{
    size_t at = 0;
    int64_t s;

    if (!date(text, strlen(text), &at, &s) || text[at]) {
        _cleanup_free_ char *shown = escape_text(text, strlen(text));

        return error_remedy(error_create(ERROR_INVALID, "%s is no date", shown ? shown : "?"),
                            "give it as --date 2021-03-02");
    }
    options->has_date = true;
    options->date_s = s;
    return NULL;
}

/* A name of the time zone database, as a path below it. */
static bool is_known_zone(const char *name)
{
    char path[PATH_MAX];

    if (!isalpha((unsigned char)name[0]) || strstr(name, ".."))
        return false;
    return snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name) < (int)sizeof(path) &&
           access(path, R_OK) == 0;
}

struct seep_error *when_parse_zone(const char *text, struct when_options *options)
{
    size_t at = 0, len = strlen(text);
    int64_t s = 0;
    bool plain = (zone(text, len, &at, &s) && at == len) || strcmp(text, "UTC") == 0;
    char *name = NULL;

    if (!plain && !is_known_zone(text)) {
        _cleanup_free_ char *shown = escape_text(text, len);

        return error_remedy(error_create(ERROR_INVALID, "%s is no time zone", shown ? shown : "?"),
                            "give it as --tz +08:00 or, where the zone database is installed, --tz "
                            "Europe/Berlin");
    }
    if (!plain && !(name = strdup(text)))
        return error_no_memory();
    free(options->zone);
    options->zone = name;
    options->zone_s = s;
    options->has_zone = true;
    return NULL;
}

void when_options_deinit(struct when_options *options)
{
    free(options->zone);
    options->zone = NULL;
}

/* --- placing --- */

/* Seconds east of UTC of a named zone at LOCAL_S of its own clocks. glibc knows but one zone at a time,
 * that of TZ, which is put back. */
static int64_t zone_at(const char *name, int64_t local_s)
{
    const char *before = getenv("TZ");
    _cleanup_free_ char *kept = before ? strdup(before) : NULL;
    time_t local = (time_t)local_s, utc;
    struct tm tm;

    setenv("TZ", name, 1);
    tzset();
    gmtime_r(&local, &tm);
    tm.tm_isdst = -1;
    utc = mktime(&tm);
    if (kept)
        setenv("TZ", kept, 1);
    else
        unsetenv("TZ");
    tzset();
    return local_s - (int64_t)utc;
}

struct when when_place(struct when when, const struct when_options *options)
{
    if (when.basis == WHEN_TIME_OF_DAY && options->has_date) {
        when.basis = WHEN_LOCAL;
        when.ns += options->date_s * NS_PER_S;
    }
    if (when.basis == WHEN_LOCAL && options->has_zone) {
        int64_t zone_s =
            options->zone ? zone_at(options->zone, when.ns / NS_PER_S) : options->zone_s;

        when.basis = WHEN_ABSOLUTE;
        when.ns -= zone_s * NS_PER_S;
    }
    return when;
}

const char *when_basis_name(enum when_basis basis)
{
    switch (basis) {
    case WHEN_ABSOLUTE:
        return "absolute";
    case WHEN_LOCAL:
    case WHEN_TIME_OF_DAY:
        return "time-of-day";
    case WHEN_RELATIVE:
        return "relative";
    case WHEN_NONE:
        break;
    }
    return "none";
}
