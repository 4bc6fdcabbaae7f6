/*
 * Diagnoses written out as the findings, regions, threads and processes of an analysis.
 *
 *     findings_build(&(struct findings_input){&correlation, &diagnoses, history, paths, case_path,
 *                                              &geometries},
 *                    analysis)
 *
 * Fills what struct analysis owns of them; contents of dumps are analysis.c's to add.
 */
#pragma once

#include "analyzer/diagnosis.h"
#include "analyzer/geometry.h"
#include "evidence/dump.h"

enum {
    FINDINGS_MAX_VMAS = 64, /* of one finding, the most bytes first */
    FINDINGS_MAX_THREADS = 1024,
};

struct findings_input {
    const struct correlation *correlation;
    const struct diagnoses *diagnoses;
    const struct history *history;
    const struct call_paths *paths; /* NULL: none were recorded */
    const char *case_path;          /* as the user named it; NULL */
    const struct geometries *geometries;
    const struct dumps *dumps; /* NULL: there are none */
};

/* On failure ANALYSIS holds part of it, and can be destroyed. */
struct seep_error *findings_build(const struct findings_input *input, struct analysis *analysis);
