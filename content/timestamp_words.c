#include "content/timestamp_words.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

enum {
    MAX_CHARS = 48,       /* before the clock */
    MAX_PARTS = 3,        /* day, month, year */
    MAX_SHORT_LETTERS = 5 /* of a month that no year follows */
};

/* How the months' names begin in English, German, Dutch, the Scandinavian and Romance languages,
 * Hungarian, Polish, Czech, Turkish, Finnish, Russian, Ukrainian and Greek. Of several that fit the
 * longest counts. */
static const char *const names[] = {
    "jan jän ene gen ian sty led oca tammi янв січ ιαν",
    "feb fév fev lut úno şub helmi фев лют φεβ",
    "mar mär már mrz maa mrt bře мар бер μαρ μάρ",
    "apr avr abr ápr kwi dub nis huhti апр кві απρ",
    "may mai mei maj máj mag kvě touko май мая тра μαΐ μάι μαι",
    "jun jún juin giu iun cze čer haz kesä июн чер ιουν ιούν",
    "jul júl juil lug iul lip červenec července čvc tem heinä июл лип ιουλ ιούλ",
    "aug aoû aou ago sie srp ağu elo авг сер αυγ αύγ",
    "sep set sze wrz zář eyl syys сен вер σεπ",
    "oct okt ott out paź říj eki loka окт жов οκτ",
    "nov noi lis kas marras ноя лис νοε νοέ",
    "dec dez des dic déc gru pro ara joulu дек гру δεκ",
};

/* Words that may stand within a date, or between it and the clock. */
static const char *const fillers[] = {
    "at", "um",  "a",  "à",  "às",  "alle", "alla", "las", "kl",   "klo",  "om",
    "o",  "ore", "de", "do", "del", "den",  "le",   "of",  "the",  "saat", "m",
    "d",  "st",  "nd", "rd", "th",  "er",   "г",    "р",   "року", "в",
};

/* The characters that end where the date does, as small letters. */
struct chars {
    uint32_t points[MAX_CHARS + 1];
    int begins[MAX_CHARS + 1]; /* of each: where, as moment_char counts */
    int count;
    int first; /* those from here on were read */
};

static uint32_t fold(uint32_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
        (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40f)
        return c + 0x50;
    if (c == 0x130)
        return 'i';
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c + (c & 1);
    if (c >= 0x100 && c <= 0x177)
        return c | 1;
    return c == 0x386 ? 0x3ac : c >= 0x388 && c <= 0x38a ? c + 0x25 : c;
}

/* The character before I, which becomes where it begins; 0: none of a text. */
static uint32_t char_before(const struct timestamp_text *t, int *i)
{
    int64_t at = (int64_t)t->at + (int64_t)(*i - 1) * t->stride;
    uint32_t point = 0;

    if (at < 0 || at >= (int64_t)t->len)
        return 0;
    --*i;
    if (t->stride == 2)
        return at + 1 < (int64_t)t->len ? t->bytes[at] | (uint32_t)t->bytes[at + 1] << 8 : 0;
    if (t->bytes[at] < 0x80)
        return t->bytes[at];
    for (size_t len = 1; len <= 4; len++, at--, --*i) {
        if (at < 0)
            return 0;
        if ((t->bytes[at] & 0xc0) != 0x80)
            return utf8_decode(t->bytes + at, len, &point) == len ? point : 0;
    }
    return 0;
}

/* Puts the characters at the end of POINTS: [first, MAX_CHARS). */
static void read_before(const struct timestamp_text *t, int i, struct chars *chars)
{
    int least = -(TIMESTAMPS_BEFORE_BYTES / (int)t->stride) + 4;

    chars->first = chars->count = MAX_CHARS;
    chars->begins[MAX_CHARS] = i;
    while (chars->first > 0 && i > least) {
        uint32_t point = char_before(t, &i);

        if (point < ' ' || point == 0x7f)
            break;
        chars->points[--chars->first] = fold(point);
        chars->begins[chars->first] = i;
    }
}

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 0xc0 && c != 0xd7 && c != 0xf7 && c < 0x2000) ||
           (c >= 0x3041 && c < 0xd7a4);
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

/* How many characters WORD (of LEN) has in common with the NAME_LEN bytes of NAME, which it begins
 * with; 0 when it does not. */
static int match(const uint32_t *word, int len, const char *name, size_t name_len)
{
    int n = 0;

    for (; name_len; n++) {
        uint32_t point;
        size_t step = utf8_decode(name, name_len, &point);

        if (n == len || word[n] != point)
            return 0;
        name += step;
        name_len -= step;
    }
    return n;
}

static int month_of(const uint32_t *word, int len)
{
    int month = 0, longest = 0;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        for (const char *name = names[i]; *name; name += *name == ' ') {
            size_t name_len = strcspn(name, " ");
            int n = match(word, len, name, name_len);

            if (n > longest) {
                longest = n;
                month = (int)i + 1;
            }
            name += name_len;
        }
    return month;
}

static bool is_filler(const uint32_t *word, int len)
{
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++)
        if (match(word, len, fillers[i], strlen(fillers[i])) == len)
            return true;
    return false;
}

/* --- the parts of a date, the last first --- */

struct part {
    bool is_word;
    int64_t number;
    int letters, month; /* of a word */
    int start;
};

static bool is_separator(uint32_t c)
{
    return c == ' ' || c == ',' || c == '.' || c == 0xa0 || c == 0x202f || c == 0xba || c == 0xaa ||
           c == '(' || c == ')';
}

/* Year, month and day marks of Chinese and Japanese, and of Korean, stand behind the numbers. */
static char mark_of(uint32_t c)
{
    switch (c) {
    case 0x5e74: /* 年 */
    case 0xb144: /* 년 */
        return 'y';
    case 0x6708: /* 月 */
    case 0xc6d4: /* 월 */
        return 'm';
    case 0x65e5: /* 日 */
    case 0xc77c: /* 일 */
        return 'd';
    default:
        return 0;
    }
}

/* The number that ends before *AT; -1 when there is none of up to four digits. */
static int64_t number_before(const struct chars *c, int *at)
{
    int64_t value = 0, scale = 1;
    int digits = 0;

    while (*at > c->first && is_digit(c->points[*at - 1])) {
        if (++digits > 4)
            return -1;
        value += scale * (int64_t)(c->points[--*at] - '0');
        scale *= 10;
    }
    /* Ideographs touch numbers, letters do not. */
    return digits &&
                   !(*at > c->first && c->points[*at - 1] < 0x2000 && is_letter(c->points[*at - 1]))
               ? value
               : -1;
}

/* The next part before *AT, with the fillers behind it passed over; false: none. */
static bool next_part(const struct chars *c, int *at, struct part *ret_part)
{
    for (;;) {
        while (*at > c->first && is_separator(c->points[*at - 1]))
            --*at;
        if (*at == c->first)
            return false;

        struct part part = {0};
        int end = *at;

        if (is_digit(c->points[*at - 1])) {
            part.number = number_before(c, at);
            part.start = *at;
            *ret_part = part;
            return part.number >= 0;
        }
        while (*at > c->first && is_letter(c->points[*at - 1]))
            --*at;
        if (*at == end)
            return false;
        part.is_word = true;
        part.letters = end - *at;
        part.start = *at;
        if (!is_filler(c->points + *at, part.letters)) {
            part.month = month_of(c->points + *at, part.letters);
            *ret_part = part;
            return part.month != 0;
        }
    }
}

static bool is_day(const struct part *part)
{
    return !part->is_word && part->number >= 1 && part->number <= 31;
}

static bool is_year(const struct part *part)
{
    return !part->is_word && part->number >= 1000;
}

static void set_date(struct moment *m, int64_t year, int64_t month, int64_t day)
{
    m->year = year;
    m->month = month;
    m->day = day;
}

/* PARTS are in the order of reading, from the end. */
static bool from_parts(const struct part *parts, size_t count, struct moment *m, int *ret_first)
{
    if (count == 3 && is_year(&parts[0]) && parts[1].is_word && is_day(&parts[2])) {
        set_date(m, parts[0].number, parts[1].month, parts[2].number);
        *ret_first = parts[2].start;
        return true;
    }
    if (count == 3 && is_year(&parts[0]) && is_day(&parts[1]) && parts[2].is_word) {
        set_date(m, parts[0].number, parts[2].month, parts[1].number);
        *ret_first = parts[2].start;
        return true;
    }
    if (count == 3 && is_day(&parts[0]) && parts[1].is_word && is_year(&parts[2])) {
        set_date(m, parts[2].number, parts[1].month, parts[0].number);
        *ret_first = parts[2].start;
        return true;
    }
    if (count < 2 || parts[0].is_word == parts[1].is_word)
        return false;

    const struct part *word = &parts[parts[1].is_word], *number = &parts[parts[0].is_word];

    if (!is_day(number) || word->letters > MAX_SHORT_LETTERS)
        return false;
    set_date(m, -1, word->month, number->number);
    *ret_first = parts[1].start;
    return true;
}

/* "2021年 03月 02日 (火)": the marks with their numbers before them. */
static bool marked_date(const struct chars *c, struct moment *m, int *ret_first)
{
    static const char order[] = "dmy";
    int64_t values[3];
    int at = c->count;

    /* A day of the week may stand between. */
    for (int skipped = 0; at > c->first && mark_of(c->points[at - 1]) != 'd'; at--)
        if (is_digit(c->points[at - 1]) || ++skipped > 8)
            return false;
    /* "火曜日" ends with the mark of a day. */
    if (at - 1 > c->first && !is_digit(c->points[at - 2])) {
        at--;
        for (int skipped = 0; at > c->first && mark_of(c->points[at - 1]) != 'd'; at--)
            if (is_digit(c->points[at - 1]) || ++skipped > 8)
                return false;
    }
    for (int i = 0; i < 3; i++) {
        while (at > c->first && c->points[at - 1] == ' ')
            at--;
        if (at == c->first || mark_of(c->points[at - 1]) != order[i])
            return false;
        at--;
        values[i] = number_before(c, &at);
        if (values[i] < 0)
            return false;
    }
    set_date(m, values[2], values[1], values[0]);
    *ret_first = at;
    return true;
}

bool timestamp_words_date(const struct timestamp_text *t, int i, struct moment *m, int *ret_start)
{
    struct chars chars;
    struct part parts[MAX_PARTS];
    size_t count = 0;
    int first, at = MAX_CHARS;

    read_before(t, i, &chars);
    while (count < MAX_PARTS && next_part(&chars, &at, &parts[count]))
        count++;
    if (!from_parts(parts, count, m, &first) && !marked_date(&chars, m, &first))
        return false;
    *ret_start = chars.begins[first];
    return true;
}
