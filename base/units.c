#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"ms", NS_PER_MS},
    {"s", NS_PER_S},
    {"m", 60ULL * NS_PER_S},
    {"min", 60ULL * NS_PER_S},
    {"h", 3600ULL * NS_PER_S},
    {"d", 86400ULL * NS_PER_S},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1},
    {"B", 1},
    {"K", 1ULL << 10},
    {"k", 1ULL << 10},
    {"KiB", 1ULL << 10},
    {"M", 1ULL << 20},
    {"MiB", 1ULL << 20},
    {"G", 1ULL << 30},
    {"GiB", 1ULL << 30},
    {"T", 1ULL << 40},
    {"TiB", 1ULL << 40},
    {NULL, 0},
};

static bool parse_scaled(const char *text, const struct unit *units, uint64_t *ret_value)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;

    /* Whole numbers stay exact; only a fraction goes through floating point. */
    errno = 0;
    uint64_t whole = strtoull(text, &end, 10);
    if (errno)
        return false;

    long double fraction = 0;
    if (*end == '.') {
        char *fraction_end;

        if (!isdigit((unsigned char)end[1]))
            return false;
        strtoull(end + 1, &fraction_end, 10);
        long double scale = 1;
        for (const char *digit = end + 1; digit < fraction_end; digit++) {
            scale /= 10;
            fraction += (*digit - '0') * scale;
        }
        end = fraction_end;
    }
    for (const struct unit *unit = units; unit->name; unit++) {
        uint64_t value;

        if (strcmp(unit->name, end) != 0)
            continue;
        if (__builtin_mul_overflow(whole, unit->factor, &value) ||
            __builtin_add_overflow(value, (uint64_t)(fraction * (long double)unit->factor), &value))
            return false;
        *ret_value = value;
        return true;
    }
    return false;
}

bool units_parse_duration(const char *text, uint64_t *ret_ns)
{
    return parse_scaled(text, durations, ret_ns);
}

bool units_parse_size(const char *text, uint64_t *ret_bytes)
{
    return parse_scaled(text, sizes, ret_bytes);
}

static bool parse_hex(const char *text, char **ret_end, uint64_t *ret_value)
{
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    if (!isxdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *ret_value = strtoull(text, ret_end, 16);
    return errno == 0;
}

bool units_parse_address(const char *text, uint64_t *ret_address)
{
    uint64_t address;
    char *end;

    if (!parse_hex(text, &end, &address) || *end)
        return false;
    *ret_address = address;
    return true;
}

bool units_parse_range(const char *text, uint64_t *ret_start, uint64_t *ret_end)
{
    uint64_t start, end;
    char *after;

    if (!parse_hex(text, &after, &start) || *after != '-' ||
        !units_parse_address(after + 1, &end) || start >= end)
        return false;
    *ret_start = start;
    *ret_end = end;
    return true;
}

bool units_parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    if (errno || *end || number > max)
        return false;
    *ret_number = number;
    return true;
}

const char *units_format_count(struct units_text *buf, uint64_t count)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    char *out = buf->text;

    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return buf->text;
}

const char *units_format_size(struct units_text *buf, uint64_t bytes)
{
    struct units_text whole;

    if (bytes < 1024) {
        snprintf(buf->text, sizeof(buf->text), "%" PRIu64 " B", bytes);
        return buf->text;
    }

    const char *unit = bytes < 1024 * 1024 ? "KiB" : "MiB";
    long double scaled = (long double)bytes / (bytes < 1024 * 1024 ? 1024 : 1024 * 1024);
    uint64_t tenths = (uint64_t)(scaled * 10 + 0.5L);

    units_format_count(&whole, tenths / 10);
    snprintf(buf->text, sizeof(buf->text), "%.40s.%u %s", whole.text, (unsigned)(tenths % 10),
             unit);
    return buf->text;
}

const char *units_format_duration(struct units_text *buf, uint64_t ns)
{
    uint64_t s = (ns + NS_PER_S / 2) / NS_PER_S;

    if (ns < NS_PER_MS)
        snprintf(buf->text, sizeof(buf->text), "%" PRIu64 " us", ns / NS_PER_US);
    else if (ns < NS_PER_S)
        snprintf(buf->text, sizeof(buf->text), "%" PRIu64 " ms", ns / NS_PER_MS);
    else if (ns < 10ULL * NS_PER_S)
        snprintf(buf->text, sizeof(buf->text), "%.1f s", (double)ns / NS_PER_S);
    else if (s < 120)
        snprintf(buf->text, sizeof(buf->text), "%" PRIu64 " s", s);
    else if (s < 7200)
        snprintf(buf->text, sizeof(buf->text), "%" PRIu64 " min", (s + 30) / 60);
    else if (s < 48 * 3600)
        snprintf(buf->text, sizeof(buf->text), "%" PRIu64 " h %" PRIu64 " min", s / 3600,
                 s % 3600 / 60);
    else
        snprintf(buf->text, sizeof(buf->text), "%" PRIu64 " d %" PRIu64 " h", s / 86400,
                 s % 86400 / 3600);
    return buf->text;
}

const char *units_format_time(struct units_text *buf, uint64_t epoch_ns, bool local)
{
    time_t seconds = (time_t)(epoch_ns / NS_PER_S);
    struct tm tm;
    char date[32], zone[16] = "Z";

    if (local)
        localtime_r(&seconds, &tm);
    else
        gmtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    if (local) {
        unsigned minutes = (unsigned)labs(tm.tm_gmtoff) / 60 % 6000;

        snprintf(zone, sizeof(zone), "%c%02u:%02u", tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60,
                 minutes % 60);
    }
    snprintf(buf->text, sizeof(buf->text), "%s.%09u%s", date, (unsigned)(epoch_ns % NS_PER_S),
             zone);
    return buf->text;
}

const char *units_format_clock(struct units_text *buf, uint64_t epoch_ns)
{
    time_t seconds = (time_t)(epoch_ns / NS_PER_S);
    struct tm tm;

    localtime_r(&seconds, &tm);
    strftime(buf->text, sizeof(buf->text), "%H:%M:%S", &tm);
    return buf->text;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t units_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t units_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}
