#include <stdlib.h>

#include "analyzer/correlate_internal.h"

/* --- when they were made, given back since or not --- */

static void add_births(struct suspect *s, const struct births_slots *births)
{
    if (!births)
        return;
    if (s->has_births) {
        slots_merge(&s->births.born, &births->born);
        slots_merge(&s->births.died, &births->died);
        return;
    }
    s->births = *births;
    s->has_births = true;
}

static void count_births(struct suspect *s)
{
    s->calls = (uint64_t)slots_between(&s->births.born, 0, UINT64_MAX);
    s->freed = (uint64_t)slots_between(&s->births.died, 0, UINT64_MAX);
    s->counted = true;
}

/* Stacks are mapped without access and opened by mprotect, which their groups count; their births
 * are known by their size. */
static void find_stack_births(struct suspect *s)
{
    if (s->unit_min != s->unit_max)
        return;
    add_births(s, births_of_size(&s->process->births, BIRTHS_ANONYMOUS, s->unit_min));
    s->has_deaths = s->has_births;
    if (s->has_births)
        count_births(s);
}

/* Of a path, its own; of a culprit, those of its paths that are not judged by themselves. */
static void find_path_births(const struct correlate_process *c,
                             const struct correlate_member *first, struct suspect *s)
{
    const struct path_births_entry *entries;
    size_t count = 1;

    if (!c->path_births.complete)
        return;
    entries = first->by == SUSPECT_BY_PATH
                  ? path_births_find(&c->path_births, s->births_kind, first->path)
                  : path_births_of_culprit(&c->path_births, s->births_kind, first->path, &count);
    for (size_t i = 0; entries && i < count; i++)
        if (first->by == SUSPECT_BY_PATH || !entries[i].alone)
            add_births(s, &entries[i].slots);
    s->has_deaths = s->has_births;
}

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;

    return (x > y) - (x < y);
}

/* Of many paths: theirs, when all are known. That tells more than the size, which others ask for
 * too. */
static struct seep_error *find_mixed_births(const struct correlate_process *c,
                                            const struct correlate_member *members, size_t count,
                                            struct suspect *s)
{
    VECTOR(const struct path_births_entry *) entries = {0};
    struct seep_error *err = NULL;
    bool known = c->path_births.complete;

    for (size_t i = 0; i < count && known && !err; i++) {
        const struct path_births_entry *entry =
            members[i].path
                ? path_births_find(&c->path_births, births_kind_of(members[i].piece->charge->group),
                                   members[i].path)
                : NULL;

        known = entry;
        if (entry)
            err = vector_push(&entries, entry);
    }
    correlate_sort(&entries, compare_pointers);
    for (size_t i = 0; i < entries.count && known && !err; i++)
        if (i == 0 || entries.items[i] != entries.items[i - 1])
            add_births(s, &entries.items[i]->slots);
    vector_deinit(&entries);
    s->has_deaths = s->has_births;
    if (s->has_births)
        count_births(s);
    return err;
}

struct seep_error *correlate_find_births(const struct correlate_process *c,
                                         const struct correlate_member *members, size_t count,
                                         struct suspect *s)
{
    const struct ledger_group *group = members->piece->charge->group;
    const struct births *births = &s->process->births;
    struct seep_error *err = NULL;

    if (s->kind == SUSPECT_STACKS)
        find_stack_births(s);
    if (s->by == SUSPECT_BY_PATH || s->by == SUSPECT_BY_CULPRIT)
        find_path_births(c, members, s);
    if (s->by == SUSPECT_BY_SIZE || s->by == SUSPECT_BY_THREAD)
        err = find_mixed_births(c, members, count, s);
    if (err || s->has_births)
        return err;
    if (s->by == SUSPECT_BY_SIZE) {
        add_births(s, births_of_size(births, s->births_kind, group->unit_bytes));
        s->has_deaths = s->has_births;
    }
    if (s->by == SUSPECT_BY_THREAD)
        for (size_t i = 0; i < s->threads.count; i++)
            add_births(s, births_of_thread(births, s->births_kind, s->threads.items[i].tid));
    return NULL;
}

/* --- how many calls there were --- */

struct counting {
    const struct call_paths *paths;
    struct suspect **suspects; /* sorted by compare_suspects */
    size_t count;
};

struct counting_key {
    pid_t pid;
    enum births_kind kind;
    enum suspect_by by;
    uint64_t key;
};

static int compare_keys(const struct counting_key *x, const struct counting_key *y)
{
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->by != y->by)
        return x->by < y->by ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

static struct counting_key key_of(const struct suspect *s)
{
    return (struct counting_key){s->process->pid, s->births_kind, s->by, s->key};
}

static int compare_suspects(const void *a, const void *b)
{
    struct counting_key x = key_of(*(struct suspect *const *)a);
    struct counting_key y = key_of(*(struct suspect *const *)b);

    return compare_keys(&x, &y);
}

static int compare_key_to_suspect(const void *key, const void *suspect)
{
    struct counting_key y = key_of(*(struct suspect *const *)suspect);

    return compare_keys(key, &y);
}

static struct suspect *find_suspect(const struct counting *c, const struct ledger_group *group,
                                    enum suspect_by by, uint64_t key)
{
    struct counting_key wanted = {group->pid, births_kind_of(group), by, key};
    struct suspect **found =
        bsearch(&wanted, c->suspects, c->count, sizeof(*c->suspects), compare_key_to_suspect);

    return found ? *found : NULL;
}

/* The suspect whose kind GROUP's calls are of. */
static struct suspect *suspect_of(const struct counting *c, const struct ledger_group *group)
{
    const struct call_path *path = correlate_path_of(c->paths, group);
    enum births_kind kind = births_kind_of(group);
    struct suspect *s = NULL;

    if (path)
        s = find_suspect(c, group, SUSPECT_BY_PATH, correlate_path_key(path->class, kind));
    if (path && !s)
        s = find_suspect(c, group, SUSPECT_BY_CULPRIT, correlate_path_key(path->culprit, kind));
    if (!s)
        s = find_suspect(c, group, SUSPECT_BY_SIZE, group->unit_bytes);
    if (!s)
        s = find_suspect(c, group, SUSPECT_BY_THREAD, (uint64_t)group->tid + 1);
    return s ? s : find_suspect(c, group, SUSPECT_BY_THREAD, 0);
}

static bool count_group(const struct ledger_group *group, void *context)
{
    struct suspect *s;

    if (group->kind != EVENT_MMAP && group->kind != EVENT_SHMAT)
        return true;
    s = suspect_of(context, group);
    if (!s || s->counted)
        return true;
    s->calls = (s->calls == ANALYSIS_UNKNOWN ? 0 : s->calls) + group->calls - group->dropped;
    s->freed = (s->freed == ANALYSIS_UNKNOWN ? 0 : s->freed) + group->freed;
    return true;
}

struct seep_error *correlate_count_calls(const struct ledger *ledger,
                                         const struct call_paths *paths, struct suspects *suspects)
{
    _cleanup_free_ struct suspect **mapped = calloc(suspects->count + 1, sizeof(*mapped));
    struct counting c = {.paths = paths, .suspects = mapped};

    if (!mapped)
        return error_no_memory();
    for (size_t i = 0; i < suspects->count; i++)
        if (suspects->items[i].by != SUSPECT_BY_KIND)
            mapped[c.count++] = &suspects->items[i];
    if (c.count == 0)
        return NULL;
    qsort(mapped, c.count, sizeof(*mapped), compare_suspects);
    ledger_each_group(ledger, count_group, &c);
    return NULL;
}
