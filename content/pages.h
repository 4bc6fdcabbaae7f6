/*
 * What every page holds, as a consumer of a pass over memory (content/scan.h).
 *
 *     pages_init(&pages, &known, region_done, context);
 *     ... scan_run with &pages.consumer ...
 *     region_done(&region, context)      a strip and totals; the length of records, if it is an array
 *     pages.same_pages, pages.same_heads      what came again and again, wherever it was
 *     pages_deinit(&pages);
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
    PAGES_SAME_HEADS = 4,
    PAGES_HEAD_BYTES = 64,
    PAGES_PERIODS = 8,        /* different ones that are kept of a region */
    PAGES_RECORD_BYTES = 512, /* of a record that are kept */
};

struct pages_period {
    struct period period; /* as in the first sample that had it */
    uint64_t samples;     /* that had it */
    uint64_t address;     /* of the record that is kept */
    uint8_t record[PAGES_RECORD_BYTES];
    bool constant[PAGES_RECORD_BYTES]; /* the same in all records of that sample */
    size_t kept;                       /* bytes of RECORD */
};

struct pages_region {
    const void *group;
    uint64_t start, end; /* of what was read of it */
    struct page_strip strip;
    uint64_t samples; /* of which records could be told, and were looked for */
    struct pages_period periods[PAGES_PERIODS];
    size_t period_count;
};

/* The period of half of the samples and more; NULL: there is none. */
const struct pages_period *pages_period(const struct pages_region *region);

typedef struct seep_error *(*pages_callback)(const struct pages_region *region, void *context);

struct pages {
    struct scan_consumer consumer;
    const struct address_ranges *known;
    const void *(*group)(const void *origin); /* NULL: each origin is a region */
    pages_callback done;
    void *context;
    struct repeats *same_pages, *same_heads;
    struct pages_region *region; /* under way; group NULL: none */
};

/* KNOWN: where memory is mapped, outlives the pass. DONE: told of each region, in order. */
struct seep_error *pages_init(struct pages *pages, const struct address_ranges *known,
                              pages_callback done, void *context);
void pages_deinit(struct pages *pages);

/* What came again: blocks of LEN bytes or more that lie COUNT times in memory. */
struct pages_repeat {
    uint64_t count, len, address; /* address: of the first */
    enum page_kind kind;          /* of the page that it lies in */
    uint8_t bytes[REPEATS_KEPT_BYTES];
    size_t kept;
};

VECTOR_TYPE(pages_repeats, struct pages_repeat);

/* The MAX whole pages, then the MAX heads, that take the most memory, zeros left out. Heads that
 * overlap are one, longer than PAGES_HEAD_BYTES; those within pages that are listed are left out.
 * RET_REPEATS: the caller's to vector_deinit. */
struct seep_error *pages_repeats(const struct pages *pages, size_t max,
                                 struct pages_repeats *ret_repeats);
