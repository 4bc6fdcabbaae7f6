#include "analyzer/ledger.h"

#include <stdlib.h>

#include "analyzer/ledger_internal.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
    DEAD_KEPT = 1024,        /* address spaces of exited processes, whatever is in them */
    DEAD_LARGE_KEPT = 16384, /* and more of them, when this much is charged in each: */
    DEAD_LARGE_BYTES = 1 << 20,
};

enum process_state {
    PROCESS_HEARD_OF, /* by a snapshot or a call, before its start was told */
    PROCESS_STARTED,
    PROCESS_EXITED,
    PROCESS_LET_GO, /* detached: its calls are not seen any more */
};

struct ledger_process {
    pid_t pid;
    enum process_state state;
    unsigned threads; /* as told */
    struct ledger_space *space;
    UT_hash_handle hh;
};

struct seep_error *ledger_create(struct ledger **ret_ledger)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));

    if (!ledger)
        return error_no_memory();
    TAILQ_INIT(&ledger->spaces);
    TAILQ_INIT(&ledger->dead);
    TAILQ_INIT(&ledger->dead_large);
    ledger->page_bytes = 4096;
    *ret_ledger = ledger;
    return NULL;
}

static void destroy_space(struct ledger *ledger, struct ledger_space *space)
{
    TAILQ_REMOVE(&ledger->spaces, space, entry);
    space_destroy(space);
}

void ledger_destroy(struct ledger *ledger)
{
    struct ledger_process *process, *following;

    if (!ledger)
        return;
    HASH_ITER(hh, ledger->processes, process, following)
    {
        HASH_DEL(ledger->processes, process);
        free(process);
    }
    while (!TAILQ_EMPTY(&ledger->spaces))
        destroy_space(ledger, TAILQ_FIRST(&ledger->spaces));
    ledger_calls_deinit(ledger);
    charges_deinit(&ledger->charges);
    free(ledger);
}

void ledger_set_page_bytes(struct ledger *ledger, uint64_t page_bytes)
{
    ledger->page_bytes = page_bytes;
}

/* --- processes --- */

static struct ledger_process *find_process(const struct ledger *ledger, pid_t pid)
{
    struct ledger_process *process = ledger->last;

    if (!process || process->pid != pid)
        HASH_FIND(hh, ledger->processes, &pid, sizeof(pid), process);
    return process;
}

struct ledger_space *ledger_space_of(const struct ledger *ledger, pid_t pid)
{
    const struct ledger_process *process = find_process(ledger, pid);

    return process ? process->space : NULL;
}

static struct seep_error *new_space(struct ledger *ledger, pid_t pid,
                                    struct ledger_space **ret_space)
{
    struct seep_error *err = space_create(&ledger->charges, pid, ret_space);

    if (!err)
        TAILQ_INSERT_TAIL(&ledger->spaces, *ret_space, entry);
    return err;
}

static void forget_process(struct ledger *ledger, struct ledger_process *process)
{
    HASH_DEL(ledger->processes, process);
    ledger->last = NULL;
    free(process);
}

/* The books of a dead process that nobody will ask for. */
static void forget_space(struct ledger *ledger, struct ledger_space *space)
{
    struct ledger_process *process = find_process(ledger, space->pid);

    if (process && process->space == space)
        forget_process(ledger, process);
    destroy_space(ledger, space);
    ledger->forgotten++;
}

/* A server may fork for every request: dead books are kept as long as they matter, but not all. */
static void bury(struct ledger *ledger, struct ledger_space *space)
{
    TAILQ_INSERT_TAIL(&ledger->dead, space, dead_entry);
    if (++ledger->dead_count <= DEAD_KEPT)
        return;
    space = TAILQ_FIRST(&ledger->dead);
    TAILQ_REMOVE(&ledger->dead, space, dead_entry);
    ledger->dead_count--;
    if (space->charged_bytes >= DEAD_LARGE_BYTES) {
        TAILQ_INSERT_TAIL(&ledger->dead_large, space, dead_entry);
        if (++ledger->dead_large_count <= DEAD_LARGE_KEPT)
            return;
        space = TAILQ_FIRST(&ledger->dead_large);
        TAILQ_REMOVE(&ledger->dead_large, space, dead_entry);
        ledger->dead_large_count--;
    }
    forget_space(ledger, space);
}

/* PROCESS has ended. Its books stay in its name; one that shared another's had none. */
static void leave_books(struct ledger *ledger, struct ledger_process *process)
{
    struct ledger_space *space = process->space;

    process->state = PROCESS_EXITED;
    if (space->pid != process->pid)
        forget_process(ledger, process);
    if (--space->users == 0)
        bury(ledger, space);
}

/* Lets PID have SPACE from now on. The books of an earlier process of that pid stay, without a name.
 */
static struct seep_error *settle_process(struct ledger *ledger, pid_t pid,
                                         struct ledger_space *space)
{
    struct ledger_process *process = find_process(ledger, pid);

    if (!process) {
        process = calloc(1, sizeof(*process));
        if (!process)
            return error_no_memory();
        process->pid = pid;
        HASH_ADD(hh, ledger->processes, pid, sizeof(pid), process);
        if (!process->hh.tbl) {
            free(process);
            return error_no_memory();
        }
    }
    process->space = space;
    process->state = PROCESS_HEARD_OF;
    process->threads = 0;
    space->users++;
    ledger->last = process;
    return NULL;
}

/* A process with empty books: what it has is still to be seen. */
static struct seep_error *start_fresh(struct ledger *ledger, pid_t pid,
                                      struct ledger_space **ret_space)
{
    struct ledger_space *space;
    struct seep_error *err = new_space(ledger, pid, &space);

    if (err)
        return err;
    space->uncertain = true;
    err = settle_process(ledger, pid, space);
    if (!err)
        *ret_space = space;
    return err;
}

struct seep_error *ledger_space_for(struct ledger *ledger, pid_t pid,
                                    struct ledger_space **ret_space)
{
    struct ledger_process *process = find_process(ledger, pid);

    if (!process)
        return start_fresh(ledger, pid, ret_space);
    ledger->last = process;
    *ret_space = process->space;
    return NULL;
}

static struct seep_error *new_books(struct ledger *ledger, const struct event *ev)
{
    const struct ledger_process *parent = find_process(ledger, (pid_t)ev->args[1]);
    struct ledger_space *space;
    struct seep_error *err;

    if (!parent || parent->state == PROCESS_EXITED || ev->args[0] == EVENT_START_ATTACHED)
        return start_fresh(ledger, ev->pid, &space);
    if (ev->args[0] == EVENT_START_SHARED)
        return settle_process(ledger, ev->pid, parent->space);
    err = new_space(ledger, ev->pid, &space);
    if (!err)
        err = space_inherit(space, parent->space, ++ledger->forks);
    if (err)
        return err;
    /* The copy was made in the middle of whatever the other threads did. */
    space->uncertain |= parent->threads > 1 || parent->space->users > 1;
    return settle_process(ledger, ev->pid, space);
}

static struct seep_error *apply_start(struct ledger *ledger, const struct event *ev)
{
    struct ledger_process *process = find_process(ledger, ev->pid);
    bool heard_of = process && process->state == PROCESS_HEARD_OF;
    struct seep_error *err = NULL;

    if (process && !heard_of && process->state != PROCESS_EXITED) /* its end was not told */
        leave_books(ledger, process);
    if (!heard_of)
        err = new_books(ledger, ev);
    if (err)
        return err;
    process = find_process(ledger, ev->pid);
    process->state = PROCESS_STARTED;
    if (!heard_of && process->space->pid == ev->pid)
        process->space->since_ns = ev->exit_ns;
    return NULL;
}

static struct seep_error *apply_exec(struct ledger *ledger, const struct event *ev)
{
    const struct ledger_process *process = find_process(ledger, ev->pid);
    struct ledger_space *old = process && process->state != PROCESS_EXITED ? process->space : NULL;
    struct ledger_space *fresh;
    struct seep_error *err = start_fresh(ledger, ev->pid, &fresh);

    if (err)
        return err;
    find_process(ledger, ev->pid)->state = PROCESS_STARTED;
    find_process(ledger, ev->pid)->threads = 1;
    fresh->since_ns = ev->exit_ns;
    if (!old || --old->users > 0)
        return NULL;
    if (old->pid == ev->pid)
        destroy_space(ledger, old);
    else /* the last one to share the books of a process that has ended */
        bury(ledger, old);
    return NULL;
}

static void apply_exit(struct ledger *ledger, const struct event *ev)
{
    struct ledger_process *process = find_process(ledger, ev->pid);

    if (process && process->state != PROCESS_EXITED)
        leave_books(ledger, process);
}

static void count_thread(struct ledger *ledger, const struct event *ev)
{
    struct ledger_process *process = find_process(ledger, ev->pid);

    if (process && ev->kind == EVENT_THREAD_START)
        process->threads++;
    else if (process && process->threads > 0)
        process->threads--;
}

static void apply_detach(struct ledger *ledger, const struct event *ev)
{
    struct ledger_process *process = find_process(ledger, ev->pid);

    if (process && process->state != PROCESS_EXITED)
        process->state = PROCESS_LET_GO;
}

static void apply_lost(struct ledger *ledger, const struct event *ev)
{
    struct ledger_space *space = ledger_space_of(ledger, ev->pid);

    if (space) {
        space->uncertain = true;
        return;
    }
    TAILQ_FOREACH (space, &ledger->spaces, entry)
        space->uncertain = true;
}

void ledger_on_freed(struct ledger *ledger, ledger_freed freed, void *context)
{
    ledger->charges.freed = freed;
    ledger->charges.freed_context = context;
}

struct seep_error *ledger_apply(struct ledger *ledger, const struct event *ev)
{
    ledger->events++;
    ledger->charges.now_ns = ev->exit_ns;
    switch (ev->kind) {
    case EVENT_PROCESS_START:
        return apply_start(ledger, ev);
    case EVENT_EXEC:
        return apply_exec(ledger, ev);
    case EVENT_THREAD_START:
    case EVENT_THREAD_EXIT:
        count_thread(ledger, ev);
        return NULL;
    case EVENT_PROCESS_EXIT:
        apply_exit(ledger, ev);
        return NULL;
    case EVENT_DETACH:
        apply_detach(ledger, ev);
        return NULL;
    case EVENT_LOST:
        apply_lost(ledger, ev);
        return NULL;
    default:
        break;
    }
    if (!event_is_syscall(ev))
        return NULL;

    struct ledger_space *space;
    struct seep_error *err = ledger_space_for(ledger, ev->pid, &space);

    return err ? err : ledger_calls_apply(ledger, space, ev);
}

/* --- questions --- */

const struct ledger_space *ledger_find(const struct ledger *ledger, pid_t pid)
{
    return ledger_space_of(ledger, pid);
}

bool ledger_is_uncertain(const struct ledger *ledger, pid_t pid)
{
    const struct ledger_process *process = find_process(ledger, pid);

    return !process || process->state == PROCESS_LET_GO || process->space->uncertain;
}

uint64_t ledger_since(const struct ledger *ledger, pid_t pid)
{
    const struct ledger_space *space = ledger_space_of(ledger, pid);

    return space ? space->since_ns : 0;
}

bool ledger_is_free(const struct ledger *ledger, pid_t pid, uint64_t start, uint64_t end)
{
    const struct ledger_space *space = ledger_space_of(ledger, pid);
    struct interval_cursor cursor;
    const struct interval *item = space ? interval_map_seek(&space->map, start, &cursor) : NULL;

    return !item || item->start >= end;
}

static struct ledger_interval interval_of(const struct interval *item)
{
    return (struct ledger_interval){
        .start = item->start,
        .end = item->end,
        .charge = item->owner,
        .perms = item->tag & SPACE_PERMS,
        .backing = (uint8_t)space_backing(item->tag),
        .inherited = item->tag & SPACE_INHERITED,
    };
}

void ledger_each(const struct ledger_space *space, uint64_t start, uint64_t end, ledger_visit visit,
                 void *context)
{
    struct interval_cursor cursor;

    for (const struct interval *item = interval_map_seek(&space->map, start, &cursor);
         item && item->start < end; item = interval_cursor_next(&cursor)) {
        struct ledger_interval interval = interval_of(item);

        interval.start = item->start > start ? item->start : start;
        interval.end = item->end < end ? item->end : end;
        if (!visit(&interval, context))
            return;
    }
}

struct own_visit {
    ledger_visit visit;
    void *context;
};

static bool visit_own(const struct interval *item, void *context)
{
    const struct own_visit *own = context;
    const struct ledger_interval interval = interval_of(item);

    return own->visit(&interval, own->context);
}

void ledger_each_own(const struct ledger_space *space, ledger_visit visit, void *context)
{
    interval_map_each_own(&space->map, visit_own, &(struct own_visit){visit, context});
}

void ledger_each_group(const struct ledger *ledger,
                       bool (*visit)(const struct ledger_group *group, void *context),
                       void *context)
{
    charges_each_group(&ledger->charges, visit, context);
}

void ledger_each_space(const struct ledger *ledger,
                       bool (*visit)(const struct ledger_space *space, pid_t pid, void *context),
                       void *context)
{
    const struct ledger_space *space;

    TAILQ_FOREACH (space, &ledger->spaces, entry)
        if (!visit(space, space->pid, context))
            return;
}

void ledger_totals(const struct ledger *ledger, struct ledger_totals *ret_totals)
{
    struct ledger_totals totals = {
        .events = ledger->events,
        .live_charges = ledger->charges.live_count,
        .live_bytes = ledger->charges.live_bytes,
        .conflicts = ledger->conflicts,
        .perms_differ_bytes = ledger->perms_differ_bytes,
        .forgotten = ledger->forgotten,
        .memory_bytes = sizeof(*ledger) + charges_memory(&ledger->charges) +
                        HASH_COUNT(ledger->processes) * sizeof(struct ledger_process),
    };
    const struct ledger_space *space;

    TAILQ_FOREACH (space, &ledger->spaces, entry) {
        totals.intervals += space->map.count;
        totals.unknown_bytes += space->unknown_bytes;
        totals.inherited_bytes += space->inherited_bytes;
        totals.spaces++;
        totals.memory_bytes += sizeof(*space) + interval_map_bytes(&space->map) +
                               space->attachments.capacity * sizeof(*space->attachments.items) +
                               space->scratch.capacity * sizeof(*space->scratch.items);
    }
    *ret_totals = totals;
}
