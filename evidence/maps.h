/*
 * A process's address space as /proc/PID/maps or /proc/PID/smaps shows it: sorted regions,
 * half-open.
 *
 *     7f4674483000-7f46d46e3000 rw-p 00000000 00:00 0
 *     Rss:             1574868 kB
 *     VmFlags: rd wr mr mw me ac
 *
 * A pure parser of text from anywhere; it needs no live process. Text that the kernel tore while
 * threads were mapping (overlapping or unsorted entries) is accepted, sorted, and marked `torn`.
 * See proc(5) and fs/proc/task_mmu.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum vma_perms {
    VMA_READ = 1,
    VMA_WRITE = 2,
    VMA_EXEC = 4,
    VMA_SHARED = 8,
};

/* The fields of smaps, all in bytes. One table (maps.c) holds their names. */
enum smaps_field {
    SMAPS_SIZE,
    SMAPS_KERNEL_PAGE_SIZE,
    SMAPS_MMU_PAGE_SIZE,
    SMAPS_RSS,
    SMAPS_PSS,
    SMAPS_PSS_DIRTY,
    SMAPS_PSS_ANON, /* smaps_rollup only, as the next two */
    SMAPS_PSS_FILE,
    SMAPS_PSS_SHMEM,
    SMAPS_SHARED_CLEAN,
    SMAPS_SHARED_DIRTY,
    SMAPS_PRIVATE_CLEAN,
    SMAPS_PRIVATE_DIRTY,
    SMAPS_REFERENCED,
    SMAPS_ANONYMOUS,
    SMAPS_KSM,
    SMAPS_LAZY_FREE,
    SMAPS_ANON_HUGE_PAGES,
    SMAPS_SHMEM_PMD_MAPPED,
    SMAPS_FILE_PMD_MAPPED,
    SMAPS_SHARED_HUGETLB,
    SMAPS_PRIVATE_HUGETLB,
    SMAPS_SWAP,
    SMAPS_SWAP_PSS,
    SMAPS_LOCKED,
    SMAPS_DIRTY, /* pmap -x only: shared and private together */
    SMAPS_FIELD_COUNT,
};

#define MAPS_UNKNOWN UINT64_MAX /* the text did not say */

/* "Private_Dirty" for SMAPS_PRIVATE_DIRTY. */
const char *maps_field_name(enum smaps_field field);

struct vma {
    uint64_t start, end;
    uint64_t offset;
    uint64_t inode;
    uint32_t major, minor;
    uint32_t perms;   /* enum vma_perms */
    const char *name; /* "" when anonymous; kernel escapes (\012) undone; owned by the maps */
    uint64_t fields[SMAPS_FIELD_COUNT]; /* bytes; MAPS_UNKNOWN */
    char flags[96];         /* VmFlags as the kernel prints them, "rd wr mr mw me ac"; "" unknown */
    int32_t thp_eligible;   /* -1 unknown */
    int32_t protection_key; /* -1 unknown */
};

struct maps {
    struct vma *vmas;
    size_t count;
    bool has_smaps;   /* at least one entry had the fields of smaps */
    bool torn;        /* entries overlapped or were out of order */
    size_t bad_lines; /* lines that could not be read and were left out */
    char *names;      /* storage of the names */
};

/* Parses TEXT; never fails on content (see bad_lines), only for want of memory. */
struct seep_error *maps_parse(const char *text, size_t len, struct maps *ret_maps);
void maps_deinit(struct maps *maps);

/* Parses the fields of smaps_rollup's single entry. */
struct seep_error *maps_parse_rollup(const char *text, size_t len, uint64_t *ret_fields);

/* The region that contains ADDR, or NULL. */
const struct vma *maps_find(const struct maps *maps, uint64_t addr);

/* Index of the first region with end > ADDR; maps->count when there is none. */
size_t maps_lower_bound(const struct maps *maps, uint64_t addr);

static inline uint64_t vma_size(const struct vma *vma)
{
    return vma->end - vma->start;
}

/* True when VmFlags holds the two-letter FLAG ("ac", "nr", "gd"). */
bool vma_has_flag(const struct vma *vma, const char *flag);

/* "rw-p" */
const char *vma_perms_text(uint32_t perms, char ret_text[5]);
