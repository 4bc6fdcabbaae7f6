/*
 * A bounded queue of events from one thread to another that never makes the first one wait.
 *
 *     tracer   event_queue_push -> full: counted as lost, and told as an EVENT_LOST as soon as there
 *                                  is room again
 *     writer   event_queue_pop  <- in order
 *
 * One producer, one consumer, no lock.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "evidence/event.h"

struct capture;

struct event_queue_item {
    struct event ev;
    struct capture *capture; /* of its stack; NULL: none */
};

struct event_queue {
    struct event_queue_item *items; /* capacity: a power of two */
    uint64_t capacity;
    _Atomic uint64_t pushed, popped;
    _Atomic uint64_t lost; /* in all */
    uint64_t untold;       /* lost, and no EVENT_LOST pushed yet */
};

struct seep_error *event_queue_init(struct event_queue *q, uint64_t capacity);
void event_queue_deinit(struct event_queue *q);

/* Copies EV and its name; takes CAPTURE. */
void event_queue_push(struct event_queue *q, const struct event *ev, struct capture *capture);

/* Takes the oldest event, whose name becomes the caller's to free and whose capture to release; false:
 * empty. */
bool event_queue_pop(struct event_queue *q, struct event_queue_item *ret_item);
