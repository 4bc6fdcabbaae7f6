/*
 * The saved bytes of a case, in the order of their addresses: of each address those of the newest
 * dump that has it.
 *
 *     dump 1   |aaaaaaaaaaaaaaaaa|
 *     dump 2        |bbbb|  |...|               ... absent in dump 2
 *     pieces   |aaaa|bbbb|aa|   |aa|
 *
 *     saved_memory_pieces(&dumps, &selection, &pieces);
 *     saved_memory_visit(&pieces, &visitor, &result);
 *
 * Each piece is told apart, so that no string runs from one file into the next. Pages that were
 * absent or zero are zeros: of long runs of them only the ends are handed over, as a gap.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/vector.h"
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

/* Told of every piece and then of its bytes; BEGIN may be NULL. */
struct saved_memory_visitor {
    struct seep_error *(*begin)(const struct saved_piece *piece, void *context);
    struct seep_error *(*bytes)(uint64_t address, const void *bytes, size_t len, void *context);
    void *context;
};

struct saved_memory_result {
    uint64_t bytes;         /* of the pieces */
    uint64_t unsaved_bytes; /* of them in swap or unreadable when they were to be saved */
    uint64_t damaged_bytes; /* of members that do not expand any more */
};

/* Damaged members are left out and counted. */
struct seep_error *saved_memory_visit(const struct saved_pieces *pieces,
                                      const struct saved_memory_visitor *visitor,
                                      struct saved_memory_result *ret_result);

/* The region of its dump that PIECE begins in; NULL: the dump does not say. */
const struct dump_region *saved_memory_region(const struct saved_piece *piece);
