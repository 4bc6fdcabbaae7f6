/* Any bytes as pages, with and without known ranges; what is said of them lies within them. The first
 * byte is where in a page they begin. */
#include <stdlib.h>
#include <string.h>

#include "content/page_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
    uint64_t start, end;
    uint64_t pages;
};

static struct seep_error *check(const struct page_map_region *region, void *context)
{
    struct bounds *bounds = context;

    if (region->start != bounds->start || region->end != bounds->end)
        abort();
    for (size_t i = 0; i < region->period_count; i++) {
        const struct page_map_period *p = &region->periods[i];

        if (p->period.len < PERIOD_LEAST || p->period.len > PERIOD_MOST || p->samples == 0 ||
            p->address < bounds->start || p->address + p->kept > bounds->end)
            abort();
    }
    bounds->pages = page_strip_pages(&region->strip);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    uint64_t start = 0x10000 + data[0] * UINT64_C(16);
    struct bounds bounds = {.start = start, .end = start + size - 1};
    struct address_range range = {bounds.start, bounds.end};
    struct address_ranges known = {&range, data[0] % 2};
    struct page_map_repeats repeats = {0};
    struct scan_bytes source;
    struct page_map map;
    struct seep_error *err = page_map_init(&map, &known, check, &bounds);

    if (err) {
        error_destroy(err);
        return 0;
    }

    struct scan_consumer *consumers[] = {&map.consumer};

    scan_bytes_init(&source, bounds.start, data + 1, size - 1);
    err = scan_run(&source.source, consumers, 1, &(struct scan_options){.threads = 1});
    if (!err)
        err = page_map_repeats(&map, 4, &repeats);
    if (!err && bounds.pages != (bounds.end - 1) / 4096 - bounds.start / 4096 + 1)
        abort();
    for (size_t i = 0; i < repeats.count && !err; i++)
        if (repeats.items[i].address < bounds.start || repeats.items[i].count < 2 ||
            repeats.items[i].address + repeats.items[i].kept > bounds.end)
            abort();
    vector_deinit(&repeats);
    page_map_deinit(&map);
    error_destroy(err);
    return 0;
}
