/* Between jvm.c and jvm_growth.c. */
#pragma once

#include "analyzer/conclusions.h"

/* Of several reports of native memory tracking: what each category had in the first, and in the last. */
void jvm_compare_reports(const struct told *told, struct analysis_java *java);

/* What grew by them, or since the baseline that a report compares itself with. */
struct seep_error *jvm_conclude_growth(const struct analysis_java *java, struct analysis *a);
