/*
 * Strings found by the scanner, and the same found slowly: models that see the whole buffer at once
 * and try every place.
 *
 *     struct hits want = model(bytes, len, STRINGS_ALL, 10);
 *     struct hits got = scan(bytes, len, STRINGS_ALL, 10, 100, &seed);      in pieces up to 100
 *     same(&got, &want);
 *
 * Included after cmocka.h; a failure here fails the test.
 */
#pragma once

#include <string.h>

#include "base/utf8.h"
#include "base/vector.h"
#include "content/strings.h"
#include "content/unicode.h"
#include "content/wide_strings.h"

#define BASE UINT64_C(0x7f46d34e2000)

struct hit {
    uint64_t address;
    size_t raw_len;
    unsigned encoding;
    char *text;
    size_t len;
};

VECTOR_TYPE(hits, struct hit);

static inline void hits_deinit(struct hits *hits)
{
    for (size_t i = 0; i < hits->count; i++)
        free(hits->items[i].text);
    vector_deinit(hits);
}

static inline void add(struct hits *hits, uint64_t address, size_t raw_len, unsigned encoding,
                       const char *text, size_t len)
{
    struct hit hit = {address, raw_len, encoding, malloc(len + 1), len};

    assert_non_null(hit.text);
    memcpy(hit.text, text, len);
    hit.text[len] = '\0';
    assert_null(vector_push(hits, hit));
}

struct collected {
    struct hits hits;
    bool open; /* the last one goes on */
};

/* Joins the pieces of long strings. */
static inline struct seep_error *collect(const struct strings_found *found, void *context)
{
    struct collected *into = context;

    assert_true(found->len <= STRINGS_MAX_BYTES);
    if (into->open) {
        struct hit *last = &into->hits.items[into->hits.count - 1];

        assert_int_equal(found->address, last->address + last->raw_len);
        last->text = realloc(last->text, last->len + found->len + 1);
        assert_non_null(last->text);
        memcpy(last->text + last->len, found->text, found->len);
        last->len += found->len;
        last->text[last->len] = '\0';
        last->raw_len += found->raw_len;
        last->encoding = found->encoding;
    } else {
        add(&into->hits, found->address, found->raw_len, found->encoding, found->text, found->len);
    }
    into->open = found->continued;
    return NULL;
}

/* Scans BYTES in pieces of random sizes up to PIECE (0: in one piece). */
static inline struct hits scan(const void *bytes, size_t len, unsigned encodings, size_t min_chars,
                               size_t piece, unsigned *seed)
{
    struct strings_options options = {encodings, min_chars};
    struct collected into = {0};
    struct strings_scan s;

    assert_null(strings_scan_init(&s, &options, collect, &into));
    for (size_t at = 0; at < len;) {
        size_t step = piece ? (size_t)rand_r(seed) % piece + 1 : len;

        step = step < len - at ? step : len - at;
        /* From a block of its own, so that a sanitizer sees a read past the piece. */
        uint8_t *copy = malloc(step);

        assert_non_null(copy);
        memcpy(copy, (const uint8_t *)bytes + at, step);
        assert_null(strings_scan_push(&s, BASE + at, copy, step));
        free(copy);
        at += step;
    }
    assert_null(strings_scan_finish(&s));
    assert_false(into.open);
    strings_scan_deinit(&s);
    return into.hits;
}

static inline void same(const struct hits *got, const struct hits *want)
{
    for (size_t i = 0; i < got->count && i < want->count; i++) {
        const struct hit *g = &got->items[i], *w = &want->items[i];

        if (g->address != w->address || g->len != w->len || g->encoding != w->encoding ||
            g->raw_len != w->raw_len || memcmp(g->text, w->text, g->len) != 0)
            fail_msg("string %zu: got +%#lx %u '%s', want +%#lx %u '%s'", i,
                     (unsigned long)(g->address - BASE), g->encoding, g->text,
                     (unsigned long)(w->address - BASE), w->encoding, w->text);
    }
    assert_int_equal(got->count, want->count);
}

/* --- the models --- */

static inline bool is_text(uint8_t byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t';
}

static inline struct hits model_ascii(const uint8_t *bytes, size_t len, size_t min_chars)
{
    struct hits hits = {0};

    for (size_t at = 0; at < len; at++) {
        size_t end = at;

        while (end < len && is_text(bytes[end]))
            end++;
        if (end - at >= min_chars)
            add(&hits, BASE + at, end - at, STRINGS_ASCII, (const char *)bytes + at, end - at);
        at = end;
    }
    return hits;
}

static inline struct hits model_utf8(const uint8_t *bytes, size_t len, size_t min_chars,
                                     size_t min_bytes, bool ascii_apart, bool tabs)
{
    struct hits hits = {0};

    for (size_t at = 0; at < len; at++) {
        size_t end = at, chars = 0, step;
        uint32_t point;

        while (end < len && (step = utf8_decode(bytes + end, len - end, &point)) &&
               unicode_script(point) != UNICODE_NONE && (point != '\t' || tabs)) {
            end += step;
            chars++;
        }
        if (chars && chars >= min_chars && end - at >= min_bytes)
            add(&hits, BASE + at, end - at,
                ascii_apart && chars == end - at ? STRINGS_ASCII : STRINGS_UTF8,
                (const char *)bytes + at, end - at);
        if (chars)
            at = end - 1;
    }
    return hits;
}

struct model_lane {
    bool big_endian;
    const uint8_t *bytes;
    const bool *claimed;
    size_t len;
    const uint8_t *scripts;
};

/* Length in bytes of the character at AT, 0 when there is none. */
static inline size_t model_wide_char(const struct model_lane *lane, size_t at, uint32_t *ret_point)
{
    uint16_t units[2];

    for (int i = 0; i < 2; i++) {
        size_t from = at + 2 * (size_t)i;

        if (from + 2 > lane->len || lane->claimed[from] || lane->claimed[from + 1])
            return 0;
        units[i] = (uint16_t)(lane->big_endian ? lane->bytes[from] << 8 | lane->bytes[from + 1]
                                               : lane->bytes[from + 1] << 8 | lane->bytes[from]);
        if (i == 0 && (units[0] < 0xd800 || units[0] >= 0xdc00)) {
            *ret_point = units[0];
            return 2;
        }
    }
    if (units[1] < 0xdc00 || units[1] >= 0xe000)
        return 0;
    *ret_point = 0x10000 + ((units[0] - 0xd800U) << 10) + (units[1] - 0xdc00U);
    return 4;
}

static inline void model_lane(const struct model_lane *lane, size_t parity, size_t min_chars,
                              struct hits *hits)
{
    static uint16_t units[WIDE_STRINGS_MAX_UNITS];

    for (size_t at = (BASE + parity) & 1; at < lane->len; at += 2) {
        _cleanup_buffer_ struct buffer text = {0};
        size_t end = at, chars = 0, count = 0, step;
        unsigned script = UNICODE_COMMON;
        uint32_t point;

        while ((step = model_wide_char(lane, end, &point))) {
            unsigned its = unicode_script(point);
            char utf8[4];

            if (its == UNICODE_NONE || its == UNICODE_RARE ||
                (its != UNICODE_COMMON && script != UNICODE_COMMON && its != script) ||
                (end - at + step) / 2 > WIDE_STRINGS_MAX_UNITS)
                break;
            if (its != UNICODE_COMMON)
                script = its;
            for (size_t i = 0; i < step; i += 2)
                units[count++] =
                    (uint16_t)(lane->big_endian
                                   ? lane->bytes[end + i] << 8 | lane->bytes[end + i + 1]
                                   : lane->bytes[end + i + 1] << 8 | lane->bytes[end + i]);
            buffer_bytes(&text, utf8, utf8_encode(point, utf8));
            chars++;
            end += step;
        }
        if (chars >= min_chars && wide_strings_is_text(units, count, lane->scripts))
            add(hits, BASE + at, end - at, lane->big_endian ? STRINGS_UTF16BE : STRINGS_UTF16LE,
                text.bytes, text.len);
        if (chars)
            at = end - 2;
    }
}

static inline int by_address(const void *left, const void *right)
{
    const struct hit *a = left, *b = right;

    return a->address != b->address ? (a->address < b->address ? -1 : 1)
                                    : (int)a->encoding - (int)b->encoding;
}

static inline bool beats(const struct hit *a, const struct hit *b)
{
    unsigned a_odd = a->address & 1, b_odd = b->address & 1;

    if (a_odd < b_odd)
        return 2 * a->raw_len >= b->raw_len;
    if (a_odd > b_odd)
        return 2 * b->raw_len < a->raw_len;
    if (a->raw_len != b->raw_len)
        return a->raw_len > b->raw_len;
    return a->encoding < b->encoding;
}

static inline struct hits model(const uint8_t *bytes, size_t len, unsigned encodings,
                                size_t min_chars)
{
    struct hits hits = {0}, wide = {0};

    if (encodings & STRINGS_UTF8)
        hits = model_utf8(bytes, len, min_chars, 0, encodings & STRINGS_ASCII, true);
    else if (encodings & STRINGS_ASCII)
        hits = model_ascii(bytes, len, min_chars);

    bool *claimed = calloc(len + 1, 1);
    struct hits claims =
        model_utf8(bytes, len, 1, min_chars < 8 ? 2 * min_chars : 16, false, false);

    static uint8_t scripts[UNICODE_BMP];

    assert_non_null(claimed);
    unicode_fill(scripts);
    for (size_t i = 0; i < claims.count; i++)
        memset(claimed + (claims.items[i].address - BASE), true, claims.items[i].raw_len);
    for (unsigned parity = 0; parity < 2; parity++)
        for (int big = 0; big < 2; big++)
            if (encodings & (big ? STRINGS_UTF16BE : STRINGS_UTF16LE))
                model_lane(&(struct model_lane){big, bytes, claimed, len, scripts}, parity,
                           min_chars, &wide);
    if (wide.count)
        qsort(wide.items, wide.count, sizeof(*wide.items), by_address);
    for (size_t i = 0, best = 0; i < wide.count; i++) {
        const struct hit *b = &wide.items[best], *next = &wide.items[i];

        if (next->address >= b->address + b->raw_len || (i != best && beats(next, b))) {
            if (next->address >= b->address + b->raw_len)
                add(&hits, b->address, b->raw_len, b->encoding, b->text, b->len);
            best = i;
        }
        if (i + 1 == wide.count) {
            b = &wide.items[best];
            add(&hits, b->address, b->raw_len, b->encoding, b->text, b->len);
        }
    }
    if (hits.count)
        qsort(hits.items, hits.count, sizeof(*hits.items), by_address);
    hits_deinit(&wide);
    hits_deinit(&claims);
    free(claimed);
    return hits;
}
