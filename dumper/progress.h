/*
 * One line on a terminal's stderr that tells how far a long dump has come; silent for a short one,
 * and where stderr is no terminal.
 *
 *     seep: 1,234.5 MiB of 4,096.0 MiB, 118.2 MiB/s, 24 s left
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on, shown;
    uint64_t total_bytes, done_bytes; /* TOTAL is an estimate */
    uint64_t begin_ns, last_ns;
};

void progress_begin(struct progress *progress, bool on, uint64_t total_bytes);
void progress_add(struct progress *progress, uint64_t bytes);
void progress_end(struct progress *progress);
