/*
 * The saved bytes of a case, in the order of their addresses: of each address those of the newest
 * dump that has it.
 *
 *     dump 1   |aaaaaaaaaaaaaaaaa|
 *     dump 2        |bbbb|  |...|               ... absent in dump 2
 *     pieces   |aaaa|bbbb|aa|   |aa|
 *
 *     saved_memory_pieces(&dumps, &selection, &pieces);
 *     saved_memory_init(&memory, &pieces);
 *     scan_run(&memory.source, consumers, count, &options);        content/scan.h
 *
 * Each piece begins afresh, so that no string runs from one file into the next. Pages that were
 * absent or zero are zeros; SAVED_MEMORY_ZERO_PAGES and more of them in a row are a stretch without
 * bytes. Pages in swap, unreadable ones and damaged members are gaps, and counted.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/vector.h"
#include "content/scan.h"
#include "evidence/dump.h"

struct saved_range {
    uint64_t start, end;
};

struct saved_memory_selection {
    pid_t pid;       /* 0: every process */
    uint32_t number; /* one dump; 0: the newest of each address */
    const struct saved_range *ranges;
    size_t range_count; /* 0: everything */
};

struct saved_piece {
    const struct dump *dump;
    const struct dump_range *range;
    uint64_t start, end; /* the part of RANGE; any addresses */
};

/* Process by process, as they were first dumped; then by address. */
VECTOR_TYPE(saved_pieces, struct saved_piece);

/* The pieces borrow from DUMPS; the caller does vector_deinit. */
struct seep_error *saved_memory_pieces(const struct dumps *dumps,
                                       const struct saved_memory_selection *selection,
                                       struct saved_pieces *ret_pieces);

struct saved_memory_result {
    uint64_t bytes;         /* of the pieces */
    uint64_t unsaved_bytes; /* of them in swap or unreadable when they were to be saved */
    uint64_t damaged_bytes; /* of members that do not expand any more */
};

enum { SAVED_MEMORY_ZERO_PAGES = 4 };

/* The bytes of pieces, as the source of a pass; a stretch's origin is its struct saved_piece. */
struct saved_memory {
    struct scan_source source;
    const struct saved_pieces *pieces;
    size_t piece; /* of the next unit */
    uint64_t at;  /* where it begins; 0: with the piece */
    struct saved_memory_result result;
};

/* PIECES may be in any order, and outlive the pass. Nothing to free. */
void saved_memory_init(struct saved_memory *ret_memory, const struct saved_pieces *pieces);

uint64_t saved_memory_bytes(const struct saved_pieces *pieces);

/* The region of its dump that PIECE begins in; NULL: the dump does not say. */
const struct dump_region *saved_memory_region(const struct saved_piece *piece);
