/*
 * What the files of family.h share: family.c fills processes and regions side by side,
 * family_findings.c concludes. Nobody else includes this.
 */
#pragma once

#include "analyzer/family.h"

/* The process of that number in the analysis, or NULL. */
struct analysis_process *family_find(const struct analysis *analysis, pid_t pid);

/* What looks tell of it; NULL: none that counts. */
const struct residence *family_residence(const struct conclusions_input *input, pid_t pid);

/* A zone that is shared by several processes' maps, not a file's, is there once. */
bool family_is_shared_zone(const struct analysis_resident *row);

/* Unknown counts as nothing, unless both are. */
uint64_t family_sum(uint64_t a, uint64_t b);

struct seep_error *family_findings(const struct conclusions_input *input,
                                   struct analysis *analysis);
