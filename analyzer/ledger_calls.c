#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "analyzer/ledger_internal.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Not in every C library's headers; the numbers are the kernel's ABI (asm-generic/mman-common.h,
 * linux/mman.h). */
enum {
    ADVICE_DONTNEED = 4,
    ADVICE_FREE = 8,
    ADVICE_REMOVE = 9,
    ADVICE_DONTFORK = 10,
    ADVICE_DOFORK = 11,
    ADVICE_DONTNEED_LOCKED = 24,
    ADVICE_GUARD_INSTALL = 102,
    REMAP_FIXED = 2,
    REMAP_DONTUNMAP = 4,
    MAP_FIXED_KEEPING = 0x100000, /* MAP_FIXED_NOREPLACE */
    HUGE_SIZE_SHIFT = 26,
    HUGE_SIZE_MASK = 0x3f,
    HUGE_DEFAULT_SHIFT = 21, /* x86-64, and aarch64 with pages of 4 KiB */
    SEGMENT_HUGE = 04000,    /* SHM_HUGETLB */
};

/* How large a SysV segment is, from the shmget that named it. */
struct ledger_segment {
    int64_t id;
    uint64_t size_bytes;
    UT_hash_handle hh;
};

void ledger_calls_deinit(struct ledger *ledger)
{
    struct ledger_segment *segment, *following;

    HASH_ITER(hh, ledger->segments, segment, following)
    {
        HASH_DEL(ledger->segments, segment);
        free(segment);
    }
}

/* log2 of the huge page size that FLAGS of mmap or shmget ask for. */
static uint32_t huge_shift(uint64_t flags)
{
    uint32_t shift = flags >> HUGE_SIZE_SHIFT & HUGE_SIZE_MASK;

    return shift >= 12 && shift < 48 ? shift : HUGE_DEFAULT_SHIFT;
}

static uint64_t unit_of(const struct ledger *ledger, uint32_t tag)
{
    uint32_t shift = tag >> SPACE_HUGE_SHIFT & HUGE_SIZE_MASK;

    return shift ? UINT64_C(1) << shift : ledger->page_bytes;
}

/* --- what a call does to which addresses are mapped --- */

static bool changes_mappings(uint8_t kind)
{
    switch (kind) {
    case EVENT_MMAP:
    case EVENT_MUNMAP:
    case EVENT_MREMAP:
    case EVENT_BRK:
    case EVENT_SHMAT:
    case EVENT_SHMDT:
    case EVENT_IO_SETUP:
    case EVENT_IO_DESTROY:
    case EVENT_MAP_SHADOW_STACK:
        return true;
    default:
        return false;
    }
}

/* In place: the tail. Moved: the old place and the new one. mm/mremap.c. */
static void effect_of_mremap(const struct ledger *ledger, const struct ledger_space *space,
                             const struct event *ev, struct ledger_effect *effect)
{
    uint64_t from = ev->args[0], flags = ev->args[3], to = (uint64_t)ev->result;
    struct interval room;
    const struct interval *source = space ? space_at(space, from, &room) : NULL;
    uint64_t unit = unit_of(ledger, source ? source->tag : 0);
    struct ledger_range before = ledger_range_of(from, ev->args[1], unit);
    struct ledger_range after = ledger_range_of(to, ev->args[2], unit);

    effect->exclusive = !(flags & REMAP_FIXED);
    if (ev->args[1] == 0 || flags & REMAP_DONTUNMAP) {
        effect->fresh = after;
    } else if (to != from) {
        effect->gone = before;
        effect->fresh = after;
    } else if (after.end < before.end) {
        effect->gone = (struct ledger_range){after.end, before.end};
    } else if (after.end > before.end) {
        effect->fresh = (struct ledger_range){before.end, after.end};
        effect->exclusive = true;
    }
}

static void effect_of_brk(const struct ledger *ledger, const struct ledger_space *space,
                          const struct event *ev, struct ledger_effect *effect)
{
    uint64_t now = ledger_round_up((uint64_t)ev->result, ledger->page_bytes);

    if (!space || !space->brk_known)
        return;
    if (now < space->brk)
        effect->gone = (struct ledger_range){now, space->brk};
    effect->exclusive = now > space->brk;
    if (effect->exclusive)
        effect->fresh = (struct ledger_range){space->brk, now};
}

static struct ledger_range attached_range(const struct ledger *ledger,
                                          const struct ledger_space *space, uint64_t addr)
{
    uint32_t object = space ? space_find_attachment(space, addr) : 0;
    const struct interval *item;
    struct interval room;

    if (object && space->attachments.items[object - 1].size_bytes)
        return ledger_range_of(addr, space->attachments.items[object - 1].size_bytes,
                               ledger->page_bytes);
    item = space ? space_at(space, addr, &room) : NULL;
    if (!item ||
        (space_backing(item->tag) != LEDGER_SYSV && space_backing(item->tag) != LEDGER_OTHER))
        return (struct ledger_range){0};
    return (struct ledger_range){addr, item->end};
}

static uint64_t segment_bytes(const struct ledger *ledger, const struct event *ev)
{
    struct ledger_segment *segment;
    int64_t id = (int32_t)ev->args[0];

    if (ev->args[3])
        return ev->args[3];
    HASH_FIND(hh, ledger->segments, &id, sizeof(id), segment);
    return segment ? segment->size_bytes : 0;
}

/* munmap fails for arguments that make no sense only (munmap(2)): one whose return was not seen took
 * what it was asked to take. */
static bool is_unseen_munmap(const struct event *ev)
{
    return ev->kind == EVENT_MUNMAP && ev->result == EVENT_RESULT_UNKNOWN;
}

void ledger_effect(const struct ledger *ledger, const struct event *ev,
                   struct ledger_effect *ret_effect)
{
    const struct ledger_space *space = ledger_space_of(ledger, ev->pid);
    struct ledger_effect effect = {0};
    uint64_t page = ledger->page_bytes, result = (uint64_t)ev->result, size;

    if (event_failed(ev) && !is_unseen_munmap(ev)) {
        effect.unknown = ev->result == EVENT_RESULT_UNKNOWN && changes_mappings(ev->kind);
        *ret_effect = effect;
        return;
    }
    switch (ev->kind) {
    case EVENT_MMAP:
        effect.fresh = ledger_range_of(
            result, ev->args[1],
            ev->args[3] & MAP_HUGETLB ? UINT64_C(1) << huge_shift(ev->args[3]) : page);
        effect.exclusive = !(ev->args[3] & MAP_FIXED) || ev->args[3] & MAP_FIXED_KEEPING;
        break;
    case EVENT_MUNMAP:
        effect.gone = ledger_range_of(ev->args[0], ev->args[1], page);
        effect.unknown = is_unseen_munmap(ev); /* maybe it was not carried out yet */
        break;
    case EVENT_MREMAP:
        effect_of_mremap(ledger, space, ev, &effect);
        break;
    case EVENT_BRK:
        effect_of_brk(ledger, space, ev, &effect);
        break;
    case EVENT_SHMAT:
        size = segment_bytes(ledger, ev);
        effect.fresh = ledger_range_of(result, size ? size : page, page);
        effect.exclusive = !(ev->args[2] & SHM_REMAP);
        break;
    case EVENT_IO_SETUP:
        if (ev->args[2])
            effect.fresh = ledger_range_of(ev->args[2], ev->args[3] ? ev->args[3] : page, page);
        effect.exclusive = effect.fresh.start < effect.fresh.end;
        effect.unknown = !effect.exclusive;
        break;
    case EVENT_SHMDT:
    case EVENT_IO_DESTROY:
        effect.gone = attached_range(ledger, space, ev->args[0]);
        break;
    case EVENT_MAP_SHADOW_STACK:
        effect.fresh = ledger_range_of(result, ev->args[1], page);
        effect.exclusive = true;
        break;
    default:
        break;
    }
    *ret_effect = effect;
}

/* --- applying it --- */

/* Clears the place where a call has mapped. Where the books hold what the kernel cannot have
 * replaced, they were wrong: nobody gave that back. */
static struct seep_error *clear(struct ledger *ledger, struct ledger_space *space,
                                struct ledger_range range, bool exclusive)
{
    if (exclusive)
        ledger->conflicts++;
    return space_unmap(space, range, exclusive ? CHARGES_DROPPED : CHARGES_FREED);
}

struct mapping {
    struct ledger_range range;
    uint32_t tag, object, steps;
    bool exclusive;
};

/* Maps, charged to EV (NULL: of unknown origin); what was there is gone. */
static struct seep_error *map(struct ledger *ledger, struct ledger_space *space,
                              const struct event *ev, const struct mapping *mapping)
{
    struct ledger_range range = mapping->range;
    struct ledger_charge *charge = NULL;
    struct seep_error *err = NULL;
    bool was_free;

    if (range.start >= range.end)
        return NULL;
    if (ev)
        err = charges_open(space->charges, ev, space_backing(mapping->tag), range.start,
                           range.end - range.start, mapping->steps, &charge);
    if (!err)
        err = space_put(space, range, charge, mapping->tag, mapping->object, &was_free);
    if (err || was_free)
        return err;
    err = clear(ledger, space, range, mapping->exclusive);
    return err ? err : space_put(space, range, charge, mapping->tag, mapping->object, NULL);
}

static uint32_t tag_of(enum ledger_backing backing, uint32_t perms)
{
    return (uint32_t)backing << SPACE_BACKING_SHIFT | perms;
}

static uint32_t tag_of_mmap(const struct event *ev)
{
    uint64_t flags = ev->args[3], type = flags & MAP_TYPE;
    bool shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
    uint32_t tag = tag_of(!(flags & MAP_ANONYMOUS) ? LEDGER_FILE
                          : shared                 ? LEDGER_ANON_SHARED
                                                   : LEDGER_ANON,
                          (ev->args[2] & SPACE_ACCESS) | (shared ? VMA_SHARED : 0));

    if (flags & MAP_GROWSDOWN)
        tag |= SPACE_GROWS;
    if (flags & MAP_HUGETLB)
        tag |= huge_shift(flags) << SPACE_HUGE_SHIFT;
    return tag;
}

/* Moves the bytes at GONE that fit to FRESH, their charges with them; what of the old place was cut
 * off is freed. RET_ADDED: what FRESH has more. */
static struct seep_error *move_block(struct ledger *ledger, struct ledger_space *space,
                                     const struct event *ev, const struct ledger_effect *effect,
                                     uint32_t tag, struct ledger_range *ret_added)
{
    struct ledger_range from = effect->gone, to = effect->fresh;
    uint64_t old_len = from.end - from.start, new_len = to.end - to.start;
    uint64_t len = old_len < new_len ? old_len : new_len;
    bool known = !ledger_is_free(ledger, ev->pid, from.start, from.start + len);
    struct seep_error *err =
        space_unmap(space, (struct ledger_range){from.start + len, from.end}, CHARGES_FREED);

    if (!err)
        err = space_move(space, (struct ledger_range){from.start, from.start + len}, to.start);
    /* Since Linux 6.17 a fixed move of equal size may take several mappings, holes and all;
     * otherwise the whole range was mapped, whatever the books knew of it. */
    if (!err && !(known && ev->args[3] & REMAP_FIXED && old_len == new_len))
        err = space_fill(space, (struct ledger_range){to.start, to.start + len}, tag);
    *ret_added = (struct ledger_range){to.start + len, to.end};
    return err;
}

/* How many times in a row the block that ends at END has been grown; SOURCE may be its last part. */
static uint32_t steps_of(const struct ledger_space *space, const struct interval *source,
                         uint64_t end)
{
    struct interval room;
    const struct interval *last =
        source && source->end == end ? source : space_at(space, end - 1, &room);
    const struct ledger_charge *charge = last ? last->owner : NULL;

    return charge ? charge->steps : 0;
}

/* The object of what was mapped by growing a segment, so that shmdt takes it with the rest. */
static uint32_t grow_object(struct ledger_space *space, struct ledger_range added)
{
    struct interval room;
    const struct interval *last = space_at(space, added.start - 1, &room);
    uint32_t object = last ? last->object : 0;

    if (object) {
        struct space_attachment *grown = &space->attachments.items[object - 1];

        grown->size_bytes = added.end - grown->origin;
    }
    return object;
}

static struct seep_error *apply_mremap(struct ledger *ledger, struct ledger_space *space,
                                       const struct event *ev, const struct ledger_effect *effect)
{
    struct interval room;
    const struct interval *source = space_at(space, ev->args[0], &room);
    struct mapping added = {
        .range = effect->fresh,
        .tag = source ? source->tag : tag_of(LEDGER_ANON, VMA_READ | VMA_WRITE),
        .object = source ? source->object : 0,
        .exclusive = effect->exclusive,
    };
    struct seep_error *err = NULL;

    if (added.range.start >= added.range.end)
        return space_unmap(space, effect->gone, CHARGES_FREED);
    added.tag &= ~(uint32_t)(SPACE_INHERITED | SPACE_UNSIZED);
    if (effect->gone.start < effect->gone.end) {
        added.steps = steps_of(space, source, effect->gone.end) + 1;
        if (!ledger_is_free(ledger, ev->pid, added.range.start, added.range.end))
            err = clear(ledger, space, added.range, added.exclusive);
        if (!err)
            err = move_block(ledger, space, ev, effect, added.tag, &added.range);
    } else if (added.range.start != (uint64_t)ev->result) {
        added.steps = steps_of(space, source, added.range.start) + 1;
    } else if (added.object) { /* a second view of the segment */
        struct space_attachment seen = space->attachments.items[added.object - 1];

        err = space_attach(space, seen.origin + (added.range.start - ev->args[0]), seen.size_bytes,
                           &added.object);
    }
    if (err || added.range.start >= added.range.end)
        return err;
    if (added.steps > 0 && added.object)
        added.object = grow_object(space, added.range);
    return map(ledger, space, ev, &added);
}

static struct seep_error *apply_brk(struct ledger *ledger, struct ledger_space *space,
                                    const struct event *ev, const struct ledger_effect *effect)
{
    uint64_t now = ledger_round_up((uint64_t)ev->result, ledger->page_bytes);
    bool asked = now == ledger_round_up(ev->args[0], ledger->page_bytes);
    struct mapping added = {.range = effect->fresh,
                            .tag = tag_of(LEDGER_HEAP, VMA_READ | VMA_WRITE),
                            .exclusive = true};
    struct seep_error *err;

    /* Where the break was before its first sight, only a snapshot can tell. */
    if (!space->brk_known && asked)
        space->uncertain = true;
    space->brk = now;
    space->brk_known = true;
    err = space_unmap(space, effect->gone, CHARGES_FREED);
    return err ? err : map(ledger, space, asked ? ev : NULL, &added);
}

static struct seep_error *apply_attach(struct ledger *ledger, struct ledger_space *space,
                                       const struct event *ev, const struct ledger_effect *effect,
                                       uint32_t tag, uint64_t size_bytes)
{
    struct mapping added = {.range = effect->fresh,
                            .tag = size_bytes ? tag : tag | SPACE_UNSIZED,
                            .exclusive = effect->exclusive};
    struct seep_error *err;

    if (added.range.start >= added.range.end)
        return NULL;
    err = space_attach(space, added.range.start, size_bytes, &added.object);
    return err ? err : map(ledger, space, ev, &added);
}

static struct seep_error *apply_shmget(struct ledger *ledger, const struct event *ev)
{
    struct ledger_segment *segment;
    int64_t id = ev->result;
    uint64_t unit =
        ev->args[2] & SEGMENT_HUGE ? UINT64_C(1) << huge_shift(ev->args[2]) : ledger->page_bytes;
    uint64_t size = ledger_round_up(ev->args[1], unit);

    HASH_FIND(hh, ledger->segments, &id, sizeof(id), segment);
    if (!segment) {
        segment = calloc(1, sizeof(*segment));
        if (!segment)
            return error_no_memory();
        segment->id = id;
        HASH_ADD(hh, ledger->segments, id, sizeof(id), segment);
        if (!segment->hh.tbl) {
            free(segment);
            return error_no_memory();
        }
    }
    /* Looking up a segment that is there may ask for any smaller size. */
    if (segment->size_bytes < size)
        segment->size_bytes = size;
    return NULL;
}

static struct seep_error *apply_madvise(struct ledger *ledger, struct ledger_space *space,
                                        const struct event *ev)
{
    struct ledger_range range = ledger_range_of(ev->args[0], ev->args[1], ledger->page_bytes);

    switch (ev->args[2]) {
    case ADVICE_DONTNEED:
    case ADVICE_FREE:
    case ADVICE_REMOVE:
    case ADVICE_DONTNEED_LOCKED:
    case ADVICE_GUARD_INSTALL:
        space_advise(space, range);
        return NULL;
    case ADVICE_DONTFORK:
        return space_mark(space, range, SPACE_NO_FORK, 0);
    case ADVICE_DOFORK:
        return space_mark(space, range, 0, SPACE_NO_FORK);
    default:
        return NULL;
    }
}

struct seep_error *ledger_calls_apply(struct ledger *ledger, struct ledger_space *space,
                                      const struct event *ev)
{
    struct ledger_effect effect;
    struct mapping mapping;
    uint32_t shared = VMA_READ | VMA_WRITE | VMA_SHARED;

    ledger_effect(ledger, ev, &effect);
    if (effect.unknown)
        space->uncertain = true;
    /* madvise(2) acts on all that is mapped, and then tells of the holes. */
    if (event_failed(ev) && !(ev->kind == EVENT_MADVISE && ev->result == -ENOMEM) &&
        !is_unseen_munmap(ev))
        return NULL;
    mapping = (struct mapping){.range = effect.fresh, .exclusive = effect.exclusive};
    switch (ev->kind) {
    case EVENT_MMAP:
        mapping.tag = tag_of_mmap(ev);
        return map(ledger, space, ev, &mapping);
    case EVENT_MAP_SHADOW_STACK:
        mapping.tag = tag_of(LEDGER_OTHER, VMA_READ | VMA_WRITE);
        return map(ledger, space, ev, &mapping);
    case EVENT_MUNMAP:
    case EVENT_IO_DESTROY:
        return space_unmap(space, effect.gone, CHARGES_FREED);
    case EVENT_MREMAP:
        return apply_mremap(ledger, space, ev, &effect);
    case EVENT_BRK:
        return apply_brk(ledger, space, ev, &effect);
    case EVENT_MPROTECT:
    case EVENT_PKEY_MPROTECT:
        return space_protect(space, ledger_range_of(ev->args[0], ev->args[1], ledger->page_bytes),
                             ev->args[2] & SPACE_ACCESS, ev);
    case EVENT_MADVISE:
        return apply_madvise(ledger, space, ev);
    case EVENT_SHMAT:
        if (ev->args[2] & SHM_RDONLY)
            shared &= ~(uint32_t)VMA_WRITE;
        if (ev->args[2] & SHM_EXEC)
            shared |= VMA_EXEC;
        return apply_attach(ledger, space, ev, &effect, tag_of(LEDGER_SYSV, shared),
                            segment_bytes(ledger, ev));
    case EVENT_SHMDT:
        return space_detach(space, effect.gone, space_find_attachment(space, ev->args[0]));
    case EVENT_SHMGET:
        return apply_shmget(ledger, ev);
    case EVENT_IO_SETUP:
        return apply_attach(ledger, space, ev, &effect, tag_of(LEDGER_OTHER, shared), ev->args[3]);
    default:
        return NULL;
    }
}
