/*
 * A piece of text that belongs to somebody else, and the few steps in which parsers walk over it.
 *
 *     struct span rest = span_of(bytes, len), line;
 *     while (span_next_line(&rest, &line)) {              "\n", "\r\n" and "\r" end a line
 *         line = span_trim(line);
 *         if (span_take(&line, "nid=") && span_take_hex(&line, &nid))
 *             ...
 *     }
 *
 * Nothing reads past the end, nothing is copied, nothing needs a NUL. A span that is searched for
 * and not found leaves everything as it was.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *text;
    size_t len;
};

static inline struct span span_of(const char *text, size_t len)
{
    return (struct span){text, len};
}

static inline struct span span_text(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* What is left of S behind its first N bytes (N <= S.len). */
static inline struct span span_from(struct span s, size_t n)
{
    return (struct span){s.text + n, s.len - n};
}

/* The first N bytes, or all when there are fewer. */
static inline struct span span_first(struct span s, size_t n)
{
    return (struct span){s.text, n < s.len ? n : s.len};
}

static inline bool span_starts(struct span s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && memcmp(s.text, prefix, len) == 0;
}

static inline bool span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && span_starts(s, text);
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.text, b.text, a.len) == 0);
}

bool span_ends(struct span s, const char *suffix);

/* The next line of REST, without what ends it; false at the end. */
bool span_next_line(struct span *rest, struct span *ret_line);

/* Steps over PREFIX, if it is there. */
bool span_take(struct span *s, const char *prefix);

/* Steps over blanks and tabs. */
void span_skip_blanks(struct span *s);

/* Without the blanks, tabs and line ends around it. */
struct span span_trim(struct span s);

/* The next word, up to a blank or tab; S begins behind it and the blanks that follow. Empty at the
 * end. */
struct span span_take_word(struct span *s);

/* Where NEEDLE first, or last, begins. */
bool span_find(struct span s, const char *needle, size_t *ret_at);
bool span_find_last(struct span s, const char *needle, size_t *ret_at);

static inline bool span_has(struct span s, const char *needle)
{
    size_t at;

    return span_find(s, needle, &at);
}

/* Steps behind the first NEEDLE; RET_BEFORE (NULL: not wanted) is what stood before it. */
bool span_take_through(struct span *s, const char *needle, struct span *ret_before);

/* Steps over a number that fits 64 bits: decimal digits, or hexadecimal ones with or without 0x. */
bool span_take_number(struct span *s, uint64_t *ret_number);
bool span_take_hex(struct span *s, uint64_t *ret_number);

/* Steps over "12", "12K", "12KB", "12 kB", "12M", "12.5MB", "12 bytes", "1 g" ...: powers of 1024. A
 * letter that is no unit is left. */
bool span_take_size(struct span *s, uint64_t *ret_bytes);
