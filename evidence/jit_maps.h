/*
 * The names of code made at run time, as a case keeps them: copies of /tmp/perf-PID.map, taken when the
 * file had changed.
 *
 *     jit/1-16067.map    jit/2-16067.map    jit/3-16099.map
 *     jit/index.json     [{"file": "1-16067.map", "pid": 16067, "time_ns": 812000000}, ...]
 *
 *     jit_maps_add(&maps, case_fd, pid, now_ns, text, len);      the recorder, copy by copy
 *     jit_maps_load(case_fd, &maps);                             the reader
 *     copy = jit_maps_find(&maps, pid, time_ns);                 the copy that tells most of that time
 *     jit_maps_read(case_fd, copy, &text);                       -> stacks/perf_map.h
 *
 * A copy holds the names of all code made until it was taken, while code that has gone may be written
 * over: the first copy after a moment knows it best. The index is replaced whole, so that a kill costs
 * no more than the copy under way.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/vector.h"

enum {
    JIT_MAPS_MAX_BYTES = 16 << 20, /* of one copy; what is longer is cut at a line's end */
    JIT_MAPS_MAX_COPIES = 4096,    /* of one recording */
};

struct jit_maps_copy {
    char file[40]; /* in jit/ */
    pid_t pid;
    uint64_t time_ns; /* CLOCK_MONOTONIC, when it was taken */
};

/* All zeros is empty. */
struct jit_maps {
    VECTOR(struct jit_maps_copy) copies; /* in the order in which they were taken */
};

void jit_maps_deinit(struct jit_maps *maps);

/* Saves TEXT as the next copy, and the index that names it. ERROR_FULL: there are
 * JIT_MAPS_MAX_COPIES. */
struct seep_error *jit_maps_add(struct jit_maps *maps, int case_fd, pid_t pid, uint64_t time_ns,
                                const char *text, size_t len);

/* Reads the index (untrusted); none is an empty one. Entries that make no sense are left out. */
struct seep_error *jit_maps_load(int case_fd, struct jit_maps *ret_maps);

/* The same from the index's text. */
struct seep_error *jit_maps_parse(const char *text, size_t len, struct jit_maps *ret_maps);

/* The first copy of PID that was taken at TIME_NS or later, else the last one; NULL: there is none. */
const struct jit_maps_copy *jit_maps_find(const struct jit_maps *maps, pid_t pid, uint64_t time_ns);

/* Appends the copy's text to RET_TEXT. */
struct seep_error *jit_maps_read(int case_fd, const struct jit_maps_copy *copy,
                                 struct buffer *ret_text);
