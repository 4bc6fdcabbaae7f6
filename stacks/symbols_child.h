/*
 * The process that reads symbols: a child of seep with little to lose.
 *
 *     seep  --fork-->  child: no descriptors but the pipe, limits on memory and time, no new privileges
 *           <--pipe--  BEGIN 0, PLACE ..., END, BEGIN 1, ...                (symbols_wire.h)
 *
 * First all modules are read as they are found on this machine; then those are fetched of which a
 * debuginfod server may know more, so that a slow server costs only what it could have given.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/stack.h"

/* What is still to be done for a module. */
enum symbols_task_state {
    SYMBOLS_TASK_READ,
    SYMBOLS_TASK_FETCH, /* read again, with what servers have */
    SYMBOLS_TASK_DONE,
};

struct symbols_task {
    const struct stack_module *module;
    const uint64_t *offsets; /* sorted, none twice */
    size_t count;
    enum symbols_task_state state;
};

struct symbols_work {
    struct symbols_task *tasks;
    size_t count;
    const char *const *debug_dirs; /* ends with NULL */
    uint64_t recorded_ns;          /* of symbols_options */
    uint64_t deadline_ns;          /* of CLOCK_MONOTONIC */
};

/* Starts a child for the tasks that are not done. The caller closes RET_FD and waits for RET_PID. */
struct seep_error *symbols_child_start(const struct symbols_work *work, pid_t *ret_pid,
                                       int *ret_fd);

/* What the child does: says on OUT_FD what it finds. In this process, for tests. */
struct seep_error *symbols_child_work(const struct symbols_work *work, int out_fd);
