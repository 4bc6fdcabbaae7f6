#include "content/moment.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

enum { MAX_FRACTION_DIGITS = 18 };

/* Days from 1970-01-01 in the proleptic Gregorian calendar; years are counted from March, so that
 * the leap day is the last (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_from_epoch(int64_t year, int64_t mon, int64_t day)
{
    int64_t y = mon <= 2 ? year - 1 : year;
    int64_t era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (mon > 2 ? mon - 3 : mon + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t days_in_month(int64_t year, int64_t mon)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (mon == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        return 29;
    return days[mon - 1];
}

bool moment_to_epoch(const struct moment *m, const struct timestamps_options *options,
                     uint64_t *ret_ns)
{
    if (m->year < 1970 || m->year > 2554 || m->month < 1 || m->month > 12 || m->day < 1 ||
        m->day > days_in_month(m->year, m->month))
        return false;

    int64_t seconds = days_from_epoch(m->year, m->month, m->day) * 86400 + m->hour * 3600 +
                      m->minute * 60 + m->second - m->offset_s;

    uint64_t ns;

    if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, m->fraction_ns, &ns) || ns < options->first_ns ||
        ns > options->last_ns)
        return false;
    *ret_ns = ns;
    return true;
}

bool moment_to_epoch_without_year(struct moment *m, const struct timestamps_options *options,
                                  uint64_t *ret_ns)
{
    /* A year that may be one too late, never too early; leap days lie up to 8 years apart. */
    m->year = 1971 + (int64_t)(options->last_ns / NS_PER_S / 31556952);
    for (int tries = 0; tries < 10; tries++, m->year--)
        if (moment_to_epoch(m, options, ret_ns))
            return true;
    return false;
}

int moment_fraction(const struct timestamp_text *t, int i, uint64_t unit_ns, uint64_t *ret_ns)
{
    uint64_t value = 0;
    int n = 1;

    if (moment_char(t, i) != '.' && moment_char(t, i) != ',')
        return 0;
    for (uint64_t scale = unit_ns;
         n <= MAX_FRACTION_DIGITS && moment_is_digit(moment_char(t, i + n)); n++) {
        scale /= 10;
        value += scale * (uint64_t)(moment_char(t, i + n) - '0');
    }
    if (n == 1)
        return 0;
    *ret_ns = value;
    return n;
}

int moment_zone(const struct timestamp_text *t, int i, bool rfc, int64_t *ret_offset_s)
{
    static const struct {
        const char *name;
        bool rfc;
        int8_t hours;
    } names[] = {
        {"UTC", false, 0},
        {"GMT", false, 0},
        {"UT", false, 0},
        {"Z", false, 0},
        {"EST", true, -5},
        {"EDT", true, -4},
        {"CST", true, -6},
        {"CDT", true, -5},
        {"MST", true, -7},
        {"MDT", true, -6},
        {"PST", true, -8},
        {"PDT", true, -7},
        /* That nobody else uses: */
        {"WEST", false, 1},
        {"CET", false, 1},
        {"CEST", false, 2},
        {"EET", false, 2},
        {"EEST", false, 3},
        {"MSK", false, 3},
        {"HKT", false, 8},
        {"SGT", false, 8},
        {"JST", false, 9},
        {"KST", false, 9},
        {"AEST", false, 10},
        {"AEDT", false, 11},
        {"NZST", false, 12},
        {"NZDT", false, 13},
    };
    int blank = moment_char(t, i) == ' ', at = i + blank;
    int sign = moment_char(t, at);

    if (sign == '+' || sign == '-') {
        int colon = moment_char(t, at + 3) == ':';
        int64_t hours = moment_digits(t, at + 1, 2), minutes = moment_digits(t, at + 3 + colon, 2);
        int end = at + 5 + colon;

        if (minutes < 0 && !colon && !blank) {
            minutes = 0;
            end = at + 3;
        }
        if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59 ||
            moment_is_digit(moment_char(t, end)))
            return 0;
        *ret_offset_s = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
        return end - i;
    }
    for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
        int len = (int)strlen(names[n].name);

        if ((rfc || !names[n].rfc) && moment_is_text(t, at, names[n].name) &&
            !moment_is_word(moment_char(t, at + len))) {
            *ret_offset_s = names[n].hours * 3600;
            return at + len - i;
        }
    }
    return 0;
}
