#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "evidence/case.h"
#include "evidence/events_file.h"
#include "importer/collection_state.h"
#include "importer/event_pipe.h"

/* --- what the case has already --- */

/* A path of another table, numbered here. */
static struct seep_error *add_stack(struct collection *c, const struct stack_table *from,
                                    uint32_t id, uint32_t *ret_id)
{
    const struct stack *stack = stack_table_get(from, id);
    struct stack_frame frames[STACK_MAX_FRAMES];

    *ret_id = 0;
    if (!stack || stack->count > STACK_MAX_FRAMES)
        return NULL;
    for (uint32_t i = 0; i < stack->count; i++)
        frames[i] = *stack->frames[i];
    return stack_table_add(c->stacks, &(struct stack_path){stack->end, frames, stack->count},
                           ret_id);
}

struct seep_error *collection_take_events(struct collection *c, struct case_dir *from)
{
    const enum when_basis basis = settle_basis_of(from);
    _cleanup_(stack_table_destroyp) struct stack_table *stacks = NULL;
    _cleanup_(event_source_destroyp) struct event_source *source = NULL;
    enum event_source_step step = EVENT_SOURCE_MORE;
    struct events_reader *reader = NULL;
    struct case_info info;
    struct event ev;
    struct seep_error *err = stack_table_create(&stacks);

    case_info(from, &info);
    if (!err)
        err = events_reader_create(from->fd, stacks, &reader);
    if (err && err->code == ERROR_NOT_FOUND) {
        error_destroy(err);
        return NULL;
    }
    if (err)
        return err;
    source = &reader->source;
    for (;;) {
        err = event_source_next(source, &ev, &step);
        if (err || step == EVENT_SOURCE_END)
            return err;
        c->had_events = true;
        collection_saw_thread(c, ev.pid, ev.tid);
        if (ev.stack_id)
            err = add_stack(c, stacks, ev.stack_id, &ev.stack_id);
        ev.enter_ns += info.wall_offset_ns - settle_begin_ns(basis);
        ev.exit_ns += info.wall_offset_ns - settle_begin_ns(basis);
        if (!err)
            err = collection_event(c, basis, &ev);
        if (err)
            return err;
    }
}

/* --- what was under way --- */

struct span_ns {
    uint64_t enter, exit;
};

/* Calls by enter, of which only those are kept that end later than all before them: the others can never
 * be the earliest one under way.
 *
 *     enter   1 ────────────── 9       kept
 *               2 ─── 5                 never the earliest: 1 is there as long
 *                  4 ───────────── 12   kept
 */
struct under_way {
    struct sorter *spans;
    struct sorter_record next; /* bytes NULL: none is left */
    VECTOR(struct span_ns) kept;
    size_t front;
};

static struct seep_error *under_way_advance(struct under_way *u)
{
    return sorter_next(u->spans, &u->next);
}

static struct seep_error *under_way_keep(struct under_way *u)
{
    struct span_ns span = {.enter = u->next.key};

    memcpy(&span.exit, u->next.bytes, sizeof(span.exit));
    if (u->front < u->kept.count && u->kept.items[u->kept.count - 1].exit >= span.exit)
        return NULL;
    if (u->front > 4096 && u->front * 2 > u->kept.count) {
        u->kept.count -= u->front;
        memmove(u->kept.items, u->kept.items + u->front, u->kept.count * sizeof(span));
        u->front = 0;
    }
    return vector_push(&u->kept, span);
}

/* The earliest enter of a call other than EV that was under way at its exit, or may have been: at equal
 * times nobody knows. 0: none. */
static struct seep_error *under_way_at(struct under_way *u, const struct event *ev,
                                       uint64_t *ret_ns)
{
    struct seep_error *err = NULL;

    while (u->next.bytes && u->next.key < ev->exit_ns && !err) {
        err = under_way_keep(u);
        if (!err)
            err = under_way_advance(u);
    }
    if (err)
        return err;
    while (u->front < u->kept.count) {
        const struct span_ns *first = &u->kept.items[u->front];

        if (first->exit > ev->exit_ns ||
            (first->exit == ev->exit_ns && first->enter != ev->enter_ns))
            break;
        u->front++;
    }
    *ret_ns = u->front < u->kept.count ? u->kept.items[u->front].enter : 0;
    return NULL;
}

/* --- writing --- */

/* The sink at the pipe's other end: an event with our number of its call path, into the file. */
struct numbering {
    struct event_sink sink;
    struct events_writer *writer;
    const struct stack_table *stacks;
    uint32_t *stack_ids; /* the file's number by ours; 0: not asked for yet */
};

static struct seep_error *number_stack(struct numbering *n, uint32_t id)
{
    const struct stack *stack = stack_table_get(n->stacks, id);
    struct stack_frame frames[STACK_MAX_FRAMES];

    for (uint32_t i = 0; i < stack->count; i++)
        frames[i] = *stack->frames[i];
    return events_writer_add_stack(
        n->writer, &(struct stack_path){stack->end, frames, stack->count}, &n->stack_ids[id]);
}

static struct seep_error *put_numbered(struct event_sink *sink, const struct event *ev)
{
    struct numbering *n = (struct numbering *)sink;
    struct event numbered;
    struct seep_error *err = NULL;

    if (!ev->stack_id)
        return event_sink_put(&n->writer->sink, ev);
    if (!n->stack_ids[ev->stack_id])
        err = number_stack(n, ev->stack_id);
    numbered = *ev;
    numbered.stack_id = n->stack_ids[ev->stack_id];
    return err ? err : event_sink_put(&n->writer->sink, &numbered);
}

struct writing {
    struct collection *c;
    const struct settled *settled;
    struct event_pipe *pipe;
    struct tid_table started; /* processes that have begun, by pid; their `process` is 1 */
};

/* Each file of strace -ff says of its thread's process that it was there; one of them is enough. */
static bool has_begun(struct writing *w, const struct event *ev)
{
    bool begun;

    if (ev->kind != EVENT_PROCESS_START && ev->kind != EVENT_PROCESS_EXIT)
        return false;
    begun = collection_tid_get(&w->started, ev->pid) != 0;
    collection_tid_set(&w->started, ev->pid, ev->kind == EVENT_PROCESS_START);
    return begun && ev->kind == EVENT_PROCESS_START && ev->args[0] == EVENT_START_ATTACHED;
}

/* Nobody knows the thread. What has a pid and no tid was written so by an earlier import. */
static bool is_nameless(const struct collection *c, const struct event *ev)
{
    if (ev->tid > 0)
        return false;
    return ev->pid > 0 || (ev->pid < 0 && c->aliases.items[-ev->pid - 1].nameless);
}

static struct seep_error *write_event(struct writing *w, struct event *ev, uint64_t pending_ns,
                                      uint64_t shift_ns)
{
    const bool nameless = is_nameless(w->c, ev);

    if (nameless && (ev->kind == EVENT_THREAD_START || ev->kind == EVENT_THREAD_EXIT ||
                     ev->kind == EVENT_THREAD_NAME))
        return NULL;
    ev->pid = settle_pid(w->c, w->settled, ev->pid);
    if (!nameless && ev->tid <= 0)
        ev->tid = ev->pid;
    if (ev->kind == EVENT_PROCESS_START && ev->args[1])
        ev->args[1] = (uint64_t)settle_pid(w->c, w->settled, (pid_t)ev->args[1]);
    ev->enter_ns += shift_ns;
    ev->exit_ns += shift_ns;
    ev->pending_ns = pending_ns ? pending_ns + shift_ns : 0;
    return has_begun(w, ev) ? NULL : event_pipe_put(w->pipe, ev);
}

static struct seep_error *write_lane(struct writing *w, struct lane *lane, uint64_t shift_ns)
{
    struct under_way under_way = {.spans = lane->spans};
    struct sorter_record record;
    struct seep_error *err = sorter_sort(lane->events);

    if (!err)
        err = sorter_sort(lane->spans);
    if (!err)
        err = under_way_advance(&under_way);
    while (!err && !(err = sorter_next(lane->events, &record)) && record.bytes) {
        struct event ev;
        uint64_t pending_ns = 0;

        if (!event_record_get(record.bytes, record.len, record.key, &ev)) {
            err = error_create(ERROR_SYSTEM, "the temporary file is not what was written");
            break;
        }
        err = under_way_at(&under_way, &ev, &pending_ns);
        if (!err)
            err = write_event(w, &ev, pending_ns, shift_ns);
    }
    vector_deinit(&under_way.kept);
    return err;
}

/* Names are turns in threads' lives; those of all time stand before everything. */
static struct seep_error *add_names(struct collection *c, const struct settled *settled)
{
    const uint64_t shift_ns = settled->lane_shift_ns[settled->basis];
    struct seep_error *err = NULL;

    for (size_t i = 0; i < c->names.count && !err; i++) {
        const struct kept_name *name = &c->names.items[i];
        struct event ev = {
            .pid = name->pid, .tid = name->tid, .kind = EVENT_THREAD_NAME, .name = name->name};
        bool placed;
        uint64_t time_ns = settled->first_ns ? settled->first_ns : settled->shift_ns + NS_PER_S;

        placed = settle_time(settled, name->when, &time_ns);
        ev.enter_ns = ev.exit_ns = time_ns - shift_ns;
        err = collection_event(c, settled->basis, &ev);
        /* And once more behind them: a thread that begins in between has no name till then. */
        if (!err && !placed && collection_tid_get(&c->seen, name->tid) &&
            settled->last_ns > time_ns) {
            ev.enter_ns = ev.exit_ns = settled->last_ns - shift_ns;
            err = collection_event(c, settled->basis, &ev);
        }
    }
    return err;
}

static struct seep_error *write_lanes(struct collection *c, const struct settled *settled,
                                      struct event_sink *sink)
{
    _cleanup_(event_pipe_destroyp) struct event_pipe *pipe = NULL;
    struct writing w = {.c = c, .settled = settled};
    struct lane *lanes = c->lanes;
    struct seep_error *err = event_pipe_create(sink, &pipe);

    w.pipe = pipe;
    if (!err && lanes[settled->basis].events)
        err = write_lane(&w, &lanes[settled->basis], settled->lane_shift_ns[settled->basis]);
    for (int basis = WHEN_ABSOLUTE; basis >= WHEN_NONE && !err; basis--)
        if (lanes[basis].events && basis != (int)settled->basis)
            err = write_lane(&w, &lanes[basis], settled->lane_shift_ns[basis]);
    free(w.started.slots);
    return err ? err : event_pipe_finish(pipe);
}

static struct seep_error *write_file(struct collection *c, const struct settled *settled, int fd)
{
    _cleanup_(events_writer_destroyp) struct events_writer *writer = NULL;
    _cleanup_free_ uint32_t *stack_ids =
        calloc((size_t)stack_table_count(c->stacks) + 1, sizeof(*stack_ids));
    struct numbering numbering = {
        .sink = {.put = put_numbered}, .stacks = c->stacks, .stack_ids = stack_ids};
    struct seep_error *err = stack_ids ? events_writer_create(fd, &writer) : error_no_memory();

    if (err)
        return err;
    numbering.writer = writer;
    err = write_lanes(c, settled, &numbering.sink);
    return err ? err : event_sink_finish(&writer->sink);
}

struct seep_error *collection_write_events(struct collection *c, const struct settled *settled,
                                           struct case_dir *into)
{
    static const char temporary[] = "events.tmp";
    _cleanup_close_ int fd = -1;
    struct seep_error *err = add_names(c, settled);
    bool any = false;

    if (!err)
        err = collection_events_added(c);

    for (int basis = 0; basis < WHEN_BASES; basis++)
        any |= c->lanes[basis].events != NULL;
    if (err || !any)
        return err;
    unlinkat(into->fd, temporary, 0);
    err = case_create_file(into, temporary, &fd);
    if (!err)
        err = write_file(c, settled, fd);
    if (!err && renameat(into->fd, temporary, into->fd, "events") < 0)
        err = error_errno(errno, into->path, "cannot rename %s/%s", into->path, temporary);
    if (err)
        unlinkat(into->fd, temporary, 0);
    collection_note_time(c, settled->first_ns);
    collection_note_time(c, settled->last_ns);
    return err;
}
