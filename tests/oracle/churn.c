/*
 * What tracing costs the traced, timed by itself: threads that map and unmap, with cheap calls in
 * between that no one traces for their own sake.
 *
 *     churn THREADS PAIRS [CHEAP [KEEP]]     each thread: PAIRS of mmap and munmap, CHEAP getppid after
 *                                            each; one in KEEP blocks is kept (0: none)
 *     -> "ready", and begins when a byte or the end comes on standard input
 *     -> "calls N ns N": the calls of one thread, and the time from the first's start to the last's
 *        end; ends at the end of standard input
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 64, PAGE = 4096, SIZES = 16 };

static long pairs, cheap, keep;
static pthread_barrier_t start, end;

static void *work(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&start);
    for (long i = 1; i <= pairs; i++) {
        size_t size = (size_t)(1 + i % SIZES) * PAGE;
        void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (block == MAP_FAILED)
            exit(4);
        if ((keep == 0 || i % keep != 0) && munmap(block, size) < 0)
            exit(5);
        for (long j = 0; j < cheap; j++)
            syscall(SYS_getppid);
    }
    pthread_barrier_wait(&end);
    return NULL;
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static long number(int argc, char **argv, int at)
{
    return at < argc ? atol(argv[at]) : 0;
}

int main(int argc, char **argv)
{
    long threads = number(argc, argv, 1);
    pthread_t ids[MAX_THREADS];
    char byte;

    pairs = number(argc, argv, 2);
    cheap = number(argc, argv, 3);
    keep = number(argc, argv, 4);
    if (threads < 1 || threads > MAX_THREADS || pairs < 1 || cheap < 0 || keep < 0)
        return 2;
    pthread_barrier_init(&start, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&end, NULL, (unsigned)threads + 1);
    for (long i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, work, NULL);
    puts("ready");
    fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) < 0)
        return 6;

    uint64_t start_ns = now_ns();

    pthread_barrier_wait(&start);
    pthread_barrier_wait(&end);
    printf("calls %ld ns %llu\n", pairs * (2 + cheap) - (keep ? pairs / keep : 0),
           (unsigned long long)(now_ns() - start_ns));
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    for (long i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    return 0;
}
