/*
 * What a region of an address space is used for, told from its looks alone.
 *
 *     7f3a98000000-7f3a98021000 rw-p   64 MiB-aligned, followed by ---p to the next     arena
 *     7f3a98021000-7f3a9c000000 ---p   64 MiB boundary (glibc's new_heap)               arena
 *     7f55223fe000-7f55223ff000 ---p   guard thread-stack 7f55223ff000-7f5522bff000 rw-p   8 MiB
 * above a guard                              thread-stack
 *
 * It does not see events: a thread stack is surer known by the mmap that made it, and who lives in
 * an arena is not its subject. An anonymous region that looks like nothing special is anon-mmap.
 */
#pragma once

#include "analyzer/analysis.h"
#include "evidence/maps.h"

enum {
    CLASSIFY_ARENA_BYTES = 64 << 20,     /* HEAP_MAX_SIZE of glibc's malloc/arena.c, 64-bit */
    CLASSIFY_MAX_GUARD_BYTES = 64 << 10, /* guards are a page, or a few */
};

/* The region of MAPS->vmas[INDEX], whose neighbours count too. RUNTIME: the target's, "java", "go",
 * NULL unknown. */
enum region classify_vma(const struct maps *maps, size_t index, const char *runtime);

/* The runtime that shows in MAPS by its library: "java"; NULL: none. */
const char *classify_runtime(const struct maps *maps);
