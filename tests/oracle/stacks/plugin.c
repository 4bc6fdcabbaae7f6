/*
 * A library to be opened and closed: plugin_work maps. Compiled with -DNAME=first, its functions are
 * called first_outer and first_inner; with -DRESOLVES, what it calls last is chosen at its first call, by a
 * function that maps too: below that are the loader's own frames.
 */
#include "mark.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define OUTER       JOIN(NAME, outer)
#define INNER       JOIN(NAME, inner)

volatile int mark_count;

static NOINLINE void INNER(int n)
{
    mark(n);
    mark_count++;
}

static NOINLINE void OUTER(int n)
{
    INNER(n);
    mark_count++;
}

#ifdef RESOLVES
static void chosen(int n)
{
    INNER(n);
    mark_count++;
}

/* Relocations of the library itself may not have been made: no call through the PLT but mmap's. */
static void (*JOIN(NAME, choose)(void))(int)
{
    mark(90);
    return chosen;
}

void plugin_last(int n) __attribute__((ifunc("resolved_choose")));
#else
void plugin_last(int n)
{
    OUTER(n);
    mark_count++;
}
#endif

void plugin_work(int n)
{
    OUTER(n);
    plugin_last(n + 1);
    mark_count++;
}

static void __attribute__((constructor)) JOIN(NAME, opened)(void)
{
    INNER(91);
    mark_count++;
}

static void __attribute__((destructor)) JOIN(NAME, closed)(void)
{
    INNER(92);
    mark_count++;
}
