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

static struct process_memory *new_memory(struct ptrace_source *source, pid_t pid)
{
    struct stack_pool *pool = source->options.capture.pool;
    struct process_memory *memory = calloc(1, sizeof(*memory));

    if (!memory) {
        source->out_of_memory = true;
        return NULL;
    }
    memory->references = 1;
    code_map_init(&memory->code, pid, pool ? stack_pool_modules(pool) : NULL);
    return memory;
}

static void unref_memory(struct process_memory *memory)
{
    if (--memory->references > 0)
        return;
    code_map_deinit(&memory->code);
    free(memory);
}

void ptrace_renew_memory(struct ptrace_source *source, struct process *p)
{
    struct process_memory *memory = p->memory->references > 1 ? new_memory(source, p->pid) : NULL;

    if (memory) {
        unref_memory(p->memory);
        p->memory = memory;
    } else {
        p->memory->brk = 0;
        code_map_reset(&p->memory->code);
    }
}

struct process *ptrace_add_process(struct ptrace_source *source, pid_t pid,
                                   const struct process *memory_of)
{
    struct process *p = calloc(1, sizeof(*p));

    if (!p) {
        source->out_of_memory = true;
        return NULL;
    }
    p->pid = pid;
    p->memory = memory_of ? memory_of->memory : new_memory(source, pid);
    if (!p->memory) {
        free(p);
        return NULL;
    }
    p->memory->references += memory_of != NULL;
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
    unref_memory(p->memory);
    free(p);
}
