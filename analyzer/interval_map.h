/*
 * Disjoint half-open intervals of addresses, each with an owner: a B+ tree.
 *
 *     insert [10,50) A          10 |AAAAAAAAAAAAAAAAAAAAAA| 50
 *     take   [20,30)            10 |AAAA|          |AAAAAA| 50     gives the piece [20,30) A
 *     insert [20,25) A          10 |AAAAAAAA|      |AAAAAA| 50     joins its equal neighbour
 *
 * A branch keeps for each child an upper bound of the ends within it, so that "the first interval
 * that ends after ADDR" is found by one descent, and shortening an interval moves no key. Every
 * operation is O(log n). A node is about 1 KiB; 32 bytes an interval, 40 to 60 with the tree.
 *
 * A map can be shared instead of copied: the heir points to the same nodes, and who writes copies
 * the few on the way to what is written. What a map has from another has no owner to it, and one tag more:
 *
 *     A:  |aaaa| |bb|                     interval_map_share(A, id, INHERITED, &B)
 *     B:  |....| |..|                     the same nodes, seen without owners
 *     B inserts |cc|:  |....| |..| |cc|   a leaf of B's own; A's is as it was
 *
 * Neighbours that touch and are equal in all but their range are joined where they lie in the same
 * leaf: how many intervals describe the same bytes is not canonical, which bytes they describe is.
 * It does not know what an owner or a tag means.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct interval {
    uint64_t start, end;
    void *owner;
    uint32_t tag;
    uint32_t object;
};

enum { INTERVAL_MAP_LEVELS = 16 };

struct interval_node;

/* All zeros is an empty map. */
struct interval_map {
    struct interval_node *root;
    unsigned height; /* levels above the leaves */
    uint64_t count;  /* of intervals */
    struct interval_node *spare;
    uint32_t spare_count;
    uint32_t inherited_tag; /* what its items from other maps have in their tags */
    uint64_t id;            /* unlike those of all maps that it shares nodes with */
};

void interval_map_deinit(struct interval_map *map);

/* Adds ITEM, whose range is not empty. RET_FREE: whether the range was free; if not, nothing has
 * changed. NULL: the caller knows that it is. On failure nothing has changed. */
struct seep_error *interval_map_insert(struct interval_map *map, const struct interval *item,
                                       bool *ret_free);

/* Takes the lowest piece within [START, END) out of the map, cutting an interval that reaches
 * beyond: call it until *RET_TOOK is false. On failure nothing has changed. */
struct seep_error *interval_map_take(struct interval_map *map, uint64_t start, uint64_t end,
                                     struct interval *ret_piece, bool *ret_took);

/* Makes *RET_HEIR, which holds nothing yet, a map of what MAP has now; in O(1), and at no cost until
 * one of them changes. ID: of no map that has shared with MAP, or with one of its kin, before. */
void interval_map_share(const struct interval_map *map, uint64_t id, uint32_t tag,
                        struct interval_map *ret_heir);

/* Calls VISIT for all intervals that were inserted into this map itself, in order, until it returns
 * false. Some that it inherited may be among them, without owners. */
typedef bool (*interval_visit)(const struct interval *item, void *context);
void interval_map_each_own(const struct interval_map *map, interval_visit visit, void *context);

/* A place in a map; any change of the map invalidates it. */
struct interval_cursor {
    const struct interval_map *map;
    struct interval shown;                            /* an inherited one as the map sees it */
    struct interval_node *nodes[INTERVAL_MAP_LEVELS]; /* 0: the leaf */
    uint16_t at[INTERVAL_MAP_LEVELS];
    unsigned height;
};

/* The first interval that ends after ADDR, or NULL; valid until the cursor moves. */
const struct interval *interval_map_seek(const struct interval_map *map, uint64_t addr,
                                         struct interval_cursor *ret_cursor);

/* The one after it, or NULL. Only after a seek or next that was not NULL. */
const struct interval *interval_cursor_next(struct interval_cursor *cursor);

/* Memory of the tree itself, of shared nodes its part. */
uint64_t interval_map_bytes(const struct interval_map *map);
