/* Which regions grew between two texts of smaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"
#include "evidence/growing.h"

struct look {
    struct maps maps;
    struct buffer text;
};

/* A VMA of SIZE_KIB with RSS_KIB resident. */
static void region(struct look *look, uint64_t start, uint64_t size_kib, uint64_t rss_kib,
                   const char *perms, const char *file)
{
    buffer_printf(&look->text,
                  "%llx-%llx %s 00000000 00:%s %s\nSize: %llu kB\nRss: %llu kB\nAnonymous: %llu "
                  "kB\nSwap: 0 kB\n",
                  (unsigned long long)start, (unsigned long long)(start + size_kib * 1024), perms,
                  file[0] == '/' ? "05 77" : "00 0", file, (unsigned long long)size_kib,
                  (unsigned long long)rss_kib, (unsigned long long)(file[0] == '/' ? 0 : rss_kib));
}

static void parse(struct look *look)
{
    assert_null(maps_parse(look->text.bytes ? look->text.bytes : "", look->text.len, &look->maps));
}

/* Expects the ranges START, GROWTH_KIB, START, GROWTH_KIB, ..., 0. */
static void expect(struct look *first, struct look *last, ...)
{
    struct growing_ranges found = {0};
    va_list expected;
    size_t i = 0;

    parse(first);
    parse(last);
    assert_null(growing_find(&first->maps, &last->maps, &found));
    va_start(expected, last);
    for (uint64_t start; (start = va_arg(expected, uint64_t)); i++) {
        uint64_t growth_kib = va_arg(expected, uint64_t);

        assert_true(i < found.count);
        assert_int_equal(found.items[i].start, start);
        assert_int_equal(found.items[i].growth_bytes, growth_kib * 1024);
    }
    va_end(expected);
    assert_int_equal(found.count, i);
    vector_deinit(&found);
    maps_deinit(&first->maps);
    maps_deinit(&last->maps);
    buffer_deinit(&first->text);
    buffer_deinit(&last->text);
}

#define EXPECT(first, last, ...) expect(first, last, ##__VA_ARGS__, (uint64_t)0)
#define K(n)                     ((uint64_t)(n))
#define A                        0x7f0000000000ULL
#define B                        0x7f1000000000ULL
#define C                        0x7f2000000000ULL

static void what_stays_is_left_out(void **state)
{
    struct look first = {0}, last = {0};

    (void)state;
    region(&first, A, 4096, 4096, "rw-p", "");
    region(&last, A, 4096, 4096, "rw-p", "");
    region(&first, B, 4096, 4096, "rw-p", "");
    region(&last, B, 4096, 100, "rw-p", "");
    EXPECT(&first, &last);
}

static void growth_downwards_upwards_and_new(void **state)
{
    struct look first = {0}, last = {0};

    (void)state;
    region(&first, A + 0x400000, 2048, 2048, "rw-p", "");
    region(&last, A, 8192, 8192, "rw-p", "");
    region(&last, C, 1024, 1024, "rw-p", "");
    EXPECT(&first, &last, A, K(6144), C, K(1024));
}

static void merged_and_split_regions_are_compared_as_a_whole(void **state)
{
    struct look first = {0}, last = {0};

    (void)state;
    /* two with a hole between them became one; nothing but the hole's megabytes is new */
    region(&first, A, 1024, 1024, "rw-p", "");
    region(&first, A + 0x300000, 1024, 1024, "rw-p", "");
    region(&last, A, 4096, 4096, "rw-p", "");
    /* one whose resident half got other permissions: nothing is new */
    region(&first, B, 8192, 4096, "rw-p", "");
    region(&last, B, 4096, 0, "rw-p", "");
    region(&last, B + 0x400000, 4096, 4096, "r--p", "");
    EXPECT(&first, &last, A, K(2048));
}

static void untouched_growth_is_left_out(void **state)
{
    struct look first = {0}, last = {0};

    (void)state;
    region(&first, A, 1024, 0, "rw-p", "");
    region(&last, A, 1 << 20, 0, "rw-p", "");
    region(&last, B, 1 << 20, 0, "---p", "");
    EXPECT(&first, &last);
}

/* Pages given back and as many new ones: the size tells. */
static void mapped_growth_counts_as_far_as_it_is_resident(void **state)
{
    struct look first = {0}, last = {0};

    (void)state;
    region(&first, A, 4096, 4096, "rw-p", "");
    region(&last, A, 16384, 4096, "rw-p", "");
    EXPECT(&first, &last, A, K(4096));
}

static void slow_growth_counts_when_it_is_a_tenth_of_all(void **state)
{
    struct look first = {0}, last = {0}, first2 = {0}, last2 = {0};

    (void)state;
    region(&first, A, 4096, 1000, "rw-p", "[heap]");
    region(&last, A, 4096, 1200, "rw-p", "[heap]");
    region(&first, B, 4096, 1000, "rw-p", "");
    region(&last, B, 4096, 1040, "rw-p", ""); /* under 64 KiB */
    EXPECT(&first, &last, A, K(200));

    region(&first2, A, 4096, 1000, "rw-p", "[heap]");
    region(&last2, A, 4096, 1200, "rw-p", "[heap]");
    region(&last2, B, 1 << 20, 4096, "rw-p", "");
    EXPECT(&first2, &last2, B, K(4096));
}

static void another_thing_at_the_same_address_is_new(void **state)
{
    struct look first = {0}, last = {0};

    (void)state;
    region(&first, A, 4096, 4096, "rw-p", "");
    region(&last, A, 4096, 4096, "rw-s", "/memfd:x (deleted)");
    EXPECT(&first, &last, A, K(4096));
}

static void files_that_are_only_read_are_left_out(void **state)
{
    struct look first = {0}, last = {0};

    (void)state;
    region(&last, A, 4096, 4096, "r-xp", "/usr/lib/libx.so");
    region(&last, B, 4096, 4096, "r--s", "/var/lib/db");
    EXPECT(&first, &last);
}

static void without_smaps_the_size_tells(void **state)
{
    struct look first = {0}, last = {0};

    (void)state;
    buffer_printf(&first.text, "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n");
    buffer_printf(&last.text, "7f0000000000-7f0000400000 rw-p 00000000 00:00 0 \n");
    EXPECT(&first, &last, A, K(3072));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_is_left_out),
        cmocka_unit_test(growth_downwards_upwards_and_new),
        cmocka_unit_test(merged_and_split_regions_are_compared_as_a_whole),
        cmocka_unit_test(untouched_growth_is_left_out),
        cmocka_unit_test(mapped_growth_counts_as_far_as_it_is_resident),
        cmocka_unit_test(slow_growth_counts_when_it_is_a_tenth_of_all),
        cmocka_unit_test(another_thing_at_the_same_address_is_new),
        cmocka_unit_test(files_that_are_only_read_are_left_out),
        cmocka_unit_test(without_smaps_the_size_tells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
