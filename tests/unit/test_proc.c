#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/proc.h"
#include "tests/unit/child.h"

static const char hostile[] = "a) R 7 (\n\\b";

static void take_hostile_name(void)
{
    prctl(PR_SET_NAME, hostile);
}

static void test_names_may_hold_anything(void **state)
{
    pid_t pid = start_child(take_hostile_name);
    struct proc_stat stat;
    char name[17];

    (void)state;
    assert_null(proc_stat(pid, &stat));
    assert_string_equal(stat.comm, hostile);
    assert_int_equal(stat.pid, pid);
    assert_int_equal(stat.ppid, getpid());
    assert_int_equal(stat.pgrp, getpgrp());
    assert_int_equal(stat.session, getsid(0));
    assert_int_equal(stat.thread_count, 1);
    assert_true(stat.start_ticks > 0);
    assert_in_range(stat.processor, 0, 4096);
    assert_null(proc_thread_name(pid, pid, name));
    assert_string_equal(name, hostile);
    end_child(pid);
}

static struct seep_error *call(int which, pid_t pid)
{
    struct proc_pids pids = {0};
    struct buffer text = {0};
    struct proc_stat stat;
    char name[17], *path;
    uint64_t number;
    pid_t group;

    switch (which) {
    case 0:
        return proc_stat(pid, &stat);
    case 1:
        return proc_thread_stat(pid, pid, &stat);
    case 2:
        return proc_thread_group(pid, &group);
    case 3:
        return proc_thread_name(pid, pid, name);
    case 4:
        return proc_threads(pid, &pids);
    case 5:
        return proc_descendants(pid, &pids);
    case 6:
        return proc_exe(pid, &path);
    case 7:
        return proc_command(pid, &path);
    case 8:
        return proc_read(pid, "maps", &text);
    default:
        return proc_status_number(pid, "Tgid", &number);
    }
}

static void test_a_process_that_is_gone(void **state)
{
    pid_t pid = start_child(NULL);

    (void)state;
    end_child(pid);
    for (int which = 0; which <= 9; which++) {
        struct seep_error *err = call(which, pid);

        assert_non_null(err);
        assert_int_equal(err->code, ERROR_GONE);
        error_destroy(err);
    }
}

static void test_a_zombie(void **state)
{
    pid_t pid = start_child(take_hostile_name);
    struct proc_stat stat = {0};
    char *exe, *command;

    (void)state;
    kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_null(proc_stat(pid, &stat));
    assert_int_equal(stat.state, 'Z');
    assert_null(proc_exe(pid, &exe));
    assert_null(proc_command(pid, &command));
    assert_string_equal(exe, "[a) R 7 (\n\\b]");
    assert_string_equal(command, "[a) R 7 (\\n\\\\b]");
    free(exe);
    free(command);
    end_child(pid);
}

static void *wait_here(void *argument)
{
    pthread_barrier_t *barrier = argument;

    pthread_setname_np(pthread_self(), "waiter");
    pthread_barrier_wait(barrier);
    pthread_barrier_wait(barrier);
    return NULL;
}

static void test_threads(void **state)
{
    enum { COUNT = 5 };
    pthread_barrier_t barrier;
    pthread_t threads[COUNT];
    struct proc_pids tids = {0};
    struct proc_stat stat;
    size_t named = 0;

    (void)state;
    pthread_barrier_init(&barrier, NULL, COUNT + 1);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_here, &barrier), 0);
    pthread_barrier_wait(&barrier);
    assert_null(vector_push(&tids, 1));
    assert_null(proc_threads(getpid(), &tids));
    assert_true(tids.count >= COUNT + 2);
    for (size_t i = 1; i < tids.count; i++) {
        char name[17];
        pid_t group;

        if (i > 1)
            assert_true(tids.items[i - 1] < tids.items[i]);
        assert_null(proc_thread_name(getpid(), tids.items[i], name));
        named += strcmp(name, "waiter") == 0;
        assert_null(proc_thread_group(tids.items[i], &group));
        assert_int_equal(group, getpid());
        assert_null(proc_thread_stat(getpid(), tids.items[i], &stat));
        assert_int_equal(stat.pid, tids.items[i]);
    }
    assert_int_equal(named, COUNT);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < COUNT; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    vector_deinit(&tids);
}

static void test_a_thread_that_is_gone(void **state)
{
    struct proc_stat stat;
    pid_t pid = start_child(NULL);

    (void)state;
    end_child(pid);

    struct seep_error *err = proc_thread_stat(getpid(), pid, &stat);

    assert_non_null(err);
    assert_int_equal(err->code, ERROR_GONE);
    error_destroy(err);
}

static int family_pipe[2];

static void have_a_child(void)
{
    const pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* The parent may be gone already: then no signal comes. */
        if (getppid() != parent)
            _exit(0);
        for (;;)
            pause();
    }
    if (write(family_pipe[1], &pid, sizeof(pid)) != sizeof(pid))
        _exit(1);
}

static void test_descendants(void **state)
{
    struct proc_pids pids = {0};
    pid_t grandchild;

    (void)state;
    assert_int_equal(pipe(family_pipe), 0);

    pid_t child = start_child(have_a_child);

    assert_int_equal(read(family_pipe[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    assert_null(proc_descendants(getpid(), &pids));
    assert_int_equal(pids.count, 2);
    assert_int_equal(pids.items[0], child);
    assert_int_equal(pids.items[1], grandchild);
    pids.count = 0;
    assert_null(proc_descendants(grandchild, &pids));
    assert_int_equal(pids.count, 0);
    end_child(child);
    close(family_pipe[0]);
    close(family_pipe[1]);
    vector_deinit(&pids);
}

static void test_own_texts(void **state)
{
    _cleanup_buffer_ struct buffer text = {0};
    char link[4096], *exe, *command;
    ssize_t len = readlink("/proc/self/exe", link, sizeof(link) - 1);
    uint64_t number;

    (void)state;
    assert_true(len > 0);
    link[len] = '\0';
    assert_null(proc_exe(getpid(), &exe));
    assert_string_equal(exe, link);
    assert_null(proc_command(getpid(), &command));
    assert_non_null(strstr(command, "test_proc"));
    assert_null(proc_read(getpid(), "maps", &text));
    assert_non_null(strstr(text.bytes, "[stack]"));
    assert_null(proc_status_number(getpid(), "Threads", &number));
    assert_true(number >= 1);
    assert_null(proc_status_number(getpid(), "Tgid", &number));
    assert_int_equal(number, getpid());

    struct seep_error *err = proc_status_number(getpid(), "NoSuchField", &number);

    assert_int_equal(err->code, ERROR_NOT_FOUND);
    error_destroy(err);
    err = proc_read(getpid(), "no_such_file", &text);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    error_destroy(err);
    free(exe);
    free(command);
}

static void drop_rights(void)
{
    if (setgid(65534) < 0 || setuid(65534) < 0)
        _exit(1);
}

static void test_a_right_that_is_missing(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();

    pid_t other = start_child(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        struct buffer text = {0};
        char *exe;

        drop_rights();

        struct seep_error *read_err = proc_read(other, "smaps", &text);
        struct seep_error *exe_err = proc_exe(other, &exe);

        _exit(read_err && read_err->code == ERROR_DENIED && read_err->remedy && exe_err &&
                      exe_err->code == ERROR_DENIED
                  ? 0
                  : 1);
    }

    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    end_child(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_may_hold_anything),
        cmocka_unit_test(test_a_process_that_is_gone),
        cmocka_unit_test(test_a_zombie),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_a_thread_that_is_gone),
        cmocka_unit_test(test_descendants),
        cmocka_unit_test(test_own_texts),
        cmocka_unit_test(test_a_right_that_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
