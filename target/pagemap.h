/*
 * Which pages of a live process are there, without touching any of them.
 *
 *     0x7f00.. |absent 1 GiB      |PRESENT 3 pages|absent|SWAPPED 1 page|   ->  two runs
 *
 *     for (at = start; at < end; at = next)
 *         pagemap_next(pm, at, end, &runs, &next);
 *
 * By the ioctl PAGEMAP_SCAN where the kernel has it (6.7: a terabyte never touched costs
 * microseconds), else by the 64-bit entries of /proc/PID/pagemap (admin-guide/mm/pagemap.rst). What
 * is told is true for a moment only: act on it soon. A page of shared memory or of a file can be
 * absent here and be there in its object.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vector.h"

enum { PAGEMAP_BATCH_PAGES = 1024 };

enum pagemap_flags {
    PAGEMAP_PRESENT = 1,
    PAGEMAP_SWAPPED = 2,
    PAGEMAP_FILE = 4, /* present, and the file's or shared memory's own page, not a private copy */
    PAGEMAP_ZERO = 8, /* present, and known to be the page of zeros (by PAGEMAP_SCAN only) */
};

struct pagemap_run {
    uint64_t start, end;
    uint8_t flags; /* enum pagemap_flags: PRESENT or SWAPPED at least */
};

VECTOR_TYPE(pagemap_runs, struct pagemap_run);

struct pagemap;

/* ERROR_DENIED, ERROR_GONE, ERROR_NOT_FOUND where the kernel was built without it. */
struct seep_error *pagemap_create(pid_t pid, struct pagemap **ret_pagemap);
void pagemap_destroy(struct pagemap *pagemap);
DEFINE_CLEANUP(struct pagemap *, pagemap_destroy);

/* Looks at [START, END), page-aligned, up to *RET_NEXT: END, or where about PAGEMAP_BATCH_PAGES
 * that are not absent have been found. RET_RUNS is replaced by these, sorted; what lies between is
 * absent, or not mapped. ERROR_GONE when the process has ended or has gone on to another program.
 */
struct seep_error *pagemap_next(struct pagemap *pagemap, uint64_t start, uint64_t end,
                                struct pagemap_runs *ret_runs, uint64_t *ret_next);

/* Reads entries from now on even where the kernel offers PAGEMAP_SCAN. */
void pagemap_read_entries(struct pagemap *pagemap);
