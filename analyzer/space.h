/*
 * One address space of the ledger: which intervals are mapped, and to whom each is charged.
 *
 *     space_put(space, range, charge, tag, 0, NULL)
 *     space_move(space, from, to)                    charges travel with the bytes
 *     space_protect(space, range, perms, ev)         what becomes usable is charged to EV
 *     space_unmap(space, range, CHARGES_FREED)
 *
 * An interval's tag holds its protection, backing and what fork, mremap and the kernel's growth
 * need to know of it. Its object is an attachment: shmdt and io_destroy name an address only, and
 * unmap what is left of the segment that was attached there, wherever holes were cut (ipc/shm.c,
 * fs/aio.c). It does not know events' arguments: ledger_calls.c does.
 */
#pragma once

#include <sys/queue.h>

#include "analyzer/charges.h"
#include "analyzer/interval_map.h"
#include "base/vector.h"

enum space_tag {
    SPACE_PERMS = 0xf, /* enum vma_perms */
    SPACE_ACCESS = VMA_READ | VMA_WRITE | VMA_EXEC,
    SPACE_BACKING_SHIFT = 4, /* 4 bits: enum ledger_backing */
    SPACE_GROWS = 1 << 8,    /* MAP_GROWSDOWN or a stack: the kernel adds pages below */
    SPACE_NO_FORK = 1 << 9,  /* MADV_DONTFORK: a child does not get it */
    SPACE_INHERITED = 1 << 10,
    SPACE_UNSIZED = 1 << 11, /* attached at this address, its size is still to be seen */
    SPACE_HUGE_SHIFT = 16,   /* 6 bits: log2 of the huge page size of hugetlb; 0: none */
};

static inline enum ledger_backing space_backing(uint32_t tag)
{
    return (enum ledger_backing)(tag >> SPACE_BACKING_SHIFT & 0xf);
}

/* What shmat or io_setup mapped: its first byte was, or would be, at ORIGIN. */
struct space_attachment {
    uint64_t origin, size_bytes;
    uint64_t mapped_bytes; /* of its intervals; 0: the entry is free */
};

/* More attachments at a time than this are not told apart: shmdt then frees one interval. */
enum { SPACE_ATTACHMENTS = 4096 };

struct ledger_space {
    TAILQ_ENTRY(ledger_space) entry;
    TAILQ_ENTRY(ledger_space) dead_entry; /* its owner has exited */
    struct interval_map map;
    struct charges *charges;                     /* the ledger's */
    VECTOR(struct space_attachment) attachments; /* interval.object is an index + 1 */
    VECTOR(struct interval) scratch;             /* pieces on their way */
    uint64_t brk;                                /* page-rounded up */
    bool brk_known;
    bool uncertain;
    bool no_fork;      /* something is, or was, SPACE_NO_FORK */
    uint64_t since_ns; /* when it came to be; 0: not told */
    uint64_t charged_bytes, unknown_bytes, inherited_bytes;
    pid_t pid;      /* its first owner */
    unsigned users; /* processes */
};

struct seep_error *space_create(struct charges *charges, pid_t pid,
                                struct ledger_space **ret_space);

/* What is still charged in it is dropped. */
void space_destroy(struct ledger_space *space);

/* The books of a child by fork, which are still empty: shared with PARENT's until one of them changes.
 * ID: one that no space of this ledger had before. */
struct seep_error *space_inherit(struct ledger_space *child, const struct ledger_space *parent,
                                 uint64_t id);

/* CHARGE NULL: of unknown origin. The range must not be empty. RET_FREE: as of interval_map_insert.
 */
struct seep_error *space_put(struct ledger_space *space, struct ledger_range range,
                             struct ledger_charge *charge, uint32_t tag, uint32_t object,
                             bool *ret_free);

struct seep_error *space_unmap(struct ledger_space *space, struct ledger_range range,
                               enum charges_end how);

/* Unmaps those intervals in RANGE that belong to OBJECT. */
struct seep_error *space_detach(struct ledger_space *space, struct ledger_range range,
                                uint32_t object);

/* Moves what is mapped in FROM to the addresses from TO on, holes included; the target must be
 * free. */
struct seep_error *space_move(struct ledger_space *space, struct ledger_range from, uint64_t to);

/* Sets the access bits of what is mapped in RANGE. What had none and becomes writable is committed:
 * charged to EV. EV NULL: nothing is charged anew. */
struct seep_error *space_protect(struct ledger_space *space, struct ledger_range range,
                                 uint32_t access, const struct event *ev);

/* Sets and clears bits of the tags of what is mapped in RANGE. */
struct seep_error *space_mark(struct ledger_space *space, struct ledger_range range, uint32_t set,
                              uint32_t clear);

/* Counts what is charged in RANGE as given back by madvise. */
void space_advise(struct ledger_space *space, struct ledger_range range);

/* Maps what RANGE has free as of unknown origin. */
struct seep_error *space_fill(struct ledger_space *space, struct ledger_range range, uint32_t tag);

/* The interval that contains ADDR, copied to ROOM, or NULL. */
const struct interval *space_at(const struct ledger_space *space, uint64_t addr,
                                struct interval *room);

/* The object of an attachment with ORIGIN, 0 when there is none; and a new one (0: too many). */
uint32_t space_find_attachment(const struct ledger_space *space, uint64_t origin);
struct seep_error *space_attach(struct ledger_space *space, uint64_t origin, uint64_t size_bytes,
                                uint32_t *ret_object);
