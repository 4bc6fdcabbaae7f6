#include "analyzer/interval_map.h"

#include <stdlib.h>
#include <string.h>

enum { LEAF_ITEMS = 31, BRANCH_ITEMS = 62, SPARE_KEPT = 4 };

struct interval_node {
    uint32_t count;
    uint32_t holders; /* branches and roots that point to it */
    uint64_t writer;  /* the map that wrote it last: to all others its items are inherited */
    union {
        struct interval items[LEAF_ITEMS];
        struct {
            /* No end below child i is greater than keys[i], and no start below child i + 1 is less.
             */
            uint64_t keys[BRANCH_ITEMS];
            struct interval_node *children[BRANCH_ITEMS];
        };
        struct interval_node *next_spare;
    };
};

/* --- nodes --- */

static struct seep_error *reserve(struct interval_map *map, uint32_t need)
{
    while (map->spare_count < need) {
        struct interval_node *node = malloc(sizeof(*node));

        if (!node)
            return error_no_memory();
        node->next_spare = map->spare;
        map->spare = node;
        map->spare_count++;
    }
    return NULL;
}

static struct interval_node *take_spare(struct interval_map *map)
{
    struct interval_node *node = map->spare;

    map->spare = node->next_spare;
    map->spare_count--;
    node->count = 0;
    node->holders = 1;
    node->writer = map->id;
    return node;
}

static void give_spare(struct interval_map *map, struct interval_node *node)
{
    if (map->spare_count >= SPARE_KEPT) {
        free(node);
        return;
    }
    node->next_spare = map->spare;
    map->spare = node;
    map->spare_count++;
}

static void free_subtree(struct interval_node *node, unsigned level)
{
    if (!node || --node->holders > 0)
        return;
    if (level > 0)
        for (uint32_t i = 0; i < node->count; i++)
            free_subtree(node->children[i], level - 1);
    free(node);
}

void interval_map_deinit(struct interval_map *map)
{
    free_subtree(map->root, map->height);
    while (map->spare)
        free(take_spare(map));
    *map = (struct interval_map){0};
}

/* Those who hold a node share its cost. */
static double nodes_of(const struct interval_node *node, unsigned level)
{
    double nodes = 1;

    for (uint32_t i = 0; level > 0 && i < node->count; i++)
        nodes += nodes_of(node->children[i], level - 1);
    return nodes / node->holders;
}

uint64_t interval_map_bytes(const struct interval_map *map)
{
    double nodes = map->spare_count + (map->root ? nodes_of(map->root, map->height) : 0);

    return (uint64_t)(nodes * sizeof(struct interval_node) + 0.5);
}

/* --- sharing --- */

void interval_map_share(const struct interval_map *map, uint64_t id, uint32_t tag,
                        struct interval_map *ret_heir)
{
    if (map->root)
        map->root->holders++;
    *ret_heir = (struct interval_map){.root = map->root,
                                      .height = map->height,
                                      .count = map->count,
                                      .id = id,
                                      .inherited_tag = tag};
}

static void inherit(const struct interval_map *map, struct interval *item)
{
    item->owner = NULL;
    item->tag |= map->inherited_tag;
}

/* NODE, which nobody else holds, becomes the map's own. */
static void adopt(const struct interval_map *map, struct interval_node *node, unsigned level)
{
    if (node->writer == map->id)
        return;
    for (uint32_t i = 0; level == 0 && i < node->count; i++)
        inherit(map, &node->items[i]);
    node->writer = map->id;
}

/* Copies what others hold of PATH, so that it may be written: below a shared node all is shared. */
static struct seep_error *own_path(struct interval_map *map, struct interval_cursor *path)
{
    unsigned shared = map->height + 1;
    struct seep_error *err;

    for (; shared > 0 && path->nodes[shared - 1]->holders == 1; shared--)
        adopt(map, path->nodes[shared - 1], shared - 1);
    if (!shared)
        return NULL;
    err = reserve(map, shared);
    if (err)
        return err;
    for (unsigned level = shared; level-- > 0;) {
        struct interval_node *old = path->nodes[level], *copy = take_spare(map);

        *copy = *old;
        copy->holders = 1;
        old->holders--;
        for (uint32_t i = 0; level > 0 && i < copy->count; i++)
            copy->children[i]->holders++;
        adopt(map, copy, level);
        if (level == map->height)
            map->root = copy;
        else
            path->nodes[level + 1]->children[path->at[level + 1]] = copy;
        path->nodes[level] = copy;
    }
    return NULL;
}

static bool each_own(const struct interval_map *map, const struct interval_node *node,
                     unsigned level, interval_visit visit, void *context)
{
    bool more = true;

    if (node->writer != map->id)
        return true;
    for (uint32_t i = 0; i < node->count && more; i++)
        more = level > 0 ? each_own(map, node->children[i], level - 1, visit, context)
                         : visit(&node->items[i], context);
    return more;
}

void interval_map_each_own(const struct interval_map *map, interval_visit visit, void *context)
{
    if (map->root)
        each_own(map, map->root, map->height, visit, context);
}

/* --- finding --- */

/* Both searches run without branches to mispredict: a random one costs more than a comparison. */
static unsigned search_leaf(const struct interval_node *leaf, uint64_t addr)
{
    unsigned low = 0, left = (unsigned)leaf->count;

    while (left > 0) {
        unsigned half = (left + 1) / 2;

        low += half & -(unsigned)(leaf->items[low + half - 1].end <= addr);
        left -= half;
    }
    return low;
}

/* The last child takes what no key covers. */
static unsigned search_branch(const struct interval_node *branch, uint64_t addr)
{
    unsigned low = 0, left = (unsigned)branch->count - 1;

    while (left > 0) {
        unsigned half = (left + 1) / 2;

        low += half & -(unsigned)(branch->keys[low + half - 1] <= addr);
        left -= half;
    }
    return low;
}

/* The lines that the search will probe come at once instead of one after the other. */
static void prefetch_leaf(const struct interval_node *leaf)
{
    for (unsigned i = 3; i < LEAF_ITEMS; i += 4)
        __builtin_prefetch(&leaf->items[i]);
}

static void descend(const struct interval_map *map, uint64_t addr, struct interval_cursor *path)
{
    struct interval_node *node = map->root;

    path->map = map;
    path->height = map->height;
    for (unsigned level = map->height; level > 0; level--) {
        unsigned at = search_branch(node, addr);

        path->nodes[level] = node;
        path->at[level] = (uint16_t)at;
        node = node->children[at];
    }
    prefetch_leaf(node);
    path->nodes[0] = node;
    path->at[0] = (uint16_t)search_leaf(node, addr);
}

/* The item at the cursor, or where the cursor is past its leaf's end, the first of the next leaf,
 * as it is in the leaf. */
static struct interval *settle(struct interval_cursor *cursor)
{
    unsigned level = 0;

    if (cursor->at[0] < cursor->nodes[0]->count)
        return &cursor->nodes[0]->items[cursor->at[0]];
    do {
        if (++level > cursor->height)
            return NULL;
    } while (++cursor->at[level] >= cursor->nodes[level]->count);
    for (; level > 0; level--) {
        cursor->nodes[level - 1] = cursor->nodes[level]->children[cursor->at[level]];
        cursor->at[level - 1] = 0;
    }
    return &cursor->nodes[0]->items[0];
}

/* As the map sees it. */
static const struct interval *show(struct interval_cursor *cursor)
{
    const struct interval *item = settle(cursor);

    if (!item || cursor->nodes[0]->writer == cursor->map->id)
        return item;
    cursor->shown = *item;
    inherit(cursor->map, &cursor->shown);
    return &cursor->shown;
}

const struct interval *interval_map_seek(const struct interval_map *map, uint64_t addr,
                                         struct interval_cursor *ret_cursor)
{
    if (!map->root)
        return NULL;
    descend(map, addr, ret_cursor);
    return show(ret_cursor);
}

const struct interval *interval_cursor_next(struct interval_cursor *cursor)
{
    cursor->at[0]++;
    return show(cursor);
}

/* --- growing --- */

static void open_child(struct interval_node *branch, unsigned at, uint64_t key,
                       struct interval_node *child)
{
    size_t behind = branch->count - at;

    memmove(&branch->keys[at + 1], &branch->keys[at], behind * sizeof(branch->keys[0]));
    memmove(&branch->children[at + 1], &branch->children[at], behind * sizeof(branch->children[0]));
    branch->keys[at] = key;
    branch->children[at] = child;
    branch->count++;
}

/* Appends COUNT entries of FROM, beginning at AT, to INTO. */
static void append(struct interval_node *into, const struct interval_node *from, uint64_t at,
                   uint64_t count, unsigned level)
{
    if (level == 0) {
        memcpy(&into->items[into->count], &from->items[at], count * sizeof(into->items[0]));
    } else {
        memcpy(&into->keys[into->count], &from->keys[at], count * sizeof(into->keys[0]));
        memcpy(&into->children[into->count], &from->children[at],
               count * sizeof(into->children[0]));
    }
    into->count += count;
}

static uint64_t upper_bound(const struct interval_node *node, unsigned level)
{
    return level == 0 ? node->items[node->count - 1].end : node->keys[node->count - 1];
}

static uint64_t capacity_of(unsigned level)
{
    return level == 0 ? LEAF_ITEMS : BRANCH_ITEMS;
}

/* Splits the full node at LEVEL of PATH, its full parents first; PATH stays at the same entry. At
 * an end, where runs of ascending or descending inserts work, the split leaves a nearly full node.
 */
static void split(struct interval_map *map, struct interval_cursor *path, unsigned level)
{
    struct interval_node *node = path->nodes[level];

    if (level == map->height) {
        struct interval_node *root = take_spare(map);

        open_child(root, 0, upper_bound(node, level), node);
        map->root = path->nodes[level + 1] = root;
        path->at[level + 1] = 0;
        path->height = ++map->height;
    } else if (path->nodes[level + 1]->count == BRANCH_ITEMS) {
        split(map, path, level + 1);
    }

    struct interval_node *parent = path->nodes[level + 1];
    struct interval_node *right = take_spare(map);
    unsigned at = path->at[level], parent_at = path->at[level + 1];
    uint64_t cut = at == node->count ? node->count * 7 / 8
                   : at == 0         ? node->count / 8
                                     : node->count / 2;

    append(right, node, cut, node->count - cut, level);
    node->count = cut;
    open_child(parent, parent_at + 1, parent->keys[parent_at], right);
    parent->keys[parent_at] = upper_bound(node, level);
    if (at >= cut) {
        path->nodes[level] = right;
        path->at[level] = (uint16_t)(at - cut);
        path->at[level + 1]++;
    }
}

static void raise_keys(struct interval_cursor *path, uint64_t end)
{
    for (unsigned level = 1; level <= path->height; level++) {
        uint64_t *key = &path->nodes[level]->keys[path->at[level]];

        if (*key < end)
            *key = end;
    }
}

/* --- shrinking --- */

static void close_entry(struct interval_node *node, unsigned at, unsigned level)
{
    size_t behind = node->count - at - 1;

    if (level == 0) {
        memmove(&node->items[at], &node->items[at + 1], behind * sizeof(node->items[0]));
    } else {
        memmove(&node->keys[at], &node->keys[at + 1], behind * sizeof(node->keys[0]));
        memmove(&node->children[at], &node->children[at + 1], behind * sizeof(node->children[0]));
    }
    node->count--;
}

/* Appends the right one of two siblings to the left one when both fit with room to spare, and nobody
 * else holds them. The index of the emptied one within PARENT, which is freed, or -1. */
static int join_siblings(struct interval_map *map, struct interval_node *parent, unsigned at,
                         unsigned level)
{
    struct interval_node *node = parent->children[at];
    uint64_t fits = capacity_of(level) * 3 / 4;

    for (unsigned left = at > 0 ? at - 1 : 0; left <= at && left + 1 < parent->count; left++) {
        struct interval_node *into = parent->children[left], *from = parent->children[left + 1];

        if (into->count + from->count > fits || into->holders > 1 || from->holders > 1)
            continue;
        adopt(map, into, level);
        adopt(map, from, level);
        append(into, from, 0, from->count, level);
        parent->keys[left] = parent->keys[left + 1];
        give_spare(map, from);
        return (int)left + 1;
    }
    if (node->count > 0)
        return -1;
    give_spare(map, node);
    return (int)at;
}

static void erase(struct interval_map *map, struct interval_cursor *path)
{
    unsigned level = 0;
    int at = path->at[0];

    map->count--;
    for (;;) {
        struct interval_node *node = path->nodes[level];

        close_entry(node, (unsigned)at, level);
        if (level == map->height || node->count >= capacity_of(level) / 4)
            break;
        at = join_siblings(map, path->nodes[level + 1], path->at[level + 1], level);
        if (at < 0)
            break;
        level++;
    }
    while (map->height > 0 && map->root->count == 1) {
        struct interval_node *root = map->root;

        map->root = root->children[0];
        map->height--;
        give_spare(map, root);
    }
    if (map->root->count == 0) {
        give_spare(map, map->root);
        map->root = NULL;
        map->height = 0;
    }
}

/* --- the interface --- */

static bool joins(const struct interval *left, const struct interval *right)
{
    return left->end == right->start && left->owner == right->owner && left->tag == right->tag &&
           left->object == right->object;
}

/* Does what comes at PATH, or in the next leaf, begin before END? */
static bool meets(const struct interval_cursor *path, uint64_t end)
{
    struct interval_cursor cursor;

    if (path->at[0] < path->nodes[0]->count)
        return path->nodes[0]->items[path->at[0]].start < end;
    cursor = *path;

    const struct interval *next = settle(&cursor);

    return next && next->start < end;
}

struct seep_error *interval_map_insert(struct interval_map *map, const struct interval *item,
                                       bool *ret_free)
{
    struct interval_cursor path;
    struct seep_error *err;

    if (!map->root) {
        err = reserve(map, 1);
        if (err)
            return err;
        map->root = take_spare(map);
    }
    descend(map, item->start, &path);
    if (ret_free) {
        *ret_free = !meets(&path, item->end);
        if (!*ret_free)
            return NULL;
    }
    err = own_path(map, &path);
    if (err)
        return err;

    struct interval_node *leaf = path.nodes[0];
    struct interval *next = &leaf->items[path.at[0]];
    bool joins_left = path.at[0] > 0 && joins(next - 1, item);
    bool joins_right = path.at[0] < leaf->count && joins(item, next);

    if (joins_left && joins_right) {
        next[-1].end = next->end;
        erase(map, &path);
        return NULL;
    }
    if (joins_right) {
        next->start = item->start;
        return NULL;
    }
    if (joins_left) {
        next[-1].end = item->end;
        raise_keys(&path, item->end);
        return NULL;
    }
    if (leaf->count == LEAF_ITEMS) {
        err = reserve(map, map->height + 2);
        if (err)
            return err;
        split(map, &path, 0);
        leaf = path.nodes[0];
        next = &leaf->items[path.at[0]];
    }
    memmove(next + 1, next, (leaf->count - path.at[0]) * sizeof(*next));
    *next = *item;
    leaf->count++;
    map->count++;
    raise_keys(&path, item->end);
    return NULL;
}

struct seep_error *interval_map_take(struct interval_map *map, uint64_t start, uint64_t end,
                                     struct interval *ret_piece, bool *ret_took)
{
    struct interval_cursor path;
    struct interval *item = NULL;
    struct seep_error *err;

    if (map->root) {
        descend(map, start, &path);
        item = settle(&path);
    }
    if (!item || start >= end || item->start >= end) {
        *ret_took = false;
        return NULL;
    }
    err = own_path(map, &path);
    if (err)
        return err;
    item = &path.nodes[0]->items[path.at[0]];

    struct interval whole = *item, tail = *item;

    __builtin_prefetch(whole.owner); /* the caller is going to settle with it */
    if (whole.start < start && whole.end > end) {
        err = reserve(map, map->height + 2);
        if (err)
            return err;
        item->end = start;
        tail.start = end;
        error_destroy(interval_map_insert(map, &tail, NULL)); /* cannot fail after the reserve */
    } else if (whole.start < start) {
        item->end = start;
    } else if (whole.end > end) {
        item->start = end;
    } else {
        erase(map, &path);
    }
    *ret_piece = whole;
    ret_piece->start = whole.start > start ? whole.start : start;
    ret_piece->end = whole.end < end ? whole.end : end;
    *ret_took = true;
    return NULL;
}
