/*
 * Saves memory of a live process into a case: mem/N-PID/ as evidence/dump.h describes it.
 *
 *     smaps ----> plan: which ranges, and why      target/pagemap.h: which pages are there
 *                   |
 *     process_vm_readv -> 1 MiB members -> gzip -> START-END.gz.tmp -> rename     + index
 *
 * Live: the target runs on, so that a dump of memory in motion is not a moment's picture (dump.json
 * says so). Nothing is faulted into the target. At most 64 MiB of seep's own memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct dumper_range {
    uint64_t start, end;
};

enum dumper_what {
    DUMPER_RANGES, /* the ranges named */
    DUMPER_HEAP,   /* [heap] */
    DUMPER_ALL,    /* everything readable that is not clean file-backed text */
};

struct dumper_options {
    enum dumper_what what;
    const struct dumper_range *ranges; /* DUMPER_RANGES: need not be aligned to VMAs */
    size_t range_count;
    const char *why;          /* recorded: "growing", "region", "heap", "all" */
    bool swapped;             /* read swapped pages too, which swaps them in */
    bool show_progress;       /* on stderr when it is a terminal */
    uint64_t max_bytes;       /* of files written; 0: no bound */
    const volatile int *stop; /* non-zero: end early with what there is; NULL: never */
};

struct dumper_result {
    uint32_t number;           /* N of mem/N-PID */
    uint64_t ranges;           /* files written */
    uint64_t raw_bytes;        /* of the ranges saved */
    uint64_t read_bytes;       /* read from the target */
    uint64_t file_bytes;       /* written */
    uint64_t swapped_bytes;    /* in swap, and left there */
    uint64_t unreadable_bytes; /* there, but not for us; or behind the end of their file */
    uint64_t vanished;         /* ranges cut short because the region went away */
    bool stopped;       /* by stop, max_bytes, a full disk, or the process's end: a valid shorter
                            dump, and `reason` says why */
    const char *reason; /* static; NULL when not stopped */
    uint64_t skipped;   /* regions that were not to be saved; dump.json says why of each */
    const char *skipped_why; /* why the first of them was not; static */
};

/* Dumps memory of PID into the case directory CASE_FD. A full disk leaves a valid shorter dump and
 * gives ERROR_FULL with RET_RESULT set. ERROR_NOT_FOUND when nothing of what was asked for is
 * mapped, ERROR_DENIED, ERROR_GONE: nothing was written. */
struct seep_error *dumper_dump(int case_fd, pid_t pid, const struct dumper_options *options,
                               struct dumper_result *ret_result);
