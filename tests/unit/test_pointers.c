/* The graph and the references against going through every word and every range. */
#include "tests/unit/scan_units.h"

#include <stdlib.h>

#include "content/pointers.h"

#define BASE UINT64_C(0x7f46a0000000)

enum { REGIONS = 12, TARGETS = 7, REGION_BYTES = 16384 };

struct world {
    struct address_range regions[REGIONS], targets[TARGETS];
    struct address_ranges all, some;
    uint8_t *bytes;
    size_t len;
};

/* Regions one behind the other, with gaps now and then; targets within them; words that point at all of
 * that and beside it. */
static void build(struct world *w, unsigned *seed)
{
    uint64_t at = BASE;

    *w = (struct world){.all = {w->regions, REGIONS}, .some = {w->targets, TARGETS}};
    for (size_t i = 0; i < REGIONS; i++) {
        at += rand_r(seed) % 3 ? 0 : 4096;
        w->regions[i].start = at;
        at += REGION_BYTES;
        w->regions[i].end = at;
    }
    for (size_t i = 0; i < TARGETS; i++) {
        w->targets[i].start = w->regions[i + i / 2].start + 64 * i;
        w->targets[i].end = w->targets[i].start + 16 + (uint64_t)rand_r(seed) % 8192;
    }
    w->len = (size_t)(at - BASE) + 100;
    w->bytes = calloc(1, w->len);
    assert_non_null(w->bytes);
    for (size_t i = 0; i + 8 <= w->len; i += 8) {
        uint64_t word = 0;

        if (rand_r(seed) % 4 == 0)
            word = BASE - 4096 + (uint64_t)rand_r(seed) % (w->len + 8192);
        else if (rand_r(seed) % 20 == 0)
            word = w->targets[rand_r(seed) % TARGETS].start;
        else if (rand_r(seed) % 4 == 0)
            word = (uint64_t)rand_r(seed) << 33;
        memcpy(w->bytes + i, &word, 8);
    }
}

static size_t slow_find(const struct address_ranges *ranges, uint64_t address)
{
    for (size_t i = 0; i < ranges->count; i++)
        if (address >= ranges->items[i].start && address < ranges->items[i].end)
            return i;
    return SIZE_MAX;
}

struct model {
    uint64_t edges[REGIONS + 1][REGIONS]; /* the last: from nowhere */
    uint64_t first[REGIONS + 1][REGIONS];
    struct pointers_target targets[TARGETS];
    struct pointers_source sources[REGIONS + 1];
    struct pointers_references references;
};

static void model_word(struct model *m, const struct world *w, uint64_t address, uint64_t word)
{
    size_t from = slow_find(&w->all, address), to = slow_find(&w->all, word);
    size_t row = from == SIZE_MAX ? REGIONS : from, target = slow_find(&w->some, word);

    if (to == SIZE_MAX)
        return;
    if (m->edges[row][to]++ == 0)
        m->first[row][to] = address;
    if (target == SIZE_MAX)
        return;
    if (slow_find(&w->some, address) != SIZE_MAX) {
        m->targets[target].inside++;
        return;
    }
    m->targets[target].outside++;
    if (m->sources[row].words++ == 0) {
        m->sources[row].address = address;
        m->sources[row].value = word;
    }
    m->targets[target].exact += word == w->targets[target].start;
    assert_null(
        vector_push(&m->references, (struct pointers_reference){address, word, from, target}));
}

/* What the units give is what the model sees: cuts through a word hide it. */
static void build_model(struct model *m, const struct world *w, const struct units *units)
{
    *m = (struct model){0};
    for (size_t u = 0; u < units->units.count; u++)
        for (size_t i = 0; i < units->units.items[u].stretches.count; i++) {
            const struct scan_stretch *s = &units->units.items[u].stretches.items[i];

            for (uint64_t at = (s->address + 7) / 8 * 8; at + 8 <= s->address + s->len; at += 8) {
                uint64_t word;

                memcpy(&word, w->bytes + (at - BASE), 8);
                if (word && s->bytes)
                    model_word(m, w, at, word);
            }
        }
}

static void check(const struct pointers *p, const struct model *m)
{
    struct pointers_edges edges = {0};
    size_t next = 0;

    assert_null(pointers_edges(p, &edges));
    for (size_t row = 0; row <= REGIONS; row++)
        for (size_t to = 0; to < REGIONS; to++) {
            if (!m->edges[row][to])
                continue;
            assert_true(next < edges.count);
            assert_int_equal(edges.items[next].from, row == REGIONS ? POINTERS_UNKNOWN : row);
            assert_int_equal(edges.items[next].to, to);
            assert_int_equal(edges.items[next].count, m->edges[row][to]);
            assert_int_equal(edges.items[next].address, m->first[row][to]);
            next++;
        }
    assert_int_equal(next, edges.count);
    assert_memory_equal(p->targets, m->targets, sizeof(m->targets));
    assert_memory_equal(p->sources, m->sources, sizeof(m->sources));
    assert_int_equal(p->reference_count, m->references.count);
    for (size_t i = 0; i < p->references.count; i++) {
        assert_int_equal(p->references.items[i].address, m->references.items[i].address);
        assert_int_equal(p->references.items[i].value, m->references.items[i].value);
        assert_int_equal(p->references.items[i].from, m->references.items[i].from);
        assert_int_equal(p->references.items[i].target, m->references.items[i].target);
    }
    vector_deinit(&edges);
}

static void test_model(void **s)
{
    unsigned seed = 11;

    (void)s;
    for (int round = 0; round < 30; round++) {
        struct world w;
        struct model m;
        struct units units;

        build(&w, &seed);
        units_cut(&units, BASE, w.bytes, w.len, round % 3 ? 50000 : 999, round % 2, &seed);
        build_model(&m, &w, &units);
        for (unsigned threads = 1; threads <= 8; threads *= 2) {
            struct pointers p;

            units.next = 0;
            assert_null(pointers_init(&p, &(struct pointers_options){&w.all, &w.some, 0}));

            struct scan_consumer *consumers[] = {&p.consumer};

            assert_null(
                scan_run(&units.source, consumers, 1, &(struct scan_options){.threads = threads}));
            check(&p, &m);
            pointers_deinit(&p);
        }
        vector_deinit(&m.references);
        units_deinit(&units);
        free(w.bytes);
    }
}

/* Half of a pointer of 64 bits is one of 32. */
static void test_small_words(void **s)
{
    struct address_range range = {0x8000000, 0x9000000};
    struct address_ranges ranges = {&range, 1}, none = {0};
    uint32_t words[] = {0x8000010, 0x7ffffff, 0x8ffffff, 0x9000000, 0};
    struct scan_bytes source;

    (void)s;
    for (unsigned word_bytes = 4; word_bytes <= 8; word_bytes += 4) {
        struct pointers p;

        scan_bytes_init(&source, 0x1000, words, sizeof(words));
        assert_null(pointers_init(&p, &(struct pointers_options){&ranges, &none, word_bytes}));

        struct scan_consumer *consumers[] = {&p.consumer};
        struct pointers_edges edges;

        assert_null(scan_run(&source.source, consumers, 1, &(struct scan_options){.threads = 1}));
        assert_null(pointers_edges(&p, &edges));
        assert_int_equal(p.words, word_bytes == 4 ? 5 : 2);
        assert_int_equal(edges.count, word_bytes == 4);
        if (edges.count) {
            assert_int_equal(edges.items[0].count, 2);
            assert_int_equal(edges.items[0].from, POINTERS_UNKNOWN);
            assert_int_equal(edges.items[0].value, 0x8000010);
        }
        vector_deinit(&edges);
        pointers_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_small_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
