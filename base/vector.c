#include "base/vector.h"

struct seep_error *vector_reserve_bytes(void **items, size_t *capacity, size_t need,
                                        size_t item_bytes)
{
    size_t grown = *capacity < 8 ? 8 : *capacity;

    if (need <= *capacity)
        return NULL;
    while (grown < need) {
        if (grown > SIZE_MAX / 2)
            return error_no_memory();
        grown *= 2;
    }

    void *moved = reallocarray(*items, grown, item_bytes);

    if (!moved)
        return error_no_memory();
    *items = moved;
    *capacity = grown;
    return NULL;
}
