/*
 * What a recording writes into case.json at its start and at its end.
 */
#pragma once

#include "tracer/event_writer.h"
#include "tracer/session.h"
#include "tracer/snapper.h"
#include "tracer/stack_pool.h"

/* Host, tool, clock, and the target: PID, which is there, or a program that is about to start. */
struct seep_error *session_describe_start(struct case_dir *c, const struct session_options *options,
                                          pid_t pid, uint64_t started_ns);

struct session_figures {
    const char *backend;
    uint64_t ended_ns;
    uint64_t stopped_ns; /* the target stood still */
    struct event_writer_stats events;
    struct stack_pool_stats stacks; /* zeros: none were wanted */
    struct snapper_stats snapshots;
};

/* What was recorded, what was lost, and what watching cost. */
struct seep_error *session_describe_end(struct case_dir *c, const struct session_figures *figures);
