/*
 * Several threads at once, each with its own sequence of calls on its own addresses, and children
 * by fork and vfork: each thread's calls are the same in every run, however they interleave.
 */
#include "exercise.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { THREADS = 6, ROUNDS = 60, SLOT_PAGES = 64 };

static char *room; /* THREADS + 1 slots */
static pthread_barrier_t ready;

static char *map_at(char *at, long len)
{
    return mmap(at, (size_t)len, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
}

/* All at fixed places within the slot: nothing depends on the other threads. */
static void churn(char *slot, long number)
{
    syscall(SYS_munmap, MARK_ADDRESS, 100 + number); /* tells whose lines these are */
    for (long round = 0; round < ROUNDS; round++) {
        long pages = 1 + (round * 7 + number) % 16;
        char *at = slot + round % 16 * PAGE;

        map_at(at, pages * PAGE);
        mprotect(at, PAGE, PROT_READ);
        madvise(at, (size_t)(pages * PAGE), round % 2 ? MADV_DONTNEED : MADV_NORMAL);
        mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, slot + 40 * PAGE);
        munmap(at + pages / 2 * PAGE, PAGE);
        munmap(slot + 1, PAGE);
        if (round % 3 == 0)
            munmap(slot, SLOT_PAGES * PAGE);
    }
}

static void *run_thread(void *argument)
{
    long number = (long)argument;

    pthread_barrier_wait(&ready);
    churn(room + number * SLOT_PAGES * PAGE, number);
    pthread_barrier_wait(&ready);
    return NULL;
}

/* Without the C library's own calls at the child's start and end. */
static void run_child(long number, int status)
{
    pid_t pid = fork();

    if (pid == 0) {
        syscall(SYS_munmap, MARK_ADDRESS, 200 + number);
        map_at(room, 8 * PAGE);
        munmap(room + 2 * PAGE, 3 * PAGE);
        close(memfd_create("of a child", MFD_CLOEXEC));
        if (status < 0)
            raise(SIGKILL);
        _exit(status);
    }
    waitpid(pid, NULL, 0);
}

static void run_other_program(const char *path)
{
    pid_t pid = vfork();

    if (pid == 0) {
        execl(path, path, "child", NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];

    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        syscall(SYS_munmap, MARK_ADDRESS, 300);
        exercise_map(5 * PAGE);
        return 5;
    }
    exercise_begin(argc, argv);
    room = exercise_map((THREADS + 1) * SLOT_PAGES * PAGE);
    pthread_barrier_init(&ready, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run_thread, (void *)i);
    for (long i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    run_child(1, 0);
    run_child(2, 3);
    run_child(3, -1);
    run_other_program("/proc/self/exe");
    exercise_end();
    return 0;
}
