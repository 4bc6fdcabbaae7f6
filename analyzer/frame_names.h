/*
 * What the frames of a recording are called: functions, files and lines, with a level of its own for
 * every function that was inlined.
 *
 *     frame_uses_note(&uses, ev->stack_id, ev->pid, ev->exit_ns);      for every event that has a path
 *     frame_names_create(table, &uses, &options, &names);
 *     frame_names_of(names, frame, &count)
 *         libc.so.6 0x98a02     ->   sysmalloc     malloc.c:2539
 *         leaky     0x1234      ->   store         leaky.c:40    inlined into the next
 *                                    handle        leaky.c:88
 *
 * Each frame is looked up once, however many paths share it. Code made at run time has its names from
 * the case's perf maps, by the process and the time of the first call that used the path; all other code
 * from ELF files (stacks/symbols.h). What was known when it was recorded stays.
 */
#pragma once

#include "evidence/jit_maps.h"
#include "evidence/stack_table.h"
#include "stacks/symbols.h"

/* Who used a path first, and when; by the path's number. */
struct frame_use {
    pid_t pid; /* 0: nobody */
    uint64_t time_ns;
};

VECTOR_TYPE(frame_uses, struct frame_use);

/* STACK_ID 0: nothing. */
struct seep_error *frame_uses_note(struct frame_uses *uses, uint32_t stack_id, pid_t pid,
                                   uint64_t time_ns);

struct frame_names_options {
    bool skip_symbols; /* no ELF file is looked for */
    const struct symbols_options *symbols;
    int case_fd; /* for perf maps; -1: none */
};

struct frame_names;

/* Names the frames of all paths of TABLE, which must outlive the names. */
struct seep_error *frame_names_create(const struct stack_table *table,
                                      const struct frame_uses *uses,
                                      const struct frame_names_options *options,
                                      struct frame_names **ret_names);
void frame_names_destroy(struct frame_names *names);
DEFINE_CLEANUP(struct frame_names *, frame_names_destroy);

struct frame_level {
    const char *function, *file; /* NULL unknown */
    uint32_t line;               /* 0 unknown */
    bool inlined;                /* into the next level */
};

/* The levels of FRAME, a frame of the table: one at least, innermost first. Valid as long as names and
 * table. */
const struct frame_level *frame_names_of(const struct frame_names *names,
                                         const struct stack_frame *frame, size_t *ret_count);

/* What stood in the way of symbols, for a person. */
const struct symbols_troubles *frame_names_troubles(const struct frame_names *names);
