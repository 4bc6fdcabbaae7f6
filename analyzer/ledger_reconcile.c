#include <string.h>

#include "analyzer/ledger_internal.h"

enum difference_kind {
    NOT_BOOKED, /* mapped, but the books have it free */
    NOT_MAPPED, /* the other way round */
    PERMS_DIFFER,
};

struct difference {
    struct ledger_range range;
    enum difference_kind kind;
    const struct vma *vma; /* NULL: NOT_MAPPED */
};

VECTOR_TYPE(differences, struct difference);

static bool is_ignored(const struct vma *vma)
{
    return strncmp(vma->name, "[vvar", 5) == 0 || strcmp(vma->name, "[vdso]") == 0 ||
           strcmp(vma->name, "[vsyscall]") == 0 || strcmp(vma->name, "[uprobes]") == 0;
}

/* Where the sweep stands in one of the sorted lists: is something there at AT, and until where does
 * that answer hold? */
static bool covers(uint64_t start, uint64_t end, uint64_t at, uint64_t *until)
{
    bool covered = start <= at;
    uint64_t edge = covered ? end : start;

    if (*until > edge)
        *until = edge;
    return covered;
}

/* Sweeps over the books and the text side by side. The text may be torn: sorted by start, but
 * overlapping, so that an entry may be behind the sweep before it came up. */
static struct seep_error *sweep(const struct ledger_space *space, const struct maps *maps,
                                const struct ledger_range *touched, size_t touched_count,
                                struct differences *ret_differences)
{
    struct interval_cursor cursor;
    const struct interval *item = interval_map_seek(&space->map, 0, &cursor);
    size_t v = 0, t = 0;

    for (uint64_t at = 0, until; at < UINT64_MAX; at = until) {
        while (item && item->end <= at)
            item = interval_cursor_next(&cursor);
        while (v < maps->count && maps->vmas[v].end <= at)
            v++;
        while (t < touched_count && touched[t].end <= at)
            t++;
        if (!item && v == maps->count)
            break;

        const struct vma *vma = v < maps->count ? &maps->vmas[v] : NULL;

        until = UINT64_MAX;

        bool booked = item && covers(item->start, item->end, at, &until);
        bool mapped = vma && covers(vma->start, vma->end, at, &until);
        bool excluded = t < touched_count && covers(touched[t].start, touched[t].end, at, &until);
        struct difference difference = {{at, until}, PERMS_DIFFER, mapped ? vma : NULL};

        if (excluded || (mapped && is_ignored(vma)) || (!booked && !mapped))
            continue;
        if (booked && mapped && (item->tag & SPACE_PERMS) == (vma->perms & SPACE_PERMS))
            continue;
        if (booked != mapped)
            difference.kind = booked ? NOT_MAPPED : NOT_BOOKED;

        struct seep_error *err = vector_push(ret_differences, difference);

        if (err)
            return err;
    }
    return NULL;
}

/* --- correcting the books --- */

static uint32_t tag_of_vma(const struct vma *vma)
{
    uint32_t tag = vma->perms & SPACE_PERMS;
    enum ledger_backing backing = LEDGER_ANON;

    if (strcmp(vma->name, "[heap]") == 0)
        backing = LEDGER_HEAP;
    else if (strncmp(vma->name, "/SYSV", 5) == 0)
        backing = LEDGER_SYSV;
    else if (strncmp(vma->name, "/[aio]", 6) == 0)
        backing = LEDGER_OTHER;
    else if (strcmp(vma->name, "/dev/zero (deleted)") == 0)
        backing = LEDGER_ANON_SHARED;
    else if (vma->inode != 0 || vma->name[0] == '/')
        backing = LEDGER_FILE;
    else if (vma->perms & VMA_SHARED)
        backing = LEDGER_ANON_SHARED;
    if (strcmp(vma->name, "[stack]") == 0 || vma_has_flag(vma, "gd"))
        tag |= SPACE_GROWS;
    if (vma_has_flag(vma, "dc"))
        tag |= SPACE_NO_FORK;
    if (vma_has_flag(vma, "ht") && vma->fields[SMAPS_KERNEL_PAGE_SIZE] != MAPS_UNKNOWN &&
        vma->fields[SMAPS_KERNEL_PAGE_SIZE] != 0)
        tag |= (uint32_t)__builtin_ctzll(vma->fields[SMAPS_KERNEL_PAGE_SIZE]) << SPACE_HUGE_SHIFT;
    return tag | (uint32_t)backing << SPACE_BACKING_SHIFT;
}

/* Pieces of one segment have one origin: where its offset 0 is, or would be. */
static struct seep_error *object_of_vma(struct ledger_space *space, const struct vma *vma,
                                        uint32_t *ret_object)
{
    uint64_t origin = vma->start - vma->offset;
    struct space_attachment *attachment;

    if (strncmp(vma->name, "/SYSV", 5) != 0 && strncmp(vma->name, "/[aio]", 6) != 0)
        return NULL;
    *ret_object = space_find_attachment(space, origin);
    if (!*ret_object)
        return space_attach(space, origin, vma->end - origin, ret_object);
    attachment = &space->attachments.items[*ret_object - 1];
    if (attachment->size_bytes < vma->end - origin)
        attachment->size_bytes = vma->end - origin;
    return NULL;
}

/* What the kernel added to a mapping without a call, and the rest of an attached segment whose size
 * was not known, belong to whom they extend: RET_BASE. */
static bool extends_mapping(const struct ledger_space *space, const struct difference *difference,
                            struct interval *ret_base)
{
    const struct vma *vma = difference->vma;
    struct interval room_above, room_below;
    const struct interval *above = space_at(space, difference->range.end, &room_above);
    const struct interval *below =
        difference->range.start ? space_at(space, difference->range.start - 1, &room_below) : NULL;

    if (above && above->start < vma->end && (above->tag & SPACE_GROWS)) {
        *ret_base = *above;
        return true;
    }
    if (below && below->start >= vma->start && (below->tag & SPACE_UNSIZED)) {
        *ret_base = *below;
        return true;
    }
    return false;
}

static struct seep_error *book_extension(struct ledger_space *space, struct ledger_range range,
                                         const struct interval *base)
{
    struct seep_error *err = space_put(space, range, base->owner, base->tag, base->object, NULL);

    if (err || !(base->tag & SPACE_UNSIZED))
        return err;
    if (base->object) {
        struct space_attachment *attachment = &space->attachments.items[base->object - 1];

        attachment->size_bytes = range.end - attachment->origin;
    }
    return space_mark(space, (struct ledger_range){base->start, range.end}, 0, SPACE_UNSIZED);
}

/* RET_COUNTS: the difference is one that no call explains. */
static struct seep_error *correct(struct ledger_space *space, const struct difference *difference,
                                  bool *ret_counts)
{
    const struct vma *vma = difference->vma;
    struct ledger_range range = difference->range;
    struct interval base;
    uint32_t object = 0;
    struct seep_error *err;

    *ret_counts = true;
    if (difference->kind == NOT_MAPPED)
        return space_unmap(space, range, CHARGES_DROPPED);
    if (extends_mapping(space, difference, &base)) {
        *ret_counts = false;
        if (base.owner)
            charges_grow(space->charges, base.owner, range.end - range.start);
        return book_extension(space, range, &base);
    }
    /* A thread's shadow stack is mapped by clone itself (arch/x86/kernel/shstk.c). */
    if (vma_has_flag(vma, "ss"))
        *ret_counts = false;
    err = object_of_vma(space, vma, &object);
    return err ? err : space_put(space, range, NULL, tag_of_vma(vma), object, NULL);
}

static struct seep_error *compare(struct ledger *ledger, struct ledger_space *space,
                                  const struct snapshot *snap, const struct ledger_range *touched,
                                  size_t touched_count, uint64_t *ret_unexplained)
{
    struct differences differences = {0};
    struct seep_error *err = sweep(space, &snap->maps, touched, touched_count, &differences);
    uint64_t unexplained = 0;

    ledger->perms_differ_bytes = 0;
    for (size_t i = 0; !err && i < differences.count; i++) {
        const struct difference *difference = &differences.items[i];
        uint64_t bytes = difference->range.end - difference->range.start;
        bool counts = false;

        if (difference->kind != PERMS_DIFFER)
            err = correct(space, difference, &counts);
        else if (space->uncertain)
            err = space_mark(space, difference->range, difference->vma->perms & SPACE_PERMS,
                             SPACE_PERMS);
        else
            ledger->perms_differ_bytes += bytes;
        if (counts)
            unexplained += bytes;
    }
    vector_deinit(&differences);
    if (!err)
        *ret_unexplained = unexplained;
    return err;
}

static void learn_break(struct ledger_space *space, const struct maps *maps)
{
    for (size_t i = 0; i < maps->count; i++)
        if (strcmp(maps->vmas[i].name, "[heap]") == 0) {
            space->brk = maps->vmas[i].end;
            space->brk_known = true;
        }
}

static struct seep_error *rebase(struct ledger *ledger, struct ledger_space *space,
                                 const struct snapshot *snap, const struct ledger_range *touched,
                                 size_t touched_count)
{
    uint64_t unexplained;
    struct seep_error *err;

    space->uncertain = true;
    err = compare(ledger, space, snap, touched, touched_count, &unexplained);
    if (err)
        return err;
    learn_break(space, &snap->maps);
    space->uncertain = false;
    return NULL;
}

struct seep_error *ledger_rebase(struct ledger *ledger, const struct snapshot *snap)
{
    struct ledger_space *space;
    struct seep_error *err = ledger_space_for(ledger, snap->pid, &space);

    return err ? err : rebase(ledger, space, snap, NULL, 0);
}

struct seep_error *ledger_reconcile(struct ledger *ledger, const struct snapshot *snap,
                                    const struct ledger_range *touched, size_t touched_count,
                                    uint64_t *ret_unexplained)
{
    struct ledger_space *space;
    struct seep_error *err = ledger_space_for(ledger, snap->pid, &space);

    if (err || !space->uncertain)
        return err ? err : compare(ledger, space, snap, touched, touched_count, ret_unexplained);
    err = rebase(ledger, space, snap, touched, touched_count);
    if (!err)
        *ret_unexplained = 0;
    return err;
}
