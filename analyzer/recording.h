/*
 * A case read through: its ledger, its history, and the call paths of its calls with their names.
 *
 *     recording_read(c, &info, &recording)                 ledger, history, stacks, replay
 *     recording_name_paths(&recording, c->fd, &options)    names, paths
 *     ... recording_deinit(&recording)
 *
 * What needs no names saves the second step: it may have to read large files, or fetch them.
 */
#pragma once

#include "analyzer/call_paths.h"
#include "analyzer/geometry.h"
#include "analyzer/history.h"
#include "analyzer/replay.h"
#include "evidence/case.h"

/* All zeros is empty. */
struct recording {
    const struct case_info *info;
    struct stack_table *stacks;
    struct ledger *ledger;
    struct history *history;
    struct frame_names *names; /* NULL: no path was recorded, or none was named yet */
    struct call_paths *paths;  /* likewise */
    struct geometries geometries;
    struct replay_result replay;
};

/* INFO is C's and must outlive the recording, which is to be deinited even on failure. */
struct seep_error *recording_read(const struct case_dir *c, const struct case_info *info,
                                  struct recording *recording);

/* The recorded_ns of struct symbols_options. */
uint64_t recording_ended_ns(const struct case_info *info);

struct recording_naming {
    bool skip_symbols;             /* offsets instead of names */
    const char *const *debug_dirs; /* as symbols_options has them */
    void (*progress)(const char *text, void *context);
    void *context;
};

struct seep_error *recording_name_paths(struct recording *recording, int case_fd,
                                        const struct recording_naming *naming);
void recording_deinit(struct recording *recording);
