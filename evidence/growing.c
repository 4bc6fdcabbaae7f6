#include "evidence/growing.h"

#include <string.h>

enum {
    ALWAYS_BYTES = 1 << 20,
    LEAST_BYTES = 64 << 10,
    LEAST_SHARE = 10, /* one part in so many of all growth */
};

/* VMAs of both looks that hang together by overlapping: [first_at, first_end) of the first look's,
 * [last_at, last_end) of the last one's. */
struct group {
    size_t first_at, first_end, last_at, last_end;
};

static bool next_group(const struct maps *first, const struct maps *last, struct group *g)
{
    size_t f = g->first_end, l = g->last_end;
    uint64_t end = 0;

    if (f == first->count && l == last->count)
        return false;
    *g = (struct group){.first_at = f, .last_at = l};
    for (;;) {
        bool has_first = f < first->count, has_last = l < last->count;
        bool take_first = has_first && (!has_last || first->vmas[f].start <= last->vmas[l].start);
        const struct vma *vma = take_first ? &first->vmas[f] : has_last ? &last->vmas[l] : NULL;

        if (!vma || (end && vma->start >= end))
            break;
        if (vma->end > end)
            end = vma->end;
        f += take_first;
        l += !take_first;
    }
    g->first_end = f;
    g->last_end = l;
    return true;
}

static bool is_same_thing(const struct vma *a, const struct vma *b)
{
    return (a->perms & VMA_SHARED) == (b->perms & VMA_SHARED) && a->inode == b->inode &&
           strcmp(a->name, b->name) == 0;
}

static uint64_t known(uint64_t field)
{
    return field == MAPS_UNKNOWN ? 0 : field;
}

static bool may_grow(const struct vma *vma)
{
    return vma->inode == 0 || (vma->perms & VMA_WRITE) || known(vma->fields[SMAPS_ANONYMOUS]);
}

/* Resident and swapped; the size where smaps does not tell. */
static uint64_t held(const struct vma *vma)
{
    return vma->fields[SMAPS_RSS] == MAPS_UNKNOWN
               ? vma_size(vma)
               : vma->fields[SMAPS_RSS] + known(vma->fields[SMAPS_SWAP]);
}

/* Something else that lay at the same address before is no part of the past. */
static bool continues(const struct vma *old, const struct maps *last, const struct group *g)
{
    for (size_t l = maps_lower_bound(last, old->start);
         l < g->last_end && last->vmas[l].start < old->end; l++)
        if (is_same_thing(old, &last->vmas[l]))
            return true;
    return false;
}

static uint64_t growth_of(const struct maps *first, const struct maps *last, const struct group *g)
{
    uint64_t held_before = 0, held_after = 0, size_before = 0, size_after = 0;
    uint64_t by_size, by_held;

    for (size_t f = g->first_at; f < g->first_end; f++) {
        if (!continues(&first->vmas[f], last, g))
            continue;
        held_before += held(&first->vmas[f]);
        size_before += vma_size(&first->vmas[f]);
    }
    for (size_t l = g->last_at; l < g->last_end; l++) {
        if (!may_grow(&last->vmas[l]))
            continue;
        held_after += held(&last->vmas[l]);
        size_after += vma_size(&last->vmas[l]);
    }
    by_held = held_after > held_before ? held_after - held_before : 0;
    by_size = size_after > size_before ? size_after - size_before : 0;
    if (by_size > held_after)
        by_size = held_after;
    return by_held > by_size ? by_held : by_size;
}

static bool is_worth(uint64_t growth, uint64_t total)
{
    return growth >= ALWAYS_BYTES || (growth >= LEAST_BYTES && growth >= total / LEAST_SHARE);
}

struct seep_error *growing_find(const struct maps *first, const struct maps *last,
                                struct growing_ranges *ret_ranges)
{
    uint64_t total = 0;

    for (struct group g = {0}; next_group(first, last, &g);)
        total += growth_of(first, last, &g);
    for (struct group g = {0}; next_group(first, last, &g);) {
        uint64_t growth = growth_of(first, last, &g);

        for (size_t l = g.last_at; l < g.last_end && is_worth(growth, total); l++) {
            const struct vma *vma = &last->vmas[l];
            struct seep_error *err =
                may_grow(vma) && held(vma)
                    ? vector_push(ret_ranges, (struct growing_range){vma->start, vma->end, growth})
                    : NULL;

            if (err)
                return err;
        }
    }
    return NULL;
}
