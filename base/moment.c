#include "base/moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

/* Where times begin that are not since the epoch. */
#define ORIGIN_NS (UINT64_C(86400) * NS_PER_S)

static const struct {
    const char *word, *name;
} bases[] = {
    [MOMENT_ABSOLUTE] = {"absolute", "absolute"},
    [MOMENT_LOCAL] = {"local", "time-of-day"},
    [MOMENT_TIME_OF_DAY] = {"time-of-day", "time-of-day"},
    [MOMENT_RELATIVE] = {"relative", "relative"},
    [MOMENT_NONE] = {"none", "none"},
};

enum moment_basis moment_basis_of(const char *word)
{
    for (unsigned i = 0; word && i < ARRAY_SIZE(bases); i++)
        if (strcmp(word, bases[i].word) == 0)
            return (enum moment_basis)i;
    return MOMENT_ABSOLUTE;
}

const char *moment_basis_name(enum moment_basis basis)
{
    return bases[basis].name;
}

/* Days since the first one; a look may have been put before it. */
static int64_t day_of(uint64_t ns)
{
    return (int64_t)(ns / ORIGIN_NS) - 1;
}

static void put_clock(struct units_text *buf, uint64_t ns, bool fraction)
{
    uint64_t s = ns / NS_PER_S % 86400;
    int len = snprintf(buf->text, sizeof(buf->text), "%02u:%02u:%02u", (unsigned)(s / 3600),
                       (unsigned)(s / 60 % 60), (unsigned)(s % 60));

    if (fraction)
        snprintf(buf->text + len, sizeof(buf->text) - (size_t)len, ".%09u",
                 (unsigned)(ns % NS_PER_S));
}

static void append_day(struct units_text *buf, uint64_t ns, bool person)
{
    size_t len = strlen(buf->text);

    if (day_of(ns) != 0)
        snprintf(buf->text + len, sizeof(buf->text) - len, "%s%+" PRId64 "%s",
                 person ? " (day " : "", day_of(ns), person ? ")" : "d");
}

const char *moment_text(struct units_text *buf, enum moment_basis basis, uint64_t ns, bool dated)
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm tm = {0};

    buf->text[0] = '\0';
    switch (basis) {
    case MOMENT_ABSOLUTE:
        localtime_r(&seconds, &tm);
        break;
    case MOMENT_LOCAL:
        gmtime_r(&seconds, &tm);
        break;
    case MOMENT_TIME_OF_DAY:
        put_clock(buf, ns, false);
        append_day(buf, ns, true);
        return buf->text;
    case MOMENT_RELATIVE:
        snprintf(buf->text, sizeof(buf->text), "%+.1f s",
                 ((double)ns - (double)ORIGIN_NS) / NS_PER_S);
        return buf->text;
    case MOMENT_NONE:
        return buf->text;
    }
    strftime(buf->text, sizeof(buf->text), dated ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
    return buf->text;
}

const char *moment_json(struct units_text *buf, enum moment_basis basis, uint64_t ns)
{
    switch (basis) {
    case MOMENT_ABSOLUTE:
        return units_format_time(buf, ns, false);
    case MOMENT_LOCAL:
        units_format_time(buf, ns, false);
        buf->text[strlen(buf->text) - 1] = '\0'; /* the Z */
        return buf->text;
    case MOMENT_TIME_OF_DAY:
        put_clock(buf, ns, true);
        append_day(buf, ns, false);
        return buf->text;
    case MOMENT_RELATIVE:
        snprintf(buf->text, sizeof(buf->text), "%+.9fs",
                 ((double)ns - (double)ORIGIN_NS) / NS_PER_S);
        return buf->text;
    case MOMENT_NONE:
        break;
    }
    return NULL;
}
