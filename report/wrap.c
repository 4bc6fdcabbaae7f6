#include "report/wrap.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { MIN_TEXT_COLUMNS = 20 };

/* Blocks of Unicode whose characters are two columns wide (UAX #11, W and F), coarsely. */
static const struct {
    uint32_t first, last;
} wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

/* The character at TEXT: its bytes, and the columns it takes. */
static size_t character(const char *text, size_t len, size_t *ret_columns)
{
    unsigned char first = (unsigned char)text[0];
    size_t bytes = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t point = bytes == 1 ? first : first & (0x7fU >> bytes);

    if (bytes > len)
        bytes = len;
    for (size_t i = 1; i < bytes; i++)
        point = point << 6 | ((unsigned char)text[i] & 0x3f);
    *ret_columns = 1;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (point >= wide[i].first && point <= wide[i].last)
            *ret_columns = 2;
    return bytes;
}

size_t wrap_columns(const char *text, size_t len)
{
    size_t total = 0, columns;

    for (size_t at = 0; at < len; total += columns)
        at += character(text + at, len - at, &columns);
    return total;
}

size_t wrap_fit(const char *text, size_t len, size_t columns)
{
    size_t at = 0, used = 0;

    while (at < len) {
        size_t wide_columns, step = character(text + at, len - at, &wide_columns);

        if (used + wide_columns > columns)
            break;
        used += wide_columns;
        at += step;
    }
    return at;
}

/* True when the blank at TEXT[AT] is between a number and its unit. */
static bool binds(const char *text, size_t at)
{
    static const char *const units[] = {"B", "KiB", "MiB", "ms", "s", "min", "h", "d", "us"};

    if (at == 0 || !isdigit((unsigned char)text[at - 1]))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i]);

        if (strncmp(text + at + 1, units[i], len) == 0 &&
            !isalnum((unsigned char)text[at + 1 + len]))
            return true;
    }
    return false;
}

/* Length of the line that TEXT begins with, in at most COLUMNS. */
static size_t line_len(const char *text, size_t len, size_t columns)
{
    size_t fit = wrap_fit(text, len, columns);

    if (fit == len || (text[fit] == ' ' && !binds(text, fit)))
        return fit;
    for (size_t at = fit; at > 0; at--)
        if (text[at - 1] == ' ' && !binds(text, at - 1))
            return at - 1;
    return fit ? fit : 1;
}

void wrap_append(struct buffer *out, size_t width, const char *label, size_t label_columns,
                 const char *text)
{
    size_t columns =
        width > label_columns + MIN_TEXT_COLUMNS ? width - label_columns : MIN_TEXT_COLUMNS;
    size_t left = strlen(text);

    buffer_bytes(out, label, strlen(label));
    for (;;) {
        size_t len = line_len(text, left, columns), shown = len;

        while (shown > 0 && text[shown - 1] == ' ')
            shown--;
        buffer_bytes(out, text, shown);
        buffer_bytes(out, "\n", 1);
        while (len < left && text[len] == ' ')
            len++;
        text += len;
        left -= len;
        if (left == 0)
            return;
        buffer_printf(out, "%*s", (int)label_columns, "");
    }
}
