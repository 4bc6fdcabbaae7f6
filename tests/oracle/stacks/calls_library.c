/* The shared library of calls.c and cxx.cc. */
#include "mark.h"

#include "calls.h"

static NOINLINE void inner(int n)
{
    mark(n);
    mark_count++;
}

void calls_library(int n)
{
    inner(n);
    mark_count++;
}

void calls_back(void (*function)(int), int n)
{
    function(n);
    mark_count++;
}

void *calls_allocate(size_t bytes)
{
    void *memory = malloc(bytes);

    mark_count++;
    return memory;
}
