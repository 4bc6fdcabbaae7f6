/*
 * One character of UTF-8 at a time, both ways (RFC 3629: no surrogates, no overlong forms, nothing
 * above U+10FFFF).
 *
 *     size_t step = utf8_decode(text, len, &point);      // 0: what begins here is not a character
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Length of the sequence at TEXT (LEN >= 1 bytes can be read) and its code point; 0 when it is
 * malformed or cut short by LEN. */
size_t utf8_decode(const void *text, size_t len, uint32_t *ret_point);

/* Writes POINT, which must be a scalar value; returns how many bytes it took. */
size_t utf8_encode(uint32_t point, char ret_text[4]);

/* How many bytes a sequence beginning with LEAD has: 1 to 4, 0 when none begins with it. */
static inline size_t utf8_length(uint8_t lead)
{
    return lead < 0x80                   ? 1
           : lead >= 0xc2 && lead < 0xe0 ? 2
           : lead >= 0xe0 && lead < 0xf0 ? 3
           : lead >= 0xf0 && lead < 0xf5 ? 4
                                         : 0;
}
