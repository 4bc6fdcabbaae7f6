/*
 * Characters around a place in text, and the date and time of day that is read from them.
 *
 *     "Tue, 02 Mar 2021 08:29:13 +0800"      moment_char(t, 0) is '0', (t, -2) is '1'
 *                       ^ noticed            moment_digits(t, 3, 2) is 29
 *
 *     struct moment m = {2021, 3, 2, 8, 29, 13, 0, 8 * 3600};
 *     moment_to_epoch(&m, &options, &ns)
 */
#pragma once

#include "content/timestamp_text.h"

enum { MOMENT_NO_CHAR = -1 };

/* The character I places behind (or, negative, before) the noticed one. */
static inline int moment_char(const struct timestamp_text *t, int i)
{
    int64_t at = (int64_t)t->at + (int64_t)i * t->stride;

    if (at < 0 || at >= (int64_t)t->len)
        return MOMENT_NO_CHAR;
    if (t->stride == 2 && at + 1 < (int64_t)t->len && t->bytes[at + 1])
        return MOMENT_NO_CHAR;
    return t->bytes[at];
}

static inline bool moment_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static inline bool moment_is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool moment_is_word(int c)
{
    return moment_is_digit(c) || moment_is_letter(c) || c == '_';
}

/* The number of COUNT (up to 19) digits at I; -1 when they are not all digits. */
static inline int64_t moment_digits(const struct timestamp_text *t, int i, int count)
{
    uint64_t value = 0;

    for (int n = 0; n < count; n++) {
        int c = moment_char(t, i + n);

        if (!moment_is_digit(c))
            return -1;
        value = value * 10 + (uint64_t)(c - '0');
    }
    return (int64_t)value;
}

static inline bool moment_is_text(const struct timestamp_text *t, int i, const char *text)
{
    for (int n = 0; text[n]; n++)
        if (moment_char(t, i + n) != text[n])
            return false;
    return true;
}

struct moment {
    int64_t year, month, day, hour, minute, second; /* second may be 60 */
    uint64_t fraction_ns;
    int64_t offset_s;
};

/* Nanoseconds since 1970; false when there is no such date, or it lies outside the window. */
bool moment_to_epoch(const struct moment *m, const struct timestamps_options *options,
                     uint64_t *ret_ns);

/* Tries the years of the window, the latest first. */
bool moment_to_epoch_without_year(struct moment *m, const struct timestamps_options *options,
                                  uint64_t *ret_ns);

/* A fraction of UNIT_NS at I, its dot or comma included: its length, 0 when there is none. */
int moment_fraction(const struct timestamp_text *t, int i, uint64_t unit_ns, uint64_t *ret_ns);

/* What follows the time of day at I: a zone's length, 0 when there is none. RFC: names are RFC
 * 5322's. */
int moment_zone(const struct timestamp_text *t, int i, bool rfc, int64_t *ret_offset_s);
