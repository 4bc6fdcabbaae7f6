#include "importer/words.h"

#include "evidence/proc_text.h"

enum { MAX_PID = 1 << 22 }; /* PID_MAX_LIMIT of 64-bit kernels */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool words_next(struct words *w, struct word *ret_word)
{
    size_t start = w->at;

    while (start < w->len && is_blank(w->line[start]))
        start++;
    w->at = start;
    while (w->at < w->len && !is_blank(w->line[w->at]))
        w->at++;
    *ret_word = (struct word){w->line + start, w->at - start};
    return ret_word->len > 0;
}

struct word words_rest(const struct words *w)
{
    size_t start = w->at, end = w->len;

    while (start < end && is_blank(w->line[start]))
        start++;
    while (end > start && is_blank(w->line[end - 1]))
        end--;
    return (struct word){w->line + start, end - start};
}

bool word_has(struct word word, const char *text)
{
    return word.len && memmem(word.text, word.len, text, strlen(text)) != NULL;
}

bool word_number(struct word word, uint64_t *ret_number)
{
    size_t at = 0;
    uint64_t number;

    if (!proc_text_digits(word.text, word.len, &at, &number) || at != word.len)
        return false;
    *ret_number = number;
    return true;
}

bool word_hex(struct word word, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (word.len == 0 || word.len > 16)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return false;
        number = number << 4 | (uint64_t)digit;
    }
    *ret_number = number;
    return true;
}

bool word_kib(struct word word, uint64_t *ret_bytes)
{
    uint64_t number;

    return word_number(word, &number) && !__builtin_mul_overflow(number, 1024, &number) &&
           (*ret_bytes = number, true);
}

bool word_pid(struct word word, int *ret_pid)
{
    uint64_t number;

    if (!word_number(word, &number) || number == 0 || number > MAX_PID)
        return false;
    *ret_pid = (int)number;
    return true;
}

const char *words_line(const char *head, size_t len, size_t *at, size_t *ret_line_len)
{
    char line_end = memchr(head, '\n', len) ? '\n' : '\r';
    const char *line = head + *at;

    if (*at >= len)
        return NULL;

    const char *end = memchr(line, line_end, len - *at);
    size_t line_len = end ? (size_t)(end - line) : len - *at;

    *at += line_len + (end ? 1 : 0);
    *ret_line_len = line_len && line[line_len - 1] == '\r' ? line_len - 1 : line_len;
    return line;
}
