#include "content/pointers.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 2 * POINTERS_EDGES,
    PART_SLOTS = 256, /* to begin with */
};

/* A hash table of edges. A thread's grows; the whole's does not. */
struct pointers_table {
    struct pointers_edge *edges; /* count 0: a free slot */
    size_t slots, used;
};

/* How a word points into a target: what `from` is in a part's counts. */
enum { INSIDE, OUTSIDE, EXACT };

struct part {
    struct pointers_table edges, counts;
    struct pointers_table sources; /* of the words that point into targets: all edges to 0 */
    struct pointers_references references; /* the first */
    uint64_t words;
};

/* --- edges --- */

static struct pointers_edge *find_slot(const struct pointers_table *table, size_t from, size_t to)
{
    uint64_t hash =
        ((uint64_t)from * UINT64_C(0xe7037ed1a0b428db) + to) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 32) & (table->slots - 1);

    while (table->edges[at].count && (table->edges[at].from != from || table->edges[at].to != to))
        at = (at + 1) & (table->slots - 1);
    return &table->edges[at];
}

static struct seep_error *create_table(struct pointers_table *table, size_t slots)
{
    table->edges = calloc(slots, sizeof(*table->edges));
    table->slots = slots;
    table->used = 0;
    return table->edges ? NULL : error_no_memory();
}

static struct seep_error *grow(struct pointers_table *table)
{
    struct pointers_table larger;
    struct seep_error *err = create_table(&larger, 2 * table->slots);

    if (err)
        return err;
    for (size_t i = 0; i < table->slots; i++)
        if (table->edges[i].count)
            *find_slot(&larger, table->edges[i].from, table->edges[i].to) = table->edges[i];
    larger.used = table->used;
    free(table->edges);
    *table = larger;
    return NULL;
}

/* One word more of an edge. */
static struct seep_error *add_edge(struct pointers_table *table, size_t from, size_t to,
                                   uint64_t address, uint64_t value)
{
    struct pointers_edge *edge = find_slot(table, from, to);

    if (edge->count++)
        return NULL;
    *edge = (struct pointers_edge){from, to, 1, address, value};
    return ++table->used * 2 > table->slots ? grow(table) : NULL;
}

/* --- look --- */

static void destroy_part(struct part *part)
{
    if (!part)
        return;
    free(part->edges.edges);
    free(part->counts.edges);
    free(part->sources.edges);
    vector_deinit(&part->references);
    free(part);
}

/* Where the words under way lie: regions and targets are sorted, and so are words. */
struct place {
    const struct address_ranges *ranges;
    size_t index;   /* of the range that the word is in; ADDRESS_RANGES_NONE */
    uint64_t until; /* up to there that is so */
};

static void move(struct place *place, uint64_t address)
{
    size_t index = address_ranges_from(place->ranges, address);

    place->index = ADDRESS_RANGES_NONE;
    place->until = UINT64_MAX;
    if (index == place->ranges->count)
        return;
    if (place->ranges->items[index].start > address) {
        place->until = place->ranges->items[index].start;
        return;
    }
    place->index = index;
    place->until = place->ranges->items[index].end;
}

struct walk {
    const struct pointers *pointers;
    struct part *part;
    struct place region, target; /* in which the word lies */
    struct address_ranges_cache regions, targets;
};

static struct seep_error *note_target(struct walk *walk, uint64_t address, uint64_t value)
{
    const struct address_ranges *targets = walk->pointers->options.targets;
    size_t target = address_ranges_find(targets, value, &walk->targets);
    struct part *part = walk->part;
    struct seep_error *err;

    if (target == ADDRESS_RANGES_NONE)
        return NULL;
    if (walk->target.index != ADDRESS_RANGES_NONE)
        return add_edge(&part->counts, INSIDE, target, address, value);
    err = add_edge(&part->counts, OUTSIDE, target, address, value);
    if (!err)
        err = add_edge(&part->sources, walk->region.index, 0, address, value);
    if (!err && value == targets->items[target].start)
        err = add_edge(&part->counts, EXACT, target, address, value);
    if (!err && part->references.count < POINTERS_REFERENCES)
        err = vector_push(&part->references,
                          (struct pointers_reference){address, value, walk->region.index, target});
    return err;
}

static struct seep_error *note_word(struct walk *walk, uint64_t address, uint64_t value)
{
    size_t to = address_ranges_find(walk->pointers->options.regions, value, &walk->regions);
    struct seep_error *err;

    if (to == ADDRESS_RANGES_NONE)
        return NULL;
    if (address >= walk->region.until)
        move(&walk->region, address);
    if (address >= walk->target.until)
        move(&walk->target, address);
    err = add_edge(&walk->part->edges, walk->region.index, to, address, value);
    return err ? err : note_target(walk, address, value);
}

static struct seep_error *look(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                               void **ret_part)
{
    const struct pointers *pointers = (const struct pointers *)consumer;
    const size_t step = pointers->options.word_bytes;
    struct part *part = stretch->bytes ? calloc(1, sizeof(*part)) : NULL;
    struct walk walk = {.pointers = pointers,
                        .part = part,
                        .region = {.ranges = pointers->options.regions},
                        .target = {.ranges = pointers->options.targets}};
    struct seep_error *err;

    if (!part)
        return stretch->bytes ? error_no_memory() : NULL;
    err = create_table(&part->edges, PART_SLOTS);
    if (!err)
        err = create_table(&part->counts, PART_SLOTS);
    if (!err)
        err = create_table(&part->sources, PART_SLOTS);
    for (size_t at = -stretch->address % step; at + step <= stretch->len && !err; at += step) {
        uint64_t word = 0;

        memcpy(&word, stretch->bytes + at, step);
        part->words++;
        if (word)
            err = note_word(&walk, stretch->address + at, word);
    }
    if (err)
        destroy_part(part);
    else
        *ret_part = part;
    return err;
}

static void drop(struct scan_consumer *consumer, void *part)
{
    (void)consumer;
    destroy_part(part);
}

/* --- merge --- */

static void merge_edge(struct pointers *pointers, const struct pointers_edge *edge)
{
    struct pointers_table *table = pointers->table;
    struct pointers_edge *known = find_slot(table, edge->from, edge->to);

    if (known->count == 0) {
        if (table->used == POINTERS_EDGES) {
            pointers->lost_words += edge->count;
            return;
        }
        table->used++;
        *known = *edge;
        return;
    }
    known->count += edge->count;
    if (edge->address < known->address) {
        known->address = edge->address;
        known->value = edge->value;
    }
}

static int compare_edges(const void *left, const void *right)
{
    const struct pointers_edge *a = left, *b = right;

    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

/* The edges alone, sorted, in the table's own room. */
static size_t pack(struct pointers_table *table)
{
    size_t count = 0;

    for (size_t i = 0; i < table->slots; i++)
        if (table->edges[i].count)
            table->edges[count++] = table->edges[i];
    if (count)
        qsort(table->edges, count, sizeof(*table->edges), compare_edges);
    return count;
}

static void merge_count(struct pointers *pointers, const struct pointers_edge *count)
{
    struct pointers_target *target = &pointers->targets[count->to];

    switch (count->from) {
    case INSIDE:
        target->inside += count->count;
        break;
    case OUTSIDE:
        target->outside += count->count;
        pointers->reference_count += count->count;
        break;
    default:
        target->exact += count->count;
        break;
    }
}

static void merge_source(struct pointers *pointers, const struct pointers_edge *edge)
{
    size_t from = edge->from == POINTERS_UNKNOWN ? pointers->options.regions->count : edge->from;
    struct pointers_source *source = &pointers->sources[from];

    if (source->words == 0 || edge->address < source->address) {
        source->address = edge->address;
        source->value = edge->value;
    }
    source->words += edge->count;
}

static struct seep_error *merge(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                                void *context)
{
    struct pointers *pointers = (struct pointers *)consumer;
    struct part *part = context;
    struct seep_error *err = NULL;
    size_t count;

    (void)stretch;
    if (!part)
        return NULL;
    pointers->words += part->words;
    count = pack(&part->edges);
    for (size_t i = 0; i < count; i++)
        merge_edge(pointers, &part->edges.edges[i]);
    for (size_t i = 0; i < part->counts.slots; i++)
        if (part->counts.edges[i].count)
            merge_count(pointers, &part->counts.edges[i]);
    for (size_t i = 0; i < part->sources.slots; i++)
        if (part->sources.edges[i].count)
            merge_source(pointers, &part->sources.edges[i]);
    for (size_t i = 0; i < part->references.count && !err; i++)
        if (pointers->references.count < POINTERS_REFERENCES)
            err = vector_push(&pointers->references, part->references.items[i]);
    destroy_part(part);
    return err;
}

/* --- the pass --- */

struct seep_error *pointers_init(struct pointers *pointers, const struct pointers_options *options)
{
    struct seep_error *err;

    *pointers = (struct pointers){
        .consumer = {.look = look, .merge = merge, .drop = drop},
        .options = *options,
        .targets = calloc(options->targets->count + 1, sizeof(*pointers->targets)),
        .sources = calloc(options->regions->count + 1, sizeof(*pointers->sources)),
        .table = calloc(1, sizeof(*pointers->table)),
    };
    if (!pointers->options.word_bytes)
        pointers->options.word_bytes = 8;
    err = pointers->targets && pointers->sources && pointers->table
              ? create_table(pointers->table, SLOTS)
              : error_no_memory();
    if (err)
        pointers_deinit(pointers);
    return err;
}

void pointers_deinit(struct pointers *pointers)
{
    if (pointers->table)
        free(pointers->table->edges);
    free(pointers->table);
    free(pointers->targets);
    free(pointers->sources);
    vector_deinit(&pointers->references);
    *pointers = (struct pointers){0};
}

struct seep_error *pointers_edges(const struct pointers *pointers, struct pointers_edges *ret_edges)
{
    struct pointers_edges edges = {0};
    struct seep_error *err = vector_reserve(&edges, pointers->table->used + 1);

    if (err)
        return err;
    for (size_t i = 0; i < pointers->table->slots; i++)
        if (pointers->table->edges[i].count)
            edges.items[edges.count++] = pointers->table->edges[i];
    if (edges.count)
        qsort(edges.items, edges.count, sizeof(*edges.items), compare_edges);
    *ret_edges = edges;
    return NULL;
}
