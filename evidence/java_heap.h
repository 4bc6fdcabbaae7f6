/*
 * How large Java's heap is, may be and how much of it is used, from text of three origins, of every
 * collector:
 *
 *     jmap -heap (JDK 8)            GC.heap_info, SIGQUIT, hs_err
 *     MaxHeapSize = 8589934592      garbage-first heap   total 131072K, used 1563K [0xf8000000, ...
 *     G1 Heap:                      PSYoungGen      total 76288K, used 6554K [0x0..., 0x..., 0x...)
 *        capacity = 8589934592      ZHeap           used 12M, capacity 254M, max capacity 4012M
 *        used     = 1001361104      Shenandoah Heap / 4G max, 4G soft max, 256M committed, 12M used
 *
 * Fed line by line. Generations are summed; metaspace is not heap. UINT64_MAX: not said.
 */
#pragma once

#include "base/span.h"

enum { JAVA_HEAP_COLLECTOR_BYTES = 48 };

#define JAVA_HEAP_UNKNOWN UINT64_MAX

struct java_heap {
    uint64_t max_bytes, committed_bytes, used_bytes;
    uint64_t start, end; /* addresses of its reservation; 0: not said */
    uint64_t metaspace_used_bytes, metaspace_committed_bytes;
    char collector[JAVA_HEAP_COLLECTOR_BYTES]; /* "garbage-first"; empty: not said */
    /* For java_heap_line. */
    enum java_heap_place {
        JAVA_HEAP_NOWHERE,
        JAVA_HEAP_WHOLE,   /* jmap: the whole heap's figures follow */
        JAVA_HEAP_PART,    /* a generation's, to be added */
        JAVA_HEAP_LEFT_OUT /* of what is part of another */
    } place;
};

void java_heap_init(struct java_heap *heap);

/* Takes what LINE says; false: nothing of a heap. */
bool java_heap_line(struct java_heap *heap, struct span line);

/* There is enough of it to be told: used or committed. */
static inline bool java_heap_known(const struct java_heap *heap)
{
    return heap->used_bytes != JAVA_HEAP_UNKNOWN || heap->committed_bytes != JAVA_HEAP_UNKNOWN;
}
