/*
 * An analysis, told to a person or to a program; both say the same.
 *
 *     seep: 1 leak                      pid 16067 java, watched 3 h 10 min, 412,908 events, 0 lost
 *     1  LEAK  1,536.4 MiB in 96 mappings of 16.0 MiB, +8.1 MiB/min, still growing
 *        where ...  who ...  what ...  when ...  next ...
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "analyzer/analysis.h"

struct report_text_options {
    bool colour;
    unsigned top;   /* findings told in full; 0: 10 */
    unsigned width; /* columns; 0: 80 */
};

/* The text report, escaped for a terminal, times in the process's time zone (TZ). */
struct seep_error *report_text(const struct analysis *analysis,
                               const struct report_text_options *options, FILE *out);

/* One object of schema seep-report/1, every field present. */
struct seep_error *report_json(const struct analysis *analysis, FILE *out);

/* A region as an object of the report's vmas[], a call path as one of stacks[]; NULL when out of
 * memory. */
json_t *report_json_vma(const struct analysis_vma *vma);
json_t *report_json_stack(const struct analysis_stack *stack);
