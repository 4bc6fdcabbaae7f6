/*
 * What the ledger's own files share: ledger.c (processes and their lives), ledger_calls.c (memory
 * syscalls), ledger_reconcile.c (snapshots). Nobody else includes this.
 *
 *     struct ledger -> processes (by pid) -> space <- spaces (all, the dead ones too)
 *                   -> charges, groups    <- intervals of the spaces
 */
#pragma once

#include "analyzer/space.h"

struct ledger_process;
struct ledger_segment;

struct ledger {
    struct charges charges;
    struct ledger_process *processes; /* a uthash table by pid */
    struct ledger_process *last;      /* the one used last */
    struct ledger_segment *segments;  /* sizes of SysV segments by id; see ledger_calls.c */
    TAILQ_HEAD(ledger_spaces, ledger_space) spaces;
    struct ledger_spaces dead; /* the oldest first; those found large move to dead_large */
    struct ledger_spaces dead_large;
    unsigned dead_count, dead_large_count;
    uint64_t forgotten;
    uint64_t forks; /* so far */
    uint64_t page_bytes;
    uint64_t events, conflicts, perms_differ_bytes;
};

/* The space of PID, or NULL. */
struct ledger_space *ledger_space_of(const struct ledger *ledger, pid_t pid);

/* The space of PID; one that was never heard of gets an empty, uncertain one. */
struct seep_error *ledger_space_for(struct ledger *ledger, pid_t pid,
                                    struct ledger_space **ret_space);

/* ADDR rounded up to a multiple of UNIT, a power of two; the last such multiple at the very top. */
static inline uint64_t ledger_round_up(uint64_t addr, uint64_t unit)
{
    return addr > UINT64_MAX - unit ? ~(unit - 1) : (addr + unit - 1) & ~(unit - 1);
}

/* The UNITs that LEN bytes from START on take up, clipped at the top of the address space. */
static inline struct ledger_range ledger_range_of(uint64_t start, uint64_t len, uint64_t unit)
{
    uint64_t top = ~(unit - 1), rounded = ledger_round_up(len, unit);

    start &= top;
    return (struct ledger_range){start, rounded > top - start ? top : start + rounded};
}

/* Applies a memory syscall to SPACE. */
struct seep_error *ledger_calls_apply(struct ledger *ledger, struct ledger_space *space,
                                      const struct event *ev);
void ledger_calls_deinit(struct ledger *ledger);
