/*
 * The order in which the kernel acted, from the order in which calls returned.
 *
 *     thread 1   |--- munmap(A) ------------------|      its return is reported late
 *     thread 2         |- mmap = A -|                    it got A, so the munmap came first
 *
 * Wraps an event_source whose events come in exit order and delivers them in enter order, looking
 * as far ahead as pending_ns says it must; when a call that only gets free addresses (plain mmap,
 * mremap that moved or grew, brk up, shmat, io_setup) returned a range that the books hold as
 * mapped, the overlapping call still ahead that freed it is delivered first. Rules: only calls that
 * overlap in time are ever exchanged, and calls of one thread never.
 */
#pragma once

#include "analyzer/ledger.h"
#include "evidence/event_source.h"

struct order;

/* SRC and LEDGER stay the caller's and must outlive it; events delivered must be applied to LEDGER
 * before the next one is asked for. */
struct seep_error *order_create(struct event_source *src, const struct ledger *ledger,
                                struct order **ret_order);
void order_destroy(struct order *order);
DEFINE_CLEANUP(struct order *, order_destroy);

struct seep_error *order_next(struct order *order, struct event *ret_ev,
                              enum event_source_step *ret_step);

/* Enter time of the next event to be delivered without taking it; UINT64_MAX at the end. */
struct seep_error *order_peek(struct order *order, uint64_t *ret_enter_ns);
