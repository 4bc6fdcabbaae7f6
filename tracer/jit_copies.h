/*
 * Copies of the names that a JIT runtime writes for its code, /tmp/perf-PID.map, into the case.
 *
 *     jit_copies_look(&copies, case_fd, pid, false)      at each look: when it has grown by half
 *     jit_copies_look(&copies, case_fd, pid, true)       at the end: when it has changed at all
 *
 * The file is the one in the process's own /tmp, named by its pid in its own namespace; it is taken only
 * if it belongs to the process's user, for anyone can write to /tmp.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/vector.h"
#include "evidence/jit_maps.h"

enum { JIT_COPIES_MAX_BYTES = 256 << 20 };

/* What was copied last of a process's file. */
struct jit_copies_last {
    pid_t pid;
    off_t size;
    struct timespec changed;
    uint64_t copied_bytes; /* by all copies */
};

/* All zeros is empty. */
struct jit_copies {
    struct jit_maps maps;
    VECTOR(struct jit_copies_last) last;
    uint64_t copied_bytes; /* JIT_COPIES_MAX_BYTES at most */
};

void jit_copies_deinit(struct jit_copies *copies);

/* Once the copies are as large as they may be, no more are made. A process without such a file is no error, nor is a file that cannot be read. */
struct seep_error *jit_copies_look(struct jit_copies *copies, int case_fd, pid_t pid, bool last);
