#include "importer/java_names.h"

#include <stdlib.h>
#include <xxhash.h>

/* Forgetting all costs no more than names told twice. */
enum { FIRST_CAPACITY = 1024, MAX_CAPACITY = 1 << 20 };

struct java_names_entry {
    pid_t pid, tid;
    uint64_t name_hash;
};

void java_names_deinit(struct java_names *names)
{
    free(names->entries);
    *names = (struct java_names){0};
}

static struct java_names_entry *find(struct java_names_entry *entries, size_t capacity, pid_t pid,
                                     pid_t tid)
{
    uint64_t key = (uint64_t)(uint32_t)pid << 32 | (uint32_t)tid;
    size_t at = (size_t)XXH3_64bits(&key, sizeof(key)) & (capacity - 1);

    while (entries[at].tid != 0 && (entries[at].tid != tid || entries[at].pid != pid))
        at = (at + 1) & (capacity - 1);
    return &entries[at];
}

static struct seep_error *grow(struct java_names *names)
{
    size_t capacity = names->capacity ? names->capacity * 2 : FIRST_CAPACITY;
    bool full = capacity > MAX_CAPACITY;
    struct java_names_entry *entries =
        calloc(full ? FIRST_CAPACITY : capacity, sizeof(*names->entries));

    if (!entries)
        return error_no_memory();
    for (size_t i = 0; i < names->capacity && !full; i++)
        if (names->entries[i].tid != 0)
            *find(entries, capacity, names->entries[i].pid, names->entries[i].tid) =
                names->entries[i];
    free(names->entries);
    names->entries = entries;
    names->capacity = full ? FIRST_CAPACITY : capacity;
    names->count = full ? 0 : names->count;
    return NULL;
}

struct seep_error *java_names_note(struct java_names *names, pid_t pid, pid_t tid, struct span name,
                                   bool *ret_changed)
{
    uint64_t hash = XXH3_64bits(name.text, name.len);
    struct seep_error *err = names->count * 2 >= names->capacity ? grow(names) : NULL;

    if (err)
        return err;

    struct java_names_entry *entry = find(names->entries, names->capacity, pid, tid);

    *ret_changed = entry->tid == 0 || entry->name_hash != hash;
    names->count += entry->tid == 0;
    *entry = (struct java_names_entry){pid, tid, hash};
    return NULL;
}
