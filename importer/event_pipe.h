/*
 * Events on their way to a sink that works in a thread of its own, so that finding the next event and
 * coding the last ones take turns with nobody.
 *
 *     event_pipe_put(pipe, &ev)  ──batches──>  event_sink_put(sink, &ev)
 *     event_pipe_finish(pipe)                  all were put, or the first error
 */
#pragma once

#include "evidence/event_source.h"

struct event_pipe;

/* SINK stays the caller's and is used by the other thread alone until the pipe is finished or destroyed. */
struct seep_error *event_pipe_create(struct event_sink *sink, struct event_pipe **ret_pipe);
void event_pipe_destroy(struct event_pipe *pipe);
DEFINE_CLEANUP(struct event_pipe *, event_pipe_destroy);

/* Copies EV with its name. An error of the sink is told by a later call. */
struct seep_error *event_pipe_put(struct event_pipe *pipe, const struct event *ev);

/* Waits until the sink has all that was put. More may be put after it. */
struct seep_error *event_pipe_flush(struct event_pipe *pipe);

/* Waits until the sink has all; does not finish the sink. */
struct seep_error *event_pipe_finish(struct event_pipe *pipe);
