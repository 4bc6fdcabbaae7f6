#include "analyzer/history.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { MAX_RSS_SAMPLES = 256 };

struct history_pid {
    pid_t pid;
    struct history_process *process;
    UT_hash_handle hh;
};

/* --- processes --- */

static void forget_parts(struct history_process *p)
{
    activity_deinit(&p->activity);
    births_deinit(&p->births);
    flow_deinit(&p->flow);
    places_deinit(&p->places);
    held_deinit(&p->held);
    growth_deinit(&p->growth);
    residence_deinit(&p->first_residence);
    residence_deinit(&p->residence);
    vector_deinit(&p->unplaced);
    vector_deinit(&p->first_map);
}

static void begin_image(struct history_process *p, uint64_t time_ns)
{
    forget_parts(p);
    p->start_ns = time_ns;
    p->births = (struct births){.origin_ns = time_ns};
    activity_init(&p->activity, time_ns);
    growth_init(&p->growth);
}

static void process_destroy(struct history_process *p)
{
    if (!p)
        return;
    forget_parts(p);
    vector_deinit(&p->logs);
    free(p->exe);
    free(p);
}
DEFINE_CLEANUP(struct history_process *, process_destroy);

struct history_process *history_find(const struct history *history, pid_t pid)
{
    struct history_pid *entry;

    if (history->last && history->last->pid == pid)
        return history->last;
    HASH_FIND_INT(history->pids, &pid, entry);
    return entry ? entry->process : NULL;
}

/* Takes P's part of the totals out, or puts it in. */
static void count_in(struct history *history, struct history_process *p, bool in)
{
    history->live_rss_bytes -= p->counted_rss_bytes;
    history->live_virtual_bytes -= p->counted_virtual_bytes;
    p->counted_rss_bytes = in && p->rss_bytes != SNAPSHOT_UNKNOWN ? p->rss_bytes : 0;
    p->counted_virtual_bytes = in && p->virtual_bytes != SNAPSHOT_UNKNOWN ? p->virtual_bytes : 0;
    history->live_rss_bytes += p->counted_rss_bytes;
    history->live_virtual_bytes += p->counted_virtual_bytes;
}

/* Makes PID's process, in the place of one that had the pid before. */
static struct seep_error *make_process(struct history *history, pid_t pid, uint64_t time_ns,
                                       struct history_process **ret_process)
{
    _cleanup_(process_destroyp) struct history_process *p = calloc(1, sizeof(*p));
    struct history_pid *entry;
    struct seep_error *err;

    if (!p)
        return error_no_memory();
    *p = (struct history_process){
        .pid = pid,
        .imported = history->imported,
        .rss_bytes = SNAPSHOT_UNKNOWN,
        .pss_bytes = SNAPSHOT_UNKNOWN,
        .virtual_bytes = SNAPSHOT_UNKNOWN,
        .cgroup_limit_bytes = SNAPSHOT_UNKNOWN,
        .cgroup_used_bytes = SNAPSHOT_UNKNOWN,
        .rlimit_as_bytes = SNAPSHOT_UNKNOWN,
        .memory_total_bytes = SNAPSHOT_UNKNOWN,
        .memory_available_bytes = SNAPSHOT_UNKNOWN,
    };
    begin_image(p, time_ns);
    HASH_FIND_INT(history->pids, &pid, entry);
    if (!entry) {
        entry = calloc(1, sizeof(*entry));
        if (!entry)
            return error_no_memory();
        entry->pid = pid;
        HASH_ADD_INT(history->pids, pid, entry);
        if (!entry->hh.tbl) {
            free(entry);
            return error_no_memory();
        }
    }
    err = vector_push(&history->processes, p);
    if (err)
        return err;
    if (entry->process)
        count_in(history, entry->process, false);
    entry->process = *ret_process = history->last = take_ptr(p);
    return NULL;
}

static struct seep_error *get_process(struct history *history, pid_t pid, uint64_t time_ns,
                                      struct history_process **ret_process)
{
    struct history_process *p = history_find(history, pid);

    if (!p)
        return make_process(history, pid, time_ns, ret_process);
    history->last = *ret_process = p;
    return NULL;
}

struct charged {
    uint64_t bytes, enough;
};

static bool sum_charged(const struct ledger_interval *interval, void *context)
{
    struct charged *charged = context;

    if (interval->charge && interval->backing != LEDGER_FILE)
        charged->bytes += interval->end - interval->start;
    return charged->bytes < charged->enough;
}

static void forget_pid(struct history *history, const struct history_process *p)
{
    struct history_pid *entry;

    HASH_FIND_INT(history->pids, &p->pid, entry);
    if (entry && entry->process == p) {
        HASH_DEL(history->pids, entry);
        free(entry);
    }
    if (history->last == p)
        history->last = NULL;
}

static void drop_retired(struct history *history)
{
    size_t kept = 0;

    for (size_t i = 0; i < history->processes.count; i++) {
        struct history_process *p = history->processes.items[i];

        if (!p->retired) {
            history->processes.items[kept++] = p;
            continue;
        }
        forget_pid(history, p);
        process_destroy(p);
    }
    history->processes.count = kept;
    history->retired = 0;
}

/* A build or a test suite starts thousands of processes that leave nothing worth a word. */
static void retire_if_small(struct history *history, struct history_process *p)
{
    const struct ledger_space *space = ledger_find(history->ledger, p->pid);
    struct charged charged = {.enough = history->ended < HISTORY_MANY ? HISTORY_MIN_BYTES
                                                                      : HISTORY_MANY_MIN_BYTES};

    if (space)
        ledger_each(space, 0, UINT64_MAX, sum_charged, &charged);
    if (charged.bytes >= charged.enough || history->processes.items[0] == p ||
        p->held.objects.count) {
        history->ended++;
        return;
    }
    forget_parts(p);
    p->retired = true;
    if (++history->retired >= HISTORY_MANY)
        drop_retired(history);
}

/* --- threads --- */

const char *history_thread_name_at(const struct history *history, pid_t tid, uint64_t time_ns)
{
    return threads_name_at(&history->threads, tid, time_ns);
}

bool history_thread_exited(const struct history *history, pid_t tid)
{
    return threads_exited(&history->threads, tid);
}

void history_each_thread(const struct history *history, pid_t pid,
                         bool (*visit)(pid_t tid, void *context), void *context)
{
    threads_each(&history->threads, pid, visit, context);
}

/* --- events --- */

static struct seep_error *set_exe(struct history_process *p, const char *exe)
{
    char *copy = strdup(exe);

    if (!copy)
        return error_no_memory();
    free(p->exe);
    p->exe = copy;
    return NULL;
}

static struct seep_error *start_process(struct history *history, const struct event *ev)
{
    const struct history_process *parent = history_find(history, (pid_t)ev->args[1]);
    struct history_process *p = history_find(history, ev->pid);
    struct seep_error *err;

    /* A pmap from before the log is a look at it all the same. */
    if (history->imported && ev->args[0] == EVENT_START_ATTACHED && p && !p->end_ns)
        return NULL;
    err = make_process(history, ev->pid, ev->enter_ns, &p);
    if (err)
        return err;
    p->ppid = (pid_t)ev->args[1];
    p->start_ticks = ev->args[2];
    p->forked = ev->args[0] != EVENT_START_ATTACHED;
    p->started = p->forked;
    if (p->forked && parent && parent->exe)
        err = set_exe(p, parent->exe);
    return err;
}

static struct seep_error *exec_process(struct history_process *p, const struct event *ev)
{
    begin_image(p, ev->exit_ns);
    p->exit_look_ns = 0;
    p->started = p->execed = true;
    return ev->name ? set_exe(p, ev->name) : NULL;
}

static uint64_t round_up(const struct history *history, uint64_t len)
{
    uint64_t mask = history->page_bytes - 1;

    return len > UINT64_MAX - mask ? len : (len + mask) & ~mask;
}

/* Where memory that could have been put anywhere went can be reasoned about. */
static struct seep_error *keep_unplaced(struct history_process *p, const struct event *ev)
{
    struct event kept = *ev;

    if (!(ev->args[3] & MAP_ANONYMOUS) || ev->args[3] & (MAP_FIXED | MAP_SHARED | MAP_HUGETLB))
        return NULL;
    if (p->unplaced.count == HISTORY_MAX_UNPLACED) {
        p->unplaced_skipped++;
        return NULL;
    }
    kept.name = NULL;
    return vector_push(&p->unplaced, kept);
}

struct seep_error *history_placed(struct history *history, struct history_process *p,
                                  const struct event *ev)
{
    uint64_t bytes = round_up(history, ev->args[1]);

    flow_add_late(&p->flow, ev->exit_ns, (double)bytes);
    return births_add(&p->births, BIRTHS_ANONYMOUS, bytes, ev);
}

static struct seep_error *note_syscall(struct history *history, struct history_process *p,
                                       const struct event *ev)
{
    struct seep_error *err;

    p->unmaps += ev->kind == EVENT_MUNMAP;
    if (ev->result == EVENT_RESULT_UNKNOWN && ev->kind == EVENT_MMAP)
        return keep_unplaced(p, ev);
    if (event_failed(ev) && !(ev->kind == EVENT_MUNMAP && ev->result == EVENT_RESULT_UNKNOWN))
        return NULL;
    err = flow_note(&p->flow, ev, history->page_bytes);
    if (err)
        return err;
    switch (ev->kind) {
    case EVENT_MMAP:
        err = births_add(&p->births, ev->args[3] & MAP_ANONYMOUS ? BIRTHS_ANONYMOUS : BIRTHS_OBJECT,
                         round_up(history, ev->args[1]), ev);
        return err ? err : places_mapped(&p->places, ev);
    case EVENT_SHMAT:
        return births_add(&p->births, BIRTHS_OBJECT, round_up(history, ev->args[3]), ev);
    case EVENT_MUNMAP:
        births_died(&p->births, round_up(history, ev->args[1]), ev->exit_ns);
        return places_mapped(&p->places, ev);
    case EVENT_MREMAP:
        return places_mapped(&p->places, ev);
    case EVENT_MEMFD_CREATE:
        return held_made(&p->held, SNAPSHOT_HELD_DESCRIPTOR, ev);
    case EVENT_SHMGET:
        return held_made(&p->held, SNAPSHOT_HELD_SYSV, ev);
    default:
        return NULL;
    }
}

static struct seep_error *note_life(struct history *history, struct history_process *p,
                                    const struct event *ev)
{
    struct seep_error *err;

    switch (ev->kind) {
    case EVENT_EXEC:
        return exec_process(p, ev);
    case EVENT_THREAD_START:
        err = threads_event(&history->threads, history->ledger, ev);
        return err ? err : places_thread_started(&p->places, (pid_t)ev->args[0], ev->tid);
    case EVENT_THREAD_NAME:
        return threads_event(&history->threads, history->ledger, ev);
    case EVENT_THREAD_EXIT:
        places_thread_exited(&p->places, ev->tid);
        return threads_event(&history->threads, history->ledger, ev);
    case EVENT_PROCESS_EXIT:
        /* It may have been held for a dump of its memory since it began to exit. */
        p->end_ns = p->exit_look_ns ? p->exit_look_ns : ev->exit_ns;
        count_in(history, p, false);
        retire_if_small(history, p);
        return NULL;
    case EVENT_DETACH:
        p->detached_ns = ev->exit_ns;
        return NULL;
    default:
        return NULL;
    }
}

void history_freed(const struct ledger_charge *charge, uint64_t time_ns, void *context)
{
    const struct ledger_group *group = charge->group;
    struct history_process *p = group->stack_id ? history_find(context, charge->pid) : NULL;

    if (p && !p->retired && (group->kind == EVENT_MMAP || group->kind == EVENT_SHMAT))
        births_freed(&p->births, births_kind_of(group), group->stack_id, time_ns);
}

static void note_time(struct history *history, uint64_t time_ns)
{
    if (history->first_ns == 0 || time_ns < history->first_ns)
        history->first_ns = time_ns;
    if (time_ns > history->last_ns)
        history->last_ns = time_ns;
}

struct seep_error *history_event(void *context, const struct event *ev)
{
    struct history *history = context;
    struct history_process *p;
    struct seep_error *err;

    note_time(history, ev->exit_ns);
    if (history->first_event_ns == 0 || ev->enter_ns < history->first_event_ns)
        history->first_event_ns = ev->enter_ns;
    if (ev->exit_ns > history->last_event_ns)
        history->last_event_ns = ev->exit_ns;
    if (ev->kind == EVENT_LOST)
        return NULL;
    if (ev->kind == EVENT_PROCESS_START)
        return start_process(history, ev);
    err = get_process(history, ev->pid, ev->enter_ns, &p);
    if (!err)
        err = frame_uses_note(&history->uses, ev->stack_id, ev->pid, ev->exit_ns);
    if (err || p->retired)
        return err;
    if (!event_is_syscall(ev))
        return note_life(history, p, ev);
    p->events++;
    history->worked = true;
    slots_add(&p->activity.events, ev->exit_ns);
    return note_syscall(history, p, ev);
}

/* --- snapshots --- */

/* The sum of a part says nothing of the whole. */
static uint64_t sum_field(const struct snapshot *snap, enum smaps_field field)
{
    uint64_t sum = 0;
    bool known = false;

    for (size_t i = 0; i < snap->maps.count && !snap->partial; i++) {
        uint64_t value = snap->maps.vmas[i].fields[field];

        if (value == MAPS_UNKNOWN)
            continue;
        known = true;
        if (__builtin_add_overflow(sum, value, &sum))
            return SNAPSHOT_UNKNOWN;
    }
    return known ? sum : SNAPSHOT_UNKNOWN;
}

static uint64_t sum_sizes(const struct snapshot *snap)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < snap->maps.count; i++)
        if (__builtin_add_overflow(sum, vma_size(&snap->maps.vmas[i]), &sum))
            return SNAPSHOT_UNKNOWN;
    return snap->maps.count && !snap->partial ? sum : SNAPSHOT_UNKNOWN;
}

static void take(uint64_t *figure, uint64_t seen)
{
    if (seen != SNAPSHOT_UNKNOWN)
        *figure = seen;
}

/* A look at maps alone, such as the last one at a stop, leaves what the one before told. */
static void copy_figures(struct history_process *p, const struct snapshot *snap)
{
    take(&p->rss_bytes, sum_field(snap, SMAPS_RSS));
    take(&p->rss_bytes, snap->rss_bytes);
    if (sum_field(snap, SMAPS_RSS) != SNAPSHOT_UNKNOWN || snap->rss_bytes != SNAPSHOT_UNKNOWN)
        p->rss_told_ns = snap->end_ns;
    take(&p->pss_bytes, sum_field(snap, SMAPS_PSS));
    take(&p->pss_bytes, snap->pss_bytes);
    take(&p->virtual_bytes, sum_sizes(snap));
    take(&p->virtual_bytes, snap->virtual_bytes);
    take(&p->cgroup_limit_bytes, snap->cgroup_limit_bytes);
    take(&p->cgroup_used_bytes, snap->cgroup_used_bytes);
    take(&p->rlimit_as_bytes, snap->rlimit_as_bytes);
    take(&p->memory_total_bytes, snap->memory_total_bytes);
    take(&p->memory_available_bytes, snap->memory_available_bytes);
    if (snap->ppid)
        p->ppid = snap->ppid;
    if (snap->start_ticks)
        p->start_ticks = snap->start_ticks;
}

static struct seep_error *add_rss(struct history_memory *memory, uint64_t time_ns)
{
    struct growth_sample sample = {time_ns, (double)memory->rss_last_bytes};
    struct growth_sample *items = memory->rss.items;
    size_t count = memory->rss.count;

    if (count > 1 && time_ns - items[count - 2].time_ns < memory->spacing_ns) {
        items[count - 1] = sample;
        return NULL;
    }
    if (count == MAX_RSS_SAMPLES) {
        for (size_t i = 1; i < count / 2; i++)
            items[i] = items[2 * i];
        memory->spacing_ns = (time_ns - items[0].time_ns) / (MAX_RSS_SAMPLES / 2);
        memory->rss.count = count / 2;
    }
    return vector_push(&memory->rss, sample);
}

static struct seep_error *add_memory(struct history *history, struct history_process *p,
                                     uint64_t time_ns)
{
    struct history_memory *memory = &history->memory;

    count_in(history, p, true);
    if (p->virtual_bytes != SNAPSHOT_UNKNOWN)
        memory->virtual_last_bytes = history->live_virtual_bytes;
    if (p->rss_bytes != SNAPSHOT_UNKNOWN)
        memory->rss_last_bytes = history->live_rss_bytes;
    /* The first looks at those that were there before count together as one. */
    if (memory->virtual_first_bytes == SNAPSHOT_UNKNOWN || (p->growth.looks == 1 && !p->forked))
        memory->virtual_first_bytes = memory->virtual_last_bytes;
    if (p->rss_bytes != SNAPSHOT_UNKNOWN && !p->counted_first) {
        p->counted_first = true;
        if (memory->rss_first_bytes == SNAPSHOT_UNKNOWN || !p->forked) {
            memory->rss_first_bytes = memory->rss_last_bytes;
            memory->rss.count = 0;
        }
    }
    if (p->end_ns)
        count_in(history, p, false);
    if (memory->rss_last_bytes == SNAPSHOT_UNKNOWN)
        return NULL;
    return add_rss(memory, time_ns);
}

static struct seep_error *keep_first_map(struct history_process *p, const struct snapshot *snap)
{
    struct seep_error *err = NULL;

    if (p->events || p->first_map.count)
        return NULL;
    for (size_t i = 0; i < snap->maps.count && !err; i++)
        err = vector_push(&p->first_map,
                          (struct ledger_range){snap->maps.vmas[i].start, snap->maps.vmas[i].end});
    return err;
}

static struct seep_error *keep_residence(const struct history *history, struct history_process *p,
                                         const struct snapshot *snap)
{
    struct seep_error *err = NULL;

    if (snap->maps.count && !snap->partial) {
        p->last_look_ns = snap->end_ns;
        if (p->first_residence.detail == RESIDENCE_NONE) {
            p->first_look_ns = snap->end_ns;
            err = residence_look(&p->first_residence, snap, history->runtime);
        }
    }
    return err ? err : residence_look(&p->residence, snap, history->runtime);
}

struct seep_error *history_snapshot(void *context, const struct snapshot *snap)
{
    struct history *history = context;
    struct history_process *p = history_find(history, snap->pid);
    struct seep_error *err = NULL;

    note_time(history, snap->begin_ns);
    note_time(history, snap->end_ns);
    /* Without events a pid that was given again shows by its start time only. */
    if (!p || (p->start_ticks && snap->start_ticks && p->start_ticks != snap->start_ticks))
        err = make_process(history, snap->pid, snap->begin_ns, &p);
    if (err || p->retired)
        return err;
    if (snap->reason == SNAPSHOT_EXIT)
        p->exit_look_ns = snap->begin_ns;
    copy_figures(p, snap);
    err = keep_first_map(p, snap);
    if (!err && history->imported)
        err = keep_residence(history, p, snap);
    if (!err)
        err = growth_look(&p->growth, snap, history->runtime);
    /* Who took the threads took the descriptors too. */
    if (!err && snap->tasks.count)
        err = held_look(&p->held, snap);
    if (!err)
        err = activity_add_sample(
            &p->activity,
            &(struct activity_sample){.time_ns = snap->end_ns,
                                      .counters = {snap->cpu_ns, snap->switches, snap->io_calls}});
    if (!err)
        err = threads_look(&history->threads, history->ledger, snap);
    return err ? err : add_memory(history, p, snap->end_ns);
}

/* --- life --- */

struct seep_error *history_create(const struct ledger *ledger, const char *runtime,
                                  uint64_t page_bytes, struct history **ret_history)
{
    struct history *history = calloc(1, sizeof(*history));

    if (!history)
        return error_no_memory();
    history->ledger = ledger;
    history->runtime = runtime;
    history->page_bytes = page_bytes && !(page_bytes & (page_bytes - 1)) ? page_bytes : 4096;
    history->memory.rss_first_bytes = history->memory.rss_last_bytes = SNAPSHOT_UNKNOWN;
    history->memory.virtual_first_bytes = history->memory.virtual_last_bytes = SNAPSHOT_UNKNOWN;
    *ret_history = history;
    return NULL;
}

void history_destroy(struct history *history)
{
    struct history_pid *pid, *next_pid;

    if (!history)
        return;
    HASH_ITER(hh, history->pids, pid, next_pid)
    {
        HASH_DEL(history->pids, pid);
        free(pid);
    }
    threads_deinit(&history->threads);
    for (size_t i = 0; i < history->processes.count; i++)
        process_destroy(history->processes.items[i]);
    vector_deinit(&history->processes);
    vector_deinit(&history->memory.rss);
    vector_deinit(&history->uses);
    free(history);
}
