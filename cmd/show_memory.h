/*
 * What the topics of `seep show` that read saved memory share: the options that choose it, and the
 * opening of the case.
 *
 *     static const struct argp_child children[] = {{&show_memory_argp, 0, NULL, 0}, {0}};
 *     ... in the parser: case ARGP_KEY_INIT: state->child_inputs[0] = &arguments->memory;
 *
 *     _cleanup_(show_memory_close) struct show_memory memory = {0};
 *     err = show_memory_open(case_path, &arguments.memory, &memory);
 *     ... memory.pieces ...
 *     show_memory_warn(&result);
 */
#pragma once

#include "analyzer/saved_memory.h"
#include "cmd/show.h"
#include "evidence/case.h"

struct show_memory_options {
    VECTOR(struct saved_range) ranges; /* none: everything */
    uint64_t pid, number;              /* 0: any */
    uint64_t finding;                  /* its rank; 0: none */
};

enum { SHOW_MEMORY_AROUND_BYTES = 64 * 1024 };

/* --region, --around, --finding, --pid, --dump, into a struct show_memory_options. */
extern const struct argp show_memory_argp;

struct show_memory {
    struct case_dir *c;
    struct case_info info;
    struct dumps dumps;
    struct saved_pieces pieces; /* never empty */
};

/* Opens the case, uses its time zone, and finds what OPTIONS name; ERROR_NOT_FOUND when nothing of
 * it was saved. Takes OPTIONS' ranges over. */
struct seep_error *show_memory_open(const char *case_path, struct show_memory_options *options,
                                    struct show_memory *ret_memory);
void show_memory_close(struct show_memory *memory);

/* Puts the regions of the finding that CHOSEN names, if any, in its place. */
struct seep_error *show_memory_find(struct case_dir *c, struct show_memory_options *chosen);

/* Reads all of MEMORY in one pass, with a progress line on a terminal, and says what could not be
 * read. */
struct seep_error *show_memory_scan(const struct show_memory *memory,
                                    struct scan_consumer *const *consumers, size_t count);

/* What show_memory_scan shows of its progress, for other passes. TOTAL_BYTES: of the pass. */
struct show_memory_progress {
    uint64_t total_bytes, next_ns;
    bool shown;
};
struct seep_error *show_memory_progress(uint64_t done_bytes, void *progress);
void show_memory_progress_end(struct show_memory_progress *progress);

/* Says on stderr what of the memory could not be shown. */
void show_memory_warn(const struct saved_memory_result *result);
