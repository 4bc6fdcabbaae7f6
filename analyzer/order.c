#include "analyzer/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/vector.h"

enum {
    /* Events read ahead at most: a call under which more than this happens hides nothing new. */
    ORDER_REACH = 65536,
    /* Events looked at for conflicts, for each event read: bounds the work on a senseless trace. */
    ORDER_LOOKS = 64,
};

struct order {
    struct event_source *src;
    const struct ledger *ledger;
    VECTOR(struct event) ahead; /* read, not delivered, in exit order; kind 0: was pulled */
    size_t head;                /* of ahead */
    VECTOR(struct event) stack; /* the event that is due, then what has to come before it */
    uint64_t horizon_ns;        /* what is not read yet was not entered before this */
    uint64_t looks_left;
    char *delivered_name;
    bool ended;
};

struct seep_error *order_create(struct event_source *src, const struct ledger *ledger,
                                struct order **ret_order)
{
    struct order *order = calloc(1, sizeof(*order));

    if (!order)
        return error_no_memory();
    order->src = src;
    order->ledger = ledger;
    order->looks_left = ORDER_REACH;
    *ret_order = order;
    return NULL;
}

void order_destroy(struct order *order)
{
    if (!order)
        return;
    for (size_t i = order->head; i < order->ahead.count; i++)
        free(order->ahead.items[i].name);
    for (size_t i = 0; i < order->stack.count; i++)
        free(order->stack.items[i].name);
    vector_deinit(&order->ahead);
    vector_deinit(&order->stack);
    free(order->delivered_name);
    free(order);
}

/* Events that come after EV were not entered before this. */
static uint64_t horizon_of(const struct event *ev)
{
    return ev->pending_ns ? ev->pending_ns : ev->exit_ns;
}

/* Reads one event, unless that was all; its name is the caller's. */
static struct seep_error *read_event(struct order *order, struct event *ret_ev)
{
    enum event_source_step step;
    struct event ev;

    do {
        struct seep_error *err = event_source_next(order->src, &ev, &step);

        if (err)
            return err;
        if (step == EVENT_SOURCE_END) {
            order->ended = true;
            return NULL;
        }
    } while (ev.kind == 0);
    if (ev.name) {
        ev.name = strdup(ev.name);
        if (!ev.name)
            return error_no_memory();
    }
    order->horizon_ns = horizon_of(&ev);
    order->looks_left += ORDER_LOOKS;
    *ret_ev = ev;
    return NULL;
}

/* Reads one event into what lies ahead. */
static struct seep_error *read_ahead(struct order *order)
{
    struct event ev;
    struct seep_error *err = read_event(order, &ev);

    if (err || order->ended)
        return err;
    err = vector_push(&order->ahead, ev);
    if (err)
        free(ev.name);
    return err;
}

/* Drops the pulled ones in front, and the room of what was delivered when it is most of it. */
static void tidy(struct order *order)
{
    while (order->head < order->ahead.count && order->ahead.items[order->head].kind == 0)
        order->head++;
    if (order->head == order->ahead.count) {
        order->head = order->ahead.count = 0;
    } else if (order->head > order->ahead.count / 2) {
        order->ahead.count -= order->head;
        memmove(order->ahead.items, &order->ahead.items[order->head],
                order->ahead.count * sizeof(*order->ahead.items));
        order->head = 0;
    }
}

/* Makes the event that returned first the bottom of the empty stack, unless there is none. */
static struct seep_error *take_due(struct order *order)
{
    struct event ev = {0};
    struct seep_error *err = vector_reserve(&order->stack, 1);

    if (err)
        return err;
    tidy(order);
    if (order->head < order->ahead.count)
        ev = order->ahead.items[order->head++];
    else if (!order->ended)
        err = read_event(order, &ev);
    if (!err && ev.kind != 0)
        order->stack.items[order->stack.count++] = ev;
    return err;
}

/* --- conflicts --- */

/* The addresses that EV got though the books hold some of them as mapped. */
static bool conflicts(const struct order *order, const struct event *ev,
                      struct ledger_range *ret_range)
{
    struct ledger_effect effect;

    if (!event_is_syscall(ev))
        return false;
    ledger_effect(order->ledger, ev, &effect);
    if (!effect.exclusive || effect.fresh.start >= effect.fresh.end ||
        ledger_is_free(order->ledger, ev->pid, effect.fresh.start, effect.fresh.end))
        return false;
    *ret_range = effect.fresh;
    return true;
}

/* Did EV free something in RANGE of SPACE that the books still hold? */
static bool frees(const struct order *order, const struct event *ev,
                  const struct ledger_space *space, struct ledger_range range)
{
    struct ledger_effect effect;

    if (!event_is_syscall(ev) || ledger_find(order->ledger, ev->pid) != space)
        return false;
    ledger_effect(order->ledger, ev, &effect);
    if (effect.gone.start > range.start)
        range.start = effect.gone.start;
    if (effect.gone.end < range.end)
        range.end = effect.gone.end;
    return range.start < range.end &&
           !ledger_is_free(order->ledger, ev->pid, range.start, range.end);
}

/* Nothing is pulled over these: the books before and after are not the same. */
static bool is_barrier(const struct event *ev, pid_t pid)
{
    switch (ev->kind) {
    case EVENT_LOST:
        return ev->pid == 0 || ev->pid == pid;
    case EVENT_PROCESS_START:
    case EVENT_EXEC:
    case EVENT_PROCESS_EXIT:
    case EVENT_DETACH:
        return ev->pid == pid;
    default:
        return false;
    }
}

/* Looks for the call under way that made room for the one on top of the stack, and puts it on top.
 */
static struct seep_error *pull(struct order *order, bool *ret_pulled)
{
    const struct event *top = &order->stack.items[order->stack.count - 1];
    uint64_t limit_ns = order->stack.items[0].exit_ns;
    const struct ledger_space *space = ledger_find(order->ledger, top->pid);
    struct ledger_range range;
    struct seep_error *err;

    *ret_pulled = false;
    if (horizon_of(&order->stack.items[0]) >= limit_ns || !conflicts(order, top, &range))
        return NULL;
    for (size_t i = order->head; order->looks_left > 0; i++, order->looks_left--) {
        while (i == order->ahead.count) {
            if (order->ended || order->horizon_ns >= limit_ns || i - order->head >= ORDER_REACH)
                return NULL;
            err = read_ahead(order);
            if (err)
                return err;
        }

        struct event *ev = &order->ahead.items[i];

        if (is_barrier(ev, top->pid))
            return NULL;
        if (ev->kind != 0 && ev->enter_ns < limit_ns && frees(order, ev, space, range)) {
            err = vector_push(&order->stack, *ev);
            if (err)
                return err;
            ev->kind = 0;
            ev->name = NULL;
            *ret_pulled = true;
            return NULL;
        }
        if (horizon_of(ev) >= limit_ns)
            return NULL;
    }
    return NULL;
}

/* --- the interface --- */

struct seep_error *order_next(struct order *order, struct event *ret_ev,
                              enum event_source_step *ret_step)
{
    struct seep_error *err = NULL;
    bool pulled = true;

    free(order->delivered_name);
    order->delivered_name = NULL;
    if (order->stack.count == 0)
        err = take_due(order);
    if (err)
        return err;
    if (order->stack.count == 0) {
        *ret_step = EVENT_SOURCE_END;
        return NULL;
    }
    while (!err && pulled)
        err = pull(order, &pulled);
    if (err)
        return err;
    *ret_ev = order->stack.items[--order->stack.count];
    order->delivered_name = ret_ev->name;
    *ret_step = EVENT_SOURCE_MORE;
    return NULL;
}

struct seep_error *order_peek(struct order *order, uint64_t *ret_exit_ns)
{
    struct seep_error *err = order->stack.count == 0 ? take_due(order) : NULL;

    if (!err)
        *ret_exit_ns = order->stack.count ? order->stack.items[0].exit_ns : UINT64_MAX;
    return err;
}

struct seep_error *order_each_pending(struct order *order, uint64_t until_ns,
                                      void (*visit)(const struct event *ev, void *context),
                                      void *context)
{
    for (size_t i = 0; i < order->stack.count; i++)
        if (order->stack.items[i].enter_ns < until_ns)
            visit(&order->stack.items[i], context);
    for (size_t i = order->head;; i++) {
        while (i == order->ahead.count) {
            if (order->ended || order->horizon_ns >= until_ns || i - order->head >= ORDER_REACH)
                return NULL;

            struct seep_error *err = read_ahead(order);

            if (err)
                return err;
        }
        if (order->ahead.items[i].kind != 0 && order->ahead.items[i].enter_ns < until_ns)
            visit(&order->ahead.items[i], context);
        if (horizon_of(&order->ahead.items[i]) >= until_ns)
            return NULL;
    }
}
