#include "analyzer/correlate.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/correlate_internal.h"

enum {
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
    vector_deinit(&suspect->ranges);
    vector_deinit(&suspect->names);
}

void correlation_deinit(struct correlation *correlation)
{
    for (size_t i = 0; i < correlation->suspects.count; i++)
        correlate_suspect_deinit(&correlation->suspects.items[i]);
    for (size_t i = 0; i < correlation->processes.count; i++)
        pieces_deinit(&correlation->processes.items[i].pieces);
    vector_deinit(&correlation->suspects);
    vector_deinit(&correlation->processes);
}

struct suspect correlate_new_suspect(const struct correlate_process *c, enum suspect_kind kind,
                                     enum region region)
{
    uint64_t detached_ns = c->process->detached_ns;
    bool by_looks = kind == SUSPECT_MAPPED || kind == SUSPECT_TOUCHED || kind == SUSPECT_HELD;

    return (struct suspect){
        .process = c->process,
        .kind = kind,
        .region = region,
        .unit_min = UINT64_MAX,
        .calls = ANALYSIS_UNKNOWN,
        .freed = ANALYSIS_UNKNOWN,
        .net_bytes = c->net_bytes,
        .has_events = c->pieces.known,
        .start_ns = c->start_ns,
        /* That no event came when none was recorded proves nothing. */
        .end_ns = !by_looks && detached_ns && detached_ns < c->end_ns ? detached_ns : c->end_ns,
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

/* A piece with what it is gathered by. */
struct member {
    const struct piece *piece;
    enum suspect_kind kind;
    uint64_t key; /* the size, the block, the thread: whatever KIND is gathered by */
};

VECTOR_TYPE(members, struct member);

/* What makes pieces one allocation: their charge; for a stack its place, since the mprotect that
 * opens it above its guard is charged with most of it. */
static const void *identity(const struct piece *piece)
{
    bool stack = piece->family == PIECE_STACK || piece->family == PIECE_ORPHAN;

    return stack && piece->place ? (const void *)piece->place : (const void *)piece->charge;
}

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->piece->region != y->piece->region)
        return x->piece->region < y->piece->region ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (identity(x->piece) != identity(y->piece))
        return (uintptr_t)identity(x->piece) < (uintptr_t)identity(y->piece) ? -1 : 1;
    return (x->piece->start > y->piece->start) - (x->piece->start < y->piece->start);
}

static bool of_one_suspect(const struct member *a, const struct member *b)
{
    return a->kind == b->kind && a->piece->region == b->piece->region && a->key == b->key;
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

static struct member member_of(const struct piece *piece)
{
    static const enum suspect_kind kinds[PIECE_FAMILIES] = {
        [PIECE_MAPPING] = SUSPECT_MAPPINGS, [PIECE_BLOCK] = SUSPECT_BLOCK,
        [PIECE_COMMIT] = SUSPECT_COMMITS,   [PIECE_HEAP] = SUSPECT_HEAP,
        [PIECE_ARENA] = SUSPECT_HEAP,       [PIECE_STACK] = SUSPECT_STACKS,
        [PIECE_ORPHAN] = SUSPECT_ORPHANS,   [PIECE_RESERVED] = SUSPECT_RESERVATIONS,
        [PIECE_FILE] = SUSPECT_FILES,       [PIECE_RUNTIME] = SUSPECT_RUNTIME,
        [PIECE_OTHER] = SUSPECT_OTHER,
    };
    struct member member = {.piece = piece, .kind = kinds[piece->family]};

    if (piece->family == PIECE_MAPPING)
        member.key = piece->charge->group->unit_bytes;
    if (piece->family == PIECE_BLOCK)
        member.key = piece->block;
    return member;
}

/* Those of a size, or a block, that hardly occurs: by thread; then those of a thread that holds
 * few: together. The key of a thread is its tid + 1, of the rest 0. */
static void regroup(struct members *members)
{
    correlate_sort(members, compare_members);
    for (size_t from = 0, to; from < members->count; from = to) {
        const struct member *first = &members->items[from];

        to = run_end(members, from);
        if ((first->kind != SUSPECT_MAPPINGS && first->kind != SUSPECT_BLOCK) ||
            count_allocations(members, from, to) >= MIN_OF_A_SIZE)
            continue;
        for (size_t i = from; i < to; i++) {
            members->items[i].kind = SUSPECT_MIXED;
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

static enum births_kind births_kind_of(const struct ledger_group *group)
{
    return group->backing == LEDGER_ANON || group->backing == LEDGER_ANON_SHARED ? BIRTHS_ANONYMOUS
                                                                                 : BIRTHS_OBJECT;
}

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

/* Stacks are mapped without access and opened by mprotect, which their groups count; their births
 * are known by their size. */
static void find_stack_births(struct suspect *s)
{
    const struct births_slots *births =
        s->unit_min == s->unit_max
            ? births_of_size(&s->process->births, BIRTHS_ANONYMOUS, s->unit_min)
            : NULL;

    if (!births)
        return;
    add_births(s, births);
    s->calls = (uint64_t)slots_between(&births->born, 0, UINT64_MAX);
    s->freed = (uint64_t)slots_between(&births->died, 0, UINT64_MAX);
}

static void find_births(struct suspect *s, const struct member *member)
{
    const struct ledger_group *group = member->piece->charge->group;
    const struct births *births = &s->process->births;

    if (s->kind == SUSPECT_STACKS)
        find_stack_births(s);
    if (s->kind == SUSPECT_MAPPINGS)
        add_births(s, births_of_size(births, births_kind_of(group), group->unit_bytes));
    if (s->kind == SUSPECT_MIXED)
        for (size_t i = 0; i < s->threads.count; i++)
            add_births(s, births_of_thread(births, births_kind_of(group), s->threads.items[i].tid));
}

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
    if (!err)
        err = vector_push(&s->threads, (struct suspect_thread){charge->tid, first, piece->bytes});
    if (!err && piece->range != PIECES_NO_RANGE)
        err = vector_push(&s->ranges, (struct suspect_range){piece->range, piece->bytes});
    return err;
}

static struct seep_error *add_members(const struct correlate_process *c,
                                      const struct members *members, struct suspects *suspects)
{
    struct seep_error *err = NULL;

    for (size_t from = 0, to; from < members->count && !err; from = to) {
        const struct member *first = &members->items[from];
        struct suspect s = correlate_new_suspect(c, first->kind, first->piece->region);

        to = run_end(members, from);
        s.key = first->key;
        for (size_t i = from; i < to && !err; i++)
            err = add_piece(&s, members->items[i].piece, is_first_of_allocation(members, from, i));
        if (err) {
            correlate_suspect_deinit(&s);
            return err;
        }
        correlate_merge_threads(&s.threads);
        find_births(&s, first);
        s.births_kind = births_kind_of(first->piece->charge->group);
        err = correlate_add_suspect(suspects, &s);
    }
    return err;
}

static struct seep_error *gather_process(const struct correlate_process *c,
                                         struct suspects *suspects)
{
    struct members members = {0};
    struct seep_error *err = NULL;

    for (size_t i = 0; i < c->pieces.items.count && !err; i++) {
        const struct piece *piece = &c->pieces.items.items[i];

        /* The rest of an arena is malloc's to use, and goes with it. */
        if (piece->family == PIECE_RESERVED && piece->region == REGION_ARENA)
            continue;
        err = vector_push(&members, member_of(piece));
    }
    if (!err) {
        regroup(&members);
        err = add_members(c, &members, suspects);
    }
    vector_deinit(&members);
    return err;
}

/* --- how many of the kind there were, given back since or not --- */

struct counting {
    struct suspect **of_size; /* sorted by compare_sizes */
    struct suspect **of_thread;
    size_t size_count, thread_count;
};

struct counting_key {
    pid_t pid;
    enum births_kind kind;
    uint64_t key;
};

static struct counting_key key_of(const struct suspect *s)
{
    return (struct counting_key){s->process->pid, s->births_kind, s->key};
}

static int compare_keys(const struct counting_key *x, const struct counting_key *y)
{
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
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

static struct suspect *find_suspect(struct suspect **suspects, size_t count,
                                    const struct ledger_group *group, uint64_t key)
{
    struct counting_key wanted = {group->pid, births_kind_of(group), key};
    struct suspect **found =
        count ? bsearch(&wanted, suspects, count, sizeof(*suspects), compare_key_to_suspect) : NULL;

    return found ? *found : NULL;
}

static bool count_group(const struct ledger_group *group, void *context)
{
    struct counting *c = context;
    struct suspect *s;

    if (group->kind != EVENT_MMAP && group->kind != EVENT_SHMAT)
        return true;
    s = find_suspect(c->of_size, c->size_count, group, group->unit_bytes);
    if (!s)
        s = find_suspect(c->of_thread, c->thread_count, group, (uint64_t)group->tid + 1);
    if (!s)
        s = find_suspect(c->of_thread, c->thread_count, group, 0);
    if (!s)
        return true;
    s->calls = (s->calls == ANALYSIS_UNKNOWN ? 0 : s->calls) + group->calls - group->dropped;
    s->freed = (s->freed == ANALYSIS_UNKNOWN ? 0 : s->freed) + group->freed;
    return true;
}

static struct seep_error *count_calls(const struct ledger *ledger, struct suspects *suspects)
{
    _cleanup_free_ struct suspect **of_size = calloc(suspects->count + 1, sizeof(*of_size));
    _cleanup_free_ struct suspect **of_thread = calloc(suspects->count + 1, sizeof(*of_thread));
    struct counting c = {.of_size = of_size, .of_thread = of_thread};

    if (!of_size || !of_thread)
        return error_no_memory();
    for (size_t i = 0; i < suspects->count; i++) {
        struct suspect *s = &suspects->items[i];

        if (s->kind == SUSPECT_MAPPINGS)
            of_size[c.size_count++] = s;
        if (s->kind == SUSPECT_MIXED)
            of_thread[c.thread_count++] = s;
    }
    qsort(of_size, c.size_count, sizeof(*of_size), compare_suspects);
    qsort(of_thread, c.thread_count, sizeof(*of_thread), compare_suspects);
    ledger_each_group(ledger, count_group, &c);
    return NULL;
}

/* --- all of it --- */

static struct seep_error *find_shape(struct suspect *s)
{
    correlate_sort(&s->points, correlate_compare_points);
    correlate_merge_ranges(&s->ranges);
    if (s->points.count) {
        s->first_ns = s->points.items[0].time_ns;
        s->last_ns = s->points.items[s->points.count - 1].time_ns;
    }
    return shape_judge(&(struct shape_input){.points = s->points.items,
                                             .count = s->points.count,
                                             .start_ns = s->start_ns,
                                             .end_ns = s->end_ns,
                                             .activity = &s->process->activity,
                                             .births = s->has_births ? &s->births.born : NULL,
                                             .deaths = s->has_births && s->kind != SUSPECT_MIXED
                                                           ? &s->births.died
                                                           : NULL,
                                             .freed = s->freed == ANALYSIS_UNKNOWN ? 0 : s->freed},
                       &s->shape);
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
                                     uint64_t end_ns, struct correlation *c)
{
    struct correlate_process entry = {.process = p,
                                      .start_ns = p->start_ns,
                                      .end_ns = p->end_ns ? p->end_ns : end_ns,
                                      .net_bytes = net_growth(p)};
    struct seep_error *err = pieces_gather(p, ledger, &entry.pieces);

    if (err)
        return err;
    err = vector_push(&c->processes, entry);
    if (err) {
        pieces_deinit(&entry.pieces);
        return err;
    }
    err = gather_process(&c->processes.items[c->processes.count - 1], &c->suspects);
    return err ? err : correlate_regions(&c->processes.items[c->processes.count - 1], &c->suspects);
}

static struct seep_error *gather_all(const struct history *history, const struct ledger *ledger,
                                     uint64_t end_ns, struct correlation *c)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < history->processes.count && !err; i++) {
        const struct history_process *p = history->processes.items[i];

        /* The books of a pid that was given again are the later process's. */
        if (!p->retired && history_find(history, p->pid) == p)
            err = gather_one(p, ledger, end_ns, c);
    }
    if (!err)
        err = correlate_held(c);
    return err ? err : count_calls(ledger, &c->suspects);
}

struct seep_error *correlate(const struct history *history, const struct ledger *ledger,
                             uint64_t end_ns, struct correlation *ret_correlation)
{
    struct correlation c = {0};
    struct seep_error *err = gather_all(history, ledger, end_ns, &c);

    for (size_t i = 0; i < c.suspects.count && !err; i++)
        err = find_shape(&c.suspects.items[i]);
    if (err)
        correlation_deinit(&c);
    else
        *ret_correlation = c;
    return err;
}
