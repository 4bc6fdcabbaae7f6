#include "analyzer/threads.h"

#include <stdlib.h>
#include <sys/queue.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { FIRST_LIMIT = 4096 };

/* A process by its threads: there may be a hundred thousand of one each. */
struct threads_process {
    pid_t pid;
    TAILQ_HEAD(, threads_entry) entries;
    UT_hash_handle hh;
};

struct threads_entry {
    pid_t tid;
    struct threads_process *process;
    TAILQ_ENTRY(threads_entry) entry;
    bool exited, kept;
    struct thread_names names; /* of all that had the id */
    UT_hash_handle hh;
};

static void leave_process(struct threads *threads, struct threads_entry *thread)
{
    struct threads_process *process = thread->process;

    if (!process)
        return;
    TAILQ_REMOVE(&process->entries, thread, entry);
    thread->process = NULL;
    if (!TAILQ_EMPTY(&process->entries))
        return;
    HASH_DEL(threads->processes, process);
    free(process);
}

static struct threads_process *find_process(const struct threads *threads, pid_t pid)
{
    struct threads_process *process;

    HASH_FIND_INT(threads->processes, &pid, process);
    return process;
}

static struct seep_error *join_process(struct threads *threads, struct threads_entry *thread,
                                       pid_t pid)
{
    struct threads_process *process = find_process(threads, pid);

    if (process && process == thread->process)
        return NULL;
    if (!process) {
        process = calloc(1, sizeof(*process));
        if (!process)
            return error_no_memory();
        process->pid = pid;
        TAILQ_INIT(&process->entries);
        HASH_ADD_INT(threads->processes, pid, process);
        if (!process->hh.tbl) {
            free(process);
            return error_no_memory();
        }
    }
    leave_process(threads, thread);
    TAILQ_INSERT_TAIL(&process->entries, thread, entry);
    thread->process = process;
    return NULL;
}

static void forget(struct threads *threads, struct threads_entry *thread)
{
    leave_process(threads, thread);
    HASH_DEL(threads->entries, thread);
    thread_names_deinit(&thread->names);
    free(thread);
}

void threads_deinit(struct threads *threads)
{
    struct threads_entry *thread, *next;

    HASH_ITER(hh, threads->entries, thread, next)
    {
        forget(threads, thread);
    }
}

static struct threads_entry *find(const struct threads *threads, pid_t tid)
{
    struct threads_entry *thread;

    HASH_FIND_INT(threads->entries, &tid, thread);
    return thread;
}

static bool keep_owner(const struct ledger_group *group, void *context)
{
    struct threads_entry *thread = group->live_count ? find(context, group->tid) : NULL;

    if (thread)
        thread->kept = true;
    return true;
}

/* Forgets the exited threads that hold nothing. */
static void clean_up(struct threads *threads, const struct ledger *ledger)
{
    struct threads_entry *thread, *next;

    ledger_each_group(ledger, keep_owner, threads);
    HASH_ITER(hh, threads->entries, thread, next)
    {
        if (thread->exited && !thread->kept)
            forget(threads, thread);
        else
            thread->kept = false;
    }
    threads->limit = 2 * (size_t)HASH_COUNT(threads->entries) + FIRST_LIMIT;
}

static struct seep_error *see(struct threads *threads, const struct ledger *ledger, pid_t pid,
                              pid_t tid, struct threads_entry **ret_thread)
{
    struct threads_entry *thread = find(threads, tid);

    if (!thread) {
        if (HASH_COUNT(threads->entries) >= (threads->limit ? threads->limit : FIRST_LIMIT))
            clean_up(threads, ledger);
        thread = calloc(1, sizeof(*thread));
        if (!thread)
            return error_no_memory();
        thread->tid = tid;
        HASH_ADD_INT(threads->entries, tid, thread);
        if (!thread->hh.tbl) {
            free(thread);
            return error_no_memory();
        }
    }
    thread->exited = false;
    *ret_thread = thread;
    return join_process(threads, thread, pid);
}

struct seep_error *threads_event(struct threads *threads, const struct ledger *ledger,
                                 const struct event *ev)
{
    struct threads_entry *thread = find(threads, ev->tid);
    const char *name = ev->name ? ev->name : "";
    struct seep_error *err;

    if (ev->kind == EVENT_THREAD_EXIT) {
        if (thread)
            thread->exited = true;
        return NULL;
    }
    err = see(threads, ledger, ev->pid, ev->tid, &thread);
    /* A new thread of unknown name has not got that of the one before. */
    if (err || (!name[0] && ev->kind != EVENT_THREAD_START))
        return err;
    return thread_names_add(&thread->names, ev->exit_ns, name);
}

struct seep_error *threads_look(struct threads *threads, const struct ledger *ledger,
                                const struct snapshot *snap)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < snap->tasks.count && !err; i++) {
        const struct snapshot_task *task = &snap->tasks.items[i];
        struct threads_entry *thread;

        err = see(threads, ledger, snap->pid, task->tid, &thread);
        if (!err && task->name[0])
            err = thread_names_look(&thread->names, snap->begin_ns, task->name);
    }
    return err;
}

const char *threads_name_at(const struct threads *threads, pid_t tid, uint64_t time_ns)
{
    const struct threads_entry *thread = find(threads, tid);

    return thread ? thread_names_at(&thread->names, time_ns) : NULL;
}

bool threads_exited(const struct threads *threads, pid_t tid)
{
    const struct threads_entry *thread = find(threads, tid);

    return thread && thread->exited;
}

void threads_each(const struct threads *threads, pid_t pid, bool (*visit)(pid_t tid, void *context),
                  void *context)
{
    const struct threads_process *process = find_process(threads, pid);
    const struct threads_entry *thread;

    if (!process)
        return;
    TAILQ_FOREACH (thread, &process->entries, entry)
        if (!visit(thread->tid, context))
            return;
}
