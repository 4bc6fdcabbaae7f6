#include "tracer/follow_cpu.h"

#include <stdatomic.h>

#include "target/proc.h"

enum {
    STOPS_A_SAMPLE = 100,
    SAMPLES_TO_MOVE = 3,
    FAR_NS = 25000,         /* on one CPU a call and the two switches take less */
    LOOK_EVERY_NS = 250000, /* a look takes a few microseconds */
};

static _Atomic int tracers_cpu = -1; /* where it is pinned */

void follow_cpu_init(struct follow_cpu *f)
{
    *f = (struct follow_cpu){.cpu = -1, .elsewhere = -1};
    if (sched_getaffinity(0, sizeof(f->allowed), &f->allowed) < 0)
        CPU_ZERO(&f->allowed);
}

void follow_cpu_deinit(struct follow_cpu *f)
{
    if (f->cpu >= 0)
        sched_setaffinity(0, sizeof(f->allowed), &f->allowed);
    f->cpu = -1;
    atomic_store(&tracers_cpu, -1);
}

static void look(struct follow_cpu *f, pid_t pid, pid_t tid, bool close)
{
    struct proc_stat stat;
    _cleanup_error_ struct seep_error *err = proc_thread_stat(pid, tid, &stat);
    cpu_set_t set;

    if (err || stat.processor < 0 || stat.processor >= CPU_SETSIZE || stat.processor == f->cpu) {
        f->samples = 0;
        return;
    }
    f->samples = stat.processor == f->elsewhere ? f->samples + 1 : 1;
    f->elsewhere = stat.processor;
    if ((f->samples < SAMPLES_TO_MOVE && f->cpu >= 0 && !close) ||
        !CPU_ISSET(stat.processor, &f->allowed))
        return;
    CPU_ZERO(&set);
    CPU_SET(stat.processor, &set);
    if (sched_setaffinity(0, sizeof(set), &set) == 0) {
        f->cpu = stat.processor;
        atomic_store(&tracers_cpu, f->cpu);
    }
    f->samples = 0;
}

void follow_cpu_stop(struct follow_cpu *f, pid_t pid, pid_t tid, bool close, uint64_t away_ns,
                     uint64_t now_ns)
{
    bool may_be_elsewhere = close && away_ns > FAR_NS && now_ns - f->looked_ns > LOOK_EVERY_NS;

    if (f->stops-- > 0 && !may_be_elsewhere)
        return;
    f->stops = STOPS_A_SAMPLE;
    f->looked_ns = now_ns;
    look(f, pid, tid, close);
}

void follow_cpu_stay_off(void)
{
    static _Thread_local cpu_set_t allowed;
    static _Thread_local int off = -1;
    int cpu = atomic_load_explicit(&tracers_cpu, memory_order_relaxed);
    cpu_set_t set;

    if (cpu == off)
        return;
    if (off < 0 && sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return;
    set = allowed;
    if (cpu >= 0)
        CPU_CLR(cpu, &set);
    if (CPU_COUNT(&set) == 0 || sched_setaffinity(0, sizeof(set), &set) == 0)
        off = cpu;
}
