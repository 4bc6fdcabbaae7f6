#include "analyzer/space.h"

#include <stdlib.h>

/* --- bytes in and out of the books --- */

static uint64_t *sum_of(struct ledger_space *space, const struct interval *piece)
{
    return piece->owner                   ? &space->charged_bytes
           : piece->tag & SPACE_INHERITED ? &space->inherited_bytes
                                          : &space->unknown_bytes;
}

static void count_in(struct ledger_space *space, const struct interval *piece)
{
    uint64_t bytes = piece->end - piece->start;

    *sum_of(space, piece) += bytes;
    if (piece->object)
        space->attachments.items[piece->object - 1].mapped_bytes += bytes;
}

static void count_out(struct ledger_space *space, const struct interval *piece)
{
    uint64_t bytes = piece->end - piece->start;

    *sum_of(space, piece) -= bytes;
    if (piece->object)
        space->attachments.items[piece->object - 1].mapped_bytes -= bytes;
}

static void release(struct ledger_space *space, const struct interval *piece, enum charges_end how)
{
    count_out(space, piece);
    if (piece->owner)
        charges_close(space->charges, piece->owner, piece->end - piece->start, how);
}

static struct seep_error *put_piece(struct ledger_space *space, const struct interval *piece)
{
    struct seep_error *err = interval_map_insert(&space->map, piece, NULL);

    space->no_fork |= (piece->tag & SPACE_NO_FORK) != 0;

    if (!err)
        count_in(space, piece);
    return err;
}

/* Takes all of RANGE out of the map into the scratch; it still counts. */
static struct seep_error *take_all(struct ledger_space *space, struct ledger_range range)
{
    space->scratch.count = 0;
    while (range.start < range.end) {
        struct interval piece;
        bool took;
        struct seep_error *err = vector_reserve(&space->scratch, space->scratch.count + 1);

        if (!err)
            err = interval_map_take(&space->map, range.start, range.end, &piece, &took);
        if (err || !took)
            return err;
        space->scratch.items[space->scratch.count++] = piece;
        range.start = piece.end;
    }
    return NULL;
}

/* --- life --- */

struct seep_error *space_create(struct charges *charges, pid_t pid, struct ledger_space **ret_space)
{
    struct ledger_space *space = calloc(1, sizeof(*space));

    if (!space)
        return error_no_memory();
    space->charges = charges;
    space->pid = pid;
    *ret_space = space;
    return NULL;
}

static bool drop(const struct interval *item, void *context)
{
    release(context, item, CHARGES_DROPPED);
    return true;
}

void space_destroy(struct ledger_space *space)
{
    if (!space)
        return;
    interval_map_each_own(&space->map, drop, space);
    interval_map_deinit(&space->map);
    vector_deinit(&space->attachments);
    vector_deinit(&space->scratch);
    free(space);
}

/* What the parent has said that no child gets. */
static struct seep_error *leave_out(struct ledger_space *child)
{
    struct interval_cursor cursor;
    const struct interval *item = interval_map_seek(&child->map, 0, &cursor);
    struct seep_error *err = NULL;

    while (item && !err) {
        struct ledger_range range = {item->start, item->end};

        if (item->tag & SPACE_NO_FORK) {
            err = space_unmap(child, range, CHARGES_DROPPED);
            item = interval_map_seek(&child->map, range.end, &cursor);
        } else {
            item = interval_cursor_next(&cursor);
        }
    }
    return err;
}

struct seep_error *space_inherit(struct ledger_space *child, const struct ledger_space *parent,
                                 uint64_t id)
{
    struct seep_error *err = vector_reserve(&child->attachments, parent->attachments.count);

    if (err)
        return err;
    for (size_t i = 0; i < parent->attachments.count; i++)
        child->attachments.items[child->attachments.count++] = parent->attachments.items[i];
    interval_map_share(&parent->map, id, SPACE_INHERITED, &child->map);
    child->inherited_bytes =
        parent->charged_bytes + parent->unknown_bytes + parent->inherited_bytes;
    child->brk = parent->brk;
    child->brk_known = parent->brk_known;
    child->uncertain = parent->uncertain;
    return parent->no_fork ? leave_out(child) : NULL;
}

/* --- mapping --- */

struct seep_error *space_put(struct ledger_space *space, struct ledger_range range,
                             struct ledger_charge *charge, uint32_t tag, uint32_t object,
                             bool *ret_free)
{
    struct interval piece = {
        .start = range.start, .end = range.end, .owner = charge, .tag = tag, .object = object};
    struct seep_error *err = interval_map_insert(&space->map, &piece, ret_free);

    if (!err && (!ret_free || *ret_free))
        count_in(space, &piece);
    space->no_fork |= (tag & SPACE_NO_FORK) != 0;
    return err;
}

struct seep_error *space_unmap(struct ledger_space *space, struct ledger_range range,
                               enum charges_end how)
{
    while (range.start < range.end) {
        struct interval piece;
        bool took;
        struct seep_error *err =
            interval_map_take(&space->map, range.start, range.end, &piece, &took);

        if (err || !took)
            return err;
        release(space, &piece, how);
        range.start = piece.end;
    }
    return NULL;
}

struct seep_error *space_detach(struct ledger_space *space, struct ledger_range range,
                                uint32_t object)
{
    struct interval_cursor cursor;

    while (range.start < range.end) {
        const struct interval *item = interval_map_seek(&space->map, range.start, &cursor);
        struct seep_error *err;

        while (item && item->start < range.end && item->object != object)
            item = interval_cursor_next(&cursor);
        if (!item || item->start >= range.end)
            break;

        struct ledger_range piece = {item->start > range.start ? item->start : range.start,
                                     item->end < range.end ? item->end : range.end};

        err = space_unmap(space, piece, CHARGES_FREED);
        if (err)
            return err;
        range.start = piece.end;
    }
    return NULL;
}

struct seep_error *space_move(struct ledger_space *space, struct ledger_range from, uint64_t to)
{
    struct seep_error *err = take_all(space, from);
    uint64_t shift = to - from.start;
    uint32_t old_object = 0, object = 0;

    for (size_t i = 0; !err && i < space->scratch.count; i++) {
        struct interval piece = space->scratch.items[i];

        count_out(space, &piece);
        piece.start += shift;
        piece.end += shift;
        if (piece.object && piece.object != old_object) {
            /* Read before space_attach, which may move the table. */
            struct space_attachment was = space->attachments.items[piece.object - 1];

            old_object = piece.object;
            err = space_attach(space, was.origin + shift, was.size_bytes, &object);
        }
        if (piece.object)
            piece.object = object;
        if (!err)
            err = put_piece(space, &piece);
    }
    return err;
}

static bool commits(const struct interval *piece, uint32_t access)
{
    return (piece->tag & SPACE_ACCESS) == 0 && (access & VMA_WRITE);
}

struct seep_error *space_protect(struct ledger_space *space, struct ledger_range range,
                                 uint32_t access, const struct event *ev)
{
    struct seep_error *err = take_all(space, range);
    struct ledger_charge *charge = NULL;
    const struct interval *first = NULL;
    uint64_t committed = 0;

    for (size_t i = 0; !err && ev && i < space->scratch.count; i++) {
        const struct interval *piece = &space->scratch.items[i];

        if (!commits(piece, access))
            continue;
        if (!first)
            first = piece;
        committed += piece->end - piece->start;
    }
    if (!err && first)
        err = charges_open(space->charges, ev, space_backing(first->tag), first->start, committed,
                           0, &charge);
    for (size_t i = 0; !err && i < space->scratch.count; i++) {
        struct interval piece = space->scratch.items[i];

        if (charge && commits(&piece, access)) {
            release(space, &piece, CHARGES_DROPPED);
            piece.owner = charge;
            piece.tag &= ~(uint32_t)SPACE_INHERITED;
        } else {
            count_out(space, &piece);
        }
        piece.tag = (piece.tag & ~(uint32_t)SPACE_ACCESS) | access;
        err = put_piece(space, &piece);
    }
    return err;
}

struct seep_error *space_mark(struct ledger_space *space, struct ledger_range range, uint32_t set,
                              uint32_t clear)
{
    struct seep_error *err = take_all(space, range);

    for (size_t i = 0; !err && i < space->scratch.count; i++) {
        struct interval piece = space->scratch.items[i];

        piece.tag = (piece.tag & ~clear) | set;
        err = interval_map_insert(&space->map, &piece, NULL);
    }
    space->no_fork |= (set & SPACE_NO_FORK) != 0;
    return err;
}

void space_advise(struct ledger_space *space, struct ledger_range range)
{
    struct interval_cursor cursor;

    for (const struct interval *item = interval_map_seek(&space->map, range.start, &cursor);
         item && item->start < range.end; item = interval_cursor_next(&cursor)) {
        uint64_t start = item->start > range.start ? item->start : range.start;
        uint64_t end = item->end < range.end ? item->end : range.end;
        const struct ledger_charge *charge = item->owner;

        if (charge)
            charge->group->advised_bytes += end - start;
    }
}

struct seep_error *space_fill(struct ledger_space *space, struct ledger_range range, uint32_t tag)
{
    struct interval_cursor cursor;

    while (range.start < range.end) {
        const struct interval *item = interval_map_seek(&space->map, range.start, &cursor);
        uint64_t end = item && item->start < range.end ? item->start : range.end;
        uint64_t next = item && item->start < range.end ? item->end : range.end;

        if (range.start < end) {
            struct seep_error *err =
                space_put(space, (struct ledger_range){range.start, end}, NULL, tag, 0, NULL);

            if (err)
                return err;
        }
        range.start = next;
    }
    return NULL;
}

const struct interval *space_at(const struct ledger_space *space, uint64_t addr,
                                struct interval *room)
{
    struct interval_cursor cursor;
    const struct interval *item = interval_map_seek(&space->map, addr, &cursor);

    if (!item || item->start > addr)
        return NULL;
    *room = *item;
    return room;
}

/* --- attachments --- */

/* The newest first: an address may be attached again while moved or cut pieces of an earlier
 * segment still count from it. */
uint32_t space_find_attachment(const struct ledger_space *space, uint64_t origin)
{
    for (size_t i = space->attachments.count; i > 0; i--) {
        const struct space_attachment *attachment = &space->attachments.items[i - 1];

        if (attachment->mapped_bytes > 0 && attachment->origin == origin)
            return (uint32_t)i;
    }
    return 0;
}

struct seep_error *space_attach(struct ledger_space *space, uint64_t origin, uint64_t size_bytes,
                                uint32_t *ret_object)
{
    struct space_attachment attachment = {.origin = origin, .size_bytes = size_bytes};
    struct seep_error *err;

    for (size_t i = 0; i < space->attachments.count; i++)
        if (space->attachments.items[i].mapped_bytes == 0) {
            space->attachments.items[i] = attachment;
            *ret_object = (uint32_t)i + 1;
            return NULL;
        }
    if (space->attachments.count == SPACE_ATTACHMENTS) {
        *ret_object = 0;
        return NULL;
    }
    err = vector_push(&space->attachments, attachment);
    if (!err)
        *ret_object = (uint32_t)space->attachments.count;
    return err;
}
