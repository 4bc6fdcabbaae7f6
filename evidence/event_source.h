/*
 * Where events come from (ptrace, tracepoints, a recorded file, imported logs) and where they go
 * (a trace file, the ledger, a printer): the pump is
 *
 *     while ((err = event_source_next(src, &ev, &step)) == NULL && step == EVENT_SOURCE_MORE)
 *         if ((err = event_sink_put(sink, &ev)))
 *             break;
 *
 * so that the ledger and the reports can be tested from a file, without the right to ptrace.
 */
#pragma once

#include "base/error.h"
#include "evidence/event.h"

enum event_source_step {
    EVENT_SOURCE_MORE, /* *ret_ev is the next event */
    EVENT_SOURCE_END,
};

struct event_source {
    /* RET_EV->name stays the source's, valid until the next call. */
    struct seep_error *(*next)(struct event_source *src, struct event *ret_ev,
                               enum event_source_step *ret_step);
    void (*destroy)(struct event_source *src);
};

struct event_sink {
    /* EV stays the caller's: what is kept is copied. */
    struct seep_error *(*put)(struct event_sink *sink, const struct event *ev);
    struct seep_error *(*finish)(struct event_sink *sink);
};

static inline struct seep_error *event_source_next(struct event_source *src, struct event *ret_ev,
                                                   enum event_source_step *ret_step)
{
    return src->next(src, ret_ev, ret_step);
}

static inline void event_source_destroy(struct event_source *src)
{
    if (src)
        src->destroy(src);
}
DEFINE_CLEANUP(struct event_source *, event_source_destroy);

static inline struct seep_error *event_sink_put(struct event_sink *sink, const struct event *ev)
{
    return sink->put(sink, ev);
}

static inline struct seep_error *event_sink_finish(struct event_sink *sink)
{
    return sink->finish(sink);
}
