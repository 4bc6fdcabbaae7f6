/*
 * What the programs of the stack oracles share: calls that map, each of a size of its own, by which a
 * test finds the same call in two runs.
 *
 *     mark(7)               mmap of MARK_BYTES(7) bytes, which are given back at once
 *     malloc(MARK_MALLOC(8))   makes malloc map MARK_BYTES(8) bytes
 *
 * C and C++.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Chunks that malloc maps have a header of two words, and more when they are aligned. */
#define MARK_BYTES(n)  ((size_t)4096 * (4096 + (n)))
#define MARK_MALLOC(n) (MARK_BYTES(n) - 64)

#define NOINLINE __attribute__((noinline))

/* Calls are never the last thing that a function does, unless that is what is tested. */
extern volatile int mark_count;

static inline void mark(int n)
{
    void *address = mmap(NULL, MARK_BYTES(n), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (address == MAP_FAILED)
        abort();
    munmap(address, MARK_BYTES(n));
    mark_count++;
}

/* A volatile N keeps compilers from knowing it. */
static inline int mark_unknown(int n)
{
    volatile int unknown = n;

    return unknown;
}
