/*
 * The order in which the kernel acted, from the order in which calls returned.
 *
 *     thread 1   |--- munmap(A) ------------------|      its return is reported late
 *     thread 2         |- mmap = A -|                    it got A, so the munmap came first
 *
 * Wraps an event_source whose events come in the order of exit_ns, and delivers them in that order
 * except where it cannot have been: when a call that only gets free addresses (plain mmap, mremap
 * that moved or grew, brk up, shmat, io_setup) returned a range that the books hold as mapped, a
 * call that was under way at that moment freed it, and is delivered first. Why this suffices: a
 * thread unmaps A only after the call that mapped A has returned, so that of several calls that
 * free and get A in turn, each one is either reported in turn or still under way when it is needed.
 *
 * Rules: only calls that overlap in time are ever exchanged, and calls of one thread never. It looks
 * ahead only for a conflict, and only as far as pending_ns says that calls were under way. What it
 * cannot know is the order of overlapping calls that both replace: MAP_FIXED by two threads on the
 * same addresses; the next snapshot tells.
 */
#pragma once

#include "analyzer/ledger.h"
#include "evidence/event_source.h"

struct order;

/* SRC and LEDGER stay the caller's and must outlive it; an event delivered must be applied to
 * LEDGER before the next one is asked for. */
struct seep_error *order_create(struct event_source *src, const struct ledger *ledger,
                                struct order **ret_order);
void order_destroy(struct order *order);
DEFINE_CLEANUP(struct order *, order_destroy);

/* RET_EV->name stays the order's, valid until the next call. */
struct seep_error *order_next(struct order *order, struct event *ret_ev,
                              enum event_source_step *ret_step);

/* When the call that is due next returned; calls pulled before it come with it. UINT64_MAX at the
 * end. */
struct seep_error *order_peek(struct order *order, uint64_t *ret_exit_ns);

/* Calls VISIT for every event that is not delivered yet and was entered before UNTIL_NS: the calls
 * that were under way then. */
struct seep_error *order_each_pending(struct order *order, uint64_t until_ns,
                                      void (*visit)(const struct event *ev, void *context),
                                      void *context);
