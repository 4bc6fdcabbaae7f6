#include "base/span.h"

#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

bool span_ends(struct span s, const char *suffix)
{
    size_t len = strlen(suffix);

    return s.len >= len && memcmp(s.text + s.len - len, suffix, len) == 0;
}

bool span_next_line(struct span *rest, struct span *ret_line)
{
    size_t i = 0;

    if (rest->len == 0)
        return false;
    /* One loop for both ends: looking for each by itself would be quadratic where one is missing. */
    while (i < rest->len && rest->text[i] != '\n' && rest->text[i] != '\r')
        i++;
    *ret_line = span_first(*rest, i);
    if (i + 1 < rest->len && rest->text[i] == '\r' && rest->text[i + 1] == '\n')
        i++;
    *rest = span_from(*rest, i < rest->len ? i + 1 : i);
    return true;
}

bool span_take(struct span *s, const char *prefix)
{
    if (!span_starts(*s, prefix))
        return false;
    *s = span_from(*s, strlen(prefix));
    return true;
}

void span_skip_blanks(struct span *s)
{
    size_t i = 0;

    while (i < s->len && is_blank(s->text[i]))
        i++;
    *s = span_from(*s, i);
}

struct span span_trim(struct span s)
{
    size_t start = 0;

    while (start < s.len && is_space(s.text[start]))
        start++;
    while (s.len > start && is_space(s.text[s.len - 1]))
        s.len--;
    return span_from(s, start);
}

struct span span_take_word(struct span *s)
{
    size_t i = 0;

    while (i < s->len && !is_blank(s->text[i]))
        i++;

    struct span word = span_first(*s, i);

    *s = span_from(*s, i);
    span_skip_blanks(s);
    return word;
}

bool span_find(struct span s, const char *needle, size_t *ret_at)
{
    const char *found = s.len ? memmem(s.text, s.len, needle, strlen(needle)) : NULL;

    if (!found)
        return false;
    *ret_at = (size_t)(found - s.text);
    return true;
}

bool span_find_last(struct span s, const char *needle, size_t *ret_at)
{
    size_t len = strlen(needle);

    if (len > s.len)
        return false;
    for (size_t at = s.len - len + 1; at-- > 0;)
        if (s.text[at] == needle[0] && memcmp(s.text + at, needle, len) == 0) {
            *ret_at = at;
            return true;
        }
    return false;
}

bool span_take_through(struct span *s, const char *needle, struct span *ret_before)
{
    size_t at;

    if (!span_find(*s, needle, &at))
        return false;
    if (ret_before)
        *ret_before = span_first(*s, at);
    *s = span_from(*s, at + strlen(needle));
    return true;
}

bool span_take_number(struct span *s, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < s->len && s->text[i] >= '0' && s->text[i] <= '9'; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(s->text[i] - '0'), &number))
            return false;
    if (i == 0)
        return false;
    *s = span_from(*s, i);
    *ret_number = number;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool span_take_hex(struct span *s, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t start = span_starts(*s, "0x") || span_starts(*s, "0X") ? 2 : 0, i = start;
    int digit;

    for (; i < s->len && (digit = hex_digit(s->text[i])) >= 0; i++) {
        if (number >> 60)
            return false;
        number = number << 4 | (uint64_t)digit;
    }
    if (i == start)
        return false;
    *s = span_from(*s, i);
    *ret_number = number;
    return true;
}

/* The power of 1024 that the unit at S means, stepping over it; -1: there is none. */
static int take_unit(struct span *s)
{
    static const struct {
        const char *name;
        int power;
    } units[] = {
        {"bytes", 0}, {"byte", 0}, {"KiB", 1}, {"MiB", 2}, {"GiB", 3},
        {"TiB", 4},   {"KB", 1},   {"MB", 2},  {"GB", 3},  {"TB", 4},
        {"B", 0},     {"K", 1},    {"M", 2},   {"G", 3},   {"T", 4},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i].name);

        if (s->len < len || strncasecmp(s->text, units[i].name, len) != 0)
            continue;
        if (s->len > len && ((s->text[len] | 0x20) >= 'a' && (s->text[len] | 0x20) <= 'z'))
            continue;
        *s = span_from(*s, len);
        return units[i].power;
    }
    return -1;
}

bool span_take_size(struct span *s, uint64_t *ret_bytes)
{
    struct span at = *s;
    uint64_t whole, tenths = 0, scale = 1;

    if (!span_take_number(&at, &whole))
        return false;
    if (at.len > 1 && at.text[0] == '.' && at.text[1] >= '0' && at.text[1] <= '9')
        for (at = span_from(at, 1); at.len && at.text[0] >= '0' && at.text[0] <= '9';
             at = span_from(at, 1))
            if (scale < 1000000) {
                tenths = tenths * 10 + (uint64_t)(at.text[0] - '0');
                scale *= 10;
            }

    struct span behind = at;

    span_skip_blanks(&behind);

    int power = take_unit(&behind);
    uint64_t factor = power > 0 ? 1ULL << (10 * power) : 1, bytes;

    if (__builtin_mul_overflow(whole, factor, &bytes) ||
        __builtin_add_overflow(bytes, (uint64_t)((long double)tenths / scale * factor), &bytes))
        return false;
    *s = power < 0 ? at : behind;
    *ret_bytes = bytes;
    return true;
}
