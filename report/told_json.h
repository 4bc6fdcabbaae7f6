/*
 * The members of seep-report/1 that imported evidence fills (docs/FORMAT.md), empty arrays in a
 * recording: imports and assumptions for `evidence`, the rest for the report itself.
 */
#pragma once

#include <jansson.h>

#include "analyzer/analysis.h"

json_t *told_json_imports(const struct analysis *analysis);
json_t *told_json_missing(const struct analysis *analysis);
json_t *told_json_residents(const struct analysis *analysis);
json_t *told_json_differences(const struct analysis *analysis);
json_t *told_json_java(const struct analysis *analysis);
json_t *told_json_incidents(const struct analysis *analysis);
json_t *told_json_contents(const struct analysis *analysis);
