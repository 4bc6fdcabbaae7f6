/*
 * What the samples share: a steady pace, work that is not growth, and the truth on standard output,
 * one "NAME VALUE" a line, which the golden tests compare with the report:
 *
 *     verdict leak                the finding that is expected: verdict (several: leak,suspect),
 *     region anon-mmap            region and cause, as the report names them
 *     cause never-freed
 *     bytes 41943040  count 40  unit_bytes 1048576  pid 4711  tid 4714        where they are known
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static inline void truth_text(const char *name, const char *value)
{
    printf("%s %s\n", name, value);
    fflush(stdout);
}

static inline void truth_number(const char *name, unsigned long long value)
{
    printf("%s %llu\n", name, value);
    fflush(stdout);
}

static inline void pause_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000 * 1000};

    while (nanosleep(&left, &left) < 0)
        ;
}

/* LEN touched bytes of anonymous memory. */
static inline void *map_touched(size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    memset(p, 0x5e, len);
    return p;
}

/* One piece of healthy work: memory that comes and goes. */
static inline void work(void)
{
    munmap(map_touched(256 * 1024), 256 * 1024);
}

/* Healthy work for MS milliseconds. */
static inline void work_for(long ms)
{
    for (long i = 0; i < ms; i += 5) {
        work();
        pause_ms(5);
    }
}
