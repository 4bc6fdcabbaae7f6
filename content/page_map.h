/*
 * What every page holds, as a consumer of a pass over memory (content/scan.h).
 *
 *     page_map_init(&map, &known, region_done, context);
 *     ... scan_run with &map.consumer ...
 *     region_done(&region, context)      a strip and totals; the length of records, if it is an array
 *     map.same_pages, map.same_heads      what came again and again, wherever it was
 *     page_map_deinit(&map);
 *
 * A page that came before is known by its hash. Heads are 64 bytes that begin at an address divisible
 * by 16, as blocks of allocators do, and come SAME_HEADS times in a mebibyte: the headers of objects,
 * of messages, of buffers. Records are looked for in the first 64 KiB of each unit of the pass.
 *
 * Memory belongs to one region as long as GROUP says the same of its origin; regions follow each
 * other.
 */
#pragma once

#include "content/page_strip.h"
#include "content/period.h"
#include "content/repeats.h"
#include "content/scan.h"

enum {
    PAGE_MAP_SAME_HEADS = 4,
    PAGE_MAP_HEAD_BYTES = 64,
    PAGE_MAP_PERIODS = 8,        /* different ones that are kept of a region */
    PAGE_MAP_RECORD_BYTES = 512, /* of a record that are kept */
};

struct page_map_period {
    struct period period; /* as in the first sample that had it */
    uint64_t samples;     /* that had it */
    uint64_t address;     /* of the record that is kept */
    uint8_t record[PAGE_MAP_RECORD_BYTES];
    bool constant[PAGE_MAP_RECORD_BYTES]; /* the same in all records of that sample */
    size_t kept;                          /* bytes of RECORD */
};

struct page_map_region {
    const void *group, *origin; /* origin: of the first stretch */
    uint64_t start, end;        /* of what was read of it */
    struct page_strip strip;
    uint64_t samples; /* of which records could be told, and were looked for */
    struct page_map_period periods[PAGE_MAP_PERIODS];
    size_t period_count;
};

/* The period of most samples, and of a quarter of all at least; NULL: there is none. */
const struct page_map_period *page_map_period(const struct page_map_region *region);

typedef struct seep_error *(*page_map_callback)(const struct page_map_region *region,
                                                void *context);

struct page_map {
    struct scan_consumer consumer;
    const struct address_ranges *known;
    const void *(*group)(const void *origin); /* NULL: each origin is a region */
    page_map_callback done;
    void *context;
    struct repeats *same_pages, *same_heads;
    struct page_map_region *region; /* under way; group NULL: none */
};

/* KNOWN: where memory is mapped, outlives the pass. DONE: told of each region, in order. */
struct seep_error *page_map_init(struct page_map *map, const struct address_ranges *known,
                                 page_map_callback done, void *context);
void page_map_deinit(struct page_map *map);

/* What came again: blocks of LEN bytes or more that lie COUNT times in memory. */
struct page_map_repeat {
    uint64_t count, len, address; /* address: of the first */
    enum page_kind kind;          /* of the page that it lies in */
    uint8_t bytes[REPEATS_KEPT_BYTES];
    size_t kept;
};

VECTOR_TYPE(page_map_repeats, struct page_map_repeat);

/* The MAX whole pages, then the MAX heads, that take the most memory, zeros left out. Heads that
 * overlap are one, longer than PAGE_MAP_HEAD_BYTES; those within pages that are listed are left out.
 * RET_REPEATS: the caller's to vector_deinit. */
struct seep_error *page_map_repeats(const struct page_map *map, size_t max,
                                    struct page_map_repeats *ret_repeats);
