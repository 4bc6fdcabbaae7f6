/*
 * Suspects of one judgement that make one finding, and the finding they make.
 *
 *     workers 101, 102, 103 of nginx, each 30 mappings of 64 KiB, leak, never-freed   -> one finding
 *     paths to one culprit, each a leak                                               -> one finding
 *     five sizes and more by the threads of one process, each a leak                  -> one finding
 *     all file mappings of all processes                                              -> one finding
 *
 * narrate.h puts it into words.
 */
#pragma once

#include "analyzer/verdict.h"

struct diagnosis_thread {
    pid_t pid, tid;
    uint64_t count, bytes;
    uint64_t last_ns; /* monotonic, of its last call; 0 unknown */
};

struct diagnosis {
    struct judgement judgement;              /* confidence: of its largest part */
    VECTOR(const struct suspect *) parts;    /* the largest first */
    VECTOR(struct diagnosis_thread) threads; /* the most bytes first */
    struct suspect_paths paths;              /* by number */
    uint64_t bytes, resident_bytes, count, calls, freed, despite; /* ANALYSIS_UNKNOWN */
    uint64_t unit_min, unit_max;
    uint64_t first_ns, last_ns; /* monotonic; 0 unknown */
    double bytes_per_s;         /* NAN */
    size_t processes;
};

VECTOR_TYPE(diagnoses, struct diagnosis);

/* Judges the suspects of CORRELATION and gathers those that are worth telling, the gravest and
 * largest first. */
struct seep_error *diagnosis_make(const struct correlation *correlation, uint64_t lost_events,
                                  struct diagnoses *ret_diagnoses);
void diagnoses_deinit(struct diagnoses *diagnoses);

/* Still growing at the end of the window, as far as can be told. */
bool diagnosis_goes_on(const struct diagnosis *diagnosis);
