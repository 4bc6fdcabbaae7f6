/*
 * Who mapped what and has not given it back: the charges of a ledger, and the groups they form.
 *
 *     charges_open(&charges, ev, LEDGER_ANON, range, 0, &charge)     live 64 KiB, group live 1
 *     charges_close(&charges, charge, 16384, CHARGES_FREED)           live 48 KiB
 *     charges_close(&charges, charge, 49152, CHARGES_FREED)           gone: group freed 1, live 0
 *
 * A charge lives, at a fixed address, as long as any of its bytes do; a group as long as any of its
 * charges do, and after that until there are very many (CHARGES_GROUPS) and it was idle for long. It
 * does not know where the bytes are: space.h does.
 */
#pragma once

#include "analyzer/ledger.h"

enum { CHARGES_GROUPS = 1 << 17 };

struct charges_chunk;
union charges_slot;
struct charges_entry;

/* All zeros is an empty set. */
struct charges {
    struct charges_entry *groups; /* a uthash table */
    struct charges_entry *last;   /* the entry used last: events of a kind come in runs */
    union charges_slot *free;
    struct charges_chunk *chunks;
    uint64_t live_count, live_bytes;
    uint64_t chunk_count;
    uint64_t sweep_at; /* groups at which the idle ones are swept out */
    uint64_t swept_ns;
    uint64_t now_ns;    /* of the event that is being applied */
    ledger_freed freed; /* NULL: nobody is told */
    void *freed_context;
};

void charges_deinit(struct charges *charges);

/* Charges the LEN bytes at START to EV. STEPS: see struct ledger_charge. */
struct seep_error *charges_open(struct charges *charges, const struct event *ev,
                                enum ledger_backing backing, uint64_t start, uint64_t len,
                                uint32_t steps, struct ledger_charge **ret_charge);

/* Adds bytes that the kernel added to the mapping by itself (a stack). */
void charges_grow(struct charges *charges, struct ledger_charge *charge, uint64_t bytes);

enum charges_end {
    CHARGES_FREED,   /* the process gave it back */
    CHARGES_DROPPED, /* charged to another event now, ended by exec, or found gone */
};

/* Takes BYTES off; CHARGE is gone with its last byte. */
void charges_close(struct charges *charges, struct ledger_charge *charge, uint64_t bytes,
                   enum charges_end how);

void charges_each_group(const struct charges *charges,
                        bool (*visit)(const struct ledger_group *group, void *context),
                        void *context);

uint64_t charges_memory(const struct charges *charges);
