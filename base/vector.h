/*
 * A growing array of any type, laid out so that plain indexing works.
 *
 *     VECTOR(struct vma) vmas = {0};
 *     struct seep_error *err = vector_push(&vmas, vma);      // err: out of memory
 *     for (size_t i = 0; i < vmas.count; i++)
 *         use(&vmas.items[i]);                               // pointers move when it grows
 *     vector_deinit(&vmas);                                  // frees the array, not what items own
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"

#define VECTOR(type)                                                                               \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

/* Names a vector type, so that it can be handed to functions: VECTOR_TYPE(proc_pids, pid_t); */
#define VECTOR_TYPE(name, type)                                                                    \
    struct name {                                                                                  \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

/* Makes room for at least NEED items in all. */
#define vector_reserve(vector, need)                                                               \
    vector_reserve_bytes((void **)&(vector)->items, &(vector)->capacity, (need),                   \
                         sizeof(*(vector)->items))

#define vector_push(vector, ...)                                                                   \
    ({                                                                                             \
        struct seep_error *vector_err_ = NULL;                                                     \
        if ((vector)->count == (vector)->capacity)                                                 \
            vector_err_ = vector_reserve((vector), (vector)->count + 1);                           \
        if (!vector_err_)                                                                          \
            (vector)->items[(vector)->count++] = (__VA_ARGS__);                                    \
        vector_err_;                                                                               \
    })

#define vector_deinit(vector)                                                                      \
    ({                                                                                             \
        free((vector)->items);                                                                     \
        (vector)->items = NULL;                                                                    \
        (vector)->count = (vector)->capacity = 0;                                                  \
    })

/* Implementation of vector_reserve: grows geometrically; on failure nothing has changed. */
struct seep_error *vector_reserve_bytes(void **items, size_t *capacity, size_t need,
                                        size_t item_bytes);
