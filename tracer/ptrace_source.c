/* The life of tracees: wait, classify, ptrace_dispatch, resume. The protocol is that of ptrace(2), by
 * PTRACE_SEIZE. */
#include "tracer/ptrace_source.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/units.h"
#include "target/obstacle.h"
#include "target/proc.h"
#include "tracer/ptrace_state.h"

enum {
    FREEZE_LIMIT_MS = 200, /* a thread in vfork or in disk sleep does not stop at all */
    DETACH_LIMIT_MS = 1000,
    MAKER_LIMIT_MS = 20, /* a process's maker reports it within microseconds of its first stop */
    SEIZE_TRIES = 50,
    FREEZE_POLL_US = 50,
    FAIR_ROUND = 64, /* stops after which every waiting tracee is served once */
};

/* --- waiting --- */

static void answer_requests(struct ptrace_source *source)
{
    if (!atomic_exchange(&source->wake, false))
        return;
    pthread_mutex_lock(&source->lock);
    for (size_t i = 0; i < source->released.count; i++) {
        struct tracee *t = ptrace_find_tracee(source, source->released.items[i]);

        if (t && t->kept_at_exit) {
            t->kept_at_exit = false;
            ptrace_go_on(source, t);
        }
    }
    source->released.count = 0;
    pthread_mutex_unlock(&source->lock);
}

/* Serves every tracee that runs or waits once, so that a busy one cannot starve the others. */
static void serve_round(struct ptrace_source *source)
{
    VECTOR(pid_t) tids = {0};
    struct seep_error *err = NULL;
    struct tracee *t, *next;

    HASH_ITER(hh, source->tracees, t, next)
    if (t->phase == PHASE_RUNNING && !err)
        err = vector_push(&tids, t->tid);
    for (size_t i = 0; i < tids.count; i++) {
        int status;

        if (tracee_wait(tids.items[i], false, &status) > 0)
            ptrace_dispatch(source, tids.items[i], status);
    }
    error_destroy(err);
    vector_deinit(&tids);
}

/* Serves stops until DONE says so or the time is up; false: it was. Threads that are frozen stay in
 * their stops, so that only those that still run are asked for then. */
static bool serve_until(struct ptrace_source *source, unsigned limit_ms,
                        bool (*done)(const struct ptrace_source *source))
{
    uint64_t deadline_ns = units_monotonic_ns() + (uint64_t)limit_ms * NS_PER_MS;

    while (!done(source)) {
        uint64_t stops = atomic_load_explicit(&source->stops, memory_order_relaxed);
        int status;
        pid_t tid = 0;

        if (source->mode == MODE_FREEZE)
            serve_round(source);
        else
            tid = tracee_wait(-1, false, &status);
        if (tid > 0)
            ptrace_dispatch(source, tid, status);
        if (tid > 0 || stops != atomic_load_explicit(&source->stops, memory_order_relaxed))
            continue;
        answer_requests(source);
        if (tid < 0 || units_monotonic_ns() > deadline_ns)
            return done(source);
        nanosleep(&(struct timespec){.tv_nsec = FREEZE_POLL_US * NS_PER_US}, NULL);
    }
    return true;
}

static bool none_runs(const struct ptrace_source *source)
{
    return source->running == 0;
}

static bool none_left(const struct ptrace_source *source)
{
    return source->tracees == NULL && source->foundlings.count == 0;
}

static bool all_are_known(const struct ptrace_source *source)
{
    return source->foundlings.count == 0;
}

static void wait_for_makers(struct ptrace_source *source)
{
    if (all_are_known(source))
        return;
    serve_until(source, MAKER_LIMIT_MS, all_are_known);
    ptrace_adopt_foundlings(source);
}

void ptrace_count_busy(struct ptrace_source *source, uint64_t now_ns)
{
    if (source->busy_since_ns)
        atomic_fetch_add_explicit(&source->busy_ns, now_ns - source->busy_since_ns,
                                  memory_order_relaxed);
    source->busy_since_ns = 0;
}

/* TID was found stopped: it is of use to know since when it was on its way here. */
static void note_stop(struct ptrace_source *source, pid_t tid, uint64_t now_ns)
{
    const struct tracee *t = ptrace_find_tracee(source, tid);

    source->busy_since_ns = now_ns;
    give_way_stop(source->give_way, tid, trial_stop(&source->trial, now_ns), now_ns);
    if (t && t->resumed_ns)
        follow_cpu_stop(&source->follow, t->process->pid, tid, source->trial.other,
                        now_ns - t->resumed_ns, now_ns);
    /* From the entry of a call to its exit the tracee does little but the call. */
    if (t && t->call != CALL_NONE && t->resumed_ns)
        switches_note(&source->switches, now_ns - t->resumed_ns);
    atomic_fetch_add_explicit(&source->switches_ns, switches_each_ns(&source->switches),
                              memory_order_relaxed);
}

/* Waits for one stop and serves it. False: there is nothing left to wait for. */
static bool serve_one(struct ptrace_source *source)
{
    int status;

    wait_for_makers(source);
    answer_requests(source);
    if (source->running > 1 &&
        atomic_load_explicit(&source->stops, memory_order_relaxed) % FAIR_ROUND == 0)
        serve_round(source);
    ptrace_count_busy(source, units_monotonic_ns());

    pid_t tid = tracee_wait(-1, true, &status);

    if (tid > 0) {
        note_stop(source, tid, units_monotonic_ns());
        ptrace_dispatch(source, tid, status);
    }
    return tid > 0 || errno == EINTR;
}

/* Stops all threads and keeps them; false: some did not stop in time. */
static bool freeze(struct ptrace_source *source)
{
    struct tracee *t, *next;

    give_way_pause(source->give_way);
    source->mode = MODE_FREEZE;
    source->busy_since_ns = units_monotonic_ns();
    HASH_ITER(hh, source->tracees, t, next)
    if (t->phase == PHASE_RUNNING)
        tracee_interrupt(t->tid);
    return serve_until(source, FREEZE_LIMIT_MS, none_runs);
}

/* Answers every stop, kept and to come, in MODE. */
static void thaw(struct ptrace_source *source, enum ptrace_mode mode)
{
    struct tracee *t, *next;

    source->mode = mode;
    HASH_ITER(hh, source->tracees, t, next)
    {
        if (t->phase == PHASE_STOPPED)
            ptrace_go_on(source, t);
        else if (mode == MODE_DETACH)
            tracee_interrupt(t->tid);
    }
}

static void look_at_all(struct ptrace_source *source, enum snapshot_reason reason, bool all_stopped)
{
    struct process *p, *next;

    HASH_ITER(hh, source->processes, p, next)
    if (p->started && p->alive > 0)
        source->options.hooks.base(source->options.hooks.context, p->pid, reason, all_stopped);
}

static void detach_all(struct ptrace_source *source)
{
    struct tracee *t, *next;
    bool all_stopped;

    wait_for_makers(source);
    all_stopped = freeze(source);
    look_at_all(source, SNAPSHOT_END, all_stopped);
    HASH_ITER(hh, source->tracees, t, next)
    t->kept_at_exit = false;
    thaw(source, MODE_DETACH);
    serve_until(source, DETACH_LIMIT_MS, none_left);
    ptrace_count_busy(source, units_monotonic_ns());
}

/* --- the source --- */

static struct seep_error *next_event(struct event_source *base, struct event *ret_ev,
                                     enum event_source_step *ret_step)
{
    return ptrace_source_next((struct ptrace_source *)base, ret_ev, ret_step);
}

static void destroy_base(struct event_source *base)
{
    ptrace_source_destroy((struct ptrace_source *)base);
}

struct seep_error *ptrace_source_create(const struct ptrace_source_options *options,
                                        struct ptrace_source **ret_source)
{
    struct ptrace_source *source = calloc(1, sizeof(*source));

    if (!source)
        return error_no_memory();
    source->base = (struct event_source){next_event, destroy_base};
    source->options = *options;
    source->thread = pthread_self();
    source->exit_status = -1;
    TAILQ_INIT(&source->calls);
    pthread_mutex_init(&source->lock, NULL);
    follow_cpu_init(&source->follow);
    source->give_way = give_way_create();
    *ret_source = source;
    return NULL;
}

static void forget_delivered(struct ptrace_source *source)
{
    free(source->delivered.ev.name);
    stack_pool_release(source->delivered.capture);
    source->delivered = (struct event_queue_item){0};
}

void ptrace_source_destroy(struct ptrace_source *source)
{
    struct tracee *t, *next_tracee;
    struct process *p, *next_process;

    if (!source)
        return;
    give_way_destroy(source->give_way);
    follow_cpu_deinit(&source->follow);
    source->quiet = true;
    HASH_ITER(hh, source->tracees, t, next_tracee)
    ptrace_remove_tracee(source, t);
    HASH_ITER(hh, source->processes, p, next_process)
    ptrace_remove_process(source, p);
    for (size_t i = source->next_event; i < source->events.count; i++) {
        free(source->events.items[i].ev.name);
        stack_pool_release(source->events.items[i].capture);
    }
    vector_deinit(&source->foundlings);
    vector_deinit(&source->events);
    vector_deinit(&source->released);
    forget_delivered(source);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

/* Seizes the threads of P that are not yet; RET_NEW: how many were. */
static struct seep_error *seize_threads(struct ptrace_source *source, struct process *p,
                                        size_t *ret_new)
{
    _cleanup_(proc_pids_deinit) struct proc_pids tids = {0};
    struct seep_error *err = proc_threads(p->pid, &tids);

    *ret_new = 0;
    for (size_t i = 0; !err && i < tids.count; i++) {
        struct proc_stat stat;

        if (ptrace_find_tracee(source, tids.items[i]))
            continue;

        enum tracee_result result =
            tracee_seize(tids.items[i], source->options.follow ? TRACEE_FOLLOW_FORKS : 0);
        int errnum = errno;

        if (result == TRACEE_GONE)
            continue;
        if (result == TRACEE_REFUSED) {
            /* A leader that has exited before its threads stays as a zombie. */
            err = proc_thread_stat(p->pid, tids.items[i], &stat);
            if (err || stat.state == 'Z' || stat.state == 'X') {
                bool leader_of_none = !err && tids.count == 1;

                error_destroy(err);
                err = leader_of_none ? obstacle_explain(p->pid, errnum) : NULL;
                continue;
            }
            return obstacle_explain(p->pid, errnum);
        }
        if (!ptrace_add_tracee(source, p, tids.items[i]))
            return error_no_memory();
        ++*ret_new;
    }
    return err;
}

struct seep_error *ptrace_source_attach(struct ptrace_source *source, pid_t pid)
{
    struct process *p = ptrace_find_process(source, pid);
    size_t seized = 0;

    if (p)
        return NULL;

    struct seep_error *err = obstacle_before_attach(pid);

    if (err)
        return err;
    p = ptrace_add_process(source, pid, NULL);
    if (!p)
        return error_no_memory();
    /* In a storm of execs every thread listed may be gone by the time it is seized. */
    for (int tries = 0; !err && (seized > 0 || (p->tracees == 0 && tries < SEIZE_TRIES)); tries++)
        err = seize_threads(source, p, &seized);
    if (!err && p->tracees == 0)
        err = error_create(ERROR_GONE, "process %d has ended", (int)pid);
    if (!err)
        return NULL;

    struct tracee *t, *next;

    HASH_ITER(hh, source->tracees, t, next)
    {
        if (t->process != p)
            continue;
        t->unwanted = true;
        tracee_interrupt(t->tid);
    }
    if (p->tracees == 0)
        ptrace_remove_process(source, p);
    return err;
}

struct seep_error *ptrace_source_adopt(struct ptrace_source *source, pid_t pid, bool filtered)
{
    struct process *p = ptrace_add_process(source, pid, NULL);
    struct tracee *t = p ? ptrace_add_tracee(source, p, pid) : NULL;

    if (!t)
        return error_no_memory();
    source->adopted = pid;
    source->filtered = filtered;
    return NULL;
}

struct seep_error *ptrace_source_begin(struct ptrace_source *source)
{
    struct process *p, *next_process;
    struct tracee *t, *next_tracee;
    bool all_stopped = freeze(source);

    HASH_ITER(hh, source->processes, p, next_process)
    if (p->pid != source->adopted && p->tracees > 0 && !p->started)
        ptrace_start_process(source, p, EVENT_START_ATTACHED, 0);
    HASH_ITER(hh, source->tracees, t, next_tracee)
    {
        if (t->unwanted)
            t->process->started = false;
        else if (t->process->started && !t->newborn)
            ptrace_start_thread(source, t, 0);
    }
    look_at_all(source, SNAPSHOT_START, all_stopped);
    thaw(source, MODE_RUN);
    return source->out_of_memory ? error_no_memory() : NULL;
}

/* No more events; the stops of a filtered program are still served. */
static void fall_silent(struct ptrace_source *source)
{
    struct process *p, *next;

    HASH_ITER(hh, source->processes, p, next)
    if (p->started)
        ptrace_emit_life(source, EVENT_DETACH, p->pid, p->pid, NULL, 0, NULL);
    source->quiet = true;
}

static bool deliver(struct ptrace_source *source, struct event *ret_ev)
{
    forget_delivered(source);
    if (source->next_event == source->events.count) {
        source->next_event = source->events.count = 0;
        return false;
    }
    source->delivered = source->events.items[source->next_event++];
    *ret_ev = source->delivered.ev;
    return true;
}

struct seep_error *ptrace_source_next(struct ptrace_source *source, struct event *ret_ev,
                                      enum event_source_step *ret_step)
{
    for (;;) {
        int ending = atomic_load(&source->ending);

        if (source->out_of_memory)
            return error_no_memory();
        if (deliver(source, ret_ev)) {
            *ret_step = EVENT_SOURCE_MORE;
            return NULL;
        }
        if (source->mode == MODE_DETACH || source->quiet || none_left(source))
            break;
        if (ending == PTRACE_ENDING_DETACH && !source->filtered)
            detach_all(source);
        else if (ending != PTRACE_ENDING_NONE)
            fall_silent(source);
        else if (!serve_one(source))
            break;
    }
    *ret_step = EVENT_SOURCE_END;
    return NULL;
}

struct capture *ptrace_source_take_capture(struct ptrace_source *source)
{
    return take_ptr(source->delivered.capture);
}

void ptrace_source_serve(struct ptrace_source *source)
{
    source->quiet = true;
    while (!none_left(source) && serve_one(source))
        ;
    atomic_store(&source->tracee_count, 0);
    give_way_destroy(take_ptr(source->give_way));
    follow_cpu_deinit(&source->follow);
}

/* --- any thread --- */

/* A signal that only interrupts waitpid; sent again until the tracer has looked, because it may
 * have come just before the wait. */
static void wake(struct ptrace_source *source)
{
    atomic_store(&source->wake, true);
    while (atomic_load(&source->wake) && atomic_load(&source->tracee_count) > 0) {
        pthread_kill(source->thread, SIGUSR1);
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    }
}

void ptrace_source_end(struct ptrace_source *source, enum ptrace_ending how)
{
    atomic_store(&source->ending, how);
    wake(source);
}

void ptrace_source_release(struct ptrace_source *source, pid_t tid)
{
    pthread_mutex_lock(&source->lock);
    _cleanup_error_ struct seep_error *err = vector_push(&source->released, tid);
    pthread_mutex_unlock(&source->lock);
    wake(source);
}

void ptrace_source_stats(struct ptrace_source *source, struct ptrace_source_stats *ret_stats)
{
    *ret_stats = (struct ptrace_source_stats){
        .stops = atomic_load(&source->stops),
        .busy_ns = atomic_load(&source->busy_ns),
        .switches_ns = atomic_load(&source->switches_ns),
        .tracees = atomic_load(&source->tracee_count),
        .exit_status = atomic_load(&source->exit_status),
    };
}
