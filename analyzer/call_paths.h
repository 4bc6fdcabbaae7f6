/*
 * Call paths compared: which lead to the same culprit, through the same functions, by the same calls.
 *
 *     path 1   __mmap < sysmalloc < malloc < store:88 < handle:20 < main
 *     path 2   __mmap < malloc_consolidate < malloc < store:88 < handle:20 < main
 *     path 3   __mmap < sysmalloc < malloc < store:91 < handle:20 < main
 *     path 4   __mmap < sysmalloc < malloc < store:88 < replay:7 < main
 *
 *     culprit     store in all four          (allocators.h has the rule)
 *     class       1, 2, 3 are one; 4 another    functions from the culprit outwards
 *     site        1, 2 are one; 3 and 4 others  the very calls from the culprit outwards
 *
 * What lies inside of the culprit is the allocator's affair and never tells paths apart. Functions are
 * compared by module and name, by offset where they have no name. A path without a culprit (all of it is
 * the C library's, or nothing is known beyond) is compared as a whole.
 *
 * Built once for a recording; then every question is an array's element.
 */
#pragma once

#include "analyzer/allocators.h"
#include "analyzer/frame_names.h"

struct call_path {
    uint32_t culprit, class, site; /* equal numbers: the same; from 1 on */
    uint32_t depth; /* levels inside of the culprit; all of them when there is none */
    bool has_culprit;
    const char *pool; /* what takes memory for many callers lies inside; NULL */
};

struct call_paths;

/* TABLE and NAMES must outlive the paths. */
struct seep_error *call_paths_create(const struct stack_table *table,
                                     const struct frame_names *names,
                                     struct call_paths **ret_paths);
void call_paths_destroy(struct call_paths *paths);
DEFINE_CLEANUP(struct call_paths *, call_paths_destroy);

/* NULL: PATHS is NULL, ID is 0 or unknown, or there were too many to compare. */
const struct call_path *call_paths_get(const struct call_paths *paths, uint32_t id);

/* The numbers of class, culprit and site are below this. */
uint32_t call_paths_limit(const struct call_paths *paths);

/* One level of a path. */
struct call_paths_level {
    const struct stack_frame *frame;
    const struct frame_level *level;
    uint32_t number; /* innermost is 0 */
};

/* Calls VISIT for every level of path ID, innermost first, until it returns false. */
void call_paths_each_level(const struct call_paths *paths, uint32_t id,
                           bool (*visit)(const struct call_paths_level *level, void *context),
                           void *context);

/* Where the path ends; STACK_END_UNKNOWN when there is no such path. */
enum stack_end call_paths_end(const struct call_paths *paths, uint32_t id);
