/*
 * An event source that is read ahead in a thread of its own: who replays a trace need not wait for it to be
 * read and decoded.
 *
 *     thread:   next() next() next() ...          batches         event_source_next(ahead): one after the
 *               of the source                 ──> [ ][ ][ ] ──>   other, the same as without
 *
 * Until it has ended or is destroyed, the source and all that it fills are the thread's.
 */
#pragma once

#include "evidence/event_source.h"

/* SOURCE must outlive RET_AHEAD, and stays the caller's. */
struct seep_error *event_ahead_create(struct event_source *source, struct event_source **ret_ahead);
