/*
 * Which regions of a process grew between two looks at it, and so are worth saving.
 *
 *     first   |--A 2 MiB--|        |-B 1 MiB-|
 *     last  |-----A 9 MiB------|   |-B 1 MiB-| |-C 4 MiB-|      ->   A (+7 MiB), C (+4 MiB)
 *
 * Regions are the same when they overlap and are mappings of the same thing; what merged or split
 * is compared as a whole. Growth is what became resident (or swapped), or became mapped and is
 * resident. A region has grown that grew by 1 MiB, or by a tenth of what all of them grew by and by
 * 64 KiB. Mappings of files that cannot be written to are never among them. A pure function; the
 * analyzer follows regions over many looks and judges them, this only picks.
 */
#pragma once

#include "base/vector.h"
#include "evidence/maps.h"

struct growing_range {
    uint64_t start, end;   /* of a VMA at the last look */
    uint64_t growth_bytes; /* of all that it is compared together with */
};

VECTOR_TYPE(growing_ranges, struct growing_range);

/* Appends the ranges that grew, by address. */
struct seep_error *growing_find(const struct maps *first, const struct maps *last,
                                struct growing_ranges *ret_ranges);
