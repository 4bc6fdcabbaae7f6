#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/obstacle.h"

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    assert_true(pid > 0);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void expect_obstacle(pid_t pid, enum error_code code, const char *says)
{
    _cleanup_error_ struct seep_error *err = obstacle_before_attach(pid);

    assert_non_null(err);
    assert_int_equal(err->code, code);
    if (!strstr(err->message, says))
        fail_msg("'%s' does not say '%s'", err->message, says);
}

static void test_no_such_process(void **state)
{
    pid_t pid = sleeper();

    (void)state;
    assert_null(obstacle_before_attach(pid));
    end(pid);
    expect_obstacle(pid, ERROR_NOT_FOUND, "there is no process");
}

static void test_zombie(void **state)
{
    pid_t pid = sleeper();
    siginfo_t info;

    (void)state;
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    expect_obstacle(pid, ERROR_GONE, "zombie");
    waitpid(pid, NULL, 0);
}

static void test_self(void **state)
{
    (void)state;
    expect_obstacle(getpid(), ERROR_INVALID, "itself");
}

/* kthreadd; in a pid namespace of one's own there is none. */
static void test_kernel_thread(void **state)
{
    FILE *file = fopen("/proc/2/comm", "re");
    char name[32] = "";

    (void)state;
    if (!file || !fgets(name, sizeof(name), file) || strcmp(name, "kthreadd\n") != 0) {
        if (file)
            fclose(file);
        print_message("no kernel thread can be seen here\n");
        skip();
    }
    fclose(file);
    expect_obstacle(2, ERROR_INVALID, "kernel thread");
}

static void test_another_tracer(void **state)
{
    pid_t pid = sleeper(), tracer;
    int ready[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    tracer = fork();
    if (tracer == 0) {
        char answer = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 ? 'y' : 'n';

        if (write(ready[1], &answer, 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    if (byte == 'y') {
        char says[64];

        snprintf(says, sizeof(says), "(pid %d)", (int)tracer);
        expect_obstacle(pid, ERROR_DENIED, says);
    } else {
        print_message("ptrace is not permitted here\n");
    }
    end(tracer);
    end(pid);
    close(ready[0]);
    close(ready[1]);
}

/* Whatever the reason, there is one, and something to do about it. */
static void test_refusal_is_explained(void **state)
{
    pid_t pid = sleeper();
    _cleanup_error_ struct seep_error *err = obstacle_explain(pid, EPERM);

    (void)state;
    assert_non_null(err);
    assert_non_null(err->remedy);
    assert_int_equal(err->code, ERROR_DENIED);
    end(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_such_process),
        cmocka_unit_test(test_zombie),
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_kernel_thread),
        cmocka_unit_test(test_another_tracer),
        cmocka_unit_test(test_refusal_is_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
