#include "importer/caret_text.h"

#include <string.h>

#include "base/utf8.h"
#include "importer/words.h"

bool caret_text_is_one(const char *text, size_t len)
{
    size_t zeros = 0;

    for (size_t i = 0; i + 1 < len; i++) {
        if ((uint8_t)text[i] < ' ' && !strchr("\t\n\r", text[i]))
            return false;
        zeros += text[i] == '^' && text[i + 1] == '@';
    }
    return zeros >= 4;
}

/* "14 6L+Z5piv": the number of line 14, and the blank behind it. */
static size_t number_len(const char *line, size_t len, uint64_t number)
{
    struct words w = words_of(line, len);
    struct word word;
    uint64_t found;

    if (!words_next(&w, &word) || !word_number(word, &found) || found != number)
        return 0;
    return w.at < len && line[w.at] == ' ' ? w.at + 1 : w.at == len ? w.at : 0;
}

/* The first line often was copied without its own. */
static bool has_numbers(const char *text, size_t len)
{
    size_t at = 0, line_len;
    uint64_t number = 0;
    const char *line;

    while ((line = words_line(text, len, &at, &line_len)))
        if (++number > 1 && !number_len(line, line_len, number))
            return false;
    return number > 2;
}

/* One byte from "^M", "M-^M", "M-x", or a character of it own. Returns how much of TEXT it took. */
static size_t take_one(const char *text, size_t len, struct buffer *out)
{
    bool meta = len >= 3 && text[0] == 'M' && text[1] == '-';
    size_t at = meta ? 2 : 0;
    uint8_t high = meta ? 0x80 : 0;
    uint32_t point;
    size_t step;

    if (len - at >= 2 && text[at] == '^' && text[at + 1] >= '?' && text[at + 1] <= '_') {
        buffer_u8(out, high | ((uint8_t)text[at + 1] ^ 0x40));
        return at + 2;
    }
    if (meta && text[at] >= ' ' && text[at] <= '~') {
        buffer_u8(out, high | (uint8_t)text[at]);
        return at + 1;
    }
    step = utf8_decode(text, len, &point);
    if (step == 2 && point >= 0xa0 && point < 0x100) {
        buffer_u8(out, (uint8_t)point);
        return step;
    }
    step = step ? step : 1;
    buffer_bytes(out, text, step);
    return step;
}

void caret_text_bytes(const char *text, size_t len, struct buffer *out)
{
    bool numbers = has_numbers(text, len);
    size_t at = 0, line_len;
    uint64_t number = 0;
    const char *line;

    while ((line = words_line(text, len, &at, &line_len))) {
        size_t from = number_len(line, line_len, ++number);

        for (size_t i = numbers ? from : 0; i < line_len;)
            i += take_one(line + i, line_len - i, out);
        if (at < len)
            buffer_u8(out, '\n');
    }
}
