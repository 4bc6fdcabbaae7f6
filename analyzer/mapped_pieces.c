#include "analyzer/mapped_pieces.h"

#include <stdlib.h>

struct cut {
    struct saved_piece piece;
    const struct ledger_charge *charge;
    uint64_t path_bytes; /* of all pieces of the same path */
};

struct cutting {
    VECTOR(struct cut) cuts;
    struct saved_piece piece; /* what is left of the one at hand */
    struct seep_error *err;
};

static void add_until(struct cutting *c, uint64_t end, const struct ledger_charge *charge)
{
    struct saved_piece part = c->piece;

    if (end <= part.start || c->err)
        return;
    part.end = end;
    c->piece.start = end;
    c->err = vector_push(&c->cuts, (struct cut){part, charge, 0});
}

static bool on_interval(const struct ledger_interval *interval, void *context)
{
    struct cutting *c = context;

    if (!interval->charge)
        return true;
    add_until(c, interval->start, NULL);
    add_until(c, interval->end, interval->charge);
    return !c->err;
}

static uint32_t path_of(const struct cut *cut)
{
    return cut->charge ? cut->charge->group->stack_id : 0;
}

static int by_event(const void *left, const void *right)
{
    const struct cut *a = left, *b = right;

    if (!a->charge != !b->charge)
        return a->charge ? -1 : 1;
    if (a->charge && a->charge != b->charge) {
        if (a->charge->time_ns != b->charge->time_ns)
            return a->charge->time_ns < b->charge->time_ns ? -1 : 1;
        return a->charge->start != b->charge->start ? (a->charge->start < b->charge->start ? -1 : 1)
                                                    : a->charge->pid - b->charge->pid;
    }
    if (a->piece.dump->pid != b->piece.dump->pid)
        return a->piece.dump->pid < b->piece.dump->pid ? -1 : 1;
    return (a->piece.start > b->piece.start) - (a->piece.start < b->piece.start);
}

static int by_path(const void *left, const void *right)
{
    const struct cut *a = left, *b = right;

    if (!a->charge != !b->charge)
        return a->charge ? -1 : 1;
    if (path_of(a) != path_of(b)) {
        if (a->path_bytes != b->path_bytes)
            return a->path_bytes > b->path_bytes ? -1 : 1;
        return path_of(a) < path_of(b) ? -1 : 1;
    }
    return by_event(left, right);
}

/* Nobody's first, which are no path. */
static int by_path_number(const void *left, const void *right)
{
    const struct cut *a = left, *b = right;

    if (!a->charge != !b->charge)
        return a->charge ? 1 : -1;
    return (path_of(a) > path_of(b)) - (path_of(a) < path_of(b));
}

/* Sums the bytes of each path. */
static void weigh_paths(struct cut *cuts, size_t count)
{
    qsort(cuts, count, sizeof(*cuts), by_path_number);
    for (size_t i = 0, next; i < count; i = next) {
        uint64_t bytes = 0;

        for (next = i; next < count && by_path_number(&cuts[next], &cuts[i]) == 0; next++)
            bytes += cuts[next].piece.end - cuts[next].piece.start;
        for (size_t k = i; k < next; k++)
            cuts[k].path_bytes = bytes;
    }
}

static struct seep_error *take_cuts(const struct cutting *c, struct mapped_pieces *into)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < c->cuts.count && !err; i++) {
        err = vector_push(&into->pieces, c->cuts.items[i].piece);
        if (!err)
            err = vector_push(&into->charges, c->cuts.items[i].charge);
    }
    return err;
}

struct seep_error *mapped_pieces_make(const struct saved_pieces *pieces,
                                      const struct ledger *ledger, enum mapped_pieces_order order,
                                      struct mapped_pieces *ret_pieces)
{
    struct mapped_pieces made = {0};
    struct cutting c = {0};

    for (size_t i = 0; i < pieces->count && !c.err; i++) {
        const struct ledger_space *space = ledger_find(ledger, pieces->items[i].dump->pid);

        c.piece = pieces->items[i];
        if (space)
            ledger_each(space, c.piece.start, c.piece.end, on_interval, &c);
        add_until(&c, pieces->items[i].end, NULL);
    }
    if (!c.err && c.cuts.count) {
        if (order == MAPPED_PIECES_BY_PATH)
            weigh_paths(c.cuts.items, c.cuts.count);
        qsort(c.cuts.items, c.cuts.count, sizeof(*c.cuts.items),
              order == MAPPED_PIECES_BY_PATH ? by_path : by_event);
        c.err = take_cuts(&c, &made);
    }
    vector_deinit(&c.cuts);
    if (c.err)
        mapped_pieces_deinit(&made);
    else
        *ret_pieces = made;
    return c.err;
}

void mapped_pieces_deinit(struct mapped_pieces *pieces)
{
    vector_deinit(&pieces->pieces);
    vector_deinit(&pieces->charges);
}
