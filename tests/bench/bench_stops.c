/*
 * What a syscall stop costs its tracee, and how much of that the tracer can time itself: the rest are
 * the two switches of context, USUAL_NS of tracer/switches.c.
 *
 *     |- tracee runs -|- switch -|-- tracer is busy --|- switch -|- tracee runs -|
 *
 *     bench_stops [BATCHES]       -> "stop N ns: tracer busy N, switches N"
 *
 * Tracer and tracee share a CPU, as follow_cpu.h has it. A batch is shorter than a time slice, and the
 * fastest tenth of them is told, so that other processes matter little.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "target/tracee.h"

enum { STOPS = 50, NATIVE_CALLS = 2000 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of the batches that nobody disturbed. */
static double typical(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 10];
}

/* One stop, as ptrace_source.c and ptrace_calls.c serve it; returns how long the tracer was busy. */
static uint64_t serve(pid_t pid)
{
    struct __ptrace_syscall_info info;
    int status;

    if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
        exit(1);

    uint64_t since_ns = units_monotonic_ns();

    if (tracee_syscall_info(pid, &info) != TRACEE_DONE ||
        tracee_resume(pid, TRACEE_TO_SYSCALL, 0) != TRACEE_DONE)
        exit(1);
    return units_monotonic_ns() - since_ns;
}

static double native_call_ns(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t since_ns = units_monotonic_ns();

        for (int j = 0; j < NATIVE_CALLS; j++)
            syscall(SYS_getppid);
        values[i] = (double)(units_monotonic_ns() - since_ns) / NATIVE_CALLS;
    }
    return typical(values, count);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
    _cleanup_free_ double *stops = calloc(count + 1, sizeof(*stops));
    _cleanup_free_ double *busy = calloc(count + 1, sizeof(*busy));
    cpu_set_t here;
    pid_t pid;

    if (!stops || !busy || count == 0)
        return 2;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    sched_setaffinity(0, sizeof(here), &here);

    double native_ns = native_call_ns(stops, count);

    pid = fork();
    if (pid == 0)
        for (;;)
            syscall(SYS_getppid);
    if (pid < 0 || tracee_seize(pid, TRACEE_KILL_ON_EXIT) != TRACEE_DONE ||
        tracee_interrupt(pid) != TRACEE_DONE)
        return 1;
    serve(pid);
    for (size_t i = 0; i < count; i++) {
        uint64_t busy_ns = 0, since_ns = units_monotonic_ns();

        for (int j = 0; j < STOPS; j++)
            busy_ns += serve(pid);
        stops[i] = (double)(units_monotonic_ns() - since_ns) / STOPS - native_ns / 2;
        busy[i] = (double)busy_ns / STOPS;
    }
    kill(pid, SIGKILL);

    double stop_ns = typical(stops, count), busy_ns = typical(busy, count);

    printf("stop %.0f ns: tracer busy %.0f, switches %.0f\n", stop_ns, busy_ns, stop_ns - busy_ns);
    return 0;
}
