/*
 * Saved memory cut up by who mapped it.
 *
 *     pieces    |aaaaaaaaaaaaaaaaaaaaaa|
 *     ledger       |mmap 1||mmap 2|  |brk|
 *     cut       |..|mmap 1||mmap 2|..|brk|      one mapping behind the other, or one path
 *
 * As the ledger stands at the end of the recording: what was given back by then is nobody's any more.
 */
#pragma once

#include "analyzer/ledger.h"
#include "analyzer/saved_memory.h"

enum mapped_pieces_order {
    MAPPED_PIECES_BY_EVENT, /* the earliest first */
    MAPPED_PIECES_BY_PATH,  /* the call path with the most saved bytes first */
};

struct mapped_pieces {
    struct saved_pieces pieces;
    VECTOR(const struct ledger_charge *) charges; /* of each piece; NULL: nobody's, the last ones */
};

/* PIECES and LEDGER must outlive RET_PIECES. The caller does mapped_pieces_deinit. */
struct seep_error *mapped_pieces_make(const struct saved_pieces *pieces,
                                      const struct ledger *ledger, enum mapped_pieces_order order,
                                      struct mapped_pieces *ret_pieces);
void mapped_pieces_deinit(struct mapped_pieces *pieces);
