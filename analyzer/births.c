#include "analyzer/births.h"

#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct births_key {
    uint64_t bytes; /* 0: of any size, by TID */
    int32_t tid;    /* 0: of any thread, of BYTES */
    uint32_t kind;
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
                              pid_t tid, uint64_t time_ns)
{
    struct births_key of_size = {.bytes = bytes, .kind = kind};
    struct births_key of_thread = {.tid = tid, .kind = kind};
    struct seep_error *err = add(births, &of_size, BIRTHS_MAX_KINDS, time_ns);

    return err ? err : add(births, &of_thread, 2 * BIRTHS_MAX_KINDS, time_ns);
}

void births_died(struct births *births, uint64_t bytes, uint64_t time_ns)
{
    for (enum births_kind kind = BIRTHS_ANONYMOUS; kind <= BIRTHS_OBJECT; kind++) {
        struct births_key key = {.bytes = bytes, .kind = kind};
        struct births_entry *entry = find(births, &key);

        if (entry)
            slots_add(&entry->slots.died, time_ns);
    }
}

const struct births_slots *births_of_size(const struct births *births, enum births_kind kind,
                                          uint64_t bytes)
{
    struct births_key key = {.bytes = bytes, .kind = kind};
    const struct births_entry *entry = find(births, &key);

    return entry ? &entry->slots : NULL;
}

const struct births_slots *births_of_thread(const struct births *births, enum births_kind kind,
                                            pid_t tid)
{
    struct births_key key = {.tid = tid, .kind = kind};
    const struct births_entry *entry = find(births, &key);

    return entry ? &entry->slots : NULL;
}
