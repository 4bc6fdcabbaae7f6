/*
 * By which call paths a diagnosis's bytes came, and whom that makes the culprit.
 *
 *     finding_paths_fill(diagnosis, paths, finding)
 *         stacks    96 of 1,536.4 MiB   mmap64 < malloc < os::malloc < Unsafe_AllocateMemory0 < ...
 *         culprit   libnetty.so, PoolArena.newChunk
 *     finding_paths_reason(diagnosis, finding, &reason)
 *         "; call paths are samples: 14 growth calls, each by whoever asked when there was no room"
 *
 * A culprit is named when more than half of the bytes are its own; of samples, where four in five of
 * eight and more are; of growth of the heap or malloc's arenas never. The bytes of the stacks and those that have no path are the finding's bytes.
 */
#pragma once

#include "analyzer/diagnosis.h"
#include "base/buffer.h"

enum {
    FINDING_PATHS_MAX = 256,         /* of one finding; what is beyond is told as one */
    FINDING_PATHS_MAX_HARMLESS = 16, /* of one that is no leak */
    FINDING_PATHS_MIN_SAMPLES = 8,
    FINDING_PATHS_SAMPLES_PER_CENT = 80,
};

/* Fills stacks, sampled, and module and function of the culprit. PATHS NULL: there are none. */
struct seep_error *finding_paths_fill(const struct diagnosis *diagnosis,
                                      const struct call_paths *paths, struct finding *finding);

/* Appends to the reason what its paths can and cannot tell. */
void finding_paths_reason(const struct diagnosis *diagnosis, const struct call_paths *paths,
                          const struct finding *finding, struct buffer *out);

/* What makes code nameable that was made at run time, where FINDING's paths go through such code; NULL:
 * nothing is wanting. PID: of the process as one names it to a command; NULL: it has ended. */
struct seep_error *finding_paths_advice(const struct finding *finding, const char *pid,
                                        char **ret_advice);

/* Path STACK_ID of PATHS as a stack of an analysis, which the caller gives to analysis_stack_deinit. */
struct seep_error *finding_paths_make(const struct call_paths *paths, uint32_t stack_id,
                                      uint64_t count, uint64_t bytes,
                                      struct analysis_stack *ret_stack);
