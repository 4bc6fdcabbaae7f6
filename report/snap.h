/*
 * One look at a process, or at a whole family of them, told as a table or as JSON.
 *
 *     struct snap_process process = {.snap = &snap, .exe = exe, .command = command};
 *     snap_table(&out, &process, &options);          every region, in pmap's place
 *     snap_tree(&out, processes, count, width);      a row a process, a column a process
 *     snap_json(processes, count, wall_offset_ns, stdout);
 *
 * Numbers in the tables are KiB. All of it is made safe for a terminal.
 */
#pragma once

#include <stdio.h>

#include "base/buffer.h"
#include "base/error.h"
#include "evidence/snapshot.h"

struct snap_process {
    const struct snapshot *snap;
    const char *exe;     /* NULL: unknown */
    const char *command; /* escaped already; NULL: unknown */
    uint64_t reading_ns; /* time that reading its memory map took; 0 unknown */
    unsigned depth;      /* in the family: 0 is the first process */
};

enum snap_sort {
    SNAP_BY_ADDRESS,
    SNAP_BY_SIZE,
    SNAP_BY_RSS,
    SNAP_BY_PSS,
    SNAP_BY_DIRTY, /* private dirty */
    SNAP_BY_SWAP,
};

struct snap_table_options {
    size_t width; /* columns of the terminal; 0: as wide as it takes, with every column */
    enum snap_sort sort;
};

/* Appends the table of one process's regions with their totals, and what it holds unmapped. Where
 * the width does not do for every column, those that say something come first, and what was left
 * out is named. */
struct seep_error *snap_table(struct buffer *out, const struct snap_process *process,
                              const struct snap_table_options *options);

/* Appends the family's table, PROCESSES with parents before their children, and what is mapped,
 * side by side; PSS counts shared memory once. */
struct seep_error *snap_tree(struct buffer *out, const struct snap_process *processes, size_t count,
                             size_t width);

/* Prints one object of schema seep-snap/1: see docs/FORMAT.md. WALL_OFFSET_NS: what makes wall time
 * of the snapshots' times. */
struct seep_error *snap_json(const struct snap_process *processes, size_t count,
                             uint64_t wall_offset_ns, FILE *out);

/* --- what the tables have in common --- */

/* Appends the lines about the process itself, wrapped to WIDTH (0: not at all). */
void snap_heading(struct buffer *out, const struct snap_process *process, size_t width);

/* The region's figure: MAPS_UNKNOWN where smaps does not say; SMAPS_SIZE is always known. */
uint64_t snap_field(const struct vma *vma, enum smaps_field field);

/* Adds what is known. */
void snap_add(uint64_t *sum, uint64_t more);

/* "1,574,868" for bytes; "-" for MAPS_UNKNOWN. */
struct units_text;
const char *snap_kib(struct units_text *buf, uint64_t bytes);

/* Appends NAME escaped, its end rather than its beginning where it is wider than COLUMNS (0: any
 * width), for a path ends with what tells it apart. */
void snap_name(struct buffer *out, const char *name, size_t columns);

/* "[anon]" for what has no name. */
const char *snap_vma_name(const struct vma *vma);
