/*
 * A line as words parted by blanks and tabs, and what a word may be.
 *
 *     struct words w = words_of(line, len);
 *     while (words_next(&w, &word)) ...          word.text, word.len; w.at: behind it
 *
 * For listings that were made for people: ps, lsof, free, pmap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct word {
    const char *text;
    size_t len;
};

struct words {
    const char *line;
    size_t len;
    size_t at;
};

static inline struct words words_of(const char *line, size_t len)
{
    return (struct words){line, len, 0};
}

bool words_next(struct words *w, struct word *ret_word);

/* What is left, without blanks at its beginning and its end. */
struct word words_rest(const struct words *w);

static inline bool word_is(struct word word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.text, text, word.len) == 0;
}

static inline bool word_begins(struct word word, const char *text)
{
    return word.len >= strlen(text) && memcmp(word.text, text, strlen(text)) == 0;
}

bool word_has(struct word word, const char *text);

/* All of it; at most 64 bits. */
bool word_number(struct word word, uint64_t *ret_number);
bool word_hex(struct word word, uint64_t *ret_number);

/* A number in kibibytes, in bytes. */
bool word_kib(struct word word, uint64_t *ret_bytes);

/* A process or thread id: 1 to the kernel's highest. */
bool word_pid(struct word word, int *ret_pid);

/* The next line of a file's head from *AT on, without its end (LF, CRLF or, where there is no LF, CR).
 * NULL at the end. */
const char *words_line(const char *head, size_t len, size_t *at, size_t *ret_line_len);
