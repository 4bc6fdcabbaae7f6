#include <string.h>

#include "analyzer/correlate_internal.h"

uint64_t correlate_sum(uint64_t a, uint64_t b)
{
    uint64_t sum;

    if (a == ANALYSIS_UNKNOWN || b == ANALYSIS_UNKNOWN)
        return ANALYSIS_UNKNOWN;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX - 1 : sum;
}

int correlate_compare_points(const void *a, const void *b)
{
    const struct shape_point *x = a, *y = b;

    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static int compare_tids(const void *a, const void *b)
{
    const struct suspect_thread *x = a, *y = b;

    return (x->tid > y->tid) - (x->tid < y->tid);
}

static int compare_thread_bytes(const void *a, const void *b)
{
    const struct suspect_thread *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return compare_tids(a, b);
}

static int compare_range_indices(const void *a, const void *b)
{
    const struct suspect_range *x = a, *y = b;

    return (x->range > y->range) - (x->range < y->range);
}

static int compare_range_bytes(const void *a, const void *b)
{
    const struct suspect_range *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return compare_range_indices(a, b);
}

void correlate_merge_threads(struct suspect_threads *threads)
{
    size_t kept = 0;

    correlate_sort(threads, compare_tids);
    for (size_t i = 0; i < threads->count; i++) {
        struct suspect_thread *last = kept ? &threads->items[kept - 1] : NULL;

        if (last && last->tid == threads->items[i].tid) {
            last->count += threads->items[i].count;
            last->bytes = correlate_sum(last->bytes, threads->items[i].bytes);
            if (last->last_ns < threads->items[i].last_ns)
                last->last_ns = threads->items[i].last_ns;
        } else {
            threads->items[kept++] = threads->items[i];
        }
    }
    threads->count = kept;
    correlate_sort(threads, compare_thread_bytes);
}

static int compare_path_numbers(const void *a, const void *b)
{
    const struct suspect_path *x = a, *y = b;

    return (x->stack_id > y->stack_id) - (x->stack_id < y->stack_id);
}

void correlate_merge_paths(struct suspect_paths *paths)
{
    size_t kept = 0;

    correlate_sort(paths, compare_path_numbers);
    for (size_t i = 0; i < paths->count; i++) {
        struct suspect_path *last = kept ? &paths->items[kept - 1] : NULL;

        if (last && last->stack_id == paths->items[i].stack_id) {
            last->count += paths->items[i].count;
            last->bytes = correlate_sum(last->bytes, paths->items[i].bytes);
        } else {
            paths->items[kept++] = paths->items[i];
        }
    }
    paths->count = kept;
}

void correlate_merge_ranges(struct suspect_ranges *ranges)
{
    size_t kept = 0;

    correlate_sort(ranges, compare_range_indices);
    for (size_t i = 0; i < ranges->count; i++) {
        struct suspect_range *last = kept ? &ranges->items[kept - 1] : NULL;

        if (last && last->range == ranges->items[i].range)
            last->bytes = correlate_sum(last->bytes, ranges->items[i].bytes);
        else
            ranges->items[kept++] = ranges->items[i];
    }
    ranges->count = kept;
    correlate_sort(ranges, compare_range_bytes);
}

/* --- growth of regions --- */

enum { REGIONS = REGION_OTHER + 1 };

struct track_facts {
    uint64_t charged_bytes;
    size_t largest; /* of its ranges */
    uint64_t largest_bytes;
};

static struct track_facts *find_facts(const struct correlate_process *c)
{
    const struct growth *growth = &c->process->growth;
    struct track_facts *facts = calloc(growth->tracks.count + 1, sizeof(*facts));

    for (size_t i = 0; facts && i < growth->ranges.count; i++) {
        const struct growth_range *range = &growth->ranges.items[i];
        struct track_facts *track = &facts[range->track];

        track->charged_bytes += c->pieces.ranges[i].charged_bytes;
        if (range->end - range->start > track->largest_bytes) {
            track->largest_bytes = range->end - range->start;
            track->largest = i;
        }
    }
    return facts;
}

/* How a track grew beyond what the ledger charges to events; 0: it did not. */
static uint64_t unexplained(const struct growth_track *track, const struct track_facts *facts,
                            enum suspect_kind *ret_kind)
{
    int64_t open = growth_gain(track, GROWTH_OPEN), rss = growth_gain(track, GROWTH_RSS);

    if (rss > 0 && (uint64_t)rss / 2 >= facts->charged_bytes && open < rss / 4) {
        *ret_kind = SUSPECT_TOUCHED;
        return (uint64_t)rss;
    }
    if (open > 0 && (uint64_t)open / 2 >= facts->charged_bytes) {
        *ret_kind = SUSPECT_MAPPED;
        return (uint64_t)open;
    }
    return 0;
}

static struct seep_error *add_track(const struct growth *growth, size_t index,
                                    const struct track_facts *facts, uint64_t bytes,
                                    struct suspect *s)
{
    const struct growth_track *track = &growth->tracks.items[index];
    int64_t rss = growth_gain(track, GROWTH_RSS);
    uint64_t resident = rss < 0 ? 0 : (uint64_t)rss < bytes ? (uint64_t)rss : bytes;
    struct seep_error *err;

    s->bytes = correlate_sum(s->bytes, bytes);
    s->resident_bytes = growth->has_rss && !history_rss_is_stale(s->process)
                            ? correlate_sum(s->resident_bytes, resident)
                            : ANALYSIS_UNKNOWN;
    err = growth_held(track, s->kind == SUSPECT_MAPPED ? GROWTH_OPEN : GROWTH_RSS, &s->points);
    return err ? err : vector_push(&s->ranges, (struct suspect_range){facts[index].largest, bytes});
}

int64_t correlate_difference(uint64_t last, uint64_t first)
{
    int64_t gain;

    if (__builtin_sub_overflow(last, first, &gain))
        return last > first ? INT64_MAX : INT64_MIN + 1;
    return gain;
}

static void find_net(const struct growth *growth, struct suspect *s)
{
    s->net_bytes = s->kind == SUSPECT_MAPPED
                       ? correlate_difference(growth_open_bytes(growth, s->region),
                                              growth->first_open_bytes[s->region])
                       : correlate_difference(growth_rss_bytes(growth, s->region),
                                              growth->first_rss_bytes[s->region]);
}

struct seep_error *correlate_regions(const struct correlate_process *c, struct suspects *suspects)
{
    const struct growth *growth = &c->process->growth;
    _cleanup_free_ struct track_facts *facts = find_facts(c);
    struct suspect found[2][REGIONS];
    struct seep_error *err = facts ? NULL : error_no_memory();

    for (unsigned k = 0; k < 2; k++)
        for (unsigned r = 0; r < REGIONS; r++)
            found[k][r] = correlate_new_suspect(c, k ? SUSPECT_TOUCHED : SUSPECT_MAPPED, r);
    for (size_t i = 0; i < growth->tracks.count && growth->looks > 1 && !err; i++) {
        const struct growth_track *track = &growth->tracks.items[i];
        enum suspect_kind kind;
        uint64_t bytes = unexplained(track, &facts[i], &kind);

        if (bytes)
            err =
                add_track(growth, i, facts, bytes, &found[kind == SUSPECT_TOUCHED][track->region]);
    }
    for (unsigned i = 0; i < 2 * REGIONS; i++) {
        struct suspect *s = &found[i / REGIONS][i % REGIONS];

        s->count = ANALYSIS_UNKNOWN;
        if (err || s->bytes == 0) {
            correlate_suspect_deinit(s);
            continue;
        }
        find_net(growth, s);
        err = correlate_add_suspect(suspects, s);
    }
    return err;
}

/* --- shared memory that is held and mapped by nobody --- */

struct object {
    uint64_t device, inode;
};

VECTOR_TYPE(objects, struct object);

static int compare_objects(const void *a, const void *b)
{
    const struct object *x = a, *y = b;

    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->inode > y->inode) - (x->inode < y->inode);
}

static bool contains(const struct objects *objects, uint64_t device, uint64_t inode)
{
    struct object wanted = {device, inode};

    return objects->count && bsearch(&wanted, objects->items, objects->count,
                                     sizeof(*objects->items), compare_objects);
}

static struct seep_error *find_mapped(const struct correlation *correlation, struct objects *mapped)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < correlation->processes.count && !err; i++) {
        const struct growth *growth = &correlation->processes.items[i].process->growth;

        for (size_t r = 0; r < growth->ranges.count && !err; r++)
            if (growth->ranges.items[r].inode)
                err = vector_push(mapped, (struct object){growth->ranges.items[r].device,
                                                          growth->ranges.items[r].inode});
    }
    correlate_sort(mapped, compare_objects);
    return err;
}

static bool is_mapped(const struct held_object *object, const struct objects *mapped)
{
    if (object->attached != SNAPSHOT_UNKNOWN)
        return object->attached > 0;
    return contains(mapped, object->device, object->inode);
}

static struct seep_error *add_object(struct suspect *s, const struct held_object *object)
{
    uint64_t added = object->bytes > object->first_bytes ? object->bytes - object->first_bytes : 0;
    struct seep_error *err;
    char *name;

    s->held_before_bytes = correlate_sum(s->held_before_bytes, object->bytes - added);
    if (added == 0)
        return NULL;
    s->bytes = correlate_sum(s->bytes, added);
    s->resident_bytes = s->bytes;
    s->count++;
    s->unit_min = added < s->unit_min ? added : s->unit_min;
    s->unit_max = added > s->unit_max ? added : s->unit_max;
    err = vector_push(&s->points, (struct shape_point){object->first_ns, added});
    if (!err && object->maker_tid)
        err = vector_push(&s->threads,
                          (struct suspect_thread){object->maker_tid, 1, added, object->first_ns});
    if (!err)
        err = vector_push(&s->paths, (struct suspect_path){object->maker_stack, 1, added});
    if (err || s->names.count > 3)
        return err;
    name = strdup(object->name);
    err = name ? vector_push(&s->names, name) : error_no_memory();
    if (err)
        free(name);
    return err;
}

/* Whose an object is that several hold: the first process's. A descriptor that a child inherited
 * holds the same blocks. */
struct holder {
    struct object object;
    size_t process; /* index in the correlation */
};

VECTOR_TYPE(holders, struct holder);

static int compare_holders(const void *a, const void *b)
{
    const struct holder *x = a, *y = b;
    int order = compare_objects(&x->object, &y->object);

    return order ? order : (x->process > y->process) - (x->process < y->process);
}

static int compare_held_objects(const void *a, const void *b)
{
    return compare_objects(&((const struct holder *)a)->object,
                           &((const struct holder *)b)->object);
}

static struct seep_error *find_holders(const struct correlation *correlation,
                                       struct holders *holders)
{
    struct seep_error *err = NULL;
    size_t kept = 0;

    for (size_t i = 0; i < correlation->processes.count; i++) {
        const struct held *held = &correlation->processes.items[i].process->held;

        for (size_t o = 0; o < held->objects.count && !err; o++)
            err = vector_push(
                holders,
                (struct holder){{held->objects.items[o].device, held->objects.items[o].inode}, i});
    }
    correlate_sort(holders, compare_holders);
    for (size_t i = 0; i < holders->count; i++)
        if (kept == 0 || compare_held_objects(&holders->items[kept - 1], &holders->items[i]) != 0)
            holders->items[kept++] = holders->items[i];
    holders->count = kept;
    return err;
}

static bool is_holder(const struct holders *holders, size_t process,
                      const struct held_object *object)
{
    struct holder wanted = {{object->device, object->inode}, process};
    const struct holder *found = bsearch(&wanted, holders->items, holders->count,
                                         sizeof(*holders->items), compare_held_objects);

    return found && found->process == process;
}

static struct seep_error *add_held(struct correlation *correlation, size_t process,
                                   const struct holders *holders, const struct objects *mapped)
{
    const struct correlate_process *c = &correlation->processes.items[process];
    const struct held *held = &c->process->held;
    struct suspect s = correlate_new_suspect(c, SUSPECT_HELD, REGION_SHARED_MEMORY);
    struct seep_error *err = NULL;

    s.net_bytes = SUSPECT_NET_UNKNOWN;
    for (size_t o = 0; o < held->objects.count && !err; o++)
        if (!is_mapped(&held->objects.items[o], mapped) &&
            is_holder(holders, process, &held->objects.items[o]))
            err = add_object(&s, &held->objects.items[o]);
    correlate_merge_threads(&s.threads);
    correlate_merge_paths(&s.paths);
    if (!err && s.bytes)
        return correlate_add_suspect(&correlation->suspects, &s);
    correlate_suspect_deinit(&s);
    return err;
}

struct seep_error *correlate_held(struct correlation *correlation)
{
    struct objects mapped = {0};
    struct holders holders = {0};
    struct seep_error *err = find_mapped(correlation, &mapped);

    if (!err)
        err = find_holders(correlation, &holders);
    for (size_t i = 0; i < correlation->processes.count && !err; i++)
        err = add_held(correlation, i, &holders, &mapped);
    vector_deinit(&mapped);
    vector_deinit(&holders);
    return err;
}
