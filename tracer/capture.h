/*
 * The stack of a thread that stands at the return of a call that added memory: its registers and the
 * top of its stack, copied with one read, to be unwound later and elsewhere (stack_pool.h).
 *
 *     capture_is_wanted(&options, &ev, brk)      mmap, mremap that grows, brk up, mprotect that commits,
 *                                                shmat, shmget, memfd_create ... of --stack-from and more
 *     capture_take(&options, &map, &stack, tid, &capture)
 */
#pragma once

#include "tracer/code_map.h"
#include "tracer/stack_pool.h"

struct capture_options {
    struct stack_pool *pool; /* NULL: no stacks are wanted */
    size_t stack_bytes;      /* copied at most */
    uint64_t from_bytes;     /* only of calls that ask for as much */
};

/* EV has succeeded. BRK_BEFORE: the end of the heap before it; 0: not known. */
bool capture_is_wanted(const struct capture_options *options, const struct event *ev,
                       uint64_t brk_before);

/* Copies and submits. *RET_CAPTURE NULL: it could not be had, and is counted as lost. */
struct seep_error *capture_take(const struct capture_options *options, struct code_map *map,
                                struct code_map_stack *stack, pid_t tid,
                                struct capture **ret_capture);
