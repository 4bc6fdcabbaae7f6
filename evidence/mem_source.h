/*
 * Memory that can be read by address, wherever it lives: a live process, a dump, a core, a buffer.
 *
 *     0x1000        0x3000            0x5000
 *     | bytes       | hole            | bytes
 *     read(0x2ff0, 0x20 bytes)  -> got = 0x10: a hole is a short read, not an error
 *     read(0x3000, 0x20 bytes)  -> got = 0
 *
 * A short read says only that the byte at ADDR + *RET_GOT cannot be had; the caller may go on
 * behind it. Memory never touched by its process counts as bytes (zeros) or as a hole as the
 * implementation documents.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mem_source {
    /* Reads up to LEN bytes at ADDR. RET_GOT: how many; untouched on failure. */
    struct seep_error *(*read)(struct mem_source *src, uint64_t addr, void *buf, size_t len,
                               size_t *ret_got);
    void (*destroy)(struct mem_source *src);
};

static inline struct seep_error *mem_source_read(struct mem_source *src, uint64_t addr, void *buf,
                                                 size_t len, size_t *ret_got)
{
    return src->read(src, addr, buf, len, ret_got);
}

static inline void mem_source_destroy(struct mem_source *src)
{
    if (src)
        src->destroy(src);
}
DEFINE_CLEANUP(struct mem_source *, mem_source_destroy);
