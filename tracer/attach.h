/*
 * Attaches a recording to the processes it was asked for, and to their descendants.
 */
#pragma once

#include "tracer/ptrace_source.h"
#include "tracer/session.h"

/* Seizes OPTIONS' processes through SOURCE. Those that may not be traced and can be looked at all the same
 * are said to the user and added to UNTRACED; any other obstacle is an error. */
struct seep_error *attach_targets(const struct session_options *options,
                                  struct ptrace_source *source, struct proc_pids *untraced);
