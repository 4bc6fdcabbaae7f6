/* The tables of processes and threads. */
#include "tracer/ptrace_state.h"

struct tracee *ptrace_find_tracee(const struct ptrace_source *source, pid_t tid)
{
    struct tracee *t;

    HASH_FIND_INT(source->tracees, &tid, t);
    return t;
}

struct process *ptrace_find_process(const struct ptrace_source *source, pid_t pid)
{
    struct process *p;

    HASH_FIND_INT(source->processes, &pid, p);
    return p;
}

struct process *ptrace_add_process(struct ptrace_source *source, pid_t pid)
{
    struct process *p = calloc(1, sizeof(*p));

    if (!p) {
        source->out_of_memory = true;
        return NULL;
    }
    p->pid = pid;
    code_map_init(&p->code, pid,
                  source->options.capture.pool ? stack_pool_modules(source->options.capture.pool)
                                               : NULL);
    HASH_ADD_INT(source->processes, pid, p);
    return p;
}

struct tracee *ptrace_add_tracee(struct ptrace_source *source, struct process *p, pid_t tid)
{
    struct tracee *t = calloc(1, sizeof(*t));

    if (!t) {
        source->out_of_memory = true;
        return NULL;
    }
    t->tid = tid;
    t->process = p;
    HASH_ADD_INT(source->tracees, tid, t);
    p->tracees++;
    p->alive++;
    source->running++;
    atomic_fetch_add(&source->tracee_count, 1);
    return t;
}

void ptrace_set_phase(struct ptrace_source *source, struct tracee *t, enum tracee_phase phase)
{
    source->running += (phase == PHASE_RUNNING) - (t->phase == PHASE_RUNNING);
    t->phase = phase;
}

void ptrace_remove_tracee(struct ptrace_source *source, struct tracee *t)
{
    ptrace_call_abandon(source, t);
    ptrace_set_phase(source, t, PHASE_STOPPED);
    t->process->tracees--;
    if (!t->exiting)
        t->process->alive--;
    HASH_DEL(source->tracees, t);
    atomic_fetch_sub(&source->tracee_count, 1);
    free(t->name);
    free(t);
}

void ptrace_remove_process(struct ptrace_source *source, struct process *p)
{
    HASH_DEL(source->processes, p);
    code_map_deinit(&p->code);
    free(p);
}
