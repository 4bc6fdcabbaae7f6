/* Where the tracer and seep's other threads may run while tracees are followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/follow_cpu.h"

static cpu_set_t own_set(void)
{
    cpu_set_t set;

    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    return set;
}

static int last_cpu_of(const cpu_set_t *set)
{
    int last = -1;

    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set))
            last = cpu;
    return last;
}

/* A process that runs on CPU and nowhere else, until its maker ends at the latest. */
static pid_t start_on(int cpu)
{
    cpu_set_t set;
    pid_t child = fork();

    if (child)
        return child;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || sched_setaffinity(0, sizeof(set), &set) < 0)
        _exit(1);
    for (;;)
        getppid();
}

/* As another thread of seep has it after stay_off. */
static void *other_thread(void *context)
{
    cpu_set_t *set = context;

    follow_cpu_stay_off();
    *set = own_set();
    return NULL;
}

static cpu_set_t set_of_other_thread(void)
{
    pthread_t thread;
    cpu_set_t set;

    assert_int_equal(pthread_create(&thread, NULL, other_thread, &set), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return set;
}

/* Follows a process that runs on CPU, which is the caller's to end. */
static pid_t follow(struct follow_cpu *f, int cpu)
{
    pid_t child = start_on(cpu);

    usleep(50000);
    follow_cpu_init(f);
    follow_cpu_stop(f, child, child, true, 0, 1);
    return child;
}

static void the_tracer_follows_and_the_others_make_room(void **state)
{
    cpu_set_t before = own_set(), pinned, others;
    int cpu = last_cpu_of(&before);
    pid_t child;
    struct follow_cpu f;

    (void)state;
    if (CPU_COUNT(&before) < 2)
        skip();
    child = follow(&f, cpu);
    pinned = own_set();
    assert_int_equal(CPU_COUNT(&pinned), 1);
    assert_true(CPU_ISSET(cpu, &pinned));

    /* A thread is born with its maker's set; those of seep are there before. */
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
    others = set_of_other_thread();
    assert_int_equal(CPU_COUNT(&others), CPU_COUNT(&before) - 1);
    assert_false(CPU_ISSET(cpu, &others));

    follow_cpu_deinit(&f);
    pinned = own_set();
    others = set_of_other_thread();
    assert_true(CPU_EQUAL(&pinned, &before));
    assert_true(CPU_EQUAL(&others, &before));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* One that comes back to where it was asked to stay off may run there again when nobody is followed. */
static void who_made_room_comes_back(void **state)
{
    cpu_set_t before = own_set(), after;
    int cpu = last_cpu_of(&before);
    pid_t child;
    struct follow_cpu f;

    (void)state;
    if (CPU_COUNT(&before) < 2)
        skip();
    child = follow(&f, cpu);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
    follow_cpu_stay_off();
    after = own_set();
    assert_false(CPU_ISSET(cpu, &after));
    follow_cpu_deinit(&f);
    follow_cpu_stay_off();
    after = own_set();
    assert_true(CPU_EQUAL(&after, &before));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tracer_follows_and_the_others_make_room),
        cmocka_unit_test(who_made_room_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
