/*
 * Where a traced process has code, and how far its stacks go: kept by asking the kernel again about the
 * addresses that its calls touched, and no others.
 *
 *     code_map_note(&map, &ev)      mmap(..., PROT_EXEC, ..., 7, 0) = 0x7f46d0026000: stale there
 *     code_map_layout(&map, tid)    asks for the VMAs there, holds their files; -> layout
 *
 * What the kernel says is true whatever the order in which calls of several threads were seen. Files are
 * only held here (object_pin), since the process stands still meanwhile: who unwinds reads them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/event.h"
#include "stacks/layout.h"
#include "target/mapped.h"

enum { CODE_MAP_STALE_RANGES = 32 };

struct code_map_stale {
    uint64_t start, end;
};

struct code_map {
    pid_t pid; /* of any thread that has the memory, and has not ended */
    struct modules *modules;
    struct mapped *mapped; /* of the image that runs now; NULL: not open */
    int pagemap_fd;        /* likewise; -1: not open */
    struct layout *layout; /* NULL: nothing was asked yet */
    struct code_map_stale stale[CODE_MAP_STALE_RANGES]; /* by address, apart from each other */
    unsigned stale_count;
    uint64_t ask_after_ns; /* earlier would slow the process */
};

void code_map_init(struct code_map *map, pid_t pid, struct modules *modules);
void code_map_deinit(struct code_map *map);

/* The process runs another program now. */
void code_map_reset(struct code_map *map);

/* The process is a copy of PARENT's. */
void code_map_inherit(struct code_map *map, const struct code_map *parent);

/* What a memory call may have changed. */
void code_map_note(struct code_map *map, const struct event *ev);

/* The layout as it is now; the map's. *RET_LAYOUT NULL: it cannot be told: the process is gone, or has so much
 * code, and changes it so often, that asking about it would take more than a hundredth of its time. */
struct seep_error *code_map_layout(struct code_map *map, const struct layout **ret_layout);

/* One thread's stack, asked for when SP has left it. */
struct code_map_stack {
    uint64_t start, end;
    uint64_t present_start, present_end, present_ns; /* what was all there, and when */
};

/* The end of the VMA that SP points into; SP itself when it points nowhere. */
uint64_t code_map_stack_end(struct code_map *map, struct code_map_stack *stack, uint64_t sp);

/* How many of the LEN bytes from START on, in STACK, can be read without a page fault, which would add
 * memory, or wait for a thread that stands still (userfaultfd). What was there some milliseconds ago is
 * taken for there. */
size_t code_map_present(struct code_map *map, struct code_map_stack *stack, uint64_t start,
                        size_t len);
