/*
 * Maps and unmaps at the end of long call paths, and times itself: what recording them costs.
 *
 *     deep PAIRS PATHS [keep]      PAIRS of mmap and munmap, in turn from PATHS different call paths of
 *                                  about 20 frames; keep: of mmap only
 *     -> "calls N ns N"
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { LEVELS = 16, DECISIONS = 10, BYTES = 4096 };

static bool keep;

#define FRAME __attribute__((noinline))

FRAME static void right(unsigned path, int levels);

FRAME static void map_and_unmap(void)
{
    void *block = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (block == MAP_FAILED || (!keep && munmap(block, BYTES) < 0))
        exit(4);
}

FRAME static void left(unsigned path, int levels)
{
    if (levels == 0)
        map_and_unmap();
    else if (path & 1)
        left(path >> 1, levels - 1);
    else
        right(path >> 1, levels - 1);
    __asm__ volatile("" ::"r"(path)); /* no tail call: each level is a frame */
}

FRAME static void right(unsigned path, int levels)
{
    if (levels == 0)
        map_and_unmap();
    else if (path & 1)
        left(path >> 1, levels - 1);
    else
        right(path >> 1, levels - 1);
    __asm__ volatile("" ::"r"(~path));
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
    long pairs = argc > 1 ? atol(argv[1]) : 0, paths = argc > 2 ? atol(argv[2]) : 0;

    if (pairs < 1 || paths < 1 || paths > 1 << DECISIONS)
        return 2;

    keep = argc > 3;

    uint64_t start_ns = now_ns();

    for (long i = 0; i < pairs; i++)
        left((unsigned)(i % paths), LEVELS);
    printf("calls %ld ns %llu\n", keep ? pairs : 2 * pairs,
           (unsigned long long)(now_ns() - start_ns));
    return 0;
}
