#include "tracer/event_queue.h"

#include <string.h>

#include "tracer/stack_pool.h"

struct seep_error *event_queue_init(struct event_queue *q, uint64_t capacity)
{
    *q = (struct event_queue){.capacity = capacity};
    q->items = calloc(capacity, sizeof(*q->items));
    return q->items ? NULL : error_no_memory();
}

void event_queue_deinit(struct event_queue *q)
{
    struct event_queue_item item;

    while (q->items && event_queue_pop(q, &item)) {
        free(item.ev.name);
        stack_pool_release(item.capture);
    }
    free(q->items);
    q->items = NULL;
}

static bool push(struct event_queue *q, const struct event *ev, struct capture *capture)
{
    uint64_t pushed = atomic_load_explicit(&q->pushed, memory_order_relaxed);
    uint64_t popped = atomic_load_explicit(&q->popped, memory_order_acquire);
    struct event_queue_item *slot = &q->items[pushed & (q->capacity - 1)];

    if (pushed - popped == q->capacity)
        return false;
    *slot = (struct event_queue_item){*ev, capture};
    slot->ev.name = ev->name ? strdup(ev->name) : NULL;
    atomic_store_explicit(&q->pushed, pushed + 1, memory_order_release);
    return true;
}

void event_queue_push(struct event_queue *q, const struct event *ev, struct capture *capture)
{
    if (q->untold > 0) {
        struct event lost = {
            .enter_ns = ev->enter_ns,
            .exit_ns = ev->exit_ns,
            .pending_ns = ev->pending_ns,
            .kind = EVENT_LOST,
            .args = {q->untold},
        };

        if (push(q, &lost, NULL))
            q->untold = 0;
    }
    if (q->untold == 0 && push(q, ev, capture))
        return;
    stack_pool_release(capture);
    q->untold++;
    atomic_fetch_add_explicit(&q->lost, 1, memory_order_relaxed);
}

bool event_queue_pop(struct event_queue *q, struct event_queue_item *ret_item)
{
    uint64_t popped = atomic_load_explicit(&q->popped, memory_order_relaxed);

    if (popped == atomic_load_explicit(&q->pushed, memory_order_acquire))
        return false;
    *ret_item = q->items[popped & (q->capacity - 1)];
    atomic_store_explicit(&q->popped, popped + 1, memory_order_release);
    return true;
}
