#define XXH_INLINE_ALL
#include "analyzer/births.h"

#include <string.h>
#include <xxhash.h>

/* Asked for several times an event. */
#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)XXH3_64bits((key), (len)))
#define HASH_NONFATAL_OOM             1
#include <uthash.h>

enum births_by { BY_SIZE, BY_THREAD, BY_PATH };

struct births_key {
    uint64_t value; /* a size, a tid, a path's number */
    uint32_t by, kind;
};

struct births_entry {
    struct births_key key;
    struct births_slots slots;
    UT_hash_handle hh;
};

void births_deinit(struct births *births)
{
    struct births_entry *entry, *following;

    HASH_ITER(hh, births->entries, entry, following)
    {
        HASH_DEL(births->entries, entry);
        free(entry);
    }
}

static struct births_entry *find(const struct births *births, const struct births_key *key)
{
    struct births_entry *entry;

    HASH_FIND(hh, births->entries, key, sizeof(*key), entry);
    return entry;
}

static struct seep_error *add(struct births *births, const struct births_key *key, unsigned limit,
                              uint64_t time_ns)
{
    struct births_entry *entry = find(births, key);

    if (!entry) {
        if (HASH_COUNT(births->entries) >= limit)
            return NULL;
        entry = calloc(1, sizeof(*entry));
        if (!entry)
            return error_no_memory();
        entry->key = *key;
        slots_init(&entry->slots.born, births->origin_ns);
        slots_init(&entry->slots.died, births->origin_ns);
        HASH_ADD(hh, births->entries, key, sizeof(*key), entry);
        if (!entry->hh.tbl) {
            free(entry);
            return error_no_memory();
        }
    }
    slots_add(&entry->slots.born, time_ns);
    return NULL;
}

struct seep_error *births_add(struct births *births, enum births_kind kind, uint64_t bytes,
                              const struct event *ev)
{
    struct births_key of_size = {.value = bytes, .by = BY_SIZE, .kind = kind};
    struct births_key of_thread = {.value = (uint64_t)ev->tid, .by = BY_THREAD, .kind = kind};
    struct births_key of_path = {.value = ev->stack_id, .by = BY_PATH, .kind = kind};
    struct seep_error *err = add(births, &of_size, BIRTHS_MAX_KINDS, ev->exit_ns);

    if (!err)
        err = add(births, &of_thread, 2 * BIRTHS_MAX_KINDS, ev->exit_ns);
    if (err || !ev->stack_id)
        return err;
    err = add(births, &of_path, 4 * BIRTHS_MAX_KINDS, ev->exit_ns);
    if (!err && HASH_COUNT(births->entries) >= 4 * BIRTHS_MAX_KINDS && !find(births, &of_path))
        births->lost_paths = true;
    return err;
}

void births_died(struct births *births, uint64_t bytes, uint64_t time_ns)
{
    for (enum births_kind kind = BIRTHS_ANONYMOUS; kind <= BIRTHS_OBJECT; kind++) {
        struct births_key key = {.value = bytes, .by = BY_SIZE, .kind = kind};
        struct births_entry *entry = find(births, &key);

        if (entry)
            slots_add(&entry->slots.died, time_ns);
    }
}

void births_freed(struct births *births, enum births_kind kind, uint32_t stack_id, uint64_t time_ns)
{
    struct births_key key = {.value = stack_id, .by = BY_PATH, .kind = kind};
    struct births_entry *entry = find(births, &key);

    if (entry)
        slots_add(&entry->slots.died, time_ns);
}

const struct births_slots *births_of_size(const struct births *births, enum births_kind kind,
                                          uint64_t bytes)
{
    struct births_key key = {.value = bytes, .by = BY_SIZE, .kind = kind};
    const struct births_entry *entry = find(births, &key);

    return entry ? &entry->slots : NULL;
}

const struct births_slots *births_of_thread(const struct births *births, enum births_kind kind,
                                            pid_t tid)
{
    struct births_key key = {.value = (uint64_t)tid, .by = BY_THREAD, .kind = kind};
    const struct births_entry *entry = find(births, &key);

    return entry ? &entry->slots : NULL;
}

void births_each_path(const struct births *births,
                      bool (*visit)(enum births_kind kind, uint32_t stack_id,
                                    const struct births_slots *slots, void *context),
                      void *context)
{
    for (const struct births_entry *entry = births->entries; entry; entry = entry->hh.next)
        if (entry->key.by == BY_PATH && !visit((enum births_kind)entry->key.kind,
                                               (uint32_t)entry->key.value, &entry->slots, context))
            return;
}
