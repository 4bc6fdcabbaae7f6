/*
 * One thread of five leaks among healthy churn.
 *
 *     leak_among_churn [LEAKS [INTERVAL_MS]]      default: until SIGTERM, a leak every 100 ms
 *
 * leaker      maps 1 MiB, fills it with lines of text that hold the time, never unmaps it
 * mapper-1,2  map and unmap 64 KiB to 4 MiB, a few at a time
 * mallocer    mallocs and frees blocks of all sizes
 *
 * Prints "ready" when all run; at the end the truth: who leaked how much, since when. Having leaked
 * LEAKS times it goes on with the churn until SIGTERM.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { LEAK_BYTES = 1 << 20, HELD = 8, MS_NS = 1000 * 1000 };

static atomic_bool stop;
static long leak_limit = -1, leak_interval_ms = 100;

struct leaker {
    pid_t tid;
    long leaks;
    struct timespec first, last;
};

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * MS_NS}, NULL);
}

static void format_time(const struct timespec *time, char *ret_text, size_t len)
{
    struct tm tm;
    char date[32];

    gmtime_r(&time->tv_sec, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text, len, "%s.%03ldZ", date, time->tv_nsec / MS_NS);
}

static void fill(char *block, const struct timespec *now, long number)
{
    char time[48], line[128];

    format_time(now, time, sizeof(time));
    for (size_t at = 0; at < LEAK_BYTES;) {
        int len = snprintf(line, sizeof(line), "%s order %06ld kept in the cart of customer %zu\n",
                           time, number, at % 97);
        size_t left = LEAK_BYTES - at;

        memcpy(block + at, line, (size_t)len < left ? (size_t)len : left);
        at += (size_t)len;
    }
}

static void *leak(void *argument)
{
    struct leaker *leaker = argument;

    pthread_setname_np(pthread_self(), "leaker");
    leaker->tid = gettid();
    while (!stop && (leak_limit < 0 || leaker->leaks < leak_limit)) {
        char *block =
            mmap(NULL, LEAK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (block == MAP_FAILED)
            break;
        clock_gettime(CLOCK_REALTIME, &leaker->last);
        if (leaker->leaks++ == 0)
            leaker->first = leaker->last;
        fill(block, &leaker->last, leaker->leaks);
        pause_ms(leak_interval_ms);
    }
    return NULL;
}

static void *map(void *argument)
{
    struct {
        void *start;
        size_t len;
    } held[HELD] = {{0}};
    unsigned seed = (unsigned)(uintptr_t)argument;
    char name[16];

    snprintf(name, sizeof(name), "mapper-%u", seed);
    pthread_setname_np(pthread_self(), name);
    for (unsigned i = 0; !stop; i = (i + 1) % HELD) {
        if (held[i].start)
            munmap(held[i].start, held[i].len);
        held[i].len = (size_t)(1 + rand_r(&seed) % 64) << 16;
        held[i].start =
            mmap(NULL, held[i].len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (held[i].start == MAP_FAILED)
            held[i].start = NULL;
        else
            memset(held[i].start, 1, 4096);
        pause_ms(2);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i].start)
            munmap(held[i].start, held[i].len);
    return NULL;
}

static void *allocate(void *argument)
{
    char *held[64] = {0};
    unsigned seed = 7;

    (void)argument;
    pthread_setname_np(pthread_self(), "mallocer");
    for (unsigned i = 0; !stop; i = (i + 1) % 64) {
        size_t len = (size_t)16 << (rand_r(&seed) % 15);

        free(held[i]);
        held[i] = malloc(len);
        if (held[i])
            memset(held[i], 2, len);
        pause_ms(1);
    }
    for (unsigned i = 0; i < 64; i++)
        free(held[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    struct leaker leaker = {0};
    pthread_t threads[4];
    sigset_t ends;
    int signal;
    char first[48], last[48];

    if (argc > 1)
        leak_limit = strtol(argv[1], NULL, 10);
    if (argc > 2)
        leak_interval_ms = strtol(argv[2], NULL, 10);

    /* Where Yama lets only parents trace, it lets whom a process names: here, anyone of its user. */
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);

    if (pthread_create(&threads[0], NULL, leak, &leaker) ||
        pthread_create(&threads[1], NULL, map, (void *)1) ||
        pthread_create(&threads[2], NULL, map, (void *)2) ||
        pthread_create(&threads[3], NULL, allocate, NULL))
        return 1;
    printf("ready\n");
    fflush(stdout);
    sigwait(&ends, &signal);
    stop = true;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);

    format_time(&leaker.first, first, sizeof(first));
    format_time(&leaker.last, last, sizeof(last));
    printf("thread %d leaker\nmappings %ld\nunit_bytes %d\nbytes %ld\nfirst %s\nlast %s\n",
           (int)leaker.tid, leaker.leaks, LEAK_BYTES, leaker.leaks * (long)LEAK_BYTES, first, last);
    return 0;
}
