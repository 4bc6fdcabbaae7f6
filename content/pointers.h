/*
 * Which words of memory point where: a graph between regions, and who points into what matters.
 *
 *     [heap]     ... 7f46a0001040 ...        edge  [heap] -> 7f46a0000000    12,345 words
 *     stack      ... 7f46a0001040 ...        edge  stack  -> 7f46a0000000         1 word
 *
 *     pointers_init(&pointers, &(struct pointers_options){&regions, &targets});
 *     ... a pass (scan.h) with &pointers.consumer ...
 *     pointers_edges(&pointers, &edges);     pointers.targets[i].outside   pointers.references
 *
 * It is conservative: any aligned word whose value lies in a region counts as a pointer into it, be it a
 * number, a leftover, or the end of the block before. So what nobody points to is surely not reached by
 * any word that was read; what somebody seems to point to may none the less be lost.
 *
 * It takes all memory that is read for that of one process.
 */
#pragma once

#include "base/vector.h"
#include "content/address_ranges.h"
#include "content/scan.h"

enum {
    POINTERS_EDGES = 65536,     /* kept; words of later ones are counted as lost */
    POINTERS_REFERENCES = 4096, /* of those into targets: kept, by the address of the word */
};

#define POINTERS_UNKNOWN SIZE_MAX /* a word outside of the known regions */

struct pointers_options {
    const struct address_ranges *regions; /* where pointers may point */
    const struct address_ranges *targets; /* what matters of it, such as leaked mappings */
    unsigned word_bytes;                  /* 8, or 4 in 32-bit processes; 0: 8 */
};

/* Words in one region that point into another one, or into the same. */
struct pointers_edge {
    size_t from, to; /* indexes of regions; FROM may be POINTERS_UNKNOWN */
    uint64_t count;
    uint64_t address, value; /* of the first word, by address */
};

VECTOR_TYPE(pointers_edges, struct pointers_edge);

struct pointers_target {
    uint64_t inside;  /* words in any target that point into this one */
    uint64_t outside; /* words elsewhere */
    uint64_t exact;   /* of these, to its very beginning */
};

/* The words of one region, outside of all targets, that point into any. */
struct pointers_source {
    uint64_t words;
    uint64_t address, value; /* of the first */
};

/* A word outside of all targets that points into one. */
struct pointers_reference {
    uint64_t address, value;
    size_t from, target; /* indexes: of a region, or POINTERS_UNKNOWN; of a target */
};

VECTOR_TYPE(pointers_references, struct pointers_reference);

struct pointers_table;

struct pointers {
    struct scan_consumer consumer;
    struct pointers_options options;
    struct pointers_target *targets;       /* one for each of the options' */
    struct pointers_source *sources;       /* one for each region, and last of no known one */
    struct pointers_references references; /* in the order of the pass */
    uint64_t reference_count;              /* of all of them */
    uint64_t words, lost_words; /* that were looked at; pointers whose edge found no place */
    struct pointers_table *table;
};

/* What OPTIONS points to outlives the pass. */
struct seep_error *pointers_init(struct pointers *pointers, const struct pointers_options *options);
void pointers_deinit(struct pointers *pointers);

/* By FROM, then TO. RET_EDGES: the caller's to vector_deinit. */
struct seep_error *pointers_edges(const struct pointers *pointers,
                                  struct pointers_edges *ret_edges);
