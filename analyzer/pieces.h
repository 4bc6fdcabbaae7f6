/*
 * What a process still holds of what it mapped in the window, piece by piece, each with its region
 * and with what is known of its use.
 *
 *     ledger intervals   |aaaa|bb|   |cccc|        charged to events a, b, c
 *     last look          |---VMA 1-------------|   RSS 60 %
 *     pieces             a 16 MiB, of VMA 1, about 9.6 MiB resident; b ...
 *
 * What is resident of a piece is not known, only of the VMA it lies in: it gets its share by size.
 */
#pragma once

#include "analyzer/history.h"

enum piece_family {
    PIECE_MAPPING,  /* a mapping of its own */
    PIECE_BLOCK,    /* what mremap added to a block */
    PIECE_COMMIT,   /* made usable, or placed, inside what was reserved before */
    PIECE_HEAP,     /* brk */
    PIECE_ARENA,    /* malloc's other arenas */
    PIECE_STACK,    /* of a thread that lives, or is not known */
    PIECE_ORPHAN,   /* stack of a thread that is gone */
    PIECE_RESERVED, /* PROT_NONE */
    PIECE_FILE,
    PIECE_RUNTIME,
    PIECE_OTHER,
    PIECE_FAMILIES,
};

#define PIECES_NO_RANGE SIZE_MAX

struct piece {
    enum piece_family family;
    enum region region;
    const struct ledger_charge *charge;
    const struct place *place; /* NULL: none known */
    uint64_t start, bytes;
    uint64_t resident_bytes; /* an estimate; ANALYSIS_UNKNOWN */
    size_t range;            /* index in growth.ranges, PIECES_NO_RANGE: mapped since */
    size_t block;            /* PIECE_BLOCK: which one, from 0 */
};

/* What the ledger says of a VMA of the last look. */
struct piece_range {
    uint64_t charged_bytes, unknown_bytes;
};

struct pieces {
    VECTOR(struct piece) items; /* in address order */
    struct piece_range *ranges; /* as many as growth.ranges */
    struct places_list places;
    uint64_t unknown_bytes; /* of unknown origin; PROT_NONE and what a fork copied left out */
    size_t blocks;
    bool known; /* the ledger has this process's address space */
};

/* P and LEDGER must outlive the pieces. */
struct seep_error *pieces_gather(const struct history_process *p, const struct ledger *ledger,
                                 struct pieces *ret_pieces);
void pieces_deinit(struct pieces *pieces);
