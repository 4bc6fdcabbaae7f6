#include "tracer/session.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/units.h"
#include "target/describe.h"
#include "target/obstacle.h"
#include "target/oom.h"
#include "tracer/attach.h"
#include "tracer/program.h"
#include "tracer/progress.h"
#include "tracer/ptrace_source.h"
#include "tracer/session_describe.h"
#include "tracer/signals.h"
#include "tracer/slowdown.h"
#include "tracer/snapper.h"
#include "tracer/spawn.h"
#include "tracer/stack_pool.h"

enum {
    POLL_MS = 100,
    LAST_LOOK_LIMIT_MS = 5000,
    EXIT_BUDGET_MS = 300, /* looking at exiting children: this, and then a twentieth of the time */
    EXIT_SHARE = 20,
};

struct session {
    struct session_options options;
    struct session_result result;
    struct case_dir *c;
    struct snapper *snapper;
    uint64_t started_ns;
    struct signals signals;
    bool has_signals;
    struct seep_error *err; /* that interrupts it */
    const char *reason;
    struct proc_pids roots, untraced;

    pthread_t tracer;
    bool tracing; /* the tracer thread runs */
    struct ptrace_source *source;
    struct spawned spawned;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool set_up;
    struct seep_error *setup_err;
    enum { ORDER_WAIT, ORDER_GO, ORDER_ABORT } order; /* to the tracer, once the case is there */
    _Atomic bool pump_ended;                          /* no more events */
    _Atomic bool stopped_recording;

    struct stack_pool *stacks; /* NULL: none are wanted */
    struct event_writer *writer;

    struct slowdown slowdown;
    bool degraded;
};

/* --- the tracer thread --- */

static bool is_root(const struct session *s, pid_t pid)
{
    for (size_t i = 0; i < s->roots.count; i++)
        if (s->roots.items[i] == pid)
            return true;
    return pid == s->spawned.pid;
}

static void on_base(void *context, pid_t pid, enum snapshot_reason reason, bool all_stopped)
{
    struct session *s = context;
    bool program = reason == SNAPSHOT_EXEC && pid == s->spawned.pid;

    snapper_base(s->snapper, pid, reason, all_stopped, program);
    /* The target is what it has become. */
    if (program || (reason == SNAPSHOT_EXEC && s->roots.count && pid == s->roots.items[0]))
        error_destroy(describe_target(s->c, pid));
}

/* Every process that was asked for is looked at when it ends; its children while that is cheap. */
static bool on_last_exit(void *context, pid_t pid, pid_t tid)
{
    struct session *s = context;
    struct snapper_stats stats;

    if (atomic_load(&s->stopped_recording))
        return false;
    snapper_stats(s->snapper, &stats);

    uint64_t budget_ns =
        (uint64_t)EXIT_BUDGET_MS * NS_PER_MS + (units_monotonic_ns() - s->started_ns) / EXIT_SHARE;

    if (!is_root(s, pid) && stats.reading_ns > budget_ns)
        return false;
    snapper_exit(s->snapper, pid, tid);
    return true;
}

static void on_released(void *context, pid_t tid)
{
    struct session *s = context;

    ptrace_source_release(s->source, tid);
}

static struct seep_error *spawn(struct session *s)
{
    const struct spawn_options options = {
        .argv = s->options.argv,
        .follow = s->options.follow,
        .mask = &s->signals.mask,
        .ignored = &s->signals.ignored,
    };
    struct seep_error *err = spawn_prepare(&options, &s->spawned);

    if (err)
        return err;
    if (!s->spawned.filtered)
        s->options.say(s->options.follow
                           ? "no seccomp filter can be had here: every system call of the program "
                             "will stop, not only those on memory"
                           : "without following children there can be no seccomp filter: every "
                             "system call of the program will stop, not only those on memory");
    return ptrace_source_adopt(s->source, s->spawned.pid, s->spawned.filtered);
}

static void take_in(struct session *s, const struct event *ev)
{
    if (ev->kind == EVENT_PROCESS_START)
        snapper_watch(s->snapper, ev->pid, ev->args[2], is_root(s, ev->pid));
    else if (ev->kind == EVENT_PROCESS_EXIT)
        snapper_forget(s->snapper, ev->pid);
    event_writer_push(s->writer, ev, ptrace_source_take_capture(s->source));
}

static void pump(struct session *s)
{
    struct event ev;
    enum event_source_step step = EVENT_SOURCE_MORE;
    struct seep_error *err = ptrace_source_begin(s->source);

    if (!err && s->options.argv)
        spawn_start(&s->spawned);
    while (!err) {
        err = ptrace_source_next(s->source, &ev, &step);
        if (err || step == EVENT_SOURCE_END)
            break;
        take_in(s, &ev);
    }
    pthread_mutex_lock(&s->lock);
    if (err && !s->err)
        s->err = take_ptr(err);
    pthread_mutex_unlock(&s->lock);
    error_destroy(err);
}

static void *run_tracer(void *context)
{
    struct session *s = context;
    const struct ptrace_source_options options = {
        .follow = s->options.follow,
        .capture = {.pool = s->stacks,
                    .stack_bytes = s->options.stack_bytes,
                    .from_bytes = s->options.stack_from_bytes},
        .hooks = {.base = on_base, .last_exit = on_last_exit, .context = s},
    };
    sigset_t wake;
    struct seep_error *err;

    sigemptyset(&wake);
    sigaddset(&wake, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
    err = ptrace_source_create(&options, &s->source);
    if (!err)
        err = s->options.argv ? spawn(s) : attach_targets(&s->options, s->source, &s->untraced);

    bool failed = err != NULL;

    pthread_mutex_lock(&s->lock);
    s->setup_err = err;
    s->set_up = true;
    pthread_cond_broadcast(&s->changed);
    while (!failed && s->order == ORDER_WAIT)
        pthread_cond_wait(&s->changed, &s->lock);
    failed = failed || s->order == ORDER_ABORT;
    pthread_mutex_unlock(&s->lock);
    if (!failed)
        pump(s);
    atomic_store(&s->pump_ended, true);
    /* What was seized and never stopped is let go of by the kernel when this thread ends. */
    if (!failed)
        ptrace_source_serve(s->source);
    return NULL;
}

/* --- the main thread --- */

static uint64_t stopped_ns(const struct session *s, uint64_t now_ns)
{
    struct ptrace_source_stats stats;

    if (!s->source)
        return 0;
    ptrace_source_stats(s->source, &stats);
    return slowdown_stopped_ns(&stats, now_ns - s->started_ns);
}

static void interrupt(struct session *s, struct seep_error *err, const char *reason)
{
    pthread_mutex_lock(&s->lock);
    if (!s->err)
        s->err = take_ptr(err);
    pthread_mutex_unlock(&s->lock);
    error_destroy(err);
    if (!s->reason)
        s->reason = reason;
}

/* Lets go of the target, or of its events, when watching it costs too much; snapshots go on. */
static void judge_slowdown(struct session *s, uint64_t now_ns)
{
    struct ptrace_source_stats stats;
    unsigned percent;
    char text[200];

    ptrace_source_stats(s->source, &stats);
    if (s->degraded || !slowdown_judge(&s->slowdown, &stats, now_ns - s->started_ns, &percent) ||
        percent <= s->options.max_slowdown)
        return;
    snprintf(text, sizeof(text),
             "the target stood still %u%% of the last 2 seconds, more than --max-slowdown %u "
             "allows: going on by snapshots alone",
             percent, s->options.max_slowdown);
    s->options.say(text);
    s->degraded = true;
    if (!s->reason)
        s->reason = "fell back to snapshots: the target stood still for longer than "
                    "--max-slowdown allows";
    ptrace_source_end(s->source, PTRACE_ENDING_DETACH);
}

static void show_progress(struct session *s, uint64_t now_ns)
{
    struct snapper_stats snapshots;
    struct event_writer_stats events;

    if (!s->options.show_progress)
        return;
    snapper_stats(s->snapper, &snapshots);
    event_writer_stats(s->writer, &events);
    progress_show(now_ns - s->started_ns, events.events, snapshots.rss_bytes);
}

/* True: the recording is over. */
static bool is_over(struct session *s, uint64_t now_ns)
{
    struct snapper_stats snapshots;
    struct event_writer_stats events;
    struct seep_error *err = snapper_take_error(s->snapper);

    snapper_stats(s->snapper, &snapshots);
    event_writer_stats(s->writer, &events);
    if (err)
        interrupt(s, err, "the snapshots could not be written");
    else if (events.failed)
        interrupt(s, NULL, "the events could not be written");
    else if (s->options.max_bytes &&
             snapshots.written_bytes + events.written_bytes >= s->options.max_bytes)
        interrupt(s, NULL, "the case reached --max-size");
    else if (s->options.for_ns == 0 || now_ns - s->started_ns < s->options.for_ns)
        return atomic_load(&s->pump_ended) &&
               (snapshots.watched == 0 || !(s->degraded || s->untraced.count) ||
                (s->options.argv && !s->spawned.filtered && program_has_ended(s->spawned.pid)));
    return true;
}

static void watch_over(struct session *s)
{
    uint64_t shown_ns = 0;
    bool over = false;

    while (!over) {
        siginfo_t info;
        int signal = signals_wait(&s->signals, POLL_MS, &info);
        uint64_t now_ns = units_monotonic_ns();

        if (signal && s->options.argv)
            program_pass_on(s->spawned.pid, &info);
        else if (signal)
            over = true;
        over = is_over(s, now_ns) || over;
        if (!over && !atomic_load(&s->pump_ended))
            judge_slowdown(s, now_ns);
        if (now_ns - shown_ns > NS_PER_S) {
            show_progress(s, now_ns);
            shown_ns = now_ns;
        }
    }
    if (s->options.show_progress)
        progress_clear();
}

static struct seep_error *start_case(struct session *s)
{
    pid_t pid = s->options.argv ? s->spawned.pid : s->options.pids[0];
    _cleanup_free_ char *path = NULL;
    struct seep_error *err = NULL;

    if (!s->options.argv)
        error_destroy(proc_exe(pid, &path));
    err =
        case_create(s->options.case_path, s->options.argv ? s->options.argv[0] : path, pid, &s->c);
    if (!err)
        err = session_describe_start(s->c, &s->options, pid, s->started_ns);
    return err;
}

/* Seizes the target, or starts the program, which waits; nothing has stopped yet. */
static struct seep_error *start_tracer(struct session *s)
{
    struct seep_error *err;

    if ((errno = pthread_create(&s->tracer, NULL, run_tracer, s)) != 0)
        return error_errno(errno, NULL, "cannot start a thread");
    s->tracing = true;
    pthread_mutex_lock(&s->lock);
    while (!s->set_up)
        pthread_cond_wait(&s->changed, &s->lock);
    err = take_ptr(s->setup_err);
    pthread_mutex_unlock(&s->lock);
    return err;
}

static struct seep_error *start_recorders(struct session *s)
{
    const struct snapper_options snapper = {
        .case_fd = s->c->fd,
        .every_ns = s->options.snap_every_ns,
        .every_named = s->options.snap_every_named,
        .dump = s->options.dump,
        .released = on_released,
        .context = s,
        .dump_context = s->options.dump_context,
    };
    int events_fd;
    struct seep_error *err = case_create_file(s->c, "events", &events_fd);

    if (!err)
        err = event_writer_create(events_fd, &s->writer);
    if (!err)
        err = snapper_create(&snapper, &s->snapper);
    return err;
}

static void order_tracer(struct session *s, bool go)
{
    pthread_mutex_lock(&s->lock);
    s->order = go ? ORDER_GO : ORDER_ABORT;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void watch_the_untraced(struct session *s)
{
    for (size_t i = 0; i < s->untraced.count; i++) {
        struct proc_stat stat;
        struct seep_error *err = proc_stat(s->untraced.items[i], &stat);

        if (!err)
            snapper_watch(s->snapper, s->untraced.items[i], stat.start_ticks, true);
        error_destroy(err);
    }
}

/* Ends the threads in the order of the data; a filtered program is still served. */
static void stop_recording(struct session *s)
{
    /* A program that was started would be killed with seep. */
    if (!s->options.argv)
        signals_allow_exit();
    if (s->snapper && !atomic_load(&s->pump_ended) && !s->err)
        snapper_all(s->snapper, SNAPSHOT_PERIODIC, (uint64_t)LAST_LOOK_LIMIT_MS * NS_PER_MS);
    else if (s->snapper && (s->degraded || s->untraced.count))
        snapper_all(s->snapper, SNAPSHOT_END, (uint64_t)LAST_LOOK_LIMIT_MS * NS_PER_MS);
    atomic_store(&s->stopped_recording, true);
    /* A tracer that was told to abort ends by itself. */
    if (s->order == ORDER_GO && !atomic_load(&s->pump_ended))
        ptrace_source_end(s->source, PTRACE_ENDING_DETACH);
    while (s->order == ORDER_GO && !atomic_load(&s->pump_ended))
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    if (s->snapper)
        snapper_stop(s->snapper, (uint64_t)LAST_LOOK_LIMIT_MS * NS_PER_MS);
}

static void note_alive(struct session *s)
{
    for (size_t i = 0; i < s->options.pid_count; i++) {
        struct proc_stat stat;
        struct seep_error *err = proc_stat(s->options.pids[i], &stat);

        if (!err && stat.state != 'Z')
            err = vector_push(&s->result.alive, s->options.pids[i]);
        error_destroy(err);
    }
}

static struct seep_error *describe_watching(struct session *s)
{
    uint64_t now_ns = units_monotonic_ns();
    struct session_figures figures = {
        .backend =
            s->untraced.count && s->untraced.count == s->options.pid_count ? "snapshots" : "ptrace",
        .ended_ns = now_ns,
        .stopped_ns = stopped_ns(s, now_ns),
    };

    event_writer_stats(s->writer, &figures.events);
    if (s->stacks)
        stack_pool_stats(s->stacks, &figures.stacks);
    snapper_stats(s->snapper, &figures.snapshots);
    return session_describe_end(s->c, &figures);
}

static void conclude(struct session *s)
{
    struct seep_error *err = event_writer_finish(s->writer);

    if (err)
        interrupt(s, err, "the events could not be written");
    err = describe_watching(s);
    if (err)
        interrupt(s, err, "the case could not be described");
    note_alive(s);
    s->result.c = s->c;
    s->result.err = s->err;
    s->result.reason = s->reason;
    s->result.state = s->err || (s->reason && !s->degraded) ? CASE_INTERRUPTED : CASE_COMPLETE;
}

struct seep_error *session_record(const struct session_options *options,
                                  struct session **ret_session)
{
    struct session *s = calloc(1, sizeof(*s));
    struct seep_error *err = NULL;

    if (!s)
        return error_no_memory();
    s->options = *options;
    s->started_ns = units_monotonic_ns();
    s->spawned = (struct spawned){.pid = -1, .start_fd = -1, .result_fd = -1};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    for (size_t i = 0; !err && i < options->pid_count; i++)
        err = vector_push(&s->roots, options->pids[i]);
    if (!options->argv)
        oom_offer_self();
    signals_take(&s->signals, options->argv != NULL);
    s->has_signals = true;
    if (!err && options->stacks)
        err = stack_pool_create(options->max_frames, &s->stacks);
    if (!err)
        err = start_tracer(s);
    if (!err)
        err = start_case(s);
    if (!err)
        err = start_recorders(s);
    /* Last, so that a case that can be opened has all its files. */
    if (!err)
        err = case_save(s->c, CASE_RECORDING, NULL);
    order_tracer(s, !err);
    if (!err) {
        watch_the_untraced(s);
        watch_over(s);
    }
    stop_recording(s);
    if (!err) {
        if (options->argv && s->spawned.result_fd >= 0)
            s->result.exec_errno = spawn_result(&s->spawned);
        conclude(s);
    }
    /* A program that is still served would be killed with seep: its signals stay waited for. */
    if (err) {
        session_finish(s);
        return err;
    }
    *ret_session = s;
    return NULL;
}

const struct session_result *session_result(const struct session *session)
{
    return &session->result;
}

void session_end_signals(struct session *s)
{
    if (s->has_signals)
        signals_give_back(&s->signals);
    s->has_signals = false;
}

static int finish(struct session *s)
{
    struct ptrace_source_stats stats = {.exit_status = -1};

    snapper_destroy(s->snapper);
    if (s->tracing && s->source) {
        ptrace_source_stats(s->source, &stats);
        /* A thread that does not stop cannot be detached: it goes on being served until seep ends,
         * and then the kernel lets go of it. */
        if (!s->options.argv && stats.tracees > 0 && s->order == ORDER_GO)
            return -1;
        cleanup_close(&s->spawned.start_fd);
        s->spawned.start_fd = -1;
        if (s->options.argv && s->order == ORDER_GO)
            stats.exit_status = program_await(s->spawned.pid, s->source, &s->signals);
        pthread_join(s->tracer, NULL);
        ptrace_source_destroy(s->source);
    }
    event_writer_destroy(s->writer);
    stack_pool_destroy(s->stacks);
    cleanup_close(&s->spawned.start_fd);
    cleanup_close(&s->spawned.result_fd);
    vector_deinit(&s->roots);
    vector_deinit(&s->untraced);
    vector_deinit(&s->result.alive);
    error_destroy(s->err);
    error_destroy(s->setup_err);
    case_destroy(s->c);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
    return stats.exit_status;
}

int session_finish(struct session *s)
{
    struct signals signals;
    bool has_signals;
    int status;

    if (!s)
        return -1;
    signals = s->signals;
    has_signals = s->has_signals;
    status = finish(s);
    if (has_signals)
        signals_give_back(&signals);
    return status;
}
