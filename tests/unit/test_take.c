#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/units.h"
#include "target/proc.h"
#include "target/take.h"
#include "tests/unit/child.h"

enum { REGION_BYTES = 3 << 20, TOUCHED_BYTES = 1 << 20 };

static struct snapshot take(pid_t pid, enum take_depth depth, struct taken *ret_taken)
{
    struct snapshot snap;

    assert_null(take_snapshot(pid, SNAPSHOT_PERIODIC, depth, ret_taken));
    assert_null(snapshot_parse(&ret_taken->record, &snap));
    assert_int_equal(snap.maps.bad_lines, 0);
    assert_int_equal(snap.pid, pid);
    assert_int_equal(snap.reason, SNAPSHOT_PERIODIC);
    return snap;
}

static void give_back(struct snapshot *snap, struct taken *taken)
{
    snapshot_deinit(snap);
    taken_deinit(taken);
}

static void *region; /* at the same address in the child */

static void touch_region(void)
{
    memset(region, 1, TOUCHED_BYTES);
}

static void test_the_whole(void **state)
{
    struct taken taken;
    struct proc_stat stat;

    (void)state;
    region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(region != MAP_FAILED);
    madvise(region, REGION_BYTES, MADV_NOHUGEPAGE);

    pid_t pid = start_child(touch_region);
    uint64_t before_ns = units_monotonic_ns();
    struct snapshot snap = take(pid, TAKE_FULL, &taken);
    const struct vma *vma = maps_find(&snap.maps, (uintptr_t)region);

    assert_int_equal(taken.depth, TAKE_FULL);
    assert_non_null(vma);
    assert_true(vma->end >= (uintptr_t)region + REGION_BYTES);
    assert_true(vma->fields[SMAPS_PRIVATE_DIRTY] >= TOUCHED_BYTES);
    assert_true(vma->fields[SMAPS_RSS] < REGION_BYTES);
    assert_null(proc_stat(pid, &stat));
    assert_int_equal(snap.start_ticks, stat.start_ticks);
    assert_int_equal(snap.ppid, getpid());
    assert_true(snap.begin_ns >= before_ns && snap.begin_ns < snap.end_ns);
    assert_true(taken.smaps_ns >= snap.end_ns - snap.begin_ns);
    assert_true(snap.end_ns <= units_monotonic_ns());
    assert_true(snap.rss_bytes >= TOUCHED_BYTES && snap.rss_bytes <= snap.virtual_bytes);
    assert_true(snap.pss_bytes >= TOUCHED_BYTES && snap.pss_bytes != SNAPSHOT_UNKNOWN);
    assert_true(snap.rollup[SMAPS_PRIVATE_DIRTY] >= TOUCHED_BYTES);
    assert_int_equal(snap.thread_count, 1);
    assert_true(snap.memory_total_bytes > snap.memory_available_bytes);
    assert_true(snap.minor_faults >= TOUCHED_BYTES / 4096);
    assert_true(snap.io_calls != SNAPSHOT_UNKNOWN);
    assert_int_equal(snap.tasks.count, 1);
    assert_int_equal(snap.tasks.items[0].tid, pid);
    assert_string_equal(snap.tasks.items[0].name, "test_take");
    assert_int_equal(snap.tasks_skipped, 0);
    assert_int_equal(snap.held_skipped, 0);
    give_back(&snap, &taken);
    end_child(pid);
    munmap(region, REGION_BYTES);
}

static void test_depths(void **state)
{
    struct taken taken;
    pid_t pid = start_child(NULL);
    struct snapshot snap = take(pid, TAKE_LIGHT, &taken);

    (void)state;
    assert_false(snap.maps.has_smaps);
    assert_true(snap.maps.count > 5);
    assert_true(snap.rss_bytes != SNAPSHOT_UNKNOWN);
    assert_true(snap.rollup[SMAPS_PSS] == MAPS_UNKNOWN); /* it walks the page tables too */
    assert_int_equal(snap.tasks.count, 1);
    give_back(&snap, &taken);

    snap = take(pid, TAKE_MAPS, &taken);
    assert_int_equal(taken.depth, TAKE_MAPS);
    assert_true(snap.maps.count > 5);
    assert_true(snap.start_ticks > 0);
    assert_null(snapshot_record_find(&taken.record, "status"));
    assert_int_equal(snap.tasks.count, 0);
    give_back(&snap, &taken);
    end_child(pid);
}

static pthread_barrier_t barrier;

static void *named_thread(void *argument)
{
    (void)argument;
    prctl(PR_SET_NAME, "x) S\n\\y");
    pthread_barrier_wait(&barrier);
    while (pause())
        ;
    return NULL;
}

static void start_thread(void)
{
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    if (pthread_create(&thread, NULL, named_thread, NULL) == 0)
        pthread_barrier_wait(&barrier);
}

static void test_threads(void **state)
{
    struct taken taken;
    pid_t pid = start_child(start_thread);
    struct snapshot snap = take(pid, TAKE_FULL, &taken);
    struct proc_pids tids = {0};

    (void)state;
    assert_null(proc_threads(pid, &tids));
    assert_int_equal(snap.thread_count, tids.count);
    assert_int_equal(snap.tasks.count, tids.count);

    const struct snapshot_task *last = &snap.tasks.items[snap.tasks.count - 1];

    assert_string_equal(last->name, "x) S\n\\y");
    assert_int_equal(last->tid, tids.items[tids.count - 1]);
    assert_true(last->state == 'S' || last->state == 'R');
    assert_true(last->cpu_ns < NS_PER_S * 60ULL);
    assert_true(last->switches >= 1 && last->switches < 1000000);
    give_back(&snap, &taken);
    vector_deinit(&tids);
    end_child(pid);
}

static pid_t own_pid_of_thread;
static int leader_pipe[2];

static void *report_from_thread(void *argument)
{
    (void)argument;
    own_pid_of_thread = getpid();
    /* /proc says Z once the first thread has ended. */
    for (;;) {
        struct proc_stat stat;
        struct seep_error *err = proc_stat(own_pid_of_thread, &stat);

        error_destroy(err);
        if (!err && stat.state == 'Z')
            break;
        usleep(1000);
    }
    if (write(leader_pipe[1], "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* The first thread has ended, another keeps the memory. */
static void test_without_the_first_thread(void **state)
{
    struct taken taken;
    char byte;

    (void)state;
    assert_int_equal(pipe(leader_pipe), 0);

    pid_t pid = fork();

    if (pid == 0) {
        pthread_t thread;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (pthread_create(&thread, NULL, report_from_thread, NULL) == 0)
            syscall(SYS_exit, 0);
        _exit(1);
    }
    assert_int_equal(read(leader_pipe[0], &byte, 1), 1);

    struct snapshot snap = take(pid, TAKE_FULL, &taken);

    assert_true(snap.maps.count > 5);
    assert_true(snap.maps.has_smaps);
    assert_true(snap.rss_bytes != SNAPSHOT_UNKNOWN && snap.rss_bytes > 0);
    assert_true(snap.rollup[SMAPS_RSS] != MAPS_UNKNOWN);
    give_back(&snap, &taken);
    end_child(pid);
    close(leader_pipe[0]);
    close(leader_pipe[1]);
}

static void hold_memory(void)
{
    int fd = memfd_create("held", 0);
    int id = shmget(IPC_PRIVATE, 65536, 0600);
    char *segment = shmat(id, NULL, 0);

    if (fd < 0 || ftruncate(fd, 1 << 30) < 0 || pwrite(fd, "x", 1, 0) != 1 || segment == (char *)-1)
        _exit(1);
    segment[0] = 1;
    shmdt(segment);
    /* It goes with the process. */
    shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
}

static void test_held(void **state)
{
    struct taken taken;
    pid_t pid = start_child(hold_memory);
    struct snapshot snap = take(pid, TAKE_FULL, &taken);

    (void)state;
    assert_int_equal(snap.held.count, 2);
    assert_int_equal(snap.held.items[0].kind, SNAPSHOT_HELD_DESCRIPTOR);
    assert_string_equal(snap.held.items[0].name, "/memfd:held (deleted)");
    assert_int_equal(snap.held.items[0].size_bytes, 1 << 30);
    assert_int_equal(snap.held.items[0].held_bytes, 4096);
    assert_int_equal(snap.held.items[1].kind, SNAPSHOT_HELD_SYSV);
    assert_int_equal(snap.held.items[1].size_bytes, 65536);
    assert_int_equal(snap.held.items[1].held_bytes, 4096);
    assert_int_equal(snap.held.items[1].attached, 1);
    give_back(&snap, &taken);
    end_child(pid);
}

/* Descriptors that would block whoever opened them. */
static char fifo_path[64];

static void hold_fifos(void)
{
    if (open(fifo_path, O_RDONLY | O_NONBLOCK) < 0)
        _exit(1);
}

static void test_fifos_do_not_block(void **state)
{
    struct taken taken;

    (void)state;
    snprintf(fifo_path, sizeof(fifo_path), "/tmp/seep-fifo-%d", getpid());
    assert_int_equal(mkfifo(fifo_path, 0600), 0);

    pid_t pid = start_child(hold_fifos);

    alarm(60);
    struct snapshot snap = take(pid, TAKE_FULL, &taken);
    alarm(0);
    assert_int_equal(snap.held.count, 0);
    give_back(&snap, &taken);
    end_child(pid);
    unlink(fifo_path);
}

static void assert_refused(pid_t pid, enum error_code code, const char *words)
{
    struct taken taken;

    for (int depth = TAKE_MAPS; depth <= TAKE_FULL; depth++) {
        struct seep_error *err =
            take_snapshot(pid, SNAPSHOT_SINGLE, (enum take_depth)depth, &taken);

        assert_non_null(err);
        assert_int_equal(err->code, code);
        assert_non_null(strstr(err->message, words));
        error_destroy(err);
    }
}

static void test_refusals(void **state)
{
    struct proc_stat stat;
    siginfo_t info;
    pid_t pid = start_child(NULL);

    (void)state;
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_refused(pid, ERROR_GONE, "zombie");
    end_child(pid);
    assert_refused(pid, ERROR_GONE, "there is no process");

    struct seep_error *err = proc_stat(2, &stat);

    if (!err && stat.flags & 0x00200000) /* PF_KTHREAD; not so inside a container */
        assert_refused(2, ERROR_UNSUPPORTED, "kernel thread");
    error_destroy(err);
}

static void become_undumpable(void)
{
    prctl(PR_SET_DUMPABLE, 0);
}

static void test_denials(void **state)
{
    pid_t others = start_child(NULL);

    (void)state;
    if (geteuid() != 0) {
        end_child(others);
        skip();
    }

    pid_t pid = fork();

    if (pid == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(1);

        pid_t undumpable = start_child(become_undumpable);
        struct taken taken;
        struct seep_error *first = take_snapshot(others, SNAPSHOT_SINGLE, TAKE_FULL, &taken);
        struct seep_error *second = take_snapshot(undumpable, SNAPSHOT_SINGLE, TAKE_FULL, &taken);

        _exit(first && first->code == ERROR_DENIED && strstr(first->remedy, "user 0") && second &&
                      second->code == ERROR_DENIED && strstr(second->remedy, "undumpable")
                  ? 0
                  : 1);
    }

    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    end_child(others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole), cmocka_unit_test(test_depths),
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_without_the_first_thread),
        cmocka_unit_test(test_held),      cmocka_unit_test(test_fifos_do_not_block),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_denials),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
