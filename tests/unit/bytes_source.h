/* A mem_source over bytes in memory, from address 0 on; what is behind them is a hole. */
#pragma once

#include <string.h>

#include "evidence/mem_source.h"

struct bytes_source {
    struct mem_source source;
    const void *bytes;
    size_t len;
};

static inline struct seep_error *bytes_source_read(struct mem_source *base, uint64_t addr,
                                                   void *buf, size_t len, size_t *ret_got)
{
    const struct bytes_source *src = (const struct bytes_source *)base;
    size_t got = addr < src->len ? src->len - (size_t)addr : 0;

    got = got < len ? got : len;
    if (got)
        memcpy(buf, (const char *)src->bytes + addr, got);
    *ret_got = got;
    return NULL;
}

static inline struct bytes_source bytes_source_of(const void *bytes, size_t len)
{
    return (struct bytes_source){{bytes_source_read, NULL}, bytes, len};
}
