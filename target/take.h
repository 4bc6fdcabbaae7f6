/*
 * Takes a snapshot of a live process: the texts of /proc that make up a snapshot_record.
 *
 *     take_snapshot(pid, SNAPSHOT_PERIODIC, TAKE_FULL, &taken)
 *     snapshot_write(fd, &taken.record, &written)      taken.record borrows from taken
 *
 * Reading smaps walks the page tables under the target's mmap lock: its cost is in smaps_ns, so
 * that the caller can space snapshots out. Never stops the target, and needs no ptrace attach.
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "evidence/snapshot.h"

enum take_depth {
    TAKE_MAPS,  /* /proc/PID/maps and nothing else: tens of microseconds */
    TAKE_LIGHT, /* maps, and all the rest but smaps */
    TAKE_FULL,  /* smaps and all the rest */
};

struct taken {
    struct snapshot_record record;
    struct buffer text; /* what the sections point into */
    uint64_t smaps_ns;  /* time spent reading maps or smaps */
    enum take_depth depth;
};

/* Sections that may not be read are left out. Neither maps nor smaps readable is an error:
 * ERROR_GONE, ERROR_DENIED. */
struct seep_error *take_snapshot(pid_t pid, enum snapshot_reason reason, enum take_depth depth,
                                 struct taken *ret_taken);
void taken_deinit(struct taken *taken);
