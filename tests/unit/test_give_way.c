#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "target/tracee.h"
#include "tracer/give_way.h"

/* This thread plays the tracer. Where the way back is not permitted there is nothing to test. */
static struct give_way *create(void)
{
    struct give_way *g = give_way_create();

    if (!g) {
        print_message("skipped: the scheduling class may not be changed and changed back here\n");
        skip();
    }
    return g;
}

/* True once the policy of this thread is POLICY; the guard has all the time it needs. */
static bool becomes(int policy)
{
    uint64_t deadline_ns = units_monotonic_ns() + 20 * (uint64_t)NS_PER_S;

    while (sched_getscheduler(0) != policy) {
        if (units_monotonic_ns() > deadline_ns)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    }
    return true;
}

static void test_own_class_when_told_and_at_the_end(void **state)
{
    struct give_way *g = create();

    (void)state;
    give_way_stop(g, getpid(), true, units_monotonic_ns());
    give_way_stop(g, getpid(), false, units_monotonic_ns());
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    give_way_stop(g, getpid(), true, units_monotonic_ns());
    give_way_pause(g);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    give_way_stop(g, getpid(), true, units_monotonic_ns());
    give_way_destroy(g);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), 0);
}

/* Without stops the guard gives the class back; the next stop takes it again. */
static void test_guard_when_nothing_is_served(void **state)
{
    struct give_way *g = create();
    bool was_idle = false;

    (void)state;
    for (int i = 0; i < 1000 && !was_idle; i++) {
        give_way_stop(g, getpid(), true, units_monotonic_ns());
        was_idle = sched_getscheduler(0) == SCHED_IDLE;
    }
    assert_true(was_idle);
    assert_true(becomes(SCHED_OTHER));
    give_way_destroy(g);
}

/* A tracee stands still and its tracer does not run: what a busy CPU does to it. */
static void test_guard_when_a_tracee_stands_still(void **state)
{
    struct give_way *g = create();
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0)
        for (;;)
            pause();
    assert_int_equal(tracee_seize(child, TRACEE_KILL_ON_EXIT), TRACEE_DONE);
    assert_int_equal(tracee_interrupt(child), TRACEE_DONE);
    assert_int_equal(tracee_wait(child, true, &status), child);
    give_way_stop(g, child, true, units_monotonic_ns());
    /* The guard needs a moment in which the tracer does not run at all. */
    sleep(1);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    /* It rests, whatever stops come. */
    for (int i = 0; i < 1000; i++) {
        give_way_stop(g, child, true, units_monotonic_ns());
        assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    }
    /* After that it may again. */
    give_way_stop(g, child, true, units_monotonic_ns() + 60 * (uint64_t)NS_PER_S);
    give_way_destroy(g);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    kill(child, SIGKILL);
    waitpid(child, NULL, __WALL);
}

/* In a process of its own, because not everyone can come back. */
static int run_with(int policy, int nice_value)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct give_way *g;

        if (setpriority(PRIO_PROCESS, 0, nice_value) < 0 ||
            sched_setscheduler(0, policy, &(struct sched_param){0}) < 0)
            _exit(2);
        g = give_way_create();
        _exit(g != NULL || sched_getscheduler(0) != policy ||
              getpriority(PRIO_PROCESS, 0) != nice_value);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void test_a_users_choice_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(run_with(SCHED_BATCH, 0), 0);
    assert_int_equal(run_with(SCHED_IDLE, 0), 0);
    assert_int_equal(run_with(SCHED_OTHER, 5), 0);
}

/* Without the right to come back nobody goes. */
static void test_no_right_no_change(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0) {
        struct give_way *g;

        if (setrlimit(RLIMIT_NICE, &(struct rlimit){0}) < 0 ||
            (geteuid() == 0 && setuid(65534) < 0))
            _exit(2);
        g = give_way_create();
        _exit(g != NULL || sched_getscheduler(0) != SCHED_OTHER);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_class_when_told_and_at_the_end),
        cmocka_unit_test(test_guard_when_nothing_is_served),
        cmocka_unit_test(test_guard_when_a_tracee_stands_still),
        cmocka_unit_test(test_a_users_choice_is_left_alone),
        cmocka_unit_test(test_no_right_no_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
