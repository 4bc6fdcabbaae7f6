/*
 * One finding of the text report, its answer first:
 *
 *     1  LEAK  1,536.4 MiB in 96 mappings of 16.0 MiB, +8.1 MiB/min, still growing
 *        where   7f4674483000-7f46d46e3000 rw-p, explains 99.9% of its growth of 1,538.4 MiB
 *        who     8 threads nioEventLoopGro .. nioEventLoopGro (25893-25900)
 *        what ... when ... why ... limit ... next ...
 *
 * A row for which there is no evidence is left out.
 */
#pragma once

#include "analyzer/analysis.h"
#include "report/rows.h"

/* Appends F, a finding of A, to the report. */
void finding_text(struct rows *rows, const struct analysis *a, const struct finding *f);
