/*
 * Blocks of bytes that come again and again, known by their hashes, in memory that does not grow.
 *
 *     repeats_create(&repeats);
 *     repeats_add(repeats, &(struct repeats_block){hash, 1, address, bytes, 64, kind});    in order
 *     repeats_list(repeats, 10, &list);      12,345 times, first at 7f46a0001f40: 20 1f 00 a0 ...
 *
 * Places are in sets of eight. A block that finds its set full takes the place of the one that came
 * least and has not come for the longest (its guard is used up); what came of it before that is not
 * counted, so that counts are never too high. The same blocks in the same order give the same list.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"

enum { REPEATS_KEPT_BYTES = 64 };

struct repeats_block {
    uint64_t hash;
    uint64_t count;
    uint64_t address; /* of the first one */
    const uint8_t *bytes;
    size_t len;   /* how many of BYTES are there; at most REPEATS_KEPT_BYTES are kept */
    uint8_t kind; /* the caller's */
};

struct repeats_item {
    uint64_t hash, count, address;
    uint8_t bytes[REPEATS_KEPT_BYTES];
    uint8_t len, kind;
};

VECTOR_TYPE(repeats_items, struct repeats_item);

struct repeats;

struct seep_error *repeats_create(struct repeats **ret_repeats);
void repeats_destroy(struct repeats *repeats);
DEFINE_CLEANUP(struct repeats *, repeats_destroy);

void repeats_add(struct repeats *repeats, const struct repeats_block *block);

/* Those that came LEAST times and more, the most frequent first, MAX at most. RET_ITEMS: the caller's
 * to vector_deinit. */
struct seep_error *repeats_list(const struct repeats *repeats, uint64_t least, size_t max,
                                struct repeats_items *ret_items);
