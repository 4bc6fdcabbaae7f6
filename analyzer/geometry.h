/*
 * Where calls of mmap went whose return the log does not have: grep leaves "<unfinished ...>" and takes
 * its "<... resumed>" away.
 *
 *     VMA   |--d--|???????????|--c--|--b--|?????|--a--|       a b c d: known, of S bytes each
 *            t=40   2 S         t=20        1 S   t=10        2 calls between 20 and 40, 1 between
 *                                                             10 and 20 have no result: placed
 *
 * Memory between known mappings of one size that nobody else is known to have mapped, and that is a
 * whole multiple of that size, holds calls of that size: first those made between its two neighbours,
 * then, where a look shows that it is mapped, whichever are left. What was mapped before the first
 * call is nobody's. A call that is placed counts from then on like any other (the ledger, births).
 *
 * It assumes that the kernel puts like by like (mm/mmap.c, top down), and says how far that held.
 */
#pragma once

#include "analyzer/diagnosis.h"
#include "analyzer/history.h"
#include "base/buffer.h"

/* Of one size in one process. */
struct geometry {
    pid_t pid;
    uint64_t unit_bytes;
    uint64_t known;     /* calls with a result that still hold all they mapped */
    uint64_t unknown;   /* calls without one */
    uint64_t placed;    /* of them */
    uint64_t in_order;  /* of those, in a gap whose neighbours were mapped before and after */
    uint64_t gaps;      /* that hold what was placed */
    uint64_t odd_gaps;  /* that are no whole multiple */
    uint64_t odd_bytes; /* in these */
    uint64_t spare;     /* places for which there is no call */
};

VECTOR_TYPE(geometries, struct geometry);

/* Places what can be placed, in the books of LEDGER and in HISTORY. */
struct seep_error *geometry_place(struct ledger *ledger, struct history *history,
                                  struct geometries *geometries);

/* Lowers the confidence of what rests on it. */
void geometry_weigh(const struct geometries *geometries, struct diagnosis *diagnosis);

/* How many of DIAGNOSIS were placed. */
uint64_t geometry_placed(const struct geometries *geometries, const struct diagnosis *diagnosis);

/* Says what was reckoned for DIAGNOSIS; nothing where nothing was. */
void geometry_reason(const struct geometries *geometries, const struct diagnosis *diagnosis,
                     struct buffer *out);
