/* A report of native memory tracking: spans stay within the text, frames within their array. */
#include <stdlib.h>

#include "evidence/nmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct span s, const uint8_t *data, size_t size)
{
    if (s.len && ((const uint8_t *)s.text < data || (const uint8_t *)s.text + s.len > data + size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nmt nmt;

    if (nmt_parse(span_of((const char *)data, size), &nmt))
        return 0;
    for (size_t i = 0; i < nmt.categories.count; i++)
        within(nmt.categories.items[i].name, data, size);
    for (size_t i = 0; i < nmt.frames.count; i++)
        within(nmt.frames.items[i], data, size);
    for (size_t i = 0; i < nmt.regions.count; i++) {
        const struct nmt_region *region = &nmt.regions.items[i];

        within(region->category, data, size);
        if (region->start >= region->end ||
            region->first_frame + region->frame_count > nmt.frames.count)
            abort();
    }
    for (size_t i = 0; i < nmt.sites.count; i++) {
        within(nmt.sites.items[i].category, data, size);
        if (nmt.sites.items[i].first_frame + nmt.sites.items[i].frame_count > nmt.frames.count)
            abort();
    }
    nmt_find(&nmt, "Total");
    nmt_deinit(&nmt);
    return 0;
}
