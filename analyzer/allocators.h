/*
 * Which functions of a call path only hand memory on: the C library, allocators, and what runtimes
 * allocate through. One table; a new allocator is a row of it.
 *
 *     __mmap  sysmalloc  malloc  os::malloc  Unsafe_AllocateMemory0  PoolArena.newChunk  ...
 *     ------ C library --------  ------- the JVM -----------------   the culprit
 *
 * The culprit of a path is its innermost frame that no row matches: who asked for the memory. A frame
 * of the C library further out (qsort calling back, start_thread) is of no account.
 *
 * Some take memory for many callers at a time (jemalloc's extents, CPython's arenas): whose call made
 * them ask the kernel is chance, and such a path is a sample.
 */
#pragma once

#include <stdbool.h>

enum allocators_kind {
    ALLOCATORS_LIBRARY,   /* the C library, and the language's own library */
    ALLOCATORS_ALLOCATOR, /* passes on one block as it was asked for */
    ALLOCATORS_POOL,      /* takes memory for many blocks */
};

struct allocators_row {
    const char *module;   /* base name, with * for anything; NULL: any */
    const char *function; /* likewise; NULL: any, and also when it is not known */
    enum allocators_kind kind;
    const char *what; /* "glibc's malloc" */
};

/* The first row that matches a frame in MODULE (a path; NULL unknown) with the demangled name FUNCTION
 * (NULL unknown); NULL: it is nobody's allocation path. Linear in the lengths of the names. */
const struct allocators_row *allocators_find(const char *module, const char *function);
