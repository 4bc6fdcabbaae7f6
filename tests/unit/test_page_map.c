/* The pass over pages: what it says of memory that was made to be known, whatever cuts it and however
 * many threads look at it. */
#include "tests/unit/scan_units.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "content/page_map.h"

#define BASE UINT64_C(0x7f46a0000000)

enum { MIB = 1 << 20, PAGE = 4096 };

static const struct address_range ranges[] = {{BASE, BASE + 64 * MIB}};
static const struct address_ranges known = {ranges, 1};

struct told {
    struct buffer text;
};

static struct seep_error *tell(const struct page_map_region *region, void *context)
{
    struct told *told = context;
    const struct page_map_period *period = page_map_period(region);

    buffer_printf(&told->text, "%lx-%lx ", (unsigned long)(region->start - BASE),
                  (unsigned long)(region->end - BASE));
    for (int kind = 0; kind < PAGE_KIND_COUNT; kind++)
        if (region->strip.totals[kind])
            buffer_printf(&told->text, "%s=%lu ", page_kind_name((enum page_kind)kind),
                          (unsigned long)region->strip.totals[kind]);
    if (period)
        buffer_printf(
            &told->text, "period=%zu at +%lu const %d%d in %lu of %lu", period->period.len,
            (unsigned long)((period->address - BASE) % period->period.len), period->constant[0],
            period->constant[100], (unsigned long)period->samples, (unsigned long)region->samples);
    buffer_printf(&told->text, "\n");
    return NULL;
}

static void tell_repeats(const struct page_map *map, struct told *told)
{
    struct page_map_repeats repeats = {0};

    assert_null(page_map_repeats(map, 8, &repeats));
    for (size_t i = 0; i < repeats.count; i++)
        buffer_printf(&told->text, "%lu * %lu at %lx: %02x%02x\n",
                      (unsigned long)repeats.items[i].count, (unsigned long)repeats.items[i].len,
                      (unsigned long)(repeats.items[i].address - BASE), repeats.items[i].bytes[0],
                      repeats.items[i].bytes[1]);
    vector_deinit(&repeats);
}

static char *run(struct scan_source *source, unsigned threads)
{
    struct told told = {0};
    struct page_map map;

    assert_null(page_map_init(&map, &known, tell, &told));

    struct scan_consumer *consumers[] = {&map.consumer};

    assert_null(scan_run(source, consumers, 1, &(struct scan_options){.threads = threads}));
    tell_repeats(&map, &told);
    page_map_deinit(&map);
    assert_false(told.text.failed);
    return told.text.bytes;
}

static char *run_bytes(const uint8_t *bytes, size_t len, unsigned threads)
{
    struct scan_bytes source;

    scan_bytes_init(&source, BASE, bytes, len);
    return run(&source.source, threads);
}

static void test_kinds(void **s)
{
    uint8_t *bytes = calloc(3, MIB);
    unsigned seed = 1;

    (void)s;
    assert_non_null(bytes);
    for (size_t i = 0; i < MIB; i++)
        bytes[i] = (uint8_t)(rand_r(&seed) >> 8);
    for (size_t i = MIB; i < 2 * MIB; i += 8)
        memcpy(bytes + i, &(uint64_t){BASE + (uint64_t)rand_r(&seed) % (64 * MIB)}, 8);

    char *said = run_bytes(bytes, 3 * MIB, 1);

    assert_string_equal(said, "0-300000 zero=256 pointers=256 dense=256 \n");
    free(said);
    free(bytes);
}

/* 1,535 records of 535 bytes, 300 blocks of 1,040 bytes with one head, one page 40 times. */
static void test_structures(void **s)
{
    uint8_t *bytes = calloc(4, MIB);
    unsigned seed = 2;

    (void)s;
    assert_non_null(bytes);
    for (size_t at = 0; at + 535 <= MIB; at += 535) {
        snprintf((char *)bytes + at, 535, "record  %08d;%d", (int)at * 7, rand_r(&seed));
        memset(bytes + at + 100, 0xee, 200);
    }
    for (size_t i = 0; i < 300; i++) {
        uint8_t *block = bytes + MIB + i * 2080 + 16;

        for (int field = 0; field < 64; field += 8)
            memcpy(block + field, &(uint64_t){UINT64_C(0x40302010) * (uint64_t)(field + 9)}, 8);
        for (int j = 64; j < 1000; j++)
            block[j] = (uint8_t)(rand_r(&seed) >> 8);
    }
    for (size_t i = 0; i < 40; i++)
        for (int j = 0; j < PAGE; j++)
            bytes[2 * MIB + i * 3 * PAGE + (size_t)j] = (uint8_t)(j * j + j / 7);

    char *said = run_bytes(bytes, 4 * MIB, 1);

    assert_non_null(strstr(said, "period=535 at +0 const 11"));
    assert_non_null(strstr(said, "\n40 * 4096 at 200000: 0001"));

    /* Counts of heads may be a little too low, as many things are seen that come once. */
    const char *head = strstr(said, " * 64 at 100010: 90");
    int count = 0;

    assert_true(head - said > 4 && sscanf(head - 4, "\n%d", &count) == 1);
    assert_in_range(count, 290, 300);
    for (unsigned threads = 2; threads <= 8; threads *= 2) {
        char *again = run_bytes(bytes, 4 * MIB, threads);

        assert_string_equal(again, said);
        free(again);
    }
    free(said);
    free(bytes);
}

/* Any cuts and holes: each page of a region is counted once where no cut goes through it; more
 * threads make no difference. */
static void test_cuts(void **s)
{
    unsigned seed = 3;

    (void)s;
    for (int round = 0; round < 20; round++) {
        size_t len = 1 + (size_t)rand_r(&seed) % (MIB / 2);
        uint8_t *bytes = malloc(len);
        struct units units;
        char *first = NULL;

        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i / 5000 % 3 ? "structure"[i % 9] : rand_r(&seed) >> 8);
        units_cut(&units, BASE + (uint64_t)(round % 5), bytes, len, round % 2 ? 30000 : 300, true,
                  &seed);
        for (unsigned threads = 1; threads <= 8; threads *= 2) {
            units.next = 0;

            char *said = run(&units.source, threads);

            if (first)
                assert_string_equal(said ? said : "", first);
            if (first)
                free(said);
            else
                first = said ? said : strdup("");
        }
        free(first);
        units_deinit(&units);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_structures),
        cmocka_unit_test(test_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
