#include "content/address_ranges.h"

size_t address_ranges_from(const struct address_ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ranges->items[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t address_ranges_search(const struct address_ranges *ranges, uint64_t address,
                             struct address_ranges_cache *cache)
{
    size_t index = address_ranges_from(ranges, address);

    if (index == ranges->count || ranges->items[index].start > address)
        return ADDRESS_RANGES_NONE;
    cache->slots[address_ranges_slot(address)] = (uint32_t)index;
    return index;
}
