#include "analyzer/replay.h"

#include <stdlib.h>

#include "analyzer/order.h"
#include "base/vector.h"
#include "evidence/event_ahead.h"
#include "evidence/events_file.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { TOUCHES_KEPT = 65536 };

/* A range that a call touched, and when it returned. */
struct touch {
    struct ledger_range range;
    uint64_t exit_ns;
    uint64_t latest_ns; /* of this and all kept before it: pulled calls stand before their time */
    pid_t pid;
};

/* The last complete comparison of one process. */
struct comparison {
    struct comparison_key {
        uint64_t pid, start_ticks;
    } key;
    uint64_t unexplained_bytes;
    UT_hash_handle hh;
};

VECTOR_TYPE(ranges, struct ledger_range);

struct replay {
    const struct replay_input *input;
    struct ledger *ledger;
    struct order *order; /* NULL: no events */
    const struct replay_observer *observer;
    struct snapshot snap; /* the next one, where has_snap */
    bool has_snap;
    VECTOR(struct touch) touches;
    uint64_t touches_limit;
    uint64_t forgotten_ns;          /* touches of calls that returned until then may be missing */
    struct ranges touched;          /* of the comparison under way */
    bool doubtful;                  /* a call whose outcome is unknown overlaps it */
    struct comparison *comparisons; /* a uthash table */
    struct replay_result result;
};

static void see_time(struct replay *r, uint64_t first_ns, uint64_t last_ns)
{
    if (r->result.first_ns == 0 || first_ns < r->result.first_ns)
        r->result.first_ns = first_ns;
    if (last_ns > r->result.last_ns)
        r->result.last_ns = last_ns;
}

static struct seep_error *next_snapshot(struct replay *r)
{
    if (r->has_snap)
        snapshot_deinit(&r->snap);
    r->has_snap = false;
    return r->input->next_snapshot
               ? r->input->next_snapshot(r->input->context, &r->snap, &r->has_snap)
               : NULL;
}

/* --- touched ranges --- */

static void append_touch(struct replay *r, struct touch touch)
{
    size_t at = r->touches.count++;
    uint64_t before_ns = at > 0 ? r->touches.items[at - 1].latest_ns : 0;

    touch.latest_ns = touch.exit_ns > before_ns ? touch.exit_ns : before_ns;
    r->touches.items[at] = touch;
}

/* Keeps what a snapshot to come may ask for: that of calls which return after the next one began,
 * and some more, as those of other processes may have begun earlier. */
static void forget_touches(struct replay *r)
{
    size_t count = r->touches.count, half = count / 2;

    r->touches.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct touch touch = r->touches.items[i];

        if (i >= half || touch.exit_ns >= r->snap.begin_ns)
            append_touch(r, touch);
        else if (touch.exit_ns > r->forgotten_ns)
            r->forgotten_ns = touch.exit_ns;
    }
    if (r->touches.count > r->touches_limit / 2)
        r->touches_limit *= 2;
}

static struct seep_error *keep_touch(struct replay *r, const struct event *ev,
                                     struct ledger_range range)
{
    struct seep_error *err;

    if (range.start >= range.end)
        return NULL;
    if (r->touches.count >= r->touches_limit)
        forget_touches(r);
    err = vector_reserve(&r->touches, r->touches.count + 1);
    if (!err)
        append_touch(r, (struct touch){.range = range, .exit_ns = ev->exit_ns, .pid = ev->pid});
    return err;
}

struct pending_query {
    struct replay *replay;
    const struct ledger_space *space;
    struct seep_error *err;
};

static struct seep_error *touch_now(struct replay *r, struct ledger_range range)
{
    return range.start < range.end ? vector_push(&r->touched, range) : NULL;
}

/* A call that was under way when the reading ended. */
static void add_pending(const struct event *ev, void *context)
{
    struct pending_query *query = context;
    struct ledger_effect effect;

    if (query->err || !event_is_syscall(ev) ||
        ledger_find(query->replay->ledger, ev->pid) != query->space)
        return;
    ledger_effect(query->replay->ledger, ev, &effect);
    if (effect.unknown)
        query->replay->doubtful = true;
    query->err = touch_now(query->replay, effect.gone);
    if (!query->err)
        query->err = touch_now(query->replay, effect.fresh);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct ledger_range *left = a, *right = b;

    return (left->start > right->start) - (left->start < right->start);
}

/* Fills r->touched with what calls touched while the snapshot was read. */
static struct seep_error *gather_touched(struct replay *r)
{
    struct pending_query query = {r, ledger_find(r->ledger, r->snap.pid), NULL};
    struct seep_error *err = NULL;

    r->touched.count = 0;
    r->doubtful = false;
    for (size_t i = r->touches.count; !err && i > 0; i--) {
        const struct touch *touch = &r->touches.items[i - 1];

        if (touch->latest_ns < r->snap.begin_ns)
            break;
        if (touch->exit_ns >= r->snap.begin_ns && ledger_find(r->ledger, touch->pid) == query.space)
            err = touch_now(r, touch->range);
    }
    if (!err && r->order)
        err = order_each_pending(r->order, r->snap.end_ns, add_pending, &query);
    if (err || query.err)
        return err ? err : query.err;
    if (r->touched.count)
        qsort(r->touched.items, r->touched.count, sizeof(*r->touched.items), compare_ranges);
    return NULL;
}

/* --- snapshots --- */

static struct seep_error *count_comparison(struct replay *r, uint64_t unexplained)
{
    struct comparison_key key = {(uint64_t)r->snap.pid, r->snap.start_ticks};
    struct comparison *comparison;

    HASH_FIND(hh, r->comparisons, &key, sizeof(key), comparison);
    if (!comparison) {
        comparison = calloc(1, sizeof(*comparison));
        if (!comparison)
            return error_no_memory();
        comparison->key = key;
        HASH_ADD(hh, r->comparisons, key, sizeof(key), comparison);
        if (!comparison->hh.tbl) {
            free(comparison);
            return error_no_memory();
        }
    }
    r->result.unexplained_bytes += unexplained - comparison->unexplained_bytes;
    comparison->unexplained_bytes = unexplained;
    if (r->result.unexplained_max < r->result.unexplained_bytes)
        r->result.unexplained_max = r->result.unexplained_bytes;
    r->result.comparisons++;
    r->result.compared = true;
    return NULL;
}

static bool is_base(const struct snapshot *snap)
{
    return snap->reason == SNAPSHOT_START || snap->reason == SNAPSHOT_EXEC ||
           snap->reason == SNAPSHOT_FORK;
}

static struct seep_error *apply_maps(struct replay *r)
{
    bool certain = !ledger_is_uncertain(r->ledger, r->snap.pid);
    uint64_t unexplained;
    struct seep_error *err;

    if (r->snap.maps.count == 0 || r->snap.maps.bad_lines > 0 || r->snap.partial)
        return NULL;
    /* Its text is that of what the process was before an exec. */
    if (!is_base(&r->snap) && r->snap.begin_ns < ledger_since(r->ledger, r->snap.pid))
        return NULL;
    if (is_base(&r->snap) && r->snap.stopped)
        return ledger_rebase(r->ledger, &r->snap);
    if (r->forgotten_ns != 0 && r->forgotten_ns >= r->snap.begin_ns)
        return NULL;
    err = gather_touched(r);
    if (err || (r->doubtful && certain))
        return err;
    err = ledger_reconcile(r->ledger, &r->snap, r->touched.items, r->touched.count, &unexplained);
    if (err || !certain || is_base(&r->snap))
        return err;
    return count_comparison(r, unexplained);
}

static struct seep_error *step_snapshot(struct replay *r)
{
    struct seep_error *err = apply_maps(r);

    r->result.snapshots++;
    see_time(r, r->snap.begin_ns, r->snap.end_ns);
    if (!err && r->observer && r->observer->on_snapshot)
        err = r->observer->on_snapshot(r->observer->context, &r->snap);
    return err ? err : next_snapshot(r);
}

/* --- events --- */

static struct seep_error *step_event(struct replay *r)
{
    enum event_source_step step;
    struct ledger_effect effect = {0};
    struct event ev;
    struct seep_error *err = order_next(r->order, &ev, &step);

    if (err || step == EVENT_SOURCE_END)
        return err;
    if (r->has_snap && event_is_syscall(&ev)) {
        ledger_effect(r->ledger, &ev, &effect);
        err = keep_touch(r, &ev, effect.gone);
        if (!err)
            err = keep_touch(r, &ev, effect.fresh);
    }
    if (!err)
        err = ledger_apply(r->ledger, &ev);
    r->result.events++;
    see_time(r, ev.enter_ns, ev.exit_ns);
    if (ev.kind == EVENT_LOST)
        r->result.lost_events += ev.args[0];
    if (!err && r->observer && r->observer->on_event)
        err = r->observer->on_event(r->observer->context, &ev);
    return err;
}

/* --- the whole --- */

static struct seep_error *run(struct replay *r)
{
    struct seep_error *err = next_snapshot(r);

    while (!err) {
        uint64_t due_ns = UINT64_MAX;

        if (r->order)
            err = order_peek(r->order, &due_ns);
        if (err)
            break;
        if (r->has_snap && (due_ns == UINT64_MAX || r->snap.end_ns < due_ns))
            err = step_snapshot(r);
        else if (due_ns != UINT64_MAX)
            err = step_event(r);
        else
            break;
    }
    return err;
}

struct seep_error *replay_run(const struct replay_input *input, struct ledger *ledger,
                              const struct replay_observer *observer,
                              struct replay_result *ret_result)
{
    _cleanup_(order_destroyp) struct order *order = NULL;
    struct replay r = {
        .input = input, .ledger = ledger, .observer = observer, .touches_limit = TOUCHES_KEPT};
    struct comparison *comparison, *following;
    struct seep_error *err = input->events ? order_create(input->events, ledger, &order) : NULL;

    r.order = order;
    if (!err)
        err = run(&r);
    if (r.has_snap)
        snapshot_deinit(&r.snap);
    vector_deinit(&r.touches);
    vector_deinit(&r.touched);
    HASH_ITER(hh, r.comparisons, comparison, following)
    {
        HASH_DEL(r.comparisons, comparison);
        free(comparison);
    }
    if (!err)
        *ret_result = r.result;
    return err;
}

static struct seep_error *next_of_case(void *context, struct snapshot *ret_snap, bool *ret_more)
{
    struct snapshot_record record = {0};
    struct seep_error *err = snapshots_reader_next(context, &record, ret_more);

    if (err || !*ret_more)
        return err;
    err = snapshot_parse(&record, ret_snap);
    snapshot_record_deinit(&record);
    if (err)
        *ret_more = false;
    return err;
}

/* A file that is not there is no error. */
static struct seep_error *forgive_missing(struct seep_error *err)
{
    if (!err || err->code != ERROR_NOT_FOUND)
        return err;
    error_destroy(err);
    return NULL;
}

struct seep_error *replay_case(int case_fd, struct ledger *ledger,
                               const struct replay_observer *observer, struct stack_table *stacks,
                               struct replay_result *ret_result)
{
    _cleanup_(snapshots_reader_destroyp) struct snapshots_reader *snapshots = NULL;
    _cleanup_(event_source_destroyp) struct event_source *source = NULL;
    _cleanup_(event_source_destroyp) struct event_source *ahead = NULL; /* goes before its source */
    struct events_reader *events = NULL;
    struct replay_result result;
    struct seep_error *err = forgive_missing(events_reader_create(case_fd, stacks, &events));

    if (err)
        return err;
    if (events) {
        source = &events->source;
        error_destroy(event_ahead_create(source, &ahead)); /* without a thread it is slower */
    }
    err = forgive_missing(snapshots_reader_create(case_fd, &snapshots));
    if (!err && snapshots)
        err = snapshots_reader_sort(snapshots);
    if (!err)
        err = replay_run(&(struct replay_input){.events = ahead ? ahead : source,
                                                .next_snapshot = snapshots ? next_of_case : NULL,
                                                .context = snapshots},
                         ledger, observer, &result);
    if (err)
        return err;
    result.cut = (events && events->cut) || (snapshots && snapshots_reader_cut(snapshots));
    *ret_result = result;
    return NULL;
}
