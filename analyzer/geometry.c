#include "analyzer/geometry.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/units.h"

/* A known mapping, or another that stands in the way. */
struct landmark {
    uint64_t start, end;
    uint64_t time_ns;
    bool known; /* of the size that is looked at */
};

/* A gap between landmarks, or beside one. */
struct gap {
    uint64_t start, places;
    uint64_t from_ns, to_ns; /* its neighbours' times; both 0: it has one neighbour only */
    bool upwards;            /* the lower neighbour was mapped first */
    uint64_t used;
};

struct placing {
    struct ledger *ledger;
    struct history *history;
    struct history_process *process;
    struct geometry geometry;
    VECTOR(struct landmark) landmarks; /* by address */
    VECTOR(struct gap) gaps;
    struct event **calls; /* of this size, by time; NULL: placed */
    uint64_t *times;      /* when they began */
    size_t *next;         /* where to look on behind one that is placed */
    size_t call_count;
    struct seep_error *err;
};

static void placing_deinit(struct placing *p)
{
    vector_deinit(&p->landmarks);
    vector_deinit(&p->gaps);
    free(p->calls);
    free(p->times);
    free(p->next);
}

/* --- what is known --- */

static bool add_landmark(const struct ledger_interval *interval, void *context)
{
    struct placing *p = context;
    const struct ledger_charge *charge = interval->charge;
    struct landmark mark = {interval->start, interval->end, 0, false};
    struct landmark *last = p->landmarks.count ? &p->landmarks.items[p->landmarks.count - 1] : NULL;

    if (!charge)
        return true;
    /* Parts with different protection are one mapping. */
    if (last && last->known && last->time_ns == charge->time_ns && last->start == charge->start &&
        interval->start > charge->start && interval->end <= last->end)
        return true;
    mark.time_ns = charge->time_ns;
    if (charge->group->kind == EVENT_MMAP && charge->group->backing == LEDGER_ANON &&
        charge->group->unit_bytes == p->geometry.unit_bytes && charge->start == mark.start &&
        charge->live_bytes == p->geometry.unit_bytes) {
        mark.known = true;
        mark.end = mark.start + charge->live_bytes;
        p->geometry.known++;
    }
    p->err = vector_push(&p->landmarks, mark);
    return !p->err;
}

/* What was there before the first call stands in the way like any other mapping. */
static bool was_before(const struct history_process *process, uint64_t start, uint64_t end)
{
    size_t low = 0, high = process->first_map.count;

    /* The first that ends behind START: they are in order of their addresses. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (process->first_map.items[middle].end <= start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < process->first_map.count && process->first_map.items[low].start < end;
}

static void add_gap(struct placing *p, const struct landmark *below, const struct landmark *above,
                    uint64_t start, uint64_t end)
{
    uint64_t unit = p->geometry.unit_bytes, places = (end - start) / unit;
    bool between = below && below->known && above && above->known;
    struct gap gap = {.start = start, .places = places};

    if (start >= end || was_before(p->process, start, end))
        return;
    if ((end - start) % unit) {
        if (between) {
            p->geometry.odd_gaps++;
            p->geometry.odd_bytes += end - start;
        }
        return;
    }
    if (between) {
        gap.upwards = below->time_ns < above->time_ns;
        gap.from_ns = gap.upwards ? below->time_ns : above->time_ns;
        gap.to_ns = gap.upwards ? above->time_ns : below->time_ns;
    }
    p->err = vector_push(&p->gaps, gap);
}

/* Gaps within [start, end), all of which is mapped. */
static void find_gaps(struct placing *p, uint64_t start, uint64_t end)
{
    const struct landmark *below = NULL;
    bool known = false;
    size_t from = 0;

    while (from < p->landmarks.count && p->landmarks.items[from].start < start)
        from++;
    for (size_t i = from; i < p->landmarks.count && p->landmarks.items[i].start < end; i++)
        known |= p->landmarks.items[i].known;
    if (!known)
        return;
    for (size_t i = from; i < p->landmarks.count && p->landmarks.items[i].start < end && !p->err;
         i++) {
        const struct landmark *above = &p->landmarks.items[i];

        if ((below && below->known) || above->known)
            add_gap(p, below, above, below ? below->end : start, above->start);
        below = above;
    }
    if (below && below->known && !p->err)
        add_gap(p, below, NULL, below->end, end);
}

/* Where no look tells what is mapped, only what lies between two that are known. */
static void find_unseen_gaps(struct placing *p)
{
    for (size_t i = 1; i < p->landmarks.count && !p->err; i++) {
        const struct landmark *below = &p->landmarks.items[i - 1], *above = below + 1;

        if (below->known && above->known &&
            (above->start - below->end) / p->geometry.unit_bytes <= p->call_count)
            add_gap(p, below, above, below->end, above->start);
    }
}

/* --- placing --- */

static void place(struct placing *p, size_t call, struct gap *gap, bool in_order)
{
    uint64_t unit = p->geometry.unit_bytes;
    uint64_t slot = gap->upwards ? gap->used : gap->places - 1 - gap->used;
    struct event ev = *p->calls[call];

    ev.result = (int64_t)(gap->start + slot * unit);
    p->err = ledger_apply(p->ledger, &ev);
    if (!p->err)
        p->err = history_placed(p->history, p->process, &ev);
    p->calls[call] = NULL;
    p->geometry.gaps += gap->used++ == 0;
    p->geometry.placed++;
    p->geometry.in_order += in_order;
}

static int compare_gaps(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;
    uint64_t spans[] = {x->to_ns - x->from_ns, y->to_ns - y->from_ns};

    /* The narrowest first; those with one neighbour last. */
    if (!x->to_ns != !y->to_ns)
        return x->to_ns ? -1 : 1;
    if (spans[0] != spans[1])
        return spans[0] < spans[1] ? -1 : 1;
    return (x->start > y->start) - (x->start < y->start);
}

/* The first call that began at TIME_NS or later. */
static size_t first_call(const struct placing *p, uint64_t time_ns)
{
    size_t low = 0, high = p->call_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (p->times[middle] < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first call from I on that is not placed, by the trail that earlier searches left. */
static size_t next_call(struct placing *p, size_t i)
{
    size_t found = i;

    while (found < p->call_count && !p->calls[found])
        found = p->next[found];
    while (i < found) {
        size_t after = p->next[i];

        p->next[i] = found;
        i = after;
    }
    return found;
}

static void place_in_order(struct placing *p)
{
    for (size_t g = 0; g < p->gaps.count && p->gaps.items[g].to_ns && !p->err; g++) {
        struct gap *gap = &p->gaps.items[g];
        size_t i = next_call(p, first_call(p, gap->from_ns));

        while (i < p->call_count && p->times[i] <= gap->to_ns && gap->used < gap->places &&
               !p->err) {
            place(p, i, gap, true);
            i = next_call(p, i);
        }
    }
}

/* What is mapped and a whole multiple was mapped by somebody. */
static void place_the_rest(struct placing *p)
{
    size_t call = 0;

    for (size_t g = 0; g < p->gaps.count && !p->err; g++) {
        struct gap *gap = &p->gaps.items[g];

        while (gap->used < gap->places && !p->err) {
            while (call < p->call_count && !p->calls[call])
                call++;
            if (call == p->call_count)
                break;
            place(p, call, gap, false);
        }
    }
    for (size_t g = 0; g < p->gaps.count; g++)
        p->geometry.spare += p->gaps.items[g].places - p->gaps.items[g].used;
}

/* A gap that fewer calls fit into by their times than it has places is no proof without a look. */
static void drop_unfilled(struct placing *p)
{
    size_t kept = 0;

    for (size_t g = 0; g < p->gaps.count; g++) {
        uint64_t calls =
            first_call(p, p->gaps.items[g].to_ns + 1) - first_call(p, p->gaps.items[g].from_ns);

        if (calls >= p->gaps.items[g].places)
            p->gaps.items[kept++] = p->gaps.items[g];
    }
    p->gaps.count = kept;
}

static struct seep_error *place_size(struct placing *p)
{
    const struct ledger_space *space = ledger_find(p->ledger, p->process->pid);
    const struct growth *growth = &p->process->growth;

    if (!space)
        return NULL;
    ledger_each(space, 0, UINT64_MAX, add_landmark, p);
    for (size_t i = 0; i < growth->ranges.count && !p->err; i++)
        find_gaps(p, growth->ranges.items[i].start, growth->ranges.items[i].end);
    if (growth->ranges.count == 0 && !p->err) {
        find_unseen_gaps(p);
        drop_unfilled(p);
    }
    if (p->gaps.count > 1)
        qsort(p->gaps.items, p->gaps.count, sizeof(*p->gaps.items), compare_gaps);
    if (!p->err)
        place_in_order(p);
    if (!p->err && growth->ranges.count)
        place_the_rest(p);
    return p->err;
}

/* --- all processes and sizes --- */

static uint64_t unit_of(const struct history *history, const struct event *ev)
{
    uint64_t mask = history->page_bytes - 1;

    return ev->args[1] > UINT64_MAX - mask ? 0 : (ev->args[1] + mask) & ~mask;
}

static int compare_calls(const void *a, const void *b)
{
    const struct event *x = *(struct event *const *)a, *y = *(struct event *const *)b;
    uint64_t sizes[] = {(x->args[1] + 4095) / 4096, (y->args[1] + 4095) / 4096};

    if (sizes[0] != sizes[1])
        return sizes[0] < sizes[1] ? -1 : 1;
    if (x->enter_ns != y->enter_ns)
        return x->enter_ns < y->enter_ns ? -1 : 1;
    return (x->tid > y->tid) - (x->tid < y->tid);
}

static struct seep_error *place_run(struct ledger *ledger, struct history *history,
                                    struct history_process *process, struct event **calls,
                                    size_t count, struct geometries *geometries)
{
    struct placing p = {.ledger = ledger,
                        .history = history,
                        .process = process,
                        .geometry = {.pid = process->pid,
                                     .unit_bytes = unit_of(history, calls[0]),
                                     .unknown = count},
                        .call_count = count};

    if (p.geometry.unit_bytes == 0)
        return NULL;
    p.calls = malloc(count * sizeof(struct event *));
    p.times = malloc(count * sizeof(uint64_t));
    p.next = malloc(count * sizeof(size_t));
    if (!p.calls || !p.times || !p.next)
        p.err = error_no_memory();
    for (size_t i = 0; i < count && !p.err; i++) {
        p.calls[i] = calls[i];
        p.times[i] = calls[i]->enter_ns;
        p.next[i] = i + 1;
    }
    if (!p.err)
        p.err = place_size(&p);
    if (!p.err)
        p.err = vector_push(geometries, p.geometry);
    placing_deinit(&p);
    return p.err;
}

static struct seep_error *place_process(struct ledger *ledger, struct history *history,
                                        struct history_process *process,
                                        struct geometries *geometries)
{
    enum { MAX_SIZES = 256 };
    size_t count = process->unplaced.count;
    _cleanup_free_ struct event **calls = calloc(count + 1, sizeof(*calls));
    struct seep_error *err = NULL;
    size_t sizes = 0;

    if (!calls)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        calls[i] = &process->unplaced.items[i];
    qsort(calls, count, sizeof(*calls), compare_calls);
    for (size_t from = 0, to; from < count && sizes++ < MAX_SIZES && !err; from = to) {
        to = from + 1;
        while (to < count && unit_of(history, calls[to]) == unit_of(history, calls[from]))
            to++;
        err = place_run(ledger, history, process, &calls[from], to - from, geometries);
    }
    return err;
}

struct seep_error *geometry_place(struct ledger *ledger, struct history *history,
                                  struct geometries *geometries)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < history->processes.count && !err; i++) {
        struct history_process *process = history->processes.items[i];

        if (!process->retired && process->unplaced.count &&
            history_find(history, process->pid) == process)
            err = place_process(ledger, history, process, geometries);
    }
    return err;
}

/* --- what follows from it --- */

static const struct geometry *find(const struct geometries *geometries, const struct diagnosis *d)
{
    for (size_t i = 0; geometries && i < geometries->count && d->unit_min == d->unit_max; i++)
        if (geometries->items[i].unit_bytes == d->unit_min &&
            geometries->items[i].pid == d->parts.items[0]->process->pid &&
            d->judgement.region == REGION_ANON_MMAP)
            return &geometries->items[i];
    return NULL;
}

void geometry_weigh(const struct geometries *geometries, struct diagnosis *d)
{
    const struct geometry *g = find(geometries, d);

    if (!g)
        return;
    d->judgement.confidence = fmin(d->judgement.confidence, g->in_order == g->unknown ? 0.92
                                                            : g->placed == g->unknown ? 0.88
                                                                                      : 0.8);
}

uint64_t geometry_placed(const struct geometries *geometries, const struct diagnosis *d)
{
    const struct geometry *g = find(geometries, d);

    return g ? g->placed : 0;
}

static void put(struct buffer *out, uint64_t count, const char *noun)
{
    struct units_text text;

    buffer_printf(out, "%s%s%s", units_format_count(&text, count), noun,
                  noun[0] && count != 1 ? "s" : "");
}

void geometry_reason(const struct geometries *geometries, const struct diagnosis *d,
                     struct buffer *out)
{
    const struct geometry *g = find(geometries, d);
    struct units_text size;

    if (!g)
        return;
    buffer_printf(out, "; of ");
    put(out, g->unknown, " call");
    buffer_printf(out, " the log does not have the result: ");
    put(out, g->known, "");
    buffer_printf(out, " known, ");
    put(out, g->placed, "");
    if (g->placed) {
        buffer_printf(out, " placed by the gaps between them (");
        put(out, g->gaps, " gap");
        buffer_printf(out, ", whole multiples of the size");
        if (g->in_order == g->placed)
            buffer_printf(out, ", each as large as the calls made between its neighbours need)");
        else {
            buffer_printf(out, "; of them ");
            put(out, g->in_order, "");
            buffer_printf(out, " as the calls' times have it)");
        }
    } else {
        buffer_printf(out, " placed");
    }
    if (g->unknown > g->placed) {
        buffer_printf(out, ", ");
        put(out, g->unknown - g->placed, "");
        buffer_printf(out, " without a place and not counted");
    }
    if (g->odd_gaps) {
        buffer_printf(out, "; ");
        put(out, g->odd_gaps, " gap");
        buffer_printf(out, " (%s) %s no whole multiple", units_format_size(&size, g->odd_bytes),
                      g->odd_gaps == 1 ? "is" : "are");
    }
    if (g->spare) {
        buffer_printf(out, "; ");
        put(out, g->spare, " place");
        buffer_printf(out, " more than calls: of before the log");
    }
}
