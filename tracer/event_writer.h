/*
 * The writer thread of a recording: takes events from the tracer without making it wait, and writes
 * them to the case's `events`, flushed every second.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "evidence/event.h"

struct event_writer;

struct capture;

/* FD: the empty file `events`, which becomes the writer's. */
struct seep_error *event_writer_create(int fd, struct event_writer **ret_writer);

/* From one thread only; never waits. Takes CAPTURE, EV's stack, which is written once it is unwound; NULL:
 * none. What finds no room is counted as lost. */
void event_writer_push(struct event_writer *writer, const struct event *ev,
                       struct capture *capture);

struct event_writer_stats {
    uint64_t events, lost, written_bytes;
    uint64_t lost_stacks; /* too many different ones */
    bool failed;          /* writing is over: see event_writer_finish */
};
void event_writer_stats(struct event_writer *writer, struct event_writer_stats *ret_stats);

/* Writes what was pushed and ends the thread. Returns why writing failed, at any time. */
struct seep_error *event_writer_finish(struct event_writer *writer);

/* Finishes, if that was not done. */
void event_writer_destroy(struct event_writer *writer);
