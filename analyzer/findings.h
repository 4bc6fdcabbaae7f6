/*
 * Diagnoses written out as the findings, regions, threads and processes of an analysis.
 *
 *     findings_build(&correlation, &diagnoses, history, NULL, analysis)
 *
 * Fills what struct analysis owns of them; contents of dumps are analysis.c's to add.
 */
#pragma once

#include "analyzer/diagnosis.h"

enum {
    FINDINGS_MAX_VMAS = 64, /* of one finding, the most bytes first */
    FINDINGS_MAX_THREADS = 1024,
};

/* CASE_PATH: of the case, when it holds dumps; else NULL. On failure ANALYSIS holds part of it, and
 * can be destroyed. */
struct seep_error *findings_build(const struct correlation *correlation,
                                  const struct diagnoses *diagnoses, const struct history *history,
                                  const char *case_path, struct analysis *analysis);
