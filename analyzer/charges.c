#define XXH_INLINE_ALL
#include "analyzer/charges.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)XXH3_64bits((key), (len)))
#define HASH_NONFATAL_OOM             1
#include <uthash.h>

enum { CHUNK_CHARGES = 1024 };

union charges_slot {
    struct ledger_charge charge;
    union charges_slot *next_free;
};

struct charges_chunk {
    struct charges_chunk *next;
    union charges_slot slots[CHUNK_CHARGES];
};

struct charges_entry {
    struct ledger_group group;
    UT_hash_handle hh;
};

/* What makes a group: its leading fields, padding (always zero) included. */
enum { GROUP_KEY_BYTES = offsetof(struct ledger_group, unit_bytes) + sizeof(uint64_t) };

void charges_deinit(struct charges *charges)
{
    struct charges_entry *entry, *following;

    HASH_ITER(hh, charges->groups, entry, following)
    {
        HASH_DEL(charges->groups, entry);
        free(entry);
    }
    while (charges->chunks) {
        struct charges_chunk *chunk = charges->chunks;

        charges->chunks = chunk->next;
        free(chunk);
    }
    *charges = (struct charges){0};
}

/* Sizes and stacks that never come again would pile up for ever: what has nothing live goes when it
 * was a rarity, or was not used since the last sweep. */
static void sweep_groups(struct charges *charges, uint64_t now_ns)
{
    struct charges_entry *entry, *following;

    HASH_ITER(hh, charges->groups, entry, following)
    {
        const struct ledger_group *group = &entry->group;

        if (group->live_count > 0 || (group->calls > 2 && group->last_ns >= charges->swept_ns))
            continue;
        HASH_DEL(charges->groups, entry);
        free(entry);
    }
    charges->last = NULL;
    charges->swept_ns = now_ns;
    charges->sweep_at = 2 * (uint64_t)HASH_COUNT(charges->groups);
    if (charges->sweep_at < CHARGES_GROUPS)
        charges->sweep_at = CHARGES_GROUPS;
}

/* NULL: out of memory. */
static struct ledger_group *find_group(struct charges *charges, const struct event *ev,
                                       enum ledger_backing backing, uint64_t len)
{
    struct ledger_group key;
    struct charges_entry *entry;

    if (HASH_COUNT(charges->groups) >= CHARGES_GROUPS &&
        HASH_COUNT(charges->groups) >= charges->sweep_at)
        sweep_groups(charges, ev->exit_ns);
    entry = charges->last;
    memset(&key, 0, sizeof(key));
    key.pid = ev->pid;
    key.tid = ev->tid;
    key.kind = ev->kind;
    key.backing = (uint8_t)backing;
    key.stack_id = ev->stack_id;
    key.unit_bytes = len;
    if (!entry || memcmp(&entry->group, &key, GROUP_KEY_BYTES) != 0)
        HASH_FIND(hh, charges->groups, &key, GROUP_KEY_BYTES, entry);
    if (!entry) {
        entry = calloc(1, sizeof(*entry));
        if (!entry)
            return NULL;
        memcpy(&entry->group, &key, sizeof(key));
        HASH_ADD(hh, charges->groups, group, GROUP_KEY_BYTES, entry);
        if (!entry->hh.tbl) {
            free(entry);
            return NULL;
        }
        entry->group.first_ns = ev->exit_ns;
    }
    charges->last = entry;
    return &entry->group;
}

static struct seep_error *refill(struct charges *charges)
{
    struct charges_chunk *chunk = malloc(sizeof(*chunk));

    if (!chunk)
        return error_no_memory();
    for (size_t i = 0; i < CHUNK_CHARGES; i++)
        chunk->slots[i].next_free = i + 1 < CHUNK_CHARGES ? &chunk->slots[i + 1] : NULL;
    charges->free = &chunk->slots[0];
    chunk->next = charges->chunks;
    charges->chunks = chunk;
    charges->chunk_count++;
    return NULL;
}

struct seep_error *charges_open(struct charges *charges, const struct event *ev,
                                enum ledger_backing backing, uint64_t start, uint64_t len,
                                uint32_t steps, struct ledger_charge **ret_charge)
{
    struct seep_error *err = charges->free ? NULL : refill(charges);

    if (err)
        return err;

    struct ledger_group *group = find_group(charges, ev, backing, len);
    union charges_slot *slot = charges->free;

    if (!group)
        return error_no_memory();

    charges->free = slot->next_free;
    slot->charge = (struct ledger_charge){
        .group = group,
        .time_ns = ev->exit_ns,
        .start = start,
        .mapped_bytes = len,
        .live_bytes = len,
        .pid = ev->pid,
        .tid = ev->tid,
        .steps = steps,
    };
    group->calls++;
    group->live_count++;
    group->live_bytes += len;
    if (steps > 0)
        group->extensions++;
    if (group->last_ns < ev->exit_ns)
        group->last_ns = ev->exit_ns;
    if (group->first_ns > ev->exit_ns) /* it was placed later: see geometry.h */
        group->first_ns = ev->exit_ns;
    charges->live_count++;
    charges->live_bytes += len;
    *ret_charge = &slot->charge;
    return NULL;
}

void charges_grow(struct charges *charges, struct ledger_charge *charge, uint64_t bytes)
{
    charge->mapped_bytes += bytes;
    charge->live_bytes += bytes;
    charge->group->live_bytes += bytes;
    charges->live_bytes += bytes;
}

void charges_close(struct charges *charges, struct ledger_charge *charge, uint64_t bytes,
                   enum charges_end how)
{
    struct ledger_group *group = charge->group;

    charge->live_bytes -= bytes;
    group->live_bytes -= bytes;
    charges->live_bytes -= bytes;
    if (charge->live_bytes > 0)
        return;
    group->live_count--;
    charges->live_count--;
    if (how == CHARGES_FREED)
        group->freed++;
    else
        group->dropped++;
    if (how == CHARGES_FREED && charges->freed)
        charges->freed(charge, charges->now_ns, charges->freed_context);

    union charges_slot *slot = (union charges_slot *)charge;

    slot->next_free = charges->free;
    charges->free = slot;
}

void charges_each_group(const struct charges *charges,
                        bool (*visit)(const struct ledger_group *group, void *context),
                        void *context)
{
    for (const struct charges_entry *entry = charges->groups; entry; entry = entry->hh.next)
        if (!visit(&entry->group, context))
            return;
}

uint64_t charges_memory(const struct charges *charges)
{
    return charges->chunk_count * sizeof(struct charges_chunk) +
           HASH_COUNT(charges->groups) * sizeof(struct ledger_group) +
           HASH_OVERHEAD(hh, charges->groups);
}
