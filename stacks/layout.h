/*
 * Where a process has code at one moment: its executable mappings, by address. Never changes; counted
 * references let captured stacks outlive what the process maps next.
 *
 *     7f46d0026000-7f46d017c000   file offset 0x26000   module libc.so.6
 *     7f46d4000000-7f46d4270000                         no module: made at run time (JIT)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"
#include "stacks/module.h"

struct layout_range {
    uint64_t start, end;
    uint64_t file_offset;  /* of START */
    struct module *module; /* NULL: anonymous executable memory */
};

VECTOR_TYPE(layout_ranges, struct layout_range);

struct layout;

/* Takes RANGES over, which must be sorted and disjoint. One reference is the caller's. */
struct seep_error *layout_create(struct layout_ranges *ranges, struct layout **ret_layout);

/* Another reference to LAYOUT, which is returned; any thread. NULL stays NULL. */
struct layout *layout_ref(struct layout *layout);

/* Gives a reference back; any thread. NULL is fine. */
void layout_unref(struct layout *layout);
DEFINE_CLEANUP(struct layout *, layout_unref);

/* The range that contains ADDRESS, or NULL. */
const struct layout_range *layout_find(const struct layout *layout, uint64_t address);

/* The first range that ends behind ADDRESS, or NULL. */
const struct layout_range *layout_find_from(const struct layout *layout, uint64_t address);

/* The range after RANGE, which is one of LAYOUT's, or NULL. */
const struct layout_range *layout_next(const struct layout *layout,
                                       const struct layout_range *range);

size_t layout_count(const struct layout *layout);
