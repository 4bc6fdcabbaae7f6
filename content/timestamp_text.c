#include "content/timestamp_text.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

enum { NO_CHAR = -1, MAX_FRACTION_DIGITS = 18 };

/* --- characters --- */

/* The character I places behind (or, negative, before) the noticed one. */
static int peek(const struct timestamp_text *t, int i)
{
    int64_t at = (int64_t)t->at + (int64_t)i * t->stride;

    if (at < 0 || at >= (int64_t)t->len)
        return NO_CHAR;
    if (t->stride == 2 && at + 1 < (int64_t)t->len && t->bytes[at + 1])
        return NO_CHAR;
    return t->bytes[at];
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(int c)
{
    return is_digit(c) || is_letter(c) || c == '_';
}

/* The number of COUNT (up to 19) digits at I; -1 when they are not all digits. */
static int64_t digits(const struct timestamp_text *t, int i, int count)
{
    uint64_t value = 0;

    for (int n = 0; n < count; n++) {
        int c = peek(t, i + n);

        if (!is_digit(c))
            return -1;
        value = value * 10 + (uint64_t)(c - '0');
    }
    return (int64_t)value;
}

/* As digits, for a day that may have a blank in place of its ten. */
static int64_t padded(const struct timestamp_text *t, int i)
{
    return peek(t, i) == ' ' ? digits(t, i + 1, 1) : digits(t, i, 2);
}

static int month(const struct timestamp_text *t, int i)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int m = 0; m < 12; m++)
        if (peek(t, i) == names[3 * m] && peek(t, i + 1) == names[3 * m + 1] &&
            peek(t, i + 2) == names[3 * m + 2])
            return m + 1;
    return 0;
}

static bool is_text(const struct timestamp_text *t, int i, const char *text)
{
    for (int n = 0; text[n]; n++)
        if (peek(t, i + n) != text[n])
            return false;
    return true;
}

/* --- times --- */

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

struct moment {
    int64_t year, month, day, hour, minute, second; /* second may be 60 */
    uint64_t fraction_ns;
    int64_t offset_s;
};

static bool to_epoch(const struct moment *m, const struct timestamps_options *options,
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

/* Tries the years of the window, the latest first; leap days lie up to 8 years apart. */
static bool to_epoch_without_year(struct moment *m, const struct timestamps_options *options,
                                  uint64_t *ret_ns)
{
    /* A year that may be one too late, never too early. */
    m->year = 1971 + (int64_t)(options->last_ns / NS_PER_S / 31556952);
    for (int tries = 0; tries < 10; tries++, m->year--)
        if (to_epoch(m, options, ret_ns))
            return true;
    return false;
}

/* A fraction of UNIT_NS at I, its dot or comma included: its length, 0 when there is none. */
static int fraction(const struct timestamp_text *t, int i, uint64_t unit_ns, uint64_t *ret_ns)
{
    uint64_t value = 0;
    int n = 1;

    if (peek(t, i) != '.' && peek(t, i) != ',')
        return 0;
    for (uint64_t scale = unit_ns; n <= MAX_FRACTION_DIGITS && is_digit(peek(t, i + n)); n++) {
        scale /= 10;
        value += scale * (uint64_t)(peek(t, i + n) - '0');
    }
    if (n == 1)
        return 0;
    *ret_ns = value;
    return n;
}

/* --- runs of digits --- */

/* "20210302T082913Z", the run of 8 digits being the date. */
static bool basic_iso(const struct timestamp_text *t, const struct timestamps_options *options,
                      struct timestamps_found *ret_found)
{
    struct moment m = {
        .year = digits(t, 0, 4),
        .month = digits(t, 4, 2),
        .day = digits(t, 6, 2),
        .hour = digits(t, 9, 2),
        .minute = digits(t, 11, 2),
        .second = digits(t, 13, 2),
        .offset_s = options->utc_offset_s,
    };
    int end = 15;

    if (m.hour < 0 || m.hour > 23 || m.minute < 0 || m.minute > 59 || m.second < 0 || m.second > 60)
        return false;
    end += fraction(t, end, NS_PER_S, &m.fraction_ns);
    if (peek(t, end) == 'Z') {
        m.offset_s = 0;
        end++;
    }
    if (is_word(peek(t, end)))
        return false;
    ret_found->form = TIMESTAMPS_ISO8601;
    return to_epoch(&m, options, &ret_found->epoch_ns);
}

static bool epoch(const struct timestamp_text *t, int count,
                  const struct timestamps_options *options, struct timestamps_found *ret_found)
{
    static const uint64_t units[] = {NS_PER_S, NS_PER_MS, NS_PER_US, 1};
    unsigned which = (unsigned)(count - 10) / 3;
    uint64_t unit = units[which], value = (uint64_t)digits(t, 0, count), part = 0, ns;
    int end = count;

    if (peek(t, end) == '.')
        end += fraction(t, end, unit, &part);
    if (is_word(peek(t, end)))
        return false;
    /* Of more dots it is no fraction: 1614644953.581113.17 */
    if (end > count && peek(t, end) == '.' && is_digit(peek(t, end + 1)))
        part = 0;
    if (__builtin_mul_overflow(value, unit, &ns) || __builtin_add_overflow(ns, part, &ns) ||
        ns < options->first_ns || ns > options->last_ns)
        return false;
    ret_found->epoch_ns = ns;
    ret_found->form = (enum timestamps_form)(TIMESTAMPS_EPOCH_S + which);
    return true;
}

bool timestamp_text_number(const struct timestamp_text *t, const struct timestamps_options *options,
                           struct timestamps_found *ret_found)
{
    struct timestamps_found found = {.address = t->at};
    int before = peek(t, -1), count = 0;

    if (is_word(before) || (before == '.' && peek(t, -2) == '0' && !is_word(peek(t, -3))) ||
        (before == '-' && !is_word(peek(t, -2))))
        return false;
    while (count < 20 && is_digit(peek(t, count)))
        count++;

    bool got = count == 8 && peek(t, 8) == 'T' ? basic_iso(t, options, &found)
               : count == 10 || count == 13 || count == 16 || count == 19
                   ? epoch(t, count, options, &found)
                   : false;

    if (got)
        *ret_found = found;
    return got;
}

/* --- dates with a clock --- */

/* What follows the time of day at I: a zone. RFC: names are RFC 5322's. */
static int zone(const struct timestamp_text *t, int i, bool rfc, int64_t *ret_offset_s)
{
    static const struct {
        const char *name;
        bool rfc;
        int8_t hours;
    } names[] = {
        {"UTC", false, 0}, {"GMT", false, 0}, {"UT", false, 0},  {"Z", false, 0},
        {"EST", true, -5}, {"EDT", true, -4}, {"CST", true, -6}, {"CDT", true, -5},
        {"MST", true, -7}, {"MDT", true, -6}, {"PST", true, -8}, {"PDT", true, -7},
    };
    int blank = peek(t, i) == ' ', at = i + blank;
    int sign = peek(t, at);

    if (sign == '+' || sign == '-') {
        int colon = peek(t, at + 3) == ':';
        int64_t hours = digits(t, at + 1, 2), minutes = digits(t, at + 3 + colon, 2);
        int end = at + 5 + colon;

        if (minutes < 0 && !colon && !blank) {
            minutes = 0;
            end = at + 3;
        }
        if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59 || is_digit(peek(t, end)))
            return 0;
        *ret_offset_s = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
        return end - i;
    }
    for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
        int len = (int)strlen(names[n].name);

        if ((rfc || !names[n].rfc) && is_text(t, at, names[n].name) &&
            !is_word(peek(t, at + len))) {
            *ret_offset_s = names[n].hours * 3600;
            return at + len - i;
        }
    }
    return 0;
}

/* A date that ends just before the clock at 0: its form, COUNT when there is none. RET_START: where
 * it begins. A year that is not written is -1. */
static enum timestamps_form date_before(const struct timestamp_text *t, struct moment *m,
                                        int *ret_start)
{
    int sep = peek(t, -1);

    m->year = -1;
    if (sep == ':') {
        m->year = digits(t, -5, 4);
        m->month = month(t, -9);
        m->day = digits(t, -12, 2);
        *ret_start = -12;
        return m->year >= 0 && m->month && peek(t, -6) == '/' && peek(t, -10) == '/' &&
                       !is_digit(peek(t, -13))
                   ? TIMESTAMPS_COMMON_LOG
                   : TIMESTAMPS_FORM_COUNT;
    }
    if (sep != ' ' && sep != 'T' && sep != 't' && sep != '_')
        return TIMESTAMPS_FORM_COUNT;

    int between = peek(t, -4);

    if ((between == '-' || between == '/') && peek(t, -7) == between) {
        m->year = digits(t, -11, 4);
        m->month = digits(t, -6, 2);
        m->day = digits(t, -3, 2);
        *ret_start = -11;
        if (m->year >= 0 && m->month > 0 && m->day > 0 && !is_digit(peek(t, -12)))
            return TIMESTAMPS_ISO8601;
    }
    if (sep != ' ')
        return TIMESTAMPS_FORM_COUNT;

    /* "Mar  2 ": the year may follow the clock. */
    m->month = month(t, -7);
    if (m->month && peek(t, -4) == ' ' && !is_word(peek(t, -8))) {
        m->year = -1;
        m->day = padded(t, -3);
        *ret_start = -7;
        return TIMESTAMPS_SYSLOG;
    }
    /* "02 Mar 2021 ", "2 Mar 2021 ", "02-Mar-21 ", "02 Mar " */
    for (int year_len = 4; year_len >= 0; year_len -= 2) {
        int at = -1 - year_len - (year_len != 0) - 3;

        between = peek(t, at - 1);
        m->month = month(t, at);
        if (!m->month || (between != ' ' && between != '-') ||
            (year_len && peek(t, at + 3) != between) || (year_len == 2 && between != '-'))
            continue;
        m->year = year_len ? digits(t, -1 - year_len, year_len) : -1;
        if (year_len == 2 && m->year >= 0)
            m->year += 2000;
        m->day = digits(t, at - 3, 2);
        *ret_start = at - 3;
        if (m->day < 0) {
            m->day = digits(t, at - 2, 1);
            *ret_start = at - 2;
        }
        if (is_word(peek(t, *ret_start - 1)) || (year_len && m->year < 0))
            return TIMESTAMPS_FORM_COUNT;
        return year_len ? TIMESTAMPS_RFC2822 : TIMESTAMPS_SYSLOG;
    }
    return TIMESTAMPS_FORM_COUNT;
}

/* " 2021", " CST 2021" behind the clock of asctime(3) and date(1); -1 when there is none. */
static int64_t year_behind(const struct timestamp_text *t, int i)
{
    int letters = 0;

    if (peek(t, i) != ' ')
        return -1;
    while (letters < 5 && peek(t, i + 1 + letters) >= 'A' && peek(t, i + 1 + letters) <= 'Z')
        letters++;
    if (letters) {
        i += letters + 1;
        if (letters < 2 || peek(t, i) != ' ')
            return -1;
    }
    return is_word(peek(t, i + 5)) || peek(t, i + 5) == ':' ? -1 : digits(t, i + 1, 4);
}

bool timestamp_text_clock(const struct timestamp_text *t, const struct timestamps_options *options,
                          struct timestamps_found *ret_found)
{
    struct moment m = {
        .hour = digits(t, 0, 2), .minute = digits(t, 3, 2), .offset_s = options->utc_offset_s};
    int end = 5, start;
    enum timestamps_form form = date_before(t, &m, &start);
    uint64_t ns;

    if (form == TIMESTAMPS_FORM_COUNT || m.hour > 23 || m.minute > 59)
        return false;
    if (peek(t, 5) == ':') {
        m.second = digits(t, 6, 2);
        if (m.second < 0 || m.second > 60)
            return false;
        end = 8;
        end += fraction(t, end, NS_PER_S, &m.fraction_ns);
    } else if (form != TIMESTAMPS_ISO8601 && form != TIMESTAMPS_RFC2822) {
        return false;
    }
    if (is_digit(peek(t, end)))
        return false;
    if (form == TIMESTAMPS_SYSLOG) {
        zone(t, end, false, &m.offset_s);
        m.year = m.year < 0 ? year_behind(t, end) : m.year;
        form = m.year < 0 ? TIMESTAMPS_SYSLOG : TIMESTAMPS_RFC2822;
    } else {
        zone(t, end, form == TIMESTAMPS_RFC2822, &m.offset_s);
    }
    if (m.year < 0 ? !to_epoch_without_year(&m, options, &ns) : !to_epoch(&m, options, &ns))
        return false;
    *ret_found = (struct timestamps_found){
        .address = (uint64_t)((int64_t)t->at + (int64_t)start * t->stride),
        .epoch_ns = ns,
        .form = form,
    };
    return true;
}
