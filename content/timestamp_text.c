#include "content/timestamp_text.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "content/moment.h"
#include "content/timestamp_words.h"

/* As digits, for a day that may have a blank in place of its ten. */
static int64_t padded(const struct timestamp_text *t, int i)
{
    return moment_char(t, i) == ' ' ? moment_digits(t, i + 1, 1) : moment_digits(t, i, 2);
}

static int month(const struct timestamp_text *t, int i)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int m = 0; m < 12; m++)
        if (moment_char(t, i) == names[3 * m] && moment_char(t, i + 1) == names[3 * m + 1] &&
            moment_char(t, i + 2) == names[3 * m + 2])
            return m + 1;
    return 0;
}

/* --- runs of digits --- */

/* "20210302T082913Z", the run of 8 digits being the date. */
static bool basic_iso(const struct timestamp_text *t, const struct timestamps_options *options,
                      struct timestamps_found *ret_found)
{
    struct moment m = {
        .year = moment_digits(t, 0, 4),
        .month = moment_digits(t, 4, 2),
        .day = moment_digits(t, 6, 2),
        .hour = moment_digits(t, 9, 2),
        .minute = moment_digits(t, 11, 2),
        .second = moment_digits(t, 13, 2),
        .offset_s = options->utc_offset_s,
    };
    int end = 15;

    if (m.hour < 0 || m.hour > 23 || m.minute < 0 || m.minute > 59 || m.second < 0 || m.second > 60)
        return false;
    end += moment_fraction(t, end, NS_PER_S, &m.fraction_ns);
    if (moment_char(t, end) == 'Z') {
        m.offset_s = 0;
        end++;
    }
    if (moment_is_word(moment_char(t, end)))
        return false;
    ret_found->form = TIMESTAMPS_ISO8601;
    return moment_to_epoch(&m, options, &ret_found->epoch_ns);
}

static bool epoch(const struct timestamp_text *t, int count,
                  const struct timestamps_options *options, struct timestamps_found *ret_found)
{
    static const uint64_t units[] = {NS_PER_S, NS_PER_MS, NS_PER_US, 1};
    unsigned which = (unsigned)(count - 10) / 3;
    uint64_t unit = units[which], value = (uint64_t)moment_digits(t, 0, count), part = 0, ns;
    int end = count;

    if (moment_char(t, end) == '.')
        end += moment_fraction(t, end, unit, &part);
    if (moment_is_word(moment_char(t, end)))
        return false;
    /* Of more dots it is no fraction: 1614644953.581113.17 */
    if (end > count && moment_char(t, end) == '.' && moment_is_digit(moment_char(t, end + 1)))
        part = 0;
    if (__builtin_mul_overflow(value, unit, &ns) || __builtin_add_overflow(ns, part, &ns) ||
        ns < options->first_ns || ns > options->last_ns)
        return false;
    ret_found->epoch_ns = ns;
    ret_found->form = (enum timestamps_form)(TIMESTAMPS_EPOCH_S + which);
    return true;
}

/* An id that holds a time since somebody's epoch. Any long number may look like one. */
static bool snowflake(const struct timestamp_text *t, int count,
                      const struct timestamps_options *options, struct timestamps_found *ret_found)
{
    struct timestamp_windows windows;
    uint64_t id = (uint64_t)moment_digits(t, 0, count);

    if (moment_is_word(moment_char(t, count)))
        return false;
    timestamp_windows_init(&windows, options);
    for (size_t i = 0; i < TIMESTAMPS_SNOWFLAKE_EPOCHS; i++)
        if (timestamp_window_has(&windows.snowflake[i], id)) {
            ret_found->epoch_ns = timestamp_of_snowflake(id, i);
            ret_found->form = TIMESTAMPS_SNOWFLAKE;
            ret_found->doubtful = true;
            return true;
        }
    return false;
}

bool timestamp_text_number(const struct timestamp_text *t, const struct timestamps_options *options,
                           struct timestamps_found *ret_found)
{
    struct timestamps_found found = {.address = t->at};
    int before = moment_char(t, -1), count = 0;

    if (moment_is_word(before) ||
        (before == '.' && moment_char(t, -2) == '0' && !moment_is_word(moment_char(t, -3))) ||
        (before == '-' && !moment_is_word(moment_char(t, -2))))
        return false;
    while (count < 20 && moment_is_digit(moment_char(t, count)))
        count++;

    bool got = count == 8 && moment_char(t, 8) == 'T' ? basic_iso(t, options, &found)
               : count == 10 || count == 13 || count == 16 || count == 19
                   ? epoch(t, count, options, &found)
                   : false;

    if (!got && count >= 17 && count <= 19)
        got = snowflake(t, count, options, &found);

    if (got)
        *ret_found = found;
    return got;
}

/* --- dates with a clock --- */

/* A date that ends just before the clock at 0: its form, COUNT when there is none. RET_START: where
 * it begins. A year that is not written is -1. */
static enum timestamps_form date_before(const struct timestamp_text *t, struct moment *m,
                                        int *ret_start)
{
    int sep = moment_char(t, -1);

    m->year = -1;
    if (sep == ':') {
        m->year = moment_digits(t, -5, 4);
        m->month = month(t, -9);
        m->day = moment_digits(t, -12, 2);
        *ret_start = -12;
        return m->year >= 0 && m->month && moment_char(t, -6) == '/' &&
                       moment_char(t, -10) == '/' && !moment_is_digit(moment_char(t, -13))
                   ? TIMESTAMPS_COMMON_LOG
                   : TIMESTAMPS_FORM_COUNT;
    }
    if (sep != ' ' && sep != 'T' && sep != 't' && sep != '_')
        return TIMESTAMPS_FORM_COUNT;

    int between = moment_char(t, -4);

    if ((between == '-' || between == '/') && moment_char(t, -7) == between) {
        m->year = moment_digits(t, -11, 4);
        m->month = moment_digits(t, -6, 2);
        m->day = moment_digits(t, -3, 2);
        *ret_start = -11;
        if (m->year >= 0 && m->month > 0 && m->day > 0 && !moment_is_digit(moment_char(t, -12)))
            return TIMESTAMPS_ISO8601;
    }
    if (sep != ' ')
        return TIMESTAMPS_FORM_COUNT;

    /* "Mar  2 ": the year may follow the clock. */
    m->month = month(t, -7);
    if (m->month && moment_char(t, -4) == ' ' && !moment_is_word(moment_char(t, -8))) {
        m->year = -1;
        m->day = padded(t, -3);
        *ret_start = -7;
        return TIMESTAMPS_SYSLOG;
    }
    /* "02 Mar 2021 ", "2 Mar 2021 ", "02-Mar-21 ", "02 Mar " */
    for (int year_len = 4; year_len >= 0; year_len -= 2) {
        int at = -1 - year_len - (year_len != 0) - 3;

        between = moment_char(t, at - 1);
        m->month = month(t, at);
        if (!m->month || (between != ' ' && between != '-') ||
            (year_len && moment_char(t, at + 3) != between) || (year_len == 2 && between != '-'))
            continue;
        m->year = year_len ? moment_digits(t, -1 - year_len, year_len) : -1;
        if (year_len == 2 && m->year >= 0)
            m->year += 2000;
        m->day = moment_digits(t, at - 3, 2);
        *ret_start = at - 3;
        if (m->day < 0) {
            m->day = moment_digits(t, at - 2, 1);
            *ret_start = at - 2;
        }
        if (moment_is_word(moment_char(t, *ret_start - 1)) || (year_len && m->year < 0))
            return TIMESTAMPS_FORM_COUNT;
        return year_len ? TIMESTAMPS_RFC2822 : TIMESTAMPS_SYSLOG;
    }
    return TIMESTAMPS_FORM_COUNT;
}

/* " 2021", " CST 2021" behind the clock of asctime(3) and date(1); -1 when there is none. */
static int64_t year_behind(const struct timestamp_text *t, int i)
{
    int letters = 0;

    if (moment_char(t, i) != ' ')
        return -1;
    while (letters < 5 && moment_char(t, i + 1 + letters) >= 'A' &&
           moment_char(t, i + 1 + letters) <= 'Z')
        letters++;
    if (letters) {
        i += letters + 1;
        if (letters < 2 || moment_char(t, i) != ' ')
            return -1;
    }
    return moment_is_word(moment_char(t, i + 5)) || moment_char(t, i + 5) == ':'
               ? -1
               : moment_digits(t, i + 1, 4);
}

/* "AM" or "PM" at I, perhaps behind a blank: makes an hour of twelve one of the day. */
static int half_day(const struct timestamp_text *t, int i, int64_t *hour)
{
    int blank = moment_char(t, i) == ' ', c = moment_char(t, i + blank) | 0x20;

    if ((c != 'a' && c != 'p') || (moment_char(t, i + blank + 1) | 0x20) != 'm' ||
        moment_is_word(moment_char(t, i + blank + 2)) || *hour < 1 || *hour > 12)
        return 0;
    *hour = *hour % 12 + (c == 'p' ? 12 : 0);
    return blank + 2;
}

/* The hour's, minute's and second's digits and what follows them, of which M's date is known: where
 * they end, 0 when it is no clock. HOUR_DIGITS: 1 or 2. */
static int time_of_day(const struct timestamp_text *t, int hour_digits, enum timestamps_form form,
                       struct moment *m)
{
    int end = hour_digits + 3;

    m->hour = moment_digits(t, 0, hour_digits);
    m->minute = moment_digits(t, hour_digits + 1, 2);
    if (m->hour < 0 || m->hour > 23 || m->minute < 0 || m->minute > 59)
        return 0;
    if (moment_char(t, end) == ':') {
        m->second = moment_digits(t, end + 1, 2);
        if (m->second < 0 || m->second > 60)
            return 0;
        end += 3;
        end += moment_fraction(t, end, NS_PER_S, &m->fraction_ns);
    } else if (form == TIMESTAMPS_SYSLOG || form == TIMESTAMPS_COMMON_LOG || m->year < 0) {
        return 0;
    }
    if (moment_is_digit(moment_char(t, end)))
        return 0;
    return end + half_day(t, end, &m->hour);
}

bool timestamp_text_clock(const struct timestamp_text *noticed,
                          const struct timestamps_options *options,
                          struct timestamps_found *ret_found)
{
    struct timestamp_text place = *noticed, *t = &place;
    struct moment m = {.offset_s = options->utc_offset_s};
    int hour_digits = 2, start = 0;
    uint64_t ns;

    /* Of an hour of one digit the minute and the second were noticed. */
    if (moment_char(t, -1) == ':' && moment_is_digit(moment_char(t, -2)) &&
        !moment_is_digit(moment_char(t, -3)) && moment_char(t, -3) != ':') {
        hour_digits = 1;
        place.at -= 2 * place.stride;
    }

    enum timestamps_form form = date_before(t, &m, &start);

    if (form == TIMESTAMPS_FORM_COUNT && timestamp_words_date(t, 0, &m, &start))
        form = TIMESTAMPS_WORDS;
    if (form == TIMESTAMPS_FORM_COUNT)
        return false;

    int end = time_of_day(t, hour_digits, form, &m);

    if (end == 0)
        return false;
    moment_zone(t, end, form == TIMESTAMPS_RFC2822, &m.offset_s);
    if (m.year < 0)
        m.year = year_behind(t, end);
    if (form == TIMESTAMPS_SYSLOG && m.year >= 0)
        form = TIMESTAMPS_RFC2822;
    if (m.year < 0 ? !moment_to_epoch_without_year(&m, options, &ns)
                   : !moment_to_epoch(&m, options, &ns))
        return false;
    *ret_found = (struct timestamps_found){
        .address = (uint64_t)((int64_t)t->at + (int64_t)start * t->stride),
        .epoch_ns = ns,
        .form = form,
    };
    return true;
}

/* --- Python --- */

/* A whole number at *I, perhaps negative; false when there is none of up to nine digits. */
static bool number_at(const struct timestamp_text *t, int *i, int64_t *ret_value)
{
    int64_t value = 0;
    bool negative = moment_char(t, *i) == '-';
    int digits = 0;

    *i += negative;
    while (digits < 9 && moment_is_digit(moment_char(t, *i + digits)))
        value = value * 10 + moment_char(t, *i + digits++) - '0';
    if (!digits || moment_is_digit(moment_char(t, *i + digits)))
        return false;
    *i += digits;
    *ret_value = negative ? -value : value;
    return true;
}

/* ", tzinfo=..." at I: UTC, and fixed offsets; any other zone is taken for the local one. */
static void python_zone(const struct timestamp_text *t, int i, int64_t *ret_offset_s)
{
    static const char *const utc[] = {"datetime.timezone.utc", "timezone.utc", "<UTC>", "tzutc()",
                                      "zoneinfo.ZoneInfo(key='UTC')"};
    static const char fixed[] = "datetime.timezone(datetime.timedelta(";
    int64_t days = 0, seconds = 0;

    if (!moment_is_text(t, i, ", tzinfo="))
        return;
    i += (int)strlen(", tzinfo=");
    for (size_t n = 0; n < ARRAY_SIZE(utc); n++)
        if (moment_is_text(t, i, utc[n]))
            *ret_offset_s = 0;
    if (!moment_is_text(t, i, fixed))
        return;
    i += (int)strlen(fixed);
    if (moment_is_text(t, i, "days=")) {
        i += 5;
        if (!number_at(t, &i, &days))
            return;
        i += moment_is_text(t, i, ", ") ? 2 : 0;
    }
    if (moment_is_text(t, i, "seconds=")) {
        i += 8;
        if (!number_at(t, &i, &seconds))
            return;
    }
    if (days >= -1 && days <= 1 && seconds >= 0 && seconds < 86400)
        *ret_offset_s = days * 86400 + seconds;
}

bool timestamp_text_python(const struct timestamp_text *t, const struct timestamps_options *options,
                           struct timestamps_found *ret_found)
{
    struct timestamps_found found = {.address = t->at, .form = TIMESTAMPS_PYTHON};
    int64_t values[7] = {0};
    size_t count = 0;
    int i = 0;

    if (!moment_is_text(t, -9, "datetime("))
        return false;
    while (count < ARRAY_SIZE(values) && number_at(t, &i, &values[count]) && values[count] >= 0) {
        count++;
        if (!moment_is_text(t, i, ", ") || !moment_is_digit(moment_char(t, i + 2)))
            break;
        i += 2;
    }
    if (count < 5 || values[3] > 23 || values[4] > 59 || values[5] > 59 || values[6] > 999999)
        return false;

    struct moment m = {values[0],
                       values[1],
                       values[2],
                       values[3],
                       values[4],
                       values[5],
                       (uint64_t)values[6] * NS_PER_US,
                       options->utc_offset_s};

    if (moment_is_text(t, i, ", fold="))
        i += (int)strlen(", fold=1");
    python_zone(t, i, &m.offset_s);
    if (!moment_to_epoch(&m, options, &found.epoch_ns))
        return false;
    *ret_found = found;
    return true;
}

/* --- UUIDs --- */

/* COUNT (up to 16) hexadecimal digits at I. */
static bool hex_at(const struct timestamp_text *t, int i, int count, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (int n = 0; n < count; n++) {
        int c = moment_char(t, i + n), small = c | 0x20;

        if (moment_is_digit(c))
            value = value << 4 | (uint64_t)(c - '0');
        else if (moment_is_letter(c) && small <= 'f')
            value = value << 4 | (uint64_t)(small - 'a' + 10);
        else
            return false;
    }
    *ret_value = value;
    return true;
}

bool timestamp_text_uuid(const struct timestamp_text *t, const struct timestamps_options *options,
                         struct timestamps_found *ret_found)
{
    struct timestamps_found found = {.address = t->at, .form = TIMESTAMPS_UUID};
    struct timestamp_windows windows;
    uint64_t low, middle, high, variant, node;

    if (moment_is_word(moment_char(t, -1)) || moment_is_word(moment_char(t, 36)) ||
        !hex_at(t, 0, 8, &low) || !hex_at(t, 9, 4, &middle) || !hex_at(t, 14, 4, &high) ||
        !hex_at(t, 19, 4, &variant) || !hex_at(t, 24, 12, &node) || variant >> 14 != 2)
        return false;

    uint64_t ticks = (high & 0xfff) << 48 | middle << 32 | low, ms = low << 16 | middle;

    timestamp_windows_init(&windows, options);
    if (high >> 12 == 1 && timestamp_window_has(&windows.uuid1, ticks))
        found.epoch_ns = timestamp_of_uuid1(ticks);
    else if (high >> 12 == 7 && timestamp_window_has(&windows.ms, ms))
        found.epoch_ns = ms * NS_PER_MS;
    else
        return false;
    *ret_found = found;
    return true;
}
