/* The tree against an array of pages, with operations from fixed seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/interval_map.h"

enum { PAGES = 6000 };

struct model {
    uint32_t tags[PAGES]; /* 0: free */
};

static uint64_t below(uint64_t *seed, uint64_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % n;
}

static void check_equal(const struct interval_map *map, const struct model *model)
{
    struct interval_cursor cursor;
    uint64_t page = 0, count = 0;

    for (const struct interval *item = interval_map_seek(map, 0, &cursor); item;
         item = interval_cursor_next(&cursor)) {
        assert_true(item->start < item->end);
        assert_true(item->start >= page);
        for (; page < item->start; page++)
            assert_int_equal(model->tags[page], 0);
        for (; page < item->end; page++)
            assert_int_equal(model->tags[page], item->tag);
        count++;
    }
    for (; page < PAGES; page++)
        assert_int_equal(model->tags[page], 0);
    assert_int_equal(count, map->count);
}

static void check_seek(const struct interval_map *map, const struct model *model, uint64_t addr)
{
    struct interval_cursor cursor;
    const struct interval *item = interval_map_seek(map, addr, &cursor);
    uint64_t page = addr;

    while (page < PAGES && !model->tags[page])
        page++;
    if (page == PAGES) {
        assert_null(item);
        return;
    }
    assert_non_null(item);
    assert_int_equal(item->tag, model->tags[page]);
    assert_true(page == addr ? item->start <= addr && addr < item->end : item->start == page);
}

static void clear(struct interval_map *map, struct model *model, uint64_t start, uint64_t end)
{
    for (;;) {
        struct interval piece;
        bool took;

        assert_null(interval_map_take(map, start, end, &piece, &took));
        if (!took)
            break;
        assert_true(piece.start >= start && piece.end <= end && piece.start < piece.end);
        for (uint64_t page = piece.start; page < piece.end; page++) {
            assert_int_equal(model->tags[page], piece.tag);
            model->tags[page] = 0;
        }
    }
    for (uint64_t page = start; page < end; page++)
        assert_int_equal(model->tags[page], 0);
}

/* What touches anything that is there is not inserted. */
static void check_taken(struct interval_map *map, const struct model *model, uint64_t *seed)
{
    uint64_t start = below(seed, PAGES - 50), end = start + 1 + below(seed, 50), page = start;
    struct interval item = {.start = start, .end = end, .tag = 9};
    bool was_free = true;

    while (page < end && !model->tags[page])
        page++;
    if (page == end)
        return;
    assert_null(interval_map_insert(map, &item, &was_free));
    assert_false(was_free);
}

/* LONGEST rules how crowded the map gets: 1 makes thousands of intervals and high trees. */
static void run_random(uint64_t seed, unsigned steps, unsigned longest, unsigned tags)
{
    struct model *model = calloc(1, sizeof(*model));
    struct interval_map map = {0};

    for (unsigned i = 0; i < steps; i++) {
        uint64_t start = below(&seed, PAGES), end = start + 1 + below(&seed, longest);
        uint64_t wide = below(&seed, 100) == 0 ? 200 : 0;

        end = end + wide > PAGES ? PAGES : end + wide;
        clear(&map, model, start, end);
        if (below(&seed, 5) < (i / 4000 % 2 ? 1 : 4)) {
            struct interval item = {
                .start = start, .end = end, .tag = 1 + (uint32_t)below(&seed, tags)};

            bool was_free = false;

            assert_null(interval_map_insert(&map, &item, &was_free));
            assert_true(was_free);
            assert_null(interval_map_insert(&map, &item, &was_free));
            assert_false(was_free);
            for (uint64_t page = start; page < end; page++)
                model->tags[page] = item.tag;
        }
        check_seek(&map, model, below(&seed, PAGES));
        check_taken(&map, model, &seed);
        if (i % 256 == 0)
            check_equal(&map, model);
    }
    check_equal(&map, model);
    clear(&map, model, 0, PAGES);
    assert_int_equal(map.count, 0);
    assert_null(map.root);
    interval_map_deinit(&map);
    free(model);
}

static void test_random(void **state)
{
    (void)state;
    run_random(1, 60000, 1, 1000);
    run_random(2, 60000, 4, 3);
    run_random(3, 60000, 40, 2);
    run_random(4, 60000, 2, 1000000);
}

static void test_runs(void **state)
{
    struct interval_map map = {0};
    enum { COUNT = 100000 };

    (void)state;
    for (int descending = 0; descending < 2; descending++) {
        for (uint64_t i = 0; i < COUNT; i++) {
            uint64_t start = (descending ? COUNT - i : COUNT + 1 + i) * 2;

            assert_null(interval_map_insert(
                &map, &(struct interval){.start = start, .end = start + 1, .tag = 1}, NULL));
        }
    }
    assert_int_equal(map.count, 2 * COUNT);
    /* Runs leave nodes nearly full, whichever way they go. */
    assert_true(interval_map_bytes(&map) < map.count * 40);

    /* What is left after nearly all are gone keeps no empty house. */
    for (uint64_t i = 1; i <= 2 * COUNT; i++) {
        struct interval piece;
        bool took;

        if (i % 100 == 0)
            continue;
        assert_null(interval_map_take(&map, i * 2, i * 2 + 1, &piece, &took));
        assert_true(took);
    }
    assert_int_equal(map.count, 2 * COUNT / 100);
    assert_true(interval_map_bytes(&map) < map.count * 100);
    interval_map_deinit(&map);
}

static void test_joins(void **state)
{
    struct interval_map map = {0};
    struct interval piece;
    bool took;

    (void)state;
    assert_null(
        interval_map_insert(&map, &(struct interval){.start = 10, .end = 50, .tag = 1}, NULL));
    assert_null(interval_map_take(&map, 20, 30, &piece, &took));
    assert_true(took && piece.start == 20 && piece.end == 30);
    assert_int_equal(map.count, 2);
    assert_null(
        interval_map_insert(&map, &(struct interval){.start = 20, .end = 25, .tag = 1}, NULL));
    assert_int_equal(map.count, 2);
    assert_null(
        interval_map_insert(&map, &(struct interval){.start = 25, .end = 30, .tag = 1}, NULL));
    assert_int_equal(map.count, 1);
    assert_null(
        interval_map_insert(&map, &(struct interval){.start = 50, .end = 51, .tag = 2}, NULL));
    assert_int_equal(map.count, 2);

    uint64_t top = UINT64_MAX - 4096;

    assert_null(interval_map_insert(
        &map, &(struct interval){.start = top, .end = UINT64_MAX, .tag = 3}, NULL));
    assert_null(interval_map_take(&map, top + 1, UINT64_MAX, &piece, &took));
    assert_true(took && piece.start == top + 1 && piece.end == UINT64_MAX);
    interval_map_deinit(&map);
}

/* --- sharing --- */

enum { FAMILY = 12, INHERITED = 1 << 20 };

struct relative {
    struct interval_map map;
    struct model model;
    bool there;
};

/* What a relative was given by another has no owner and the tag, and what it put there itself is its
 * own. */
static void check_owners(struct relative *one)
{
    struct interval_cursor cursor;

    check_equal(&one->map, &one->model);
    for (const struct interval *item = interval_map_seek(&one->map, 0, &cursor); item;
         item = interval_cursor_next(&cursor))
        assert_ptr_equal(item->owner, item->tag & INHERITED ? NULL : one);
}

static bool count_pages(const struct interval *item, void *context)
{
    if (item->owner)
        *(uint64_t *)context += item->end - item->start;
    return true;
}

/* Those that are charged to it are found without a look at what it inherited. */
static void check_own(const struct relative *one)
{
    uint64_t pages = 0, expected = 0;

    for (size_t page = 0; page < PAGES; page++)
        expected += one->model.tags[page] && !(one->model.tags[page] & INHERITED);
    interval_map_each_own(&one->map, count_pages, &pages);
    assert_int_equal(pages, expected);
}

static void replace(struct relative *one, uint64_t *seed, unsigned longest)
{
    uint64_t start = below(seed, PAGES), end = start + 1 + below(seed, longest);
    struct interval item = {.start = start,
                            .end = end > PAGES ? PAGES : end,
                            .owner = one,
                            .tag = 1 + (uint32_t)below(seed, 1000)};

    clear(&one->map, &one->model, item.start, item.end);
    if (!below(seed, 3))
        return;
    assert_null(interval_map_insert(&one->map, &item, NULL));
    for (uint64_t page = item.start; page < item.end; page++)
        one->model.tags[page] = item.tag;
}

static void be_born(struct relative *child, const struct relative *parent, uint64_t id)
{
    child->there = true;
    child->model = parent->model;
    for (size_t page = 0; page < PAGES; page++)
        child->model.tags[page] |= child->model.tags[page] ? INHERITED : 0;
    interval_map_share(&parent->map, id, INHERITED, &child->map);
}

/* Relatives that are born, change and die at random never see each other's changes. */
static void run_family(uint64_t seed, unsigned steps, unsigned longest)
{
    struct relative *family = calloc(FAMILY, sizeof(*family));
    uint64_t births = 0;

    family[0].there = true;
    for (unsigned i = 0; i < steps; i++) {
        struct relative *one = &family[below(&seed, FAMILY)];
        struct relative *other = &family[below(&seed, FAMILY)];

        if (one->there && !other->there && below(&seed, 8) == 0)
            be_born(other, one, ++births);
        if (one->there)
            replace(one, &seed, longest);
        if (one->there && one != family && below(&seed, 400) == 0) {
            check_own(one);
            interval_map_deinit(&one->map);
            memset(&one->model, 0, sizeof(one->model));
            one->there = false;
        }
        for (size_t n = 0; n < FAMILY && i % 512 == 0; n++) {
            check_owners(&family[n]);
            check_own(&family[n]);
        }
    }
    assert_true(births > 50);
    for (size_t n = 0; n < FAMILY; n++) {
        if (family[n].there)
            clear(&family[n].map, &family[n].model, 0, PAGES);
        assert_true(!family[n].there || !family[n].map.count);
        interval_map_deinit(&family[n].map);
    }
    free(family);
}

static void test_family(void **state)
{
    (void)state;
    run_family(1, 40000, 1);
    run_family(2, 40000, 4);
    run_family(3, 40000, 300);
}

/* A heir costs nothing, and a change of it a few nodes: not all that it inherited. */
static void test_heirs_cost_little(void **state)
{
    enum { HEIRS = 1000, ITEMS = 1000 };
    struct interval_map *maps = calloc(HEIRS, sizeof(*maps));
    uint64_t bytes = 0;

    (void)state;
    for (uint64_t i = 0; i < ITEMS; i++)
        assert_null(interval_map_insert(
            &maps[0], &(struct interval){.start = 2 * i, .end = 2 * i + 1, .tag = 1}, NULL));
    for (uint64_t i = 1; i < HEIRS; i++) {
        const struct interval item = {.start = 2 * ITEMS + 2 * i, .end = 2 * ITEMS + 2 * i + 1};

        interval_map_share(&maps[i - 1], i, INHERITED, &maps[i]);
        assert_null(interval_map_insert(&maps[i], &item, NULL));
        assert_int_equal(maps[i].count, ITEMS + i);
    }
    for (size_t i = 0; i < HEIRS; i++)
        bytes += interval_map_bytes(&maps[i]);
    assert_true(bytes < HEIRS * 8000ULL);
    for (size_t i = 0; i < HEIRS; i++)
        interval_map_deinit(&maps[i]);
    free(maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_heirs_cost_little),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_joins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
