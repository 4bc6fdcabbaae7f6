/*
 * 64 bytes at a time: one bit for each byte that lies in a range.
 *
 *     bytes  "id=1614644953 ok"...
 *     digit  ...1111111111....          bit i tells of byte i
 *
 * and what is asked of such masks: where runs of N bits begin. SSE2 belongs to x86-64; elsewhere
 * the loop is left to the compiler. A wider instruction set is one more branch in
 * bytemask_range.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BYTEMASK_BYTES = 64 };

/* Bits of the bytes b of BYTES[0..64) with LOW <= b <= HIGH. */
static inline uint64_t bytemask_range(const uint8_t *bytes, uint8_t low, uint8_t high)
{
    uint64_t mask = 0;

#ifdef __SSE2__
    const __m128i base = _mm_set1_epi8((char)low);
    const __m128i span = _mm_set1_epi8((char)(high - low));

    for (int i = 0; i < 4; i++) {
        __m128i at = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)), base);
        __m128i inside = _mm_cmpeq_epi8(_mm_min_epu8(at, span), at);

        mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(inside) << (16 * i);
    }
#else
    for (int i = 0; i < BYTEMASK_BYTES; i++)
        mask |= (uint64_t)((uint8_t)(bytes[i] - low) <= (uint8_t)(high - low)) << i;
#endif
    return mask;
}

static inline uint64_t bytemask_equal(const uint8_t *bytes, uint8_t value)
{
    return bytemask_range(bytes, value, value);
}

/* What `strings` calls printable: isprint(3) in the C locale, and tab. */
static inline uint64_t bytemask_ascii_text(const uint8_t *bytes)
{
    return bytemask_range(bytes, 0x20, 0x7e) | bytemask_equal(bytes, '\t');
}

/* A superset of the bytes that well-formed UTF-8 text is made of: each lead byte with a
 * continuation after it, each continuation with a lead or continuation before it. What lies over
 * the edges of the 64 bytes is not known and allowed. */
static inline uint64_t bytemask_utf8_text(const uint8_t *bytes)
{
    uint64_t lead = bytemask_range(bytes, 0xc2, 0xf4);
    uint64_t more = bytemask_range(bytes, 0x80, 0xbf);

    return bytemask_ascii_text(bytes) | (lead & (more >> 1 | 1ULL << 63)) |
           (more & ((lead | more) << 1 | 1));
}

/* Bits at which N (1 to 64) set bits of MASK in a row begin. */
static inline uint64_t bytemask_runs(uint64_t mask, unsigned n)
{
    for (unsigned have = 1; have < n && mask;) {
        unsigned step = have < n - have ? have : n - have;

        mask &= mask >> step;
        have += step;
    }
    return mask;
}

/* The LEN (< 64) bytes, and zeros behind them. */
static inline const uint8_t *bytemask_pad(uint8_t room[BYTEMASK_BYTES], const uint8_t *bytes,
                                          size_t len)
{
    memset(room, 0, BYTEMASK_BYTES);
    memcpy(room, bytes, len);
    return room;
}
