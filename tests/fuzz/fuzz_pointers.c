/* Any bytes as words, and as the ranges that they may point into: what is found adds up. */
#include <stdlib.h>
#include <string.h>

#include "content/pointers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { START = 0x10000, RANGES = 16 };

/* Ranges from pairs of bytes: a gap and a length. */
static size_t make_ranges(const uint8_t *data, size_t pairs, struct address_range *ret_ranges)
{
    uint64_t at = 0;

    for (size_t i = 0; i < pairs; i++) {
        at += (uint64_t)data[2 * i] << 8;
        ret_ranges[i].start = at;
        at += 1 + ((uint64_t)data[2 * i + 1] << 8);
        ret_ranges[i].end = at;
    }
    return pairs;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address_range regions[RANGES], targets[RANGES];
    struct address_ranges all = {regions, 0}, some = {targets, 0};
    struct pointers_edges edges = {0};
    struct pointers pointers;
    struct scan_bytes source;
    uint64_t into = 0;

    if (size < 4 * RANGES + 1)
        return 0;
    all.count = make_ranges(data + 1, data[0] % RANGES, regions);
    some.count = make_ranges(data + 1 + 2 * RANGES, data[0] / RANGES, targets);

    struct seep_error *err =
        pointers_init(&pointers, &(struct pointers_options){&all, &some, data[0] & 1 ? 4 : 8});

    if (err) {
        error_destroy(err);
        return 0;
    }

    struct scan_consumer *consumers[] = {&pointers.consumer};

    data += 4 * RANGES + 1;
    size -= 4 * RANGES + 1;
    scan_bytes_init(&source, START, data, size);
    err = scan_run(&source.source, consumers, 1, &(struct scan_options){.threads = 1});
    if (!err)
        err = pointers_edges(&pointers, &edges);
    for (size_t i = 0; i < edges.count && !err; i++) {
        const struct pointers_edge *e = &edges.items[i];

        into += e->count;
        if (e->to >= all.count || e->value < regions[e->to].start ||
            e->value >= regions[e->to].end || e->address < START || e->address + 4 > START + size)
            abort();
    }
    if (!err && into > pointers.words)
        abort();
    for (size_t i = 0; i < pointers.references.count && !err; i++)
        if (pointers.references.items[i].target >= some.count)
            abort();
    vector_deinit(&edges);
    pointers_deinit(&pointers);
    error_destroy(err);
    return 0;
}
