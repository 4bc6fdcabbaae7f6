#include "stacks/layout.h"

#include <stdatomic.h>
#include <stdlib.h>

struct layout {
    atomic_size_t references;
    struct layout_ranges ranges;
};

struct seep_error *layout_create(struct layout_ranges *ranges, struct layout **ret_layout)
{
    struct layout *layout;

    for (size_t i = 0; i < ranges->count; i++)
        if (ranges->items[i].start >= ranges->items[i].end ||
            (i && ranges->items[i].start < ranges->items[i - 1].end))
            return error_create(ERROR_INVALID, "ranges of code out of order");
    layout = calloc(1, sizeof(*layout));
    if (!layout)
        return error_no_memory();
    atomic_init(&layout->references, 1);
    layout->ranges = *ranges;
    *ranges = (struct layout_ranges){0};
    *ret_layout = layout;
    return NULL;
}

struct layout *layout_ref(struct layout *layout)
{
    if (layout)
        atomic_fetch_add_explicit(&layout->references, 1, memory_order_relaxed);
    return layout;
}

void layout_unref(struct layout *layout)
{
    if (!layout || atomic_fetch_sub_explicit(&layout->references, 1, memory_order_acq_rel) != 1)
        return;
    vector_deinit(&layout->ranges);
    free(layout);
}

const struct layout_range *layout_find(const struct layout *layout, uint64_t address)
{
    const struct layout_range *ranges = layout->ranges.items;
    size_t low = 0, count = layout->ranges.count;

    /* Without a branch that depends on the address, which could not be foretold. */
    while (count > 1) {
        size_t half = count / 2;

        low = ranges[low + half].start <= address ? low + half : low;
        count -= half;
    }
    if (count == 0 || address - ranges[low].start >= ranges[low].end - ranges[low].start)
        return NULL;
    return &ranges[low];
}

const struct layout_range *layout_find_from(const struct layout *layout, uint64_t address)
{
    size_t low = 0, high = layout->ranges.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (layout->ranges.items[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low < layout->ranges.count ? &layout->ranges.items[low] : NULL;
}

const struct layout_range *layout_next(const struct layout *layout,
                                       const struct layout_range *range)
{
    return range + 1 < layout->ranges.items + layout->ranges.count ? range + 1 : NULL;
}

size_t layout_count(const struct layout *layout)
{
    return layout->ranges.count;
}
