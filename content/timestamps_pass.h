/*
 * Times as a consumer of a pass over memory (content/scan.h): what one scan would find that reads
 * everything from the beginning, found on all cores.
 *
 *     stretch   |128 B|------------------------------------|
 *     look             what may be a time, by a reader that began at the stretch
 *     merge  -------->  by the reader that comes from the stretch before; then all are judged
 *
 *     timestamps_pass_init(&pass, &options, found, context);
 *     ... scan_run with &pass.consumer ...
 *
 * Doubtful times find their company within one origin (scan_stretch) only.
 */
#pragma once

#include "content/scan.h"
#include "content/timestamps.h"

struct timestamps_pass {
    struct scan_consumer consumer;
    struct timestamps_options options;
    struct timestamps_reader carried;
    struct timestamp_judge judge;
    const void *origin; /* of the memory in which the time told is */
};

/* FOUND is called one at a time, in the same order whatever the number of threads. Nothing to free. */
void timestamps_pass_init(struct timestamps_pass *pass, const struct timestamps_options *options,
                          timestamps_callback found, void *context);
