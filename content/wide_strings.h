/*
 * Strings of UTF-16 in a stream of bytes, one reading (byte order and alignment) a lane.
 *
 * Nearly any two bytes are some character, so that being printable says little. What is taken for
 * text:
 *  1. One script a string, beside what is common to all (Latin, digits, punctuation, emoji): a
 *     character of another script begins the next string. Rare scripts end it.
 *  2. No more than two of five characters are common ones other than ASCII: small numbers read as
 *     such are full of them.
 *  3. Ideographs and syllables that look like something else are none. It is another reading of
 *     alphabetic text, or a fill pattern, when most neighbours share their low byte ("H\0e\0l\0"
 *     read one byte late is U+6500 U+6C00 ...); byte code when most low bytes are below 16; bits of
 *     ASCII when two of three are made of two ASCII bytes; an array of pointers when three of ten
 *     units are the same as four units before.
 *  4. Bytes that read as 16 bytes or more of ASCII or UTF-8 are that (content/strings.c sees to
 *     it): "abcd" is no U+6261 U+6463. With a minimum under 8 characters, that many units' bytes.
 *     Tabs do not count: little-endian Devanagari has one as every other byte.
 *  5. Of overlapping readings the one at an even address holds, unless the other is more than twice
 *     as long; of two at even or two at odd addresses the longer, then little-endian (strings.c).
 * With these rules random bytes give about as few strings of 10 characters in UTF-16 as in ASCII.
 *
 * A string longer than WIDE_STRINGS_MAX_UNITS is cut into strings of their own.
 */
#pragma once

#include "base/buffer.h"
#include "content/strings.h"
#include "content/wide_filter.h"

enum { WIDE_STRINGS_MAX_UNITS = 16 * 1024 };

/* Rules 2 and 3, of UNITS that are characters of one script. */
bool wide_strings_is_text(const uint16_t *units, size_t count, const uint8_t *scripts);

struct wide_strings {
    bool big_endian;
    unsigned parity; /* of the addresses at which its units begin */
    size_t min_chars;
    strings_callback found;
    void *context;

    uint64_t address; /* of the next byte pushed */
    uint8_t half;     /* the first byte of a unit that a piece's end cut */
    bool has_half;
    uint16_t high; /* a high surrogate waiting for its other half; 0: none */

    uint64_t start; /* of the open string */
    size_t chars;
    uint8_t script; /* enum unicode_script, COMMON until it shows */
    size_t unit_count;
    uint16_t *units; /* WIDE_STRINGS_MAX_UNITS */
    struct buffer text;
    const uint8_t *scripts; /* from unicode_fill; the caller's */
};

/* ENCODING: STRINGS_UTF16LE or STRINGS_UTF16BE; SCRIPTS: from unicode_fill, outlives the lane. */
struct seep_error *wide_strings_init(struct wide_strings *lane, enum strings_encoding encoding,
                                     unsigned parity, size_t min_chars, const uint8_t *scripts,
                                     strings_callback found, void *context);
void wide_strings_deinit(struct wide_strings *lane);

/* The next LEN bytes of the stream, up to WIDE_FILTER_BYTES; PLACES: what the filter says of them in
 * the lane's byte order and with its min_chars. */
struct seep_error *wide_strings_push(struct wide_strings *lane, const uint8_t *bytes, size_t len,
                                     const struct wide_places *places);

/* Ends the stream; the next begins at ADDRESS. */
struct seep_error *wide_strings_restart(struct wide_strings *lane, uint64_t address);

/* No string will be delivered that begins before this address. */
uint64_t wide_strings_settled(const struct wide_strings *lane);

/* True when zeros alone, at LEAST one unit, would leave the lane as it is. */
static inline bool wide_strings_idle(const struct wide_strings *lane)
{
    return lane->unit_count == 0 && lane->high == 0 && lane->half == 0;
}
