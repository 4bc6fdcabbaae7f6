#include "analyzer/correlate.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/correlate_internal.h"

enum {
    MIN_OF_A_PATH = 8,   /* fewer by one path, or one culprit, are gathered otherwise ... */
    MIN_OF_A_CHURN = 4,  /* ... unless what comes that way is known to be given back too */
    MIN_OF_A_SIZE = 4,   /* fewer mappings of one size are gathered by thread */
    MIN_OF_A_THREAD = 4, /* fewer of a thread are gathered together */
};

void correlate_suspect_deinit(struct suspect *suspect)
{
    for (size_t i = 0; i < suspect->names.count; i++)
        free(suspect->names.items[i]);
    vector_deinit(&suspect->points);
    vector_deinit(&suspect->marks);
    vector_deinit(&suspect->threads);
    vector_deinit(&suspect->paths);
    vector_deinit(&suspect->ranges);
    vector_deinit(&suspect->names);
}

void correlation_deinit(struct correlation *correlation)
{
    for (size_t i = 0; i < correlation->suspects.count; i++)
        correlate_suspect_deinit(&correlation->suspects.items[i]);
    for (size_t i = 0; i < correlation->processes.count; i++) {
        pieces_deinit(&correlation->processes.items[i].pieces);
        path_births_deinit(&correlation->processes.items[i].path_births);
    }
    vector_deinit(&correlation->suspects);
    vector_deinit(&correlation->processes);
}

struct suspect correlate_new_suspect(const struct correlate_process *c, enum suspect_kind kind,
                                     enum region region)
{
    uint64_t detached_ns = c->process->detached_ns, log_ns = c->process->log_last_ns;
    bool by_looks = kind == SUSPECT_MAPPED || kind == SUSPECT_TOUCHED || kind == SUSPECT_HELD;
    bool by_log = !by_looks && log_ns, by_files = by_looks && c->process->imported;
    uint64_t end_ns = by_log && log_ns < c->end_ns ? log_ns : c->end_ns;

    /* Files of other processes say nothing of this one. */
    if (by_files && kind != SUSPECT_HELD && c->process->growth.last_ns < end_ns)
        end_ns = c->process->growth.last_ns;

    return (struct suspect){
        .process = c->process,
        .kind = kind,
        .region = region,
        .unit_min = UINT64_MAX,
        .calls = ANALYSIS_UNKNOWN,
        .freed = ANALYSIS_UNKNOWN,
        .net_bytes = c->net_bytes,
        .has_events = c->pieces.known,
        .start_ns = by_log && c->process->log_first_ns > c->start_ns ? c->process->log_first_ns
                                                                     : c->start_ns,
        /* That no event came when none was recorded proves nothing. */
        .end_ns = !by_looks && detached_ns && detached_ns < end_ns ? detached_ns : end_ns,
    };
}

struct seep_error *correlate_add_suspect(struct suspects *suspects, struct suspect *suspect)
{
    struct seep_error *err = vector_push(suspects, *suspect);

    if (err)
        correlate_suspect_deinit(suspect);
    return err;
}

/* --- the order in which pieces form suspects --- */

VECTOR_TYPE(members, struct correlate_member);

/* What makes pieces one allocation: their charge; for a stack its place, since the mprotect that
 * opens it above its guard is charged with most of it. */
static const void *identity(const struct piece *piece)
{
    bool stack = piece->family == PIECE_STACK || piece->family == PIECE_ORPHAN;

    return stack && piece->place ? (const void *)piece->place : (const void *)piece->charge;
}

static int compare_members(const void *a, const void *b)
{
    const struct correlate_member *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->piece->region != y->piece->region)
        return x->piece->region < y->piece->region ? -1 : 1;
    if (x->by != y->by)
        return x->by < y->by ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (identity(x->piece) != identity(y->piece))
        return (uintptr_t)identity(x->piece) < (uintptr_t)identity(y->piece) ? -1 : 1;
    return (x->piece->start > y->piece->start) - (x->piece->start < y->piece->start);
}

static bool of_one_suspect(const struct correlate_member *a, const struct correlate_member *b)
{
    return a->kind == b->kind && a->piece->region == b->piece->region && a->by == b->by &&
           a->key == b->key;
}

static size_t run_end(const struct members *members, size_t from)
{
    size_t to = from + 1;

    while (to < members->count && of_one_suspect(&members->items[from], &members->items[to]))
        to++;
    return to;
}

static bool is_first_of_allocation(const struct members *members, size_t from, size_t i)
{
    return i == from || identity(members->items[i].piece) != identity(members->items[i - 1].piece);
}

static uint64_t count_allocations(const struct members *members, size_t from, size_t to)
{
    uint64_t count = 0;

    for (size_t i = from; i < to; i++)
        count += is_first_of_allocation(members, from, i);
    return count;
}

static struct correlate_member member_of(const struct piece *piece, const struct call_paths *paths)
{
    static const enum suspect_kind kinds[PIECE_FAMILIES] = {
        [PIECE_MAPPING] = SUSPECT_MAPPINGS, [PIECE_BLOCK] = SUSPECT_BLOCK,
        [PIECE_COMMIT] = SUSPECT_COMMITS,   [PIECE_HEAP] = SUSPECT_HEAP,
        [PIECE_ARENA] = SUSPECT_HEAP,       [PIECE_STACK] = SUSPECT_STACKS,
        [PIECE_ORPHAN] = SUSPECT_ORPHANS,   [PIECE_RESERVED] = SUSPECT_RESERVATIONS,
        [PIECE_FILE] = SUSPECT_FILES,       [PIECE_RUNTIME] = SUSPECT_RUNTIME,
        [PIECE_OTHER] = SUSPECT_OTHER,
    };
    const struct ledger_group *group = piece->charge->group;
    struct correlate_member member = {
        .piece = piece, .path = correlate_path_of(paths, group), .kind = kinds[piece->family]};

    if (piece->family == PIECE_MAPPING && member.path) {
        member.by = SUSPECT_BY_PATH;
        member.key = correlate_path_key(member.path->class, births_kind_of(group));
    } else if (piece->family == PIECE_MAPPING) {
        member.by = SUSPECT_BY_SIZE;
        member.key = group->unit_bytes;
    }
    if (piece->family == PIECE_BLOCK)
        member.key = piece->block;
    return member;
}

static uint64_t count_deaths(const struct path_births_entry *entries, size_t count)
{
    double deaths = 0;

    for (size_t i = 0; i < count; i++)
        if (!entries[i].alone)
            deaths += slots_between(&entries[i].slots.died, 0, UINT64_MAX);
    return (uint64_t)deaths;
}

/* Enough to be judged by itself: as many as make a habit, or some of a kind that is known to be given
 * back, which must not be mixed with one that is not. */
static bool is_of_its_own(uint64_t held, uint64_t freed)
{
    return held >= (freed ? MIN_OF_A_CHURN : MIN_OF_A_PATH);
}

/* Those of paths that hold few, by culprit. */
static void regroup_paths(const struct correlate_process *c, struct members *members)
{
    correlate_sort(members, compare_members);
    for (size_t from = 0, to; from < members->count; from = to) {
        const struct correlate_member *first = &members->items[from];
        enum births_kind kind = births_kind_of(first->piece->charge->group);
        struct path_births_entry *entry;

        to = run_end(members, from);
        if (first->by != SUSPECT_BY_PATH)
            continue;
        entry = path_births_find(&c->path_births, kind, first->path);
        if (is_of_its_own(count_allocations(members, from, to),
                          entry ? count_deaths(entry, 1) : 0)) {
            if (entry)
                entry->alone = true;
            continue;
        }
        for (size_t i = from; i < to; i++) {
            members->items[i].by = SUSPECT_BY_CULPRIT;
            members->items[i].key = correlate_path_key(members->items[i].path->culprit, kind);
        }
    }
}

/* Those of culprits that hold few, by size. */
static void regroup_culprits(const struct correlate_process *c, struct members *members)
{
    correlate_sort(members, compare_members);
    for (size_t from = 0, to; from < members->count; from = to) {
        const struct correlate_member *first = &members->items[from];
        const struct path_births_entry *entries;
        size_t count;

        to = run_end(members, from);
        if (first->by != SUSPECT_BY_CULPRIT)
            continue;
        entries = path_births_of_culprit(
            &c->path_births, births_kind_of(first->piece->charge->group), first->path, &count);
        if (is_of_its_own(count_allocations(members, from, to), count_deaths(entries, count)))
            continue;
        for (size_t i = from; i < to; i++) {
            members->items[i].by = SUSPECT_BY_SIZE;
            members->items[i].key = members->items[i].piece->charge->group->unit_bytes;
        }
    }
}

/* Those of a size, or a block, that hardly occurs: by thread; then those of a thread that holds
 * few: together. The key of a thread is its tid + 1, of the rest 0. */
static void regroup_sizes(struct members *members)
{
    correlate_sort(members, compare_members);
    for (size_t from = 0, to; from < members->count; from = to) {
        const struct correlate_member *first = &members->items[from];

        to = run_end(members, from);
        if ((first->by != SUSPECT_BY_SIZE && first->kind != SUSPECT_BLOCK) ||
            count_allocations(members, from, to) >= MIN_OF_A_SIZE)
            continue;
        for (size_t i = from; i < to; i++) {
            members->items[i].kind = SUSPECT_MIXED;
            members->items[i].by = SUSPECT_BY_THREAD;
            members->items[i].key = (uint64_t)members->items[i].piece->charge->tid + 1;
        }
    }
    correlate_sort(members, compare_members);
    for (size_t from = 0, to; from < members->count; from = to) {
        to = run_end(members, from);
        if (members->items[from].kind == SUSPECT_MIXED &&
            count_allocations(members, from, to) < MIN_OF_A_THREAD)
            for (size_t i = from; i < to; i++)
                members->items[i].key = 0;
    }
    correlate_sort(members, compare_members);
}

/* --- from members to suspects --- */

/* FIRST: no other piece of its allocation is in the suspect yet. */
static struct seep_error *add_piece(struct suspect *s, const struct piece *piece, bool first)
{
    const struct ledger_charge *charge = piece->charge;
    bool stack = s->kind == SUSPECT_STACKS || s->kind == SUSPECT_ORPHANS;
    uint64_t unit = stack && piece->place ? piece->place->len_bytes : charge->group->unit_bytes;
    struct seep_error *err;

    s->bytes = correlate_sum(s->bytes, piece->bytes);
    s->resident_bytes = correlate_sum(s->resident_bytes, piece->resident_bytes);
    if (first) {
        s->count++;
        s->unit_min = unit < s->unit_min ? unit : s->unit_min;
        s->unit_max = unit > s->unit_max ? unit : s->unit_max;
        s->despite += piece->place && piece->place->despite >= 2;
    }
    err = vector_push(&s->points, (struct shape_point){charge->time_ns, piece->bytes});
    if (!err && first)
        err = vector_push(&s->marks, (struct suspect_mark){charge->time_ns, charge->tid});
    if (!err && charge->tid > 0)
        err = vector_push(&s->threads, (struct suspect_thread){charge->tid, first, piece->bytes,
                                                               charge->time_ns});
    if (!err)
        err = vector_push(&s->paths,
                          (struct suspect_path){charge->group->stack_id, first, piece->bytes});
    if (!err && piece->range != PIECES_NO_RANGE)
        err = vector_push(&s->ranges, (struct suspect_range){piece->range, piece->bytes});
    return err;
}

/* What takes memory for many callers, if more than half of the bytes came through it. */
static const char *pool_of(const struct correlate_member *members, size_t count, uint64_t bytes)
{
    const char *pool = NULL;
    uint64_t pooled = 0;

    for (size_t i = 0; i < count; i++)
        if (members[i].path && members[i].path->pool) {
            pool = members[i].path->pool;
            pooled += members[i].piece->bytes;
        }
    return pooled > bytes / 2 ? pool : NULL;
}

static struct seep_error *make_suspect(const struct correlate_process *c,
                                       const struct members *members, size_t from, size_t to,
                                       struct suspect *s)
{
    const struct correlate_member *first = &members->items[from];
    bool by_path = first->by == SUSPECT_BY_PATH || first->by == SUSPECT_BY_CULPRIT;
    struct seep_error *err = NULL;

    for (size_t i = from; i < to && !err; i++)
        err = add_piece(s, members->items[i].piece, is_first_of_allocation(members, from, i));
    if (err)
        return err;
    s->by = first->by;
    s->key = first->key;
    s->culprit = by_path ? first->path->culprit : 0;
    s->pool = pool_of(first, to - from, s->bytes);
    if (by_path && s->unit_min != s->unit_max)
        s->kind = SUSPECT_MIXED;
    s->births_kind = births_kind_of(first->piece->charge->group);
    correlate_merge_threads(&s->threads);
    correlate_merge_paths(&s->paths);
    return correlate_find_births(c, first, to - from, s);
}

static struct seep_error *add_members(const struct correlate_process *c,
                                      const struct members *members, struct suspects *suspects)
{
    struct seep_error *err = NULL;

    for (size_t from = 0, to; from < members->count && !err; from = to) {
        const struct correlate_member *first = &members->items[from];
        struct suspect s = correlate_new_suspect(c, first->kind, first->piece->region);

        to = run_end(members, from);
        err = make_suspect(c, members, from, to, &s);
        if (err)
            correlate_suspect_deinit(&s);
        else
            err = correlate_add_suspect(suspects, &s);
    }
    return err;
}

static struct seep_error *gather_process(const struct correlate_process *c,
                                         const struct call_paths *paths, struct suspects *suspects)
{
    struct members members = {0};
    struct seep_error *err = NULL;

    for (size_t i = 0; i < c->pieces.items.count && !err; i++) {
        const struct piece *piece = &c->pieces.items.items[i];

        /* The rest of an arena is malloc's to use, and goes with it. */
        if (piece->family == PIECE_RESERVED && piece->region == REGION_ARENA)
            continue;
        err = vector_push(&members, member_of(piece, paths));
    }
    if (!err) {
        regroup_paths(c, &members);
        regroup_culprits(c, &members);
        regroup_sizes(&members);
        err = add_members(c, &members, suspects);
    }
    vector_deinit(&members);
    return err;
}

/* --- all of it --- */

static struct seep_error *judge_shape(struct suspect *s)
{
    return shape_judge(&(struct shape_input){.points = s->points.items,
                                             .count = s->points.count,
                                             .start_ns = s->start_ns,
                                             .end_ns = s->end_ns,
                                             .activity = &s->process->activity,
                                             .births = s->has_births ? &s->births.born : NULL,
                                             .deaths = s->has_deaths ? &s->births.died : NULL,
                                             .freed = s->freed == ANALYSIS_UNKNOWN ? 0 : s->freed},
                       &s->shape);
}

static struct seep_error *find_shape(struct suspect *s)
{
    struct seep_error *err;

    correlate_sort(&s->points, correlate_compare_points);
    correlate_merge_ranges(&s->ranges);
    if (s->points.count) {
        s->first_ns = s->points.items[0].time_ns;
        s->last_ns = s->points.items[s->points.count - 1].time_ns;
    }
    err = judge_shape(s);
    return err ? err : correlate_looks_after(s);
}

/* Of what a fresh image has at its first look all came in the window. */
static int64_t net_growth(const struct history_process *p)
{
    const struct growth *growth = &p->growth;
    uint64_t first = p->execed ? 0 : growth->first_anonymous_bytes;

    if (growth->looks < (p->execed ? 1 : 2))
        return SUSPECT_NET_UNKNOWN;
    return correlate_difference(growth_anonymous_bytes(growth), first);
}

static struct seep_error *gather_one(const struct history_process *p, const struct ledger *ledger,
                                     const struct call_paths *paths, uint64_t end_ns,
                                     struct correlation *c)
{
    struct correlate_process entry = {.process = p,
                                      .start_ns = p->start_ns,
                                      .end_ns = p->end_ns ? p->end_ns : end_ns,
                                      .net_bytes = net_growth(p)};
    struct seep_error *err = path_births_gather(&p->births, paths, &entry.path_births);

    if (!err)
        err = pieces_gather(p, ledger, &entry.pieces);
    if (!err)
        err = vector_push(&c->processes, entry);
    if (err) {
        pieces_deinit(&entry.pieces);
        path_births_deinit(&entry.path_births);
        return err;
    }

    const struct correlate_process *added = &c->processes.items[c->processes.count - 1];

    err = gather_process(added, paths, &c->suspects);
    return err ? err : correlate_regions(added, &c->suspects);
}

static struct seep_error *gather_all(const struct history *history, const struct ledger *ledger,
                                     const struct call_paths *paths, uint64_t end_ns,
                                     struct correlation *c)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < history->processes.count && !err; i++) {
        const struct history_process *p = history->processes.items[i];

        /* The books of a pid that was given again are the later process's. */
        if (!p->retired && history_find(history, p->pid) == p)
            err = gather_one(p, ledger, paths, end_ns, c);
    }
    if (!err)
        err = correlate_held(c);
    return err ? err : correlate_count_calls(ledger, paths, &c->suspects);
}

struct seep_error *correlate(const struct history *history, const struct ledger *ledger,
                             const struct call_paths *paths, uint64_t end_ns,
                             struct correlation *ret_correlation)
{
    struct correlation c = {0};
    struct seep_error *err = gather_all(history, ledger, paths, end_ns, &c);

    for (size_t i = 0; i < c.suspects.count && !err; i++)
        err = find_shape(&c.suspects.items[i]);
    if (err)
        correlation_deinit(&c);
    else
        *ret_correlation = c;
    return err;
}
