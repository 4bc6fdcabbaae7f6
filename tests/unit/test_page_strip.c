/* A strip against an array of pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "content/page_strip.h"

enum { MOST = 5000, NOTHING = PAGE_KIND_COUNT };

static void check(const struct page_strip *strip, const uint8_t *pages, size_t count)
{
    uint64_t all = 0;

    for (int kind = 0; kind < PAGE_KIND_COUNT; kind++) {
        uint64_t want = 0;

        for (size_t i = 0; i < count; i++)
            want += pages[i] == kind;
        assert_int_equal(strip->totals[kind], want);
        all += want;
    }
    assert_int_equal(page_strip_pages(strip), all);
    for (size_t cell = 0; cell < PAGE_STRIP_CELLS; cell++) {
        uint64_t counts[NOTHING + 1] = {0}, most = 0;
        char letter = page_strip_letter(strip, cell);

        for (uint64_t i = 0; i < strip->pages_per_cell; i++) {
            size_t page = (size_t)(cell * strip->pages_per_cell + i);

            if (page < count)
                counts[pages[page]]++;
        }
        for (int kind = 0; kind < PAGE_KIND_COUNT; kind++)
            most = counts[kind] > most ? counts[kind] : most;
        if (most == 0) {
            assert_int_equal(letter, PAGE_STRIP_NOTHING);
            continue;
        }
        assert_true(cell < strip->cell_count);
        for (int kind = 0; kind < PAGE_KIND_COUNT; kind++)
            if (counts[kind] == most) {
                assert_int_equal(letter, page_kind_letter((enum page_kind)kind));
                break;
            }
    }
}

static void test_model(void **s)
{
    static struct page_strip strip;
    unsigned seed = 7;

    (void)s;
    for (int round = 0; round < 60; round++) {
        uint8_t pages[MOST];
        size_t count = 1 + (size_t)rand_r(&seed) % MOST;
        uint64_t start = 0x7f46a0000000 + (uint64_t)round * 123;

        memset(pages, NOTHING, sizeof(pages));
        page_strip_begin(&strip, start);
        for (size_t at = 0; at < count;) {
            size_t run = 1 + (size_t)rand_r(&seed) % (round % 2 ? 700 : 3);
            enum page_kind kind = (enum page_kind)((unsigned)rand_r(&seed) % PAGE_KIND_COUNT);

            run = run < count - at ? run : count - at;
            if (rand_r(&seed) % 5) {
                memset(pages + at, kind, run);
                page_strip_add(&strip, at ? (start & ~4095ULL) + at * 4096 : start, run, kind);
            }
            at += run;
        }
        check(&strip, pages, count);
    }
}

/* The lengths of reservations are no length to it. */
static void test_long(void **s)
{
    static struct page_strip strip;

    (void)s;
    page_strip_begin(&strip, 0);
    page_strip_add(&strip, 0, 1, PAGE_KIND_TEXT);
    page_strip_add(&strip, UINT64_C(1) << 46, UINT64_C(1) << 33, PAGE_KIND_ZERO);
    page_strip_add(&strip, UINT64_MAX, 1, PAGE_KIND_ELF);
    assert_int_equal(strip.pages_per_cell, UINT64_C(1) << 43);
    assert_int_equal(page_strip_letter(&strip, PAGE_STRIP_CELLS - 1), 'E');
    assert_int_equal(page_strip_pages(&strip), (UINT64_C(1) << 33) + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
