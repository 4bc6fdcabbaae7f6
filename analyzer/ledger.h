/*
 * The ledger: for every address space, which event each mapped byte is charged to.
 *
 *     base (pre-existing)   |#########|                        charge NULL: never blamed on anyone
 *     mmap  A (event 7)                |aaaaaaaa|
 *     munmap of A's middle             |aa|  |aa|              A: live 4 of 8 pages
 *     mprotect NONE->RW in the base   |##mm#####|              mm charged to the mprotect
 *
 * Fed with events in the order in which the kernel acted (analyzer/order.h) and, between them, with
 * snapshots to start from and to compare with. Books are kept per address space: a fork copies
 * them, vfork and CLONE_VM share them, exec resets them; an exit frees nothing. Failed calls change
 * nothing.
 *
 * What a child inherits by fork is not charged to anyone in the child: the parent's event added
 * those bytes once, and the child's own growth is what the child maps. Its copies are intervals
 * without a charge, marked `inherited`; giving them back frees nothing of the parent's.
 *
 * It does not know resident sizes, and nothing of what brk or mmap memory is used for inside.
 * Cost: O(log n) a boundary; under 200 bytes a live mapping.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/event.h"
#include "evidence/maps.h"
#include "evidence/snapshot.h"

struct ledger;
struct ledger_space; /* one address space */

/* What one event mapped and is still held. Stable address while anything of it is live. */
struct ledger_charge {
    struct ledger_group *group; /* its kind of event: see below */
    uint64_t time_ns;           /* exit_ns of the event */
    uint64_t start;             /* where it was mapped first */
    uint64_t mapped_bytes;      /* what the event added, page-rounded */
    uint64_t live_bytes;        /* what is left of that */
    pid_t pid, tid;
    /* 0: a mapping of its own. N: the Nth mremap in a row that grew the same block; it is charged
     * with what it added, next to what the earlier ones did: one growing buffer. */
    uint32_t steps;
};

/* All events of a kind: same process, syscall, size, thread and stack.
 * calls == freed + dropped + live_count. */
struct ledger_group {
    pid_t pid, tid;
    uint8_t kind;    /* enum event_kind */
    uint8_t backing; /* enum ledger_backing */
    uint32_t stack_id;
    uint64_t unit_bytes;             /* what each event added, page-rounded */
    uint64_t calls, freed;           /* events in all; of these wholly given back */
    uint64_t dropped;                /* neither freed nor live: committed by an mprotect that is
                                        charged now, ended by exec, or found gone by a snapshot */
    uint64_t extensions;             /* of the calls: grew an earlier mapping (charge.steps > 0) */
    uint64_t live_count, live_bytes; /* events with anything left; what is left */
    uint64_t first_ns, last_ns;      /* of all its events */
    uint64_t advised_bytes;          /* given back by madvise while staying mapped: sum of calls */
};

enum ledger_backing {
    LEDGER_ANON, /* private anonymous */
    LEDGER_ANON_SHARED,
    LEDGER_FILE, /* a descriptor: file, memfd, device */
    LEDGER_SYSV,
    LEDGER_HEAP,  /* brk */
    LEDGER_OTHER, /* [aio], shadow stack */
};

/* A run of mapped bytes with one charge and one protection. */
struct ledger_interval {
    uint64_t start, end;
    const struct ledger_charge *charge; /* NULL: there before the window, of unknown origin */
    uint32_t perms;                     /* enum vma_perms */
    uint8_t backing;                    /* enum ledger_backing */
    bool inherited;                     /* copied by a fork; charge NULL */
};

struct seep_error *ledger_create(struct ledger **ret_ledger);
void ledger_destroy(struct ledger *ledger);
DEFINE_CLEANUP(struct ledger *, ledger_destroy);

/* The host's page size, 4096 unless set; before the first event. A power of two. */
void ledger_set_page_bytes(struct ledger *ledger, uint64_t page_bytes);

/* Calls FREED, from within ledger_apply, when a process has given back the last byte of what a call
 * mapped; TIME_NS is that of the event that did it. NULL: nobody wants to know. */
typedef void (*ledger_freed)(const struct ledger_charge *charge, uint64_t time_ns, void *context);
void ledger_on_freed(struct ledger *ledger, ledger_freed freed, void *context);

/* Applies one event. */
struct seep_error *ledger_apply(struct ledger *ledger, const struct event *ev);

/* Half-open; empty: start == end. */
struct ledger_range {
    uint64_t start, end;
};

/* What a memory syscall did, or may have done, to which addresses are mapped. */
struct ledger_effect {
    struct ledger_range gone;  /* was unmapped, or moved away */
    struct ledger_range fresh; /* was mapped, whatever was there before */
    bool exclusive;            /* FRESH was free before: the kernel never replaces there */
    bool unknown; /* it may have changed other addresses too: its return was not seen */
};

/* The effect of EV on the books as they are now; no effect for what changes no mapping. */
void ledger_effect(const struct ledger *ledger, const struct event *ev,
                   struct ledger_effect *ret_effect);

/* Replaces what the books of SNAP's process hold by SNAP's maps where they differ, the difference
 * being of unknown origin: at the start, after exec, at a fork, after events were lost. Charges
 * whose bytes are not there any more are dropped. */
struct seep_error *ledger_rebase(struct ledger *ledger, const struct snapshot *snap);

/* Compares the books with SNAP's maps, leaving out the sorted TOUCHED ranges (calls that overlapped
 * the reading), growth of stacks by the kernel, and [vvar]-like mappings. RET_UNEXPLAINED: bytes
 * that are mapped in one and not in the other; then corrects the books (unknown origin). */
struct seep_error *ledger_reconcile(struct ledger *ledger, const struct snapshot *snap,
                                    const struct ledger_range *touched, size_t touched_count,
                                    uint64_t *ret_unexplained);

/* True when a comparison of PID's books would prove nothing: never based on a snapshot, events were
 * lost, or a call that changes mappings never returned (a rebase ends it), or it was let go. */
bool ledger_is_uncertain(const struct ledger *ledger, pid_t pid);

/* When PID's address space came to be, by its start or its last exec; 0: not told. A look at its
 * maps that began before may have shown the one it had until then. */
uint64_t ledger_since(const struct ledger *ledger, pid_t pid);

/* The address space of PID now, or the one it had when it exited; NULL: never seen, or of a process
 * that shared another's and exited, or of one that exited so long ago that it was forgotten: the
 * last thousand dead are kept, and beyond them 16,384 more in which a MiB or more is charged. */
const struct ledger_space *ledger_find(const struct ledger *ledger, pid_t pid);

/* True when a plain mmap of [start, end) would find it free. */
bool ledger_is_free(const struct ledger *ledger, pid_t pid, uint64_t start, uint64_t end);

/* Calls VISIT for every interval of the space that overlaps [start, end), in order, clipped to it,
 * until VISIT returns false. */
typedef bool (*ledger_visit)(const struct ledger_interval *interval, void *context);
void ledger_each(const struct ledger_space *space, uint64_t start, uint64_t end, ledger_visit visit,
                 void *context);

/* The same for all intervals that may have a charge: what a fork copied is left out as far as nothing near
 * it changed since, and costs nothing. */
void ledger_each_own(const struct ledger_space *space, ledger_visit visit, void *context);

/* Calls VISIT for every group of the ledger, in no order. */
void ledger_each_group(const struct ledger *ledger,
                       bool (*visit)(const struct ledger_group *group, void *context),
                       void *context);

/* Calls VISIT for every address space with the pid that owns it (the first of those that share it).
 */
void ledger_each_space(const struct ledger *ledger,
                       bool (*visit)(const struct ledger_space *space, pid_t pid, void *context),
                       void *context);

struct ledger_totals {
    uint64_t events, live_charges, intervals;
    uint64_t live_bytes;         /* charged to events */
    uint64_t unknown_bytes;      /* of unknown origin */
    uint64_t inherited_bytes;    /* copied by forks */
    uint64_t conflicts;          /* non-fixed results in ranges that the books held as mapped */
    uint64_t perms_differ_bytes; /* in the last comparison or rebase: mapped in both, but with
                                    another protection */
    uint64_t memory_bytes;       /* of the ledger itself */
    uint64_t spaces;             /* address spaces in the books */
    uint64_t forgotten;          /* and those of dead processes that are not any more */
};
void ledger_totals(const struct ledger *ledger, struct ledger_totals *ret_totals);
