#include "base/civil_time.h"

enum { SEARCHED_BYTES = 96, DAY_S = 86400, LEAP_YEAR = 1972 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* MIN to MAX digits and no more. */
static bool take_digits(struct span *s, size_t min, size_t max, unsigned *ret_number)
{
    unsigned number = 0;
    size_t i = 0;

    for (; i < s->len && i < max && is_digit(s->text[i]); i++)
        number = number * 10 + (unsigned)(s->text[i] - '0');
    if (i < min || (i < s->len && is_digit(s->text[i])))
        return false;
    *s = span_from(*s, i);
    *ret_number = number;
    return true;
}

static bool take_char(struct span *s, char c)
{
    if (s->len == 0 || s->text[0] != c)
        return false;
    *s = span_from(*s, 1);
    return true;
}

/* One of the three-letter names in NAMES, which is followed by no letter. */
static bool take_name(struct span *s, const char *names, unsigned *ret_index)
{
    if (s->len < 3 || (s->len > 3 && is_letter(s->text[3])))
        return false;
    for (unsigned i = 0; names[3 * i]; i++)
        if (memcmp(s->text, names + 3 * i, 3) == 0) {
            *s = span_from(*s, 3);
            *ret_index = i;
            return true;
        }
    return false;
}

static bool take_month(struct span *s, unsigned *ret_month)
{
    unsigned index;

    if (!take_name(s, "JanFebMarAprMayJunJulAugSepOctNovDec", &index))
        return false;
    *ret_month = index + 1;
    return true;
}

bool civil_time_day(unsigned year, unsigned month, unsigned day, int64_t *ret_seconds)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (unsigned)(leap && month == 2))
        return false;

    int64_t past = (int64_t)year - 1;
    int64_t days = past * 365 + past / 4 - past / 100 + past / 400 - 719162;

    for (unsigned m = 1; m < month; m++)
        days += lengths[m - 1] + (leap && m == 2);
    *ret_seconds = (days + day - 1) * DAY_S;
    return true;
}

/* hh:mm:ss and a fraction after a dot or comma. */
static bool take_clock(struct span *s, struct civil_time *time)
{
    struct span at = *s;
    unsigned hour, minute, second;
    uint32_t ns = 0, scale = 1000000000;

    if (!take_digits(&at, 2, 2, &hour) || !take_char(&at, ':') ||
        !take_digits(&at, 2, 2, &minute) || !take_char(&at, ':') ||
        !take_digits(&at, 2, 2, &second) || hour > 23 || minute > 59 || second > 60 ||
        span_starts(at, ":"))
        return false;
    if (at.len > 1 && (at.text[0] == '.' || at.text[0] == ',') && is_digit(at.text[1]))
        for (at = span_from(at, 1); at.len && is_digit(at.text[0]); at = span_from(at, 1))
            if (scale > 1) {
                scale /= 10;
                ns += (uint32_t)(at.text[0] - '0') * scale;
            }
    time->seconds += hour * 3600 + minute * 60 + second;
    time->ns = ns;
    *s = at;
    return true;
}

/* "Z", " UTC", "+08:00", " +0800"; a blank before it only when a zone follows. */
static void take_zone(struct span *s, struct civil_time *time)
{
    struct span at = *s;
    unsigned hours, minutes;

    take_char(&at, ' ');
    if (span_starts(at, "UTC") || span_starts(at, "GMT") || span_starts(at, "Z")) {
        at = span_from(at, at.text[0] == 'Z' ? 1 : 3);
        if (at.len && (is_letter(at.text[0]) || is_digit(at.text[0])))
            return;
        time->has_zone = true;
        *s = at;
        return;
    }

    bool west = span_starts(at, "-");

    if (!west && !span_starts(at, "+"))
        return;
    at = span_from(at, 1);
    if (at.len < 4 || !is_digit(at.text[0]) || !is_digit(at.text[1]))
        return;
    hours = (unsigned)(at.text[0] - '0') * 10 + (unsigned)(at.text[1] - '0');
    at = span_from(at, 2);
    take_char(&at, ':');
    if (!take_digits(&at, 2, 2, &minutes) || hours > 15 || minutes > 59)
        return;
    time->utc_offset_s = (int32_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
    time->has_zone = true;
    *s = at;
}

/* yyyy-mm-dd, yyyy/mm/dd, dd-Mon-yyyy, dd/Mon/yyyy, dd Mon yyyy and what parts it from the clock. */
static bool take_numeric_date(struct span *s, struct civil_time *time)
{
    struct span at = *s;
    unsigned first, month, last, year, day;

    if (!take_digits(&at, 1, 4, &first) || at.len == 0)
        return false;

    bool year_first = s->text + 4 == at.text;
    char part = at.text[0];

    if ((part != '-' && part != '/' && part != ' ') || !take_char(&at, part))
        return false;
    if (!(year_first ? take_digits(&at, 2, 2, &month) : take_month(&at, &month)) ||
        !take_char(&at, part) || !take_digits(&at, year_first ? 2 : 4, year_first ? 2 : 4, &last))
        return false;
    year = year_first ? first : last;
    day = year_first ? last : first;
    if (!civil_time_day(year, month, day, &time->seconds) ||
        (!take_char(&at, 'T') && !take_char(&at, ' ') && !take_char(&at, ':')))
        return false;
    take_char(&at, ' ');
    time->has_date = time->has_year = true;
    *s = at;
    return true;
}

/* "Nov 20 08:22:40", with the day of the week before it, with zone and year behind it. */
static bool take_named(struct span *s, struct civil_time *time)
{
    struct span at = *s;
    unsigned weekday, month, day, year = LEAP_YEAR;
    int64_t midnight;

    if (take_name(&at, "SunMonTueWedThuFriSat", &weekday)) {
        take_char(&at, ',');
        if (!take_char(&at, ' '))
            return false;
    }
    if (!take_month(&at, &month))
        return false;
    span_skip_blanks(&at);
    if (!take_digits(&at, 1, 2, &day) || !take_char(&at, ' ') || !take_clock(&at, time))
        return false;
    take_zone(&at, time);

    struct span behind = at;

    /* A zone that is only a name tells nothing, but the year stands behind it. */
    if (take_char(&behind, ' ')) {
        size_t letters = 0;

        while (letters < 5 && letters < behind.len && is_letter(behind.text[letters]))
            letters++;
        if (letters > 2 && letters < behind.len && behind.text[letters] == ' ')
            behind = span_from(behind, letters + 1);
        if (take_digits(&behind, 4, 4, &year) && year >= 1970) {
            time->has_year = true;
            at = behind;
            if (!time->has_zone)
                take_zone(&at, time);
        } else {
            year = LEAP_YEAR;
        }
    }
    if (!civil_time_day(year, month, day, &midnight))
        return false;
    time->seconds += midnight;
    time->has_date = true;
    *s = at;
    return true;
}

bool civil_time_take(struct span *text, struct civil_time *ret_time)
{
    struct civil_time time = {0};
    struct span at = *text;

    if (at.len == 0)
        return false;
    if (is_letter(at.text[0])) {
        if (!take_named(&at, &time))
            return false;
    } else {
        if (!take_numeric_date(&at, &time))
            time = (struct civil_time){0};
        if (!take_clock(&at, &time))
            return false;
        if (time.has_date)
            take_zone(&at, &time);
    }
    *text = at;
    *ret_time = time;
    return true;
}

bool civil_time_find(struct span line, struct civil_time *ret_time, struct span *ret_behind)
{
    for (size_t i = 0; i < line.len && i < SEARCHED_BYTES; i++) {
        char c = line.text[i], before = i ? line.text[i - 1] : ' ';
        struct span at = span_from(line, i);

        /* Not in the middle of a word or number, nor of "10:08:22:40". */
        if (!is_digit(c) && !is_letter(c))
            continue;
        if (is_digit(before) || is_letter(before) || (i && (before == ':' || before == '.')))
            continue;
        if (civil_time_take(&at, ret_time)) {
            if (ret_behind)
                *ret_behind = at;
            return true;
        }
    }
    return false;
}
