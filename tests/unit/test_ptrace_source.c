#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/ptrace_source.h"
#include "tracer/spawn.h"

/* The source is run on this thread, on children that do one thing each. */

struct seen {
    struct event events[256];
    size_t count;
    unsigned bases[SNAPSHOT_SINGLE + 1];
    unsigned last_exits;
};

static void on_base(void *context, pid_t pid, enum snapshot_reason reason, bool all_stopped)
{
    struct seen *seen = context;

    (void)pid;
    assert_true(all_stopped);
    seen->bases[reason]++;
}

static bool on_last_exit(void *context, pid_t pid, pid_t tid)
{
    struct seen *seen = context;

    (void)pid;
    (void)tid;
    seen->last_exits++;
    return false;
}

static struct ptrace_source *make_source(struct seen *seen, bool follow)
{
    struct ptrace_source *source;
    const struct ptrace_source_options options = {
        .follow = follow,
        .hooks = {.base = on_base, .last_exit = on_last_exit, .context = seen},
    };

    assert_null(ptrace_source_create(&options, &source));
    return source;
}

static void drain(struct ptrace_source *source, struct seen *seen)
{
    enum event_source_step step = EVENT_SOURCE_MORE;
    struct event ev;

    for (;;) {
        assert_null(ptrace_source_next(source, &ev, &step));
        if (step == EVENT_SOURCE_END)
            return;
        ev.name = ev.name ? strdup(ev.name) : NULL;
        if (seen->count < 256)
            seen->events[seen->count++] = ev;
    }
}

static void forget(struct seen *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        free(seen->events[i].name);
    *seen = (struct seen){0};
}

static const struct event *find(const struct seen *seen, uint8_t kind, size_t nth)
{
    for (size_t i = 0; i < seen->count; i++)
        if (seen->events[i].kind == kind && nth-- == 0)
            return &seen->events[i];
    return NULL;
}

/* A child that waits for a byte, then does WORK and exits with 7. */
struct child {
    pid_t pid;
    int go;
};

static struct child start(void (*work)(void))
{
    int pipes[2];
    struct child child;

    assert_int_equal(pipe(pipes), 0);
    child.pid = fork();
    if (child.pid == 0) {
        char byte;

        close(pipes[1]);
        while (read(pipes[0], &byte, 1) < 0)
            ;
        work();
        _exit(7);
    }
    close(pipes[0]);
    child.go = pipes[1];
    return child;
}

static void trace(struct seen *seen, void (*work)(void), bool follow)
{
    struct ptrace_source *source = make_source(seen, follow);
    struct child child = start(work);
    struct ptrace_source_stats stats;

    assert_null(ptrace_source_attach(source, child.pid));
    assert_null(ptrace_source_begin(source));
    assert_int_equal(write(child.go, "x", 1), 1);
    close(child.go);
    drain(source, seen);
    ptrace_source_stats(source, &stats);
    assert_int_equal(stats.tracees, 0);
    ptrace_source_serve(source);
    ptrace_source_destroy(source);
}

static void map_and_unmap(void)
{
    void *p = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap((char *)p + 1, 4096);
    munmap(p, 3 * 4096);
}

static void test_calls_with_arguments_and_results(void **state)
{
    struct seen seen = {0};
    const struct event *map, *bad, *good;

    (void)state;
    trace(&seen, map_and_unmap, true);
    map = find(&seen, EVENT_MMAP, 0);
    bad = find(&seen, EVENT_MUNMAP, 0);
    good = find(&seen, EVENT_MUNMAP, 1);
    assert_non_null(map);
    assert_non_null(good);
    assert_int_equal(map->args[1], 3 * 4096);
    assert_int_equal(map->args[3], MAP_PRIVATE | MAP_ANONYMOUS);
    assert_int_equal((uint32_t)map->args[4], UINT32_MAX);
    assert_int_equal(bad->args[0], map->result + 1);
    assert_int_equal(bad->result, -EINVAL);
    assert_int_equal(good->args[0], map->result);
    assert_int_equal(good->result, 0);
    assert_true(map->enter_ns <= map->exit_ns && map->exit_ns <= bad->enter_ns);
    assert_int_equal(find(&seen, EVENT_PROCESS_START, 0)->args[0], EVENT_START_ATTACHED);
    assert_int_equal(WEXITSTATUS(find(&seen, EVENT_PROCESS_EXIT, 0)->result), 7);
    assert_int_equal(seen.bases[SNAPSHOT_START], 1);
    assert_int_equal(seen.last_exits, 1);
    forget(&seen);
}

static int leave(void *context)
{
    (void)context;
    _exit(0);
}

/* The second is vfork, but on a stack of its own. */
static void fork_and_vfork(void)
{
    static char stack[64 << 10] __attribute__((aligned(16)));
    pid_t child = fork();

    if (child == 0) {
        mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    child = clone(leave, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    waitpid(child, NULL, 0);
}

static void test_children_copy_or_share(void **state)
{
    struct seen seen = {0};
    const struct event *forked, *shared;

    (void)state;
    trace(&seen, fork_and_vfork, true);
    forked = find(&seen, EVENT_PROCESS_START, 1);
    shared = find(&seen, EVENT_PROCESS_START, 2);
    assert_non_null(shared);
    assert_int_equal(forked->args[0], EVENT_START_FORK);
    assert_int_equal(shared->args[0], EVENT_START_SHARED);
    assert_int_equal(forked->args[1], find(&seen, EVENT_PROCESS_START, 0)->pid);
    assert_int_equal(find(&seen, EVENT_MMAP, 0)->pid, forked->pid);
    forget(&seen);

    trace(&seen, fork_and_vfork, false);
    assert_null(find(&seen, EVENT_PROCESS_START, 1));
    assert_null(find(&seen, EVENT_MMAP, 0));
    forget(&seen);
}

enum { SIBLINGS = 40 };

/* A child's children that count as their grandparent's: its pid tells nothing of who made them. */
static void bear_siblings(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0; i < SIBLINGS; i++)
            if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL) == 0)
                _exit(0);
        _exit(0);
    }
    while (wait(NULL) > 0)
        ;
}

static void test_a_child_is_its_makers(void **state)
{
    struct seen seen = {0};
    const struct event *maker;

    (void)state;
    trace(&seen, bear_siblings, true);
    maker = find(&seen, EVENT_PROCESS_START, 1);
    assert_non_null(maker);
    for (size_t i = 0; i < SIBLINGS; i++) {
        const struct event *born = find(&seen, EVENT_PROCESS_START, 2 + i);

        assert_non_null(born);
        assert_int_equal(born->args[0], EVENT_START_FORK);
        assert_int_equal(born->args[1], maker->pid);
    }
    assert_null(find(&seen, EVENT_PROCESS_START, 2 + SIBLINGS));
    forget(&seen);
}

static void name_a_memfd(void)
{
    /* The name ends at the last byte before a page that is not there. */
    char *pages = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(pages + 4096, 4096);
    strcpy(pages + 4096 - 6, "cache");
    close(memfd_create(pages + 4096 - 6, 0));
    syscall(SYS_memfd_create, (void *)8, 0);
}

static void test_memfd_names(void **state)
{
    struct seen seen = {0};

    (void)state;
    trace(&seen, name_a_memfd, true);
    assert_string_equal(find(&seen, EVENT_MEMFD_CREATE, 0)->name, "cache");
    assert_null(find(&seen, EVENT_MEMFD_CREATE, 1)->name);
    assert_int_equal(find(&seen, EVENT_MEMFD_CREATE, 1)->result, -EFAULT);
    forget(&seen);
}

static void die_of_a_signal(void)
{
    raise(SIGKILL);
}

static void test_killed(void **state)
{
    struct seen seen = {0};
    const struct event *exit;

    (void)state;
    trace(&seen, die_of_a_signal, true);
    exit = find(&seen, EVENT_THREAD_EXIT, 0);
    assert_true(WIFSIGNALED(exit->result));
    assert_int_equal(WTERMSIG(exit->result), SIGKILL);
    forget(&seen);
}

static void spawn(struct seen *seen, char *const *argv, bool follow, int *ret_errnum)
{
    struct ptrace_source *source = make_source(seen, follow);
    sigset_t none;
    struct spawned spawned;

    sigemptyset(&none);
    assert_null(spawn_prepare(
        &(struct spawn_options){.argv = argv, .follow = follow, .mask = &none, .ignored = &none},
        &spawned));
    assert_null(ptrace_source_adopt(source, spawned.pid, spawned.filtered));
    assert_null(ptrace_source_begin(source));
    spawn_start(&spawned);
    drain(source, seen);
    *ret_errnum = spawn_result(&spawned);
    ptrace_source_destroy(source);
}

static void test_spawned_program(void **state)
{
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 3", NULL};
    char *const missing[] = {(char *)"/nonexistent/program", NULL};
    struct seen seen = {0};
    int errnum;

    (void)state;
    for (int follow = 0; follow < 2; follow++) {
        spawn(&seen, argv, follow, &errnum);
        assert_int_equal(errnum, 0);
        assert_int_equal(seen.bases[SNAPSHOT_EXEC], 1);
        assert_int_equal(seen.events[0].kind, EVENT_PROCESS_START);
        assert_non_null(find(&seen, EVENT_EXEC, 0)->name);
        assert_non_null(find(&seen, EVENT_BRK, 0));
        assert_int_equal(WEXITSTATUS(find(&seen, EVENT_PROCESS_EXIT, 0)->result), 3);
        forget(&seen);
    }
    spawn(&seen, missing, true, &errnum);
    assert_int_equal(errnum, ENOENT);
    assert_int_equal(seen.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_with_arguments_and_results),
        cmocka_unit_test(test_children_copy_or_share),
        cmocka_unit_test(test_a_child_is_its_makers),
        cmocka_unit_test(test_memfd_names),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_spawned_program),
    };
    const pid_t probe = fork();

    if (probe == 0)
        for (;;)
            pause();

    struct ptrace_source *source = make_source(&(struct seen){0}, true);
    struct seep_error *err = ptrace_source_attach(source, probe);

    kill(probe, SIGKILL);
    waitpid(probe, NULL, __WALL);
    ptrace_source_destroy(source);
    if (err) {
        print_message("skipped: %s\n", err->message);
        error_destroy(err);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
