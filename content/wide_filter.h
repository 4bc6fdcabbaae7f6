/*
 * Where UTF-16 strings may begin, found for many bytes at once: a superset, which rules out nearly
 * everything in machine code, pointers and random bytes.
 *
 *     units    e8 4f  12 00  8b 45  d2 00 ...
 *     alive       #      .      #      #        some character of a wanted script
 *     start       .      .      .      .        N in a row that one string could hold
 *
 * Characters are told by their upper byte alone, in three groups that no string mixes: ideographs
 * and kana, Hangul, and all others; what goes with every script is in each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/masks.h"

enum {
    WIDE_FILTER_GROUPS = 3,
    WIDE_FILTER_RANGES = 4, /* of upper bytes, of a group */
    WIDE_FILTER_OTHERS = 4,
    WIDE_FILTER_BYTES = (MASKS_BLOCKS - 1) * MASKS_BLOCK_BYTES, /* at once */
    WIDE_FILTER_RUN = 24,
};

struct wide_filter {
    /* Each group's, one behind the other, then those of zeros and of what may follow them. */
    struct mask_range ranges[WIDE_FILTER_GROUPS * WIDE_FILTER_RANGES + WIDE_FILTER_OTHERS];
    size_t counts[WIDE_FILTER_GROUPS];
    size_t count;
};

/* SCRIPTS: from unicode_fill. */
void wide_filter_init(struct wide_filter *filter, const uint8_t *scripts);

/* Of up to WIDE_FILTER_BYTES, with AHEAD more that may be read: bit i tells of the unit that begins
 * at byte i. What it takes to tell may lie behind AHEAD: then both bits are set. */
struct wide_places {
    uint64_t starts[MASKS_BLOCKS]; /* min_chars units in a row */
    uint64_t alive[MASKS_BLOCKS];
};

/* RET_PLACES: of little-endian and of big-endian units; either may be NULL. */
void wide_filter_fill(const struct wide_filter *filter, const uint8_t *bytes, size_t len,
                      size_t ahead, size_t min_chars, struct wide_places *ret_little,
                      struct wide_places *ret_big);

/* Says of LEN bytes that all may be. */
void wide_filter_pass(size_t len, struct wide_places *ret_places);
