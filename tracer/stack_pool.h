/*
 * Captured stacks on their way from the tracer, through the threads that unwind them, to the writer.
 *
 *     tracer   stack_pool_take(pool, len) -> capture: registers, bytes, layout     stack_pool_submit
 *     worker                                 capture -> path
 *     writer   stack_pool_path(capture)  waits for that                stack_pool_release
 *
 * Neither the tracer nor a worker ever waits for another: what the pool holds is bounded in bytes, and
 * when it is full a stack is dropped and counted. Workers look for work every few milliseconds, so that
 * the tracer, whose tracee stands still, need not wake them.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "stacks/unwind.h"

enum { STACK_POOL_BYTES = 32 << 20 };

struct stack_pool;

struct capture {
    struct stack_pool *pool;
    struct layout *layout; /* the capture's reference */
    struct unwind_registers registers;
    uint64_t sp;
    size_t len;     /* of what was copied from SP on */
    uint8_t *bytes; /* gone once it is unwound */
    struct stack_path path;
    struct stack_frame *frames; /* the path's */
    size_t held_bytes;          /* of the pool's bound */
    uint64_t submitted_ns;
    _Atomic int state; /* private to stack_pool.c */
};

/* MAX_FRAMES: of a path. */
struct seep_error *stack_pool_create(unsigned max_frames, struct stack_pool **ret_pool);

/* Ends the workers; what was submitted must be released before. What is used by one that does not end
 * within ten seconds, since the server of a file does not answer, is leaked. NULL is fine. */
void stack_pool_destroy(struct stack_pool *pool);
DEFINE_CLEANUP(struct stack_pool *, stack_pool_destroy);

/* The registry that layouts take their modules from. */
struct modules *stack_pool_modules(struct stack_pool *pool);

/* --- the tracer --- */

/* Room for LEN bytes; NULL: there is none, which is counted as a lost stack. */
struct capture *stack_pool_take(struct stack_pool *pool, size_t len);

/* Hands CAPTURE to a worker; it must be released all the same. One that is not submitted is only
 * released. */
void stack_pool_submit(struct stack_pool *pool, struct capture *capture);

/* Counts a stack that could not be copied. */
void stack_pool_count_lost(struct stack_pool *pool);

/* --- any thread --- */

/* The path of CAPTURE, once it is unwound. NULL: it could not be, for want of memory, or was not within ten
 * seconds, and is counted as lost. Valid until the release. */
const struct stack_path *stack_pool_path(struct capture *capture);

/* Ends the interest in CAPTURE, unwound or not; never waits. NULL is fine. */
void stack_pool_release(struct capture *capture);

/* No more stacks are wanted: from now on every one is counted as lost, and none is copied. */
void stack_pool_close(struct stack_pool *pool);

struct stack_pool_stats {
    uint64_t stacks, lost;
};
void stack_pool_stats(struct stack_pool *pool, struct stack_pool_stats *ret_stats);
