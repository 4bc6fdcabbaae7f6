/*
 * Processes side by side, as several pmaps, smaps, ps and lsof of one moment show them.
 *
 *     PID   RSS     shared  private                master 1147
 *     1147  8,448                                   |-- worker 1358      what has a worker that its
 *     1360  1,133,520  6,840  1,126,680             `-- worker 1360      parent does not have?
 *
 * Fills the processes, what of their regions is resident and how they differ; concludes what one
 * moment can tell: shared zones are there once, huge pages are bloat to be checked, a deleted file is
 * one that was replaced. It accuses nobody: what grows shows at two moments only.
 */
#pragma once

#include "analyzer/conclusions.h"

struct seep_error *family_conclude(const struct conclusions_input *input,
                                   struct analysis *analysis);
