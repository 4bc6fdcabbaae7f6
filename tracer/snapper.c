#include "tracer/snapper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/units.h"
#include "evidence/case.h"
#include "target/proc.h"
#include "target/take.h"
#include "tracer/jit_copies.h"

enum {
    FIRST_INTERVAL_MS = 250,
    COST_FACTOR = 100, /* reading takes at most 1/100 of the time */
};

enum job_kind { JOB_BASE, JOB_EXIT, JOB_ALL };

struct job {
    enum job_kind kind;
    struct taken taken; /* JOB_BASE */
    pid_t pid, tid;     /* JOB_EXIT */
    enum snapshot_reason reason;
    TAILQ_ENTRY(job) entries;
};

struct watched {
    pid_t pid;
    uint64_t start_ticks;
    uint64_t interval_ns; /* to the next look: grows to every_ns */
    uint64_t due_ns;      /* the next look of any depth */
    uint64_t full_due_ns; /* no full one before */
    uint64_t looks;
};

struct snapper {
    struct snapper_options options;
    int fd;                /* `snapshots` */
    int threads_fd;        /* `threads/` */
    struct jit_copies jit; /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job, a process, the end; also: jobs done */
    TAILQ_HEAD(, job) jobs;
    VECTOR(struct watched) watched;
    uint64_t all_asked, all_done;
    bool stopped; /* nothing is to be looked at any more */
    bool ending;
    struct snapper_stats stats;
    struct seep_error *err;
};

static void note_error(struct snapper *s, struct seep_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (!s->err)
        s->err = take_ptr(err);
    pthread_mutex_unlock(&s->lock);
    error_destroy(err);
}

/* Thread lists stand beside the snapshots as plain text, for people and old scripts. */
static struct seep_error *write_threads(struct snapper *s, const struct snapshot_record *record)
{
    const struct snapshot_section *tasks = snapshot_record_find(record, "tasks");
    char name[64];

    if (!tasks)
        return NULL;
    snprintf(name, sizeof(name), "%d-%llu.txt", (int)record->pid,
             (unsigned long long)record->begin_ns);
    return io_replace_file(s->threads_fd, name, tasks->text, tasks->len);
}

static bool has_memory(const struct snapshot_record *record)
{
    const struct snapshot_section *maps = snapshot_record_find(record, "smaps");

    if (!maps)
        maps = snapshot_record_find(record, "maps");
    return maps && maps->len > 0;
}

static void write_taken(struct snapper *s, const struct taken *taken, bool list_threads)
{
    uint64_t written = 0;
    struct seep_error *err = NULL;

    if (!has_memory(&taken->record))
        return;
    err = snapshot_write(s->fd, &taken->record, &written);
    if (!err && list_threads)
        err = write_threads(s, &taken->record);
    pthread_mutex_lock(&s->lock);
    s->stats.snapshots += written > 0;
    s->stats.written_bytes += written;
    s->stats.reading_ns += taken->smaps_ns;
    if (taken->smaps_ns > s->stats.longest_ns)
        s->stats.longest_ns = taken->smaps_ns;
    pthread_mutex_unlock(&s->lock);
    if (err)
        note_error(s, err);
}

/* Resident size from statm-like figures of the record, for the progress line. */
static uint64_t rss_of(const struct snapshot_record *record)
{
    const struct snapshot_section *status = snapshot_record_find(record, "status");
    const char *at = status ? strstr(status->text, "\nVmRSS:") : NULL;

    return at ? strtoull(at + strlen("\nVmRSS:"), NULL, 10) * 1024 : 0;
}

static bool still_the_same(const struct watched *w)
{
    struct proc_stat stat;
    _cleanup_error_ struct seep_error *err = proc_stat(w->pid, &stat);

    return !err && stat.state != 'Z' && (!w->start_ticks || stat.start_ticks == w->start_ticks);
}

static struct watched *find_watched(struct snapper *s, pid_t pid)
{
    for (size_t i = 0; i < s->watched.count; i++)
        if (s->watched.items[i].pid == pid)
            return &s->watched.items[i];
    return NULL;
}

static bool is_watched(struct snapper *s, const struct watched *w)
{
    pthread_mutex_lock(&s->lock);

    const struct watched *now = find_watched(s, w->pid);
    bool same = now && now->start_ticks == w->start_ticks;

    pthread_mutex_unlock(&s->lock);
    return same;
}

/* One look at a process; false: it is gone. RET_COST_NS: the reading's time. */
static bool look(struct snapper *s, const struct watched *w, enum snapshot_reason reason,
                 enum take_depth depth, uint64_t *ret_cost_ns)
{
    struct taken taken = {0};
    struct seep_error *err = NULL;

    if (!still_the_same(w))
        return false;
    err = take_snapshot(w->pid, reason, depth, &taken);
    if (err) {
        bool gone = err->code == ERROR_GONE || err->code == ERROR_NOT_FOUND;

        /* A child that may not be looked at (a set-user-id program) ends no recording. */
        if (gone || err->code == ERROR_DENIED)
            error_destroy(err);
        else
            note_error(s, err);
        return !gone;
    }
    /* One that was let go meanwhile may have mapped unseen while it was read. */
    if (!still_the_same(w) || !is_watched(s, w)) {
        taken_deinit(&taken);
        return false;
    }
    taken.record.start_ticks = w->start_ticks;
    write_taken(s, &taken, w->looks == 0 || reason == SNAPSHOT_END);
    *ret_cost_ns = taken.smaps_ns;

    uint64_t rss_bytes = rss_of(&taken.record);

    pthread_mutex_lock(&s->lock);
    if (rss_bytes && s->watched.count && s->watched.items[0].pid == w->pid)
        s->stats.rss_bytes = rss_bytes;
    pthread_mutex_unlock(&s->lock);
    taken_deinit(&taken);
    return true;
}

static void copy_jit_names(struct snapper *s, pid_t pid, bool last)
{
    note_error(s, jit_copies_look(&s->jit, s->options.case_fd, pid, last));
}

static void forget(struct snapper *s, pid_t pid)
{
    struct watched *w = find_watched(s, pid);

    if (!w)
        return;
    memmove(w, w + 1, (size_t)(s->watched.items + s->watched.count - (w + 1)) * sizeof(*w));
    s->watched.count--;
    s->stats.watched--;
}

/* Looks at the process that is due; called and returns with the lock held. */
static void look_at_due(struct snapper *s, struct watched due)
{
    enum take_depth depth = units_monotonic_ns() >= due.full_due_ns ? TAKE_FULL : TAKE_LIGHT;
    uint64_t cost_ns = 0;

    pthread_mutex_unlock(&s->lock);

    bool alive = look(s, &due, SNAPSHOT_PERIODIC, depth, &cost_ns);

    if (alive)
        copy_jit_names(s, due.pid, false);
    pthread_mutex_lock(&s->lock);

    struct watched *w = find_watched(s, due.pid);

    if (!w || w->start_ticks != due.start_ticks)
        return;
    if (!alive) {
        forget(s, due.pid);
        return;
    }

    uint64_t now_ns = units_monotonic_ns();
    uint64_t rest_ns = cost_ns * COST_FACTOR;

    w->looks++;
    w->due_ns = now_ns + w->interval_ns;
    w->interval_ns *= 2;
    if (w->interval_ns > s->options.every_ns || s->options.every_named)
        w->interval_ns = s->options.every_ns;
    if (depth == TAKE_FULL && !s->options.every_named)
        w->full_due_ns = now_ns + rest_ns;
    else if (rest_ns > w->interval_ns && !s->options.every_named)
        w->due_ns = now_ns + rest_ns;
    if (rest_ns > s->options.every_ns)
        s->stats.spaced_out = true;
}

static void do_exit(struct snapper *s, const struct job *job)
{
    struct taken taken = {0};
    struct proc_stat stat = {0};
    struct seep_error *err = proc_stat(job->pid, &stat);

    error_destroy(err);
    err = take_snapshot(job->pid, SNAPSHOT_EXIT, TAKE_FULL, &taken);
    if (!err) {
        taken.record.stopped = true;
        taken.record.start_ticks = stat.start_ticks;
        write_taken(s, &taken, true);
        taken_deinit(&taken);
        copy_jit_names(s, job->pid, true);
        if (s->options.dump)
            err = s->options.dump(s->options.dump_context, s->options.case_fd, job->pid);
    } else if (err->code == ERROR_GONE || err->code == ERROR_NOT_FOUND ||
               err->code == ERROR_DENIED) {
        /* Killed while it was kept, or not to be looked at. */
        error_destroy(take_ptr(err));
    }
    if (err)
        note_error(s, err);
    s->options.released(s->options.context, job->tid);
}

static void do_all(struct snapper *s, enum snapshot_reason reason)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->watched.count; i++) {
        struct watched w = s->watched.items[i];
        uint64_t cost_ns = 0;

        pthread_mutex_unlock(&s->lock);
        if (look(s, &w, reason, TAKE_FULL, &cost_ns))
            copy_jit_names(s, w.pid, true);
        pthread_mutex_lock(&s->lock);
    }
    s->all_done++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Called and returns with the lock held. */
static void do_job(struct snapper *s, struct job *job)
{
    TAILQ_REMOVE(&s->jobs, job, entries);
    pthread_mutex_unlock(&s->lock);
    switch (job->kind) {
    case JOB_BASE:
        write_taken(s, &job->taken, false);
        break;
    case JOB_EXIT:
        do_exit(s, job);
        break;
    case JOB_ALL:
        do_all(s, job->reason);
        break;
    }
    taken_deinit(&job->taken);
    free(job);
    pthread_mutex_lock(&s->lock);
}

static void wait_until(struct snapper *s, uint64_t deadline_ns)
{
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_S),
        .tv_nsec = (long)(deadline_ns % NS_PER_S),
    };

    if (deadline_ns == UINT64_MAX)
        pthread_cond_wait(&s->changed, &s->lock);
    else
        pthread_cond_clockwait(&s->changed, &s->lock, CLOCK_MONOTONIC, &deadline);
}

static void *run(void *context)
{
    struct snapper *s = context;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        struct watched *first = NULL;

        if (!TAILQ_EMPTY(&s->jobs)) {
            do_job(s, TAILQ_FIRST(&s->jobs));
            continue;
        }
        if (s->ending)
            break;
        for (size_t i = 0; i < s->watched.count; i++)
            if (!first || s->watched.items[i].due_ns < first->due_ns)
                first = &s->watched.items[i];
        if (first && first->due_ns <= units_monotonic_ns())
            look_at_due(s, *first);
        else
            wait_until(s, first ? first->due_ns : UINT64_MAX);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

struct seep_error *snapper_create(const struct snapper_options *options,
                                  struct snapper **ret_snapper)
{
    struct snapper *s = calloc(1, sizeof(*s));
    struct seep_error *err = NULL;

    if (!s)
        return error_no_memory();
    s->options = *options;
    TAILQ_INIT(&s->jobs);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->threads_fd = -1;
    s->fd = openat(options->case_fd, "snapshots", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0)
        err = error_errno(errno, "snapshots", "cannot create snapshots in the case");
    if (!err && mkdirat(options->case_fd, "threads", 0700) < 0 && errno != EEXIST)
        err = error_errno(errno, "threads", "cannot create threads/ in the case");
    if (!err) {
        s->threads_fd = openat(options->case_fd, "threads", O_DIRECTORY | O_CLOEXEC);
        if (s->threads_fd < 0)
            err = error_errno(errno, "threads", "cannot open threads/ in the case");
    }
    if (!err && (errno = pthread_create(&s->thread, NULL, run, s)) != 0)
        err = error_errno(errno, NULL, "cannot start a thread");
    if (!err) {
        *ret_snapper = s;
        return NULL;
    }
    cleanup_close(&s->fd);
    cleanup_close(&s->threads_fd);
    free(s);
    return err;
}

void snapper_destroy(struct snapper *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    vector_deinit(&s->watched);
    jit_copies_deinit(&s->jit);
    error_destroy(s->err);
    cleanup_close(&s->fd);
    cleanup_close(&s->threads_fd);
    free(s);
}

void snapper_watch(struct snapper *s, pid_t pid, uint64_t start_ticks, bool now)
{
    uint64_t now_ns = units_monotonic_ns();
    struct watched w = {
        .pid = pid,
        .start_ticks = start_ticks,
        .interval_ns = (uint64_t)FIRST_INTERVAL_MS * NS_PER_MS,
    };

    if (s->options.every_named || w.interval_ns > s->options.every_ns)
        w.interval_ns = s->options.every_ns;
    w.due_ns = now ? now_ns : now_ns + w.interval_ns;
    pthread_mutex_lock(&s->lock);
    forget(s, pid);

    struct seep_error *err = s->stopped ? NULL : vector_push(&s->watched, w);

    s->stats.watched = s->watched.count;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    error_destroy(err);
}

void snapper_forget(struct snapper *s, pid_t pid)
{
    pthread_mutex_lock(&s->lock);
    forget(s, pid);
    pthread_mutex_unlock(&s->lock);
}

static void add_job(struct snapper *s, struct job *job)
{
    pthread_mutex_lock(&s->lock);
    s->all_asked += job->kind == JOB_ALL;
    TAILQ_INSERT_TAIL(&s->jobs, job, entries);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void snapper_base(struct snapper *s, pid_t pid, enum snapshot_reason reason, bool all_stopped,
                  bool full)
{
    struct job *job = calloc(1, sizeof(*job));
    struct proc_stat stat = {0};
    struct seep_error *err;

    if (!job)
        return;
    err = take_snapshot(pid, reason, full ? TAKE_FULL : TAKE_MAPS, &job->taken);
    if (err) {
        error_destroy(err);
        free(job);
        return;
    }
    error_destroy(proc_stat(pid, &stat));
    job->taken.record.start_ticks = stat.start_ticks;
    job->taken.record.stopped = all_stopped;
    job->kind = JOB_BASE;
    add_job(s, job);
}

void snapper_exit(struct snapper *s, pid_t pid, pid_t tid)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job) {
        s->options.released(s->options.context, tid);
        return;
    }
    job->kind = JOB_EXIT;
    job->pid = pid;
    job->tid = tid;
    add_job(s, job);
}

void snapper_all(struct snapper *s, enum snapshot_reason reason, uint64_t limit_ns)
{
    uint64_t deadline_ns = units_monotonic_ns() + limit_ns;
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        return;
    job->kind = JOB_ALL;
    job->reason = reason;
    add_job(s, job);
    pthread_mutex_lock(&s->lock);
    for (uint64_t turn = s->all_asked; s->all_done < turn && units_monotonic_ns() < deadline_ns;)
        wait_until(s, deadline_ns);
    pthread_mutex_unlock(&s->lock);
}

void snapper_stop(struct snapper *s, uint64_t limit_ns)
{
    pthread_mutex_lock(&s->lock);
    s->watched.count = s->stats.watched = 0;
    s->stopped = true;
    pthread_mutex_unlock(&s->lock);
    /* Of no process at all: done when everything before it is. */
    snapper_all(s, SNAPSHOT_END, limit_ns);
}

void snapper_stats(struct snapper *s, struct snapper_stats *ret_stats)
{
    pthread_mutex_lock(&s->lock);
    *ret_stats = s->stats;
    pthread_mutex_unlock(&s->lock);
}

struct seep_error *snapper_take_error(struct snapper *s)
{
    pthread_mutex_lock(&s->lock);

    struct seep_error *err = take_ptr(s->err);

    pthread_mutex_unlock(&s->lock);
    return err;
}
