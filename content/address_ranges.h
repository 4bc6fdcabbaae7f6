/*
 * Which of the known ranges of memory an address lies in, asked of every word of a dump.
 *
 *     ranges    [55d0..., 55d1...)  [7f46a0000000, 7f46a4021000)  ...      sorted, apart
 *     word      0x7f46a0001f40  ->  1        0x2065687420656874  ->  ADDRESS_RANGES_NONE
 *
 * Most words are no address at all and fail at the outermost bounds; most of the others lie where one
 * lay shortly before. The cache is the asker's: one for each thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct address_range {
    uint64_t start, end;
};

struct address_ranges {
    const struct address_range *items; /* by start, never overlapping */
    size_t count;
};

enum { ADDRESS_RANGES_SLOTS = 256 };

#define ADDRESS_RANGES_NONE SIZE_MAX

/* Indexes of ranges that were found; zeroed to begin with. */
struct address_ranges_cache {
    uint32_t slots[ADDRESS_RANGES_SLOTS];
};

/* The first range that ends behind ADDRESS; COUNT: none does. */
size_t address_ranges_from(const struct address_ranges *ranges, uint64_t address);

/* The range that holds ADDRESS, by bisection. */
size_t address_ranges_search(const struct address_ranges *ranges, uint64_t address,
                             struct address_ranges_cache *cache);

static inline size_t address_ranges_slot(uint64_t address)
{
    return (size_t)((address >> 20) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

/* The index of the range that holds ADDRESS, or ADDRESS_RANGES_NONE. */
static inline size_t address_ranges_find(const struct address_ranges *ranges, uint64_t address,
                                         struct address_ranges_cache *cache)
{
    if (ranges->count == 0 || address < ranges->items[0].start ||
        address >= ranges->items[ranges->count - 1].end)
        return ADDRESS_RANGES_NONE;

    size_t index = cache->slots[address_ranges_slot(address)];

    if (index < ranges->count && address >= ranges->items[index].start &&
        address < ranges->items[index].end)
        return index;
    return address_ranges_search(ranges, address, cache);
}
