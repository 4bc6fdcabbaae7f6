#include "analyzer/pieces.h"

#include <stdlib.h>

enum { ACCESS = VMA_READ | VMA_WRITE | VMA_EXEC };

struct gathering {
    const struct history_process *p;
    struct pieces *pieces;
    struct seep_error *err;
    size_t at;         /* first range that may contain the next interval */
    uint64_t last_end; /* of the last piece of a block */
    bool in_block;
    const struct ledger_charge *last_charge;
};

void pieces_deinit(struct pieces *pieces)
{
    vector_deinit(&pieces->items);
    free(pieces->ranges);
    places_list_deinit(&pieces->places);
    *pieces = (struct pieces){0};
}

static enum region region_of_backing(enum ledger_backing backing)
{
    switch (backing) {
    case LEDGER_ANON:
        return REGION_ANON_MMAP;
    case LEDGER_ANON_SHARED:
    case LEDGER_SYSV:
        return REGION_SHARED_MEMORY;
    case LEDGER_FILE:
        return REGION_FILE;
    case LEDGER_HEAP:
        return REGION_HEAP;
    case LEDGER_OTHER:
        break;
    }
    return REGION_OTHER;
}

static enum region region_of(const struct growth_range *range,
                             const struct ledger_interval *interval, const struct place *place)
{
    if (place && place->kind == PLACE_STACK)
        return REGION_THREAD_STACK;
    if (interval->backing == LEDGER_HEAP)
        return REGION_HEAP;
    if (!range)
        return region_of_backing(interval->backing);
    /* The mmap that made it was seen, and it was not a stack's. */
    if (range->region == REGION_THREAD_STACK && interval->charge)
        return interval->perms & ACCESS ? REGION_ANON_MMAP : REGION_RESERVATION;
    if (range->region == REGION_RESERVATION && interval->perms & ACCESS)
        return REGION_ANON_MMAP;
    return range->region;
}

static enum piece_family family_of(enum region region, const struct ledger_interval *interval,
                                   const struct place *place)
{
    const struct ledger_charge *charge = interval->charge;

    switch (region) {
    case REGION_HEAP:
        return PIECE_HEAP;
    case REGION_THREAD_STACK:
        return place && place->abandoned ? PIECE_ORPHAN : PIECE_STACK;
    case REGION_FILE:
        return PIECE_FILE;
    case REGION_RUNTIME_HEAP:
        return PIECE_RUNTIME;
    case REGION_ARENA:
        return interval->perms & ACCESS ? PIECE_ARENA : PIECE_RESERVED;
    case REGION_MAIN_STACK:
    case REGION_OTHER:
        return PIECE_OTHER;
    case REGION_RESERVATION:
    case REGION_ANON_MMAP:
    case REGION_SHARED_MEMORY:
        break;
    }
    if (!(interval->perms & ACCESS))
        return PIECE_RESERVED;
    if (charge->steps > 0)
        return PIECE_BLOCK;
    if (charge->group->kind == EVENT_MPROTECT || charge->group->kind == EVENT_PKEY_MPROTECT ||
        (place && place->kind == PLACE_FIXED))
        return PIECE_COMMIT;
    return PIECE_MAPPING;
}

/* The range's resident and swapped bytes, by its share of the range's size. */
static uint64_t share_of(const struct growth_range *range, uint64_t bytes)
{
    uint64_t held = range->rss_bytes, size = range->end - range->start;

    if (held == MAPS_UNKNOWN)
        return ANALYSIS_UNKNOWN;
    if (range->swap_bytes != MAPS_UNKNOWN && __builtin_add_overflow(held, range->swap_bytes, &held))
        held = size;
    if (held >= size)
        return bytes;
    return (uint64_t)((double)bytes * ((double)held / (double)size));
}

static void add_piece(struct gathering *g, const struct ledger_interval *interval, size_t index)
{
    const struct growth_range *range =
        index == PIECES_NO_RANGE ? NULL : &g->p->growth.ranges.items[index];
    uint64_t bytes = interval->end - interval->start;
    const struct place *place = places_list_find(&g->pieces->places, interval->start);

    /* A place whose start was mapped again by other means is not this one. */
    if (place && interval->charge && place->time_ns > interval->charge->time_ns)
        place = NULL;
    if (!interval->charge) {
        if (index != PIECES_NO_RANGE)
            g->pieces->ranges[index].unknown_bytes += bytes;
        if (interval->perms & ACCESS && !interval->inherited)
            g->pieces->unknown_bytes += bytes;
        g->in_block = false;
        return;
    }
    if (index != PIECES_NO_RANGE)
        g->pieces->ranges[index].charged_bytes += bytes;

    enum region region = region_of(range, interval, place);
    struct piece piece = {
        .family = family_of(region, interval, place),
        .region = region,
        .charge = interval->charge,
        .place = place,
        .start = interval->start,
        .bytes = bytes,
        .resident_bytes =
            range && !history_rss_is_stale(g->p) ? share_of(range, bytes) : ANALYSIS_UNKNOWN,
        .range = index,
    };

    if (piece.family == PIECE_BLOCK) {
        /* The next step of the same block follows the one before. */
        bool goes_on = g->in_block && interval->start == g->last_end &&
                       (interval->charge->steps > 1 || interval->charge == g->last_charge);

        g->pieces->blocks += !goes_on;
        piece.block = g->pieces->blocks - 1;
    }
    g->in_block = piece.family == PIECE_BLOCK;
    g->last_end = interval->end;
    g->last_charge = interval->charge;
    g->err = vector_push(&g->pieces->items, piece);
}

/* Cuts an interval at the edges of the VMAs that the last look saw. */
static bool visit(const struct ledger_interval *interval, void *context)
{
    struct gathering *g = context;
    const struct growth *growth = &g->p->growth;
    struct ledger_interval part = *interval;

    while (part.start < interval->end && !g->err) {
        while (g->at < growth->ranges.count && growth->ranges.items[g->at].end <= part.start)
            g->at++;

        const struct growth_range *range =
            g->at < growth->ranges.count ? &growth->ranges.items[g->at] : NULL;
        bool inside = range && range->start <= part.start;

        part.end = interval->end;
        if (range && !inside && range->start < part.end)
            part.end = range->start;
        if (inside && range->end < part.end)
            part.end = range->end;
        add_piece(g, &part, inside ? g->at : PIECES_NO_RANGE);
        part.start = part.end;
    }
    return !g->err;
}

struct seep_error *pieces_gather(const struct history_process *p, const struct ledger *ledger,
                                 struct pieces *ret_pieces)
{
    const struct ledger_space *space = ledger_find(ledger, p->pid);
    struct pieces pieces = {.known = space && p->events > 0};
    struct gathering g = {.p = p, .pieces = &pieces};

    g.err = places_list(&p->places, &pieces.places);
    if (!g.err) {
        pieces.ranges = calloc(p->growth.ranges.count + 1, sizeof(*pieces.ranges));
        if (!pieces.ranges)
            g.err = error_no_memory();
    }
    /* What a fork copied matters only where a look shows in which VMA it is. */
    if (!g.err && space && !p->growth.ranges.count)
        ledger_each_own(space, visit, &g);
    else if (!g.err && space)
        ledger_each(space, 0, UINT64_MAX, visit, &g);
    if (g.err)
        pieces_deinit(&pieces);
    else
        *ret_pieces = pieces;
    return g.err;
}
