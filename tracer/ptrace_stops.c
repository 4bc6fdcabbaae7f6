/* One stop: classified first, acted on second. The protocol is that of ptrace(2), by PTRACE_SEIZE. */
#include <string.h>
#include <sys/wait.h>

#include "base/units.h"
#include "target/proc.h"
#include "tracer/ptrace_state.h"

static void let_go(struct ptrace_source *source, struct tracee *t)
{
    struct process *p = t->process;

    tracee_detach(t->tid, t->signal);
    ptrace_remove_tracee(source, t);
    if (p->tracees > 0)
        return;
    if (p->started)
        ptrace_emit_life(source, EVENT_DETACH, p->pid, p->pid, NULL, 0, NULL);
    ptrace_remove_process(source, p);
}

void ptrace_go_on(struct ptrace_source *source, struct tracee *t)
{
    ptrace_set_phase(source, t, PHASE_STOPPED);
    if (t->kept_at_exit) {
        tracee_consume(t->tid);
        return;
    }
    if (source->mode == MODE_DETACH || t->unwanted) {
        let_go(source, t);
        return;
    }
    if (source->mode == MODE_FREEZE)
        return;
    ptrace_set_phase(source, t, t->how == TRACEE_LISTEN ? PHASE_LISTENING : PHASE_RUNNING);
    t->resumed_ns = units_monotonic_ns();
    ptrace_count_busy(source, t->resumed_ns);
    tracee_resume(t->tid, t->how, t->how == TRACEE_LISTEN ? 0 : t->signal);
}

static enum tracee_resume usual(const struct ptrace_source *source)
{
    return source->filtered || source->quiet ? TRACEE_CONTINUE : TRACEE_TO_SYSCALL;
}

void ptrace_start_process(struct ptrace_source *source, struct process *p, enum event_start how,
                          pid_t parent)
{
    struct proc_stat stat = {0};
    _cleanup_error_ struct seep_error *err = proc_stat(p->pid, &stat);

    p->started = true;
    ptrace_emit_life(source, EVENT_PROCESS_START, p->pid, p->pid,
                     (uint64_t[3]){how, (uint64_t)parent, stat.start_ticks}, 0, stat.comm);
}

void ptrace_start_thread(struct ptrace_source *source, struct tracee *t, pid_t parent)
{
    _cleanup_error_ struct seep_error *err = NULL;

    if (t->comm[0] == '\0')
        err = proc_thread_name(t->process->pid, t->tid, t->comm);
    ptrace_emit_life(source, EVENT_THREAD_START, t->process->pid, t->tid,
                     (uint64_t[3]){(uint64_t)parent}, 0, t->comm);
}

/* A thread or process born traced, seen by its parent's report or by its own first stop, whichever
 * comes first. NULL: it is gone, or not to be followed. */
static struct tracee *newborn(struct ptrace_source *source, pid_t tid, struct tracee *parent,
                              bool vfork)
{
    pid_t pid = 0;
    _cleanup_error_ struct seep_error *err = proc_thread_group(tid, &pid);

    if (err)
        return NULL;

    struct process *p = ptrace_find_process(source, pid);
    struct process *parent_process = parent ? parent->process : NULL;

    if (!p) {
        struct proc_stat stat;

        if (!source->options.follow)
            return NULL;
        if (!parent_process && !(err = proc_stat(pid, &stat)))
            parent_process = ptrace_find_process(source, stat.ppid);

        pid_t parent_pid = parent_process ? parent_process->pid : 0;
        bool same_memory =
            parent_pid && tracee_shares_memory(pid, parent ? parent->tid : parent_pid);
        bool shared = vfork || same_memory;

        p = ptrace_add_process(source, pid, same_memory ? parent_process : NULL);
        if (!p)
            return NULL;

        if (!parent_process || parent_process->started)
            ptrace_start_process(source, p, shared ? EVENT_START_SHARED : EVENT_START_FORK,
                                 parent_pid);
        if (parent_process && !same_memory) {
            p->memory->brk = parent_process->memory->brk;
            code_map_inherit(&p->memory->code, &parent_process->memory->code);
        }
        p->base_wanted = p->started && !shared && (!parent_process || parent_process->alive > 1);
    }

    struct tracee *t = ptrace_add_tracee(source, p, tid);

    if (t) {
        t->newborn = true;
        if (p->started)
            ptrace_start_thread(source, t, parent ? parent->tid : 0);
    }
    return t;
}

/* True when PID waits for its maker's report, with a stop of STATUS. */
static bool take_foundling(struct ptrace_source *source, pid_t pid, int *ret_status)
{
    for (size_t i = 0; i < source->foundlings.count; i++) {
        if (source->foundlings.items[i].pid != pid)
            continue;
        *ret_status = source->foundlings.items[i].status;
        source->foundlings.items[i] = source->foundlings.items[--source->foundlings.count];
        return true;
    }
    return false;
}

/* The stop of a process that nobody has reported is left unanswered until its maker does, which is
 * about to. False: it is to be taken in as it is. */
static bool wait_for_maker(struct ptrace_source *source, pid_t tid, int status)
{
    _cleanup_error_ struct seep_error *err = NULL;
    pid_t pid = 0;

    if (source->mode != MODE_RUN || !source->options.follow || source->adopting)
        return false;
    err = proc_thread_group(tid, &pid);
    if (err || pid != tid || ptrace_find_process(source, pid))
        return false;
    err = vector_push(&source->foundlings, (struct foundling){pid, status});
    if (!err)
        tracee_consume(pid);
    return !err;
}

void ptrace_adopt_foundlings(struct ptrace_source *source)
{
    source->adopting = true;
    while (source->foundlings.count > 0) {
        struct foundling last = source->foundlings.items[--source->foundlings.count];

        ptrace_dispatch(source, last.pid, last.status);
    }
    source->adopting = false;
}

static void thread_born(struct ptrace_source *source, struct tracee *parent, enum tracee_stop stop)
{
    unsigned long message;
    int status;

    if (tracee_message(parent->tid, &message) != TRACEE_DONE ||
        ptrace_find_tracee(source, (pid_t)message))
        return;
    newborn(source, (pid_t)message, parent, stop == TRACEE_NEW_VFORK);
    if (take_foundling(source, (pid_t)message, &status))
        ptrace_dispatch(source, (pid_t)message, status);
}

/* The caller's tid has become the process's pid; its other threads are gone or about to be. */
static void executed(struct ptrace_source *source, struct tracee *t)
{
    struct process *p = t->process;
    struct tracee *other, *next;
    unsigned long former = (unsigned long)t->tid;
    _cleanup_free_ char *exe = NULL;
    _cleanup_error_ struct seep_error *err = proc_exe(p->pid, &exe);

    tracee_message(t->tid, &former);
    ptrace_call_abandon(source, t);
    HASH_ITER(hh, source->tracees, other, next)
    if (other->process == p && other != t)
        ptrace_remove_tracee(source, other);
    if (t->exiting) {
        t->exiting = false;
        p->alive++;
    }
    t->kept_at_exit = false;
    ptrace_renew_memory(source, p);
    t->stack = (struct code_map_stack){0};
    t->call = source->filtered ? CALL_NONE : CALL_SKIPPED;
    if (!p->started) {
        ptrace_start_process(source, p, EVENT_START_ATTACHED, 0);
        ptrace_start_thread(source, t, 0);
    }
    ptrace_emit_life(source, EVENT_EXEC, p->pid, t->tid, (uint64_t[3]){former}, 0, exe);
    ptrace_note_name(source, t);
    p->base_wanted = false;
    if (!source->quiet)
        source->options.hooks.base(source->options.hooks.context, p->pid, SNAPSHOT_EXEC, true);
}

static void exiting(struct ptrace_source *source, struct tracee *t)
{
    struct process *p = t->process;

    if (t->exiting)
        return;
    ptrace_note_name(source, t);
    t->exiting = true;
    p->alive--;
    if (p->alive == 0 && p->started && !source->quiet && source->mode != MODE_DETACH)
        t->kept_at_exit =
            source->options.hooks.last_exit(source->options.hooks.context, p->pid, t->tid);
}

static void reaped(struct ptrace_source *source, pid_t tid, int status)
{
    struct tracee *t = ptrace_find_tracee(source, tid);

    if (tid == source->adopted)
        atomic_store(&source->exit_status, status);
    if (!t)
        return;

    struct process *p = t->process;
    bool started = p->started;
    pid_t pid = p->pid;

    ptrace_remove_tracee(source, t);
    if (started)
        ptrace_emit_life(source, EVENT_THREAD_EXIT, pid, tid, NULL, status, NULL);
    if (p->tracees > 0)
        return;
    if (started)
        ptrace_emit_life(source, EVENT_PROCESS_EXIT, pid, pid, NULL, status, NULL);
    ptrace_remove_process(source, p);
}

static void first_stop(struct ptrace_source *source, struct tracee *t)
{
    t->newborn = false;
    if (!t->process->base_wanted)
        return;
    t->process->base_wanted = false;
    source->options.hooks.base(source->options.hooks.context, t->process->pid, SNAPSHOT_FORK, true);
}

void ptrace_dispatch(struct ptrace_source *source, pid_t tid, int status)
{
    enum tracee_stop stop = tracee_classify(status);
    struct tracee *t = ptrace_find_tracee(source, tid);

    if (stop == TRACEE_EXITED) {
        take_foundling(source, tid, &(int){0});
        reaped(source, tid, status);
        return;
    }
    if (!t && wait_for_maker(source, tid, status))
        return;
    atomic_fetch_add_explicit(&source->stops, 1, memory_order_relaxed);
    if (!t)
        t = newborn(source, tid, NULL, false);
    if (!t) {
        tracee_detach(tid, stop == TRACEE_SIGNAL ? WSTOPSIG(status) : 0);
        return;
    }
    ptrace_set_phase(source, t, PHASE_STOPPED);
    if (t->newborn)
        first_stop(source, t);
    t->signal = 0;
    t->how = usual(source);
    switch (stop) {
    case TRACEE_SYSCALL:
    case TRACEE_SECCOMP:
        t->how = ptrace_call_stop(source, t, stop);
        break;
    case TRACEE_SIGNAL:
        t->signal = WSTOPSIG(status);
        break;
    case TRACEE_GROUP_STOP:
        t->how = TRACEE_LISTEN;
        break;
    case TRACEE_NEW_THREAD:
    case TRACEE_NEW_FORK:
    case TRACEE_NEW_VFORK:
        thread_born(source, t, stop);
        break;
    case TRACEE_EXEC:
        executed(source, t);
        break;
    case TRACEE_EXITING:
        exiting(source, t);
        break;
    case TRACEE_TRAPPED:
    case TRACEE_EXITED:
        break;
    }
    /* A wanted call under way must be seen to return, whatever stop comes in between. */
    if (t->call == CALL_WANTED && t->how == TRACEE_CONTINUE)
        t->how = TRACEE_TO_SYSCALL;
    ptrace_go_on(source, t);
}
