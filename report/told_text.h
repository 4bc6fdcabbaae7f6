/*
 * The text report's part about imported evidence: rows that a recording does not have.
 *
 *     Processes: PID      RSS     shared   private ...    in KiB, as pmap and smem print
 *     Resident:  [heap]   ...                              the most first
 *     JVM:       heap 955.0 MiB of 8,192.0 MiB ...
 *     Logs:      OutOfDirectMemoryError ... (oom.log, line 1)
 *     Assumed:   pmap.txt: taken when the file was last written ...
 *     Next time: who maps memory: strace -f -ttt ...
 */
#pragma once

#include "analyzer/analysis.h"
#include "report/rows.h"

/* TOP: rows of a table at most. */
void told_text(struct rows *rows, const struct analysis *analysis, unsigned top);

/* What was assumed and what is missing: the last of the report. */
void told_text_limits(struct rows *rows, const struct analysis *analysis);
