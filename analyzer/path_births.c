#include "analyzer/path_births.h"

#include <stdlib.h>

struct gathering {
    const struct call_paths *paths;
    struct path_births *path_births;
    struct seep_error *err;
};

static int order(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_entries(const void *a, const void *b)
{
    const struct path_births_entry *x = a, *y = b;
    int o = order(x->kind, y->kind);

    o = o ? o : order(x->culprit, y->culprit);
    return o ? o : order(x->class, y->class);
}

static bool take(enum births_kind kind, uint32_t stack_id, const struct births_slots *slots,
                 void *context)
{
    struct gathering *g = context;
    const struct call_path *path = call_paths_get(g->paths, stack_id);

    if (!path) {
        g->path_births->complete = false;
        return true;
    }
    g->err = vector_push(&g->path_births->entries, (struct path_births_entry){
                                                       .kind = kind,
                                                       .class = path->class,
                                                       .culprit = path->culprit,
                                                       .slots = *slots,
                                                   });
    return !g->err;
}

static void merge(struct path_births *path_births)
{
    size_t kept = 0;

    for (size_t i = 0; i < path_births->entries.count; i++) {
        struct path_births_entry *last = kept ? &path_births->entries.items[kept - 1] : NULL;
        struct path_births_entry *entry = &path_births->entries.items[i];

        if (last && compare_entries(last, entry) == 0) {
            slots_merge(&last->slots.born, &entry->slots.born);
            slots_merge(&last->slots.died, &entry->slots.died);
        } else {
            path_births->entries.items[kept++] = *entry;
        }
    }
    path_births->entries.count = kept;
}

struct seep_error *path_births_gather(const struct births *births, const struct call_paths *paths,
                                      struct path_births *ret_path_births)
{
    struct path_births path_births = {.complete = !births->lost_paths};
    struct gathering g = {.paths = paths, .path_births = &path_births};

    if (paths)
        births_each_path(births, take, &g);
    if (g.err) {
        path_births_deinit(&path_births);
        return g.err;
    }
    if (path_births.entries.count)
        qsort(path_births.entries.items, path_births.entries.count,
              sizeof(*path_births.entries.items), compare_entries);
    merge(&path_births);
    *ret_path_births = path_births;
    return NULL;
}

void path_births_deinit(struct path_births *path_births)
{
    vector_deinit(&path_births->entries);
}

/* The first entry that is not before WANTED. */
static size_t seek(const struct path_births *path_births, const struct path_births_entry *wanted)
{
    size_t low = 0, high = path_births->entries.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_entries(&path_births->entries.items[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct path_births_entry *path_births_find(const struct path_births *path_births,
                                           enum births_kind kind, const struct call_path *path)
{
    struct path_births_entry wanted = {
        .kind = kind, .culprit = path->culprit, .class = path->class};
    size_t at = seek(path_births, &wanted);

    return at < path_births->entries.count &&
                   compare_entries(&path_births->entries.items[at], &wanted) == 0
               ? &path_births->entries.items[at]
               : NULL;
}

struct path_births_entry *path_births_of_culprit(const struct path_births *path_births,
                                                 enum births_kind kind,
                                                 const struct call_path *path, size_t *ret_count)
{
    struct path_births_entry wanted = {.kind = kind, .culprit = path->culprit};
    size_t from = seek(path_births, &wanted), to = from;

    while (to < path_births->entries.count && path_births->entries.items[to].kind == kind &&
           path_births->entries.items[to].culprit == path->culprit)
        to++;
    *ret_count = to - from;
    return &path_births->entries.items[from];
}
