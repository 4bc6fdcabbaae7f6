/*
 * What came by each call path of a process and went again: the births and deaths of births.h, for paths
 * that are the same by call_paths.h.
 *
 *     store < handle < main        1,204 made,    0 given back
 *     store < replay < main       90,112 made, 90,108 given back
 *
 * Two paths that ask for the same size are two kinds: the turnover of one says nothing of the other.
 */
#pragma once

#include "analyzer/births.h"
#include "analyzer/call_paths.h"
#include "base/vector.h"

struct path_births_entry {
    enum births_kind kind;
    uint32_t class, culprit;
    struct births_slots slots;
    bool alone; /* judged by itself: for whoever gathers suspects */
};

/* All zeros: nothing is known. */
struct path_births {
    VECTOR(struct path_births_entry) entries; /* by kind, culprit, class */
    bool complete;                            /* no path is missing */
};

/* PATHS NULL: there are none. */
struct seep_error *path_births_gather(const struct births *births, const struct call_paths *paths,
                                      struct path_births *ret_path_births);
void path_births_deinit(struct path_births *path_births);

/* NULL: nothing came that way. */
struct path_births_entry *path_births_find(const struct path_births *path_births,
                                           enum births_kind kind, const struct call_path *path);

/* All of PATH's culprit; RET_COUNT may be 0. */
struct path_births_entry *path_births_of_culprit(const struct path_births *path_births,
                                                 enum births_kind kind,
                                                 const struct call_path *path, size_t *ret_count);
