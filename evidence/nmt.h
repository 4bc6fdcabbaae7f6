/*
 * What HotSpot says of its own memory: jcmd VM.native_memory summary, detail and their diffs, JDK 8
 * to 25, any scale (KB, MB, GB, bytes).
 *
 *     17667:
 *     Native Memory Tracking:
 *     Total: reserved=15306MB +12MB, committed=11529MB
 *     -                  Internal (reserved=4778MB, committed=4778MB +3MB)
 *                                 (malloc=4778MB #218361)
 *     Virtual memory map:
 *     [0x00000005c0000000 - 0x00000007c0000000] reserved 8192MB for Java Heap from
 *         [0x00007fce6c249efb] ReservedSpace::initialize(unsigned long, ...)+0xab
 *     Details:
 *     [0x00007f75d7ad0c9c] Unsafe_AllocateMemory0+0x7c
 *                                 (malloc=16777216 type=Other #16)
 *
 * Names are spans into the text, which stays the caller's. Figures are rounded to the scale: what is
 * below half of it reads 0.
 */
#pragma once

#include "base/span.h"
#include "base/vector.h"

struct nmt_amount {
    uint64_t bytes;
    int64_t delta; /* since the baseline; 0 where none is said */
    bool known;
};

struct nmt_category {
    struct span name; /* "Java Heap"; of the whole "Total" */
    struct nmt_amount reserved, committed;
    struct nmt_amount malloc, arena, overhead;
    struct nmt_amount mmap_reserved, mmap_committed;
    struct nmt_amount stack_reserved, stack_committed;
    uint64_t malloc_count, thread_count, class_count; /* 0: not said */
};

/* A range of the virtual memory map: reserved ones by address, each followed by the parts of it that
 * are committed, unless it is committed as a whole. */
struct nmt_region {
    uint64_t start, end;
    bool reserved, committed;
    struct span category; /* of a committed part: that of its reservation */
    size_t first_frame, frame_count;
};

/* A call path by which memory was had. */
struct nmt_site {
    struct span category; /* may be empty (JDK 8) */
    struct nmt_amount malloc, mmap_reserved, mmap_committed;
    uint64_t malloc_count;
    size_t first_frame, frame_count;
};

struct nmt {
    uint64_t pid; /* 0: not said */
    bool enabled; /* false: it is the answer of a JVM without -XX:NativeMemoryTracking */
    bool diff;    /* against a baseline (some figure has a delta) */
    uint64_t scale_bytes;
    struct nmt_category total;
    VECTOR(struct nmt_category) categories;
    VECTOR(struct nmt_region) regions;
    bool map_whole; /* the map's end is there: what is in no committed part is not committed */
    VECTOR(struct nmt_site) sites;
    VECTOR(struct span)
    frames;           /* "ReservedSpace::initialize(unsigned long, ...)+0xab", innermost
                                   first; may be empty (code of the JIT) */
    uint64_t strange; /* lines that nothing was made of */
};

/* LINE is the headline with which a report begins. */
bool nmt_begins(struct span line);

/* LINE is the answer of a JVM that does not track. */
bool nmt_is_disabled(struct span line);

/* Reads one report: the first of TEXT. TEXT must outlive RET_NMT. Fails only without memory. */
struct seep_error *nmt_parse(struct span text, struct nmt *ret_nmt);
void nmt_deinit(struct nmt *nmt);

/* NULL: the report has no such category. */
const struct nmt_category *nmt_find(const struct nmt *nmt, const char *name);
