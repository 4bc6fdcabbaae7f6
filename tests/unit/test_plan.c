/* Which parts of which regions are saved, and why the others are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"
#include "dumper/plan.h"

static const char text[] =
    "00400000-00500000 r-xp 00000000 08:01 100 /usr/bin/x\nSize: 1024 kB\nRss: 512 kB\n"
    "Anonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd ex mr mw me \n"
    "00500000-00501000 rw-p 00100000 08:01 100 /usr/bin/x\nSize: 4 kB\nRss: 4 kB\n"
    "Anonymous: 4 kB\nSwap: 0 kB\nVmFlags: rd wr mr mw me ac \n"
    "00600000-00700000 rw-p 00000000 00:00 0 [heap]\nSize: 1024 kB\nRss: 256 kB\n"
    "Anonymous: 256 kB\nSwap: 0 kB\nVmFlags: rd wr mr mw me ac \n"
    "7f0000000000-7f0000100000 rw-s 00000000 00:06 9 /dev/dri/card0\nSize: 1024 kB\nRss: 0 kB\n"
    "VmFlags: rd wr sh mr mw me ms io pf \n"
    "7f0000200000-7f0000300000 rw-s 00000000 00:01 7 /dev/zero (deleted)\nSize: 1024 kB\n"
    "Rss: 0 kB\nAnonymous: 0 kB\nVmFlags: rd wr sh mr mw me ms sd \n"
    "7fff00000000-7fff00004000 r--p 00000000 00:00 0 [vvar]\nSize: 16 kB\nRss: 0 kB\n"
    "VmFlags: rd mr pf io de dd sd \n"
    "7fff00004000-7fff00006000 r-xp 00000000 00:00 0 [vdso]\nSize: 8 kB\nRss: 8 kB\n"
    "Anonymous: 0 kB\nVmFlags: rd ex mr mw me de sd \n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n";

struct expected {
    uint64_t start, end;
    const char *skipped; /* a word of the reason */
};

static void check(const struct dumper_options *options, const struct expected *expected,
                  size_t count)
{
    _cleanup_(maps_deinit) struct maps maps = {0};
    struct plan_regions regions = {0};

    assert_null(maps_parse(text, strlen(text), &maps));
    assert_null(plan_make(&maps, options, &regions));
    assert_int_equal(regions.count, count);
    for (size_t i = 0; i < count; i++) {
        const struct plan_region *region = &regions.items[i];

        assert_int_equal(region->start, expected[i].start);
        assert_int_equal(region->end, expected[i].end);
        assert_true(region->start >= region->vma->start && region->end <= region->vma->end);
        if (expected[i].skipped)
            assert_non_null(strstr(region->skipped, expected[i].skipped));
        else
            assert_null(region->skipped);
    }
    vector_deinit(&regions);
}

#define CHECK(options, ...)                                                                        \
    check(options, (const struct expected[]){__VA_ARGS__},                                         \
          ARRAY_SIZE(((const struct expected[]){__VA_ARGS__})))

static void all_is_what_its_files_do_not_hold(void **state)
{
    const struct dumper_options options = {.what = DUMPER_ALL};

    (void)state;
    CHECK(&options, {0x400000, 0x500000, "unchanged"}, {0x500000, 0x501000, NULL},
          {0x600000, 0x700000, NULL}, {0x7f0000000000, 0x7f0000100000, "device"},
          {0x7f0000200000, 0x7f0000300000, NULL}, {0x7fff00000000, 0x7fff00004000, "kernel"},
          {0x7fff00004000, 0x7fff00006000, "kernel"},
          {0xffffffffff600000, 0xffffffffff601000, "kernel"});
}

static void heap_is_heap(void **state)
{
    const struct dumper_options options = {.what = DUMPER_HEAP};

    (void)state;
    CHECK(&options, {0x600000, 0x700000, NULL});
}

static void ranges_are_cut_at_regions_and_widened_to_pages(void **state)
{
    const struct dumper_range ranges[] = {
        {0x6ff123, 0x6ff124},             /* one byte */
        {0x480000, 0x500800},             /* across two regions */
        {0x4f0000, 0x500801},             /* overlapping that */
        {0x10000, 0x20000},               /* nothing there */
        {0x7f0000000000, 0x7f0000000001}, /* a device stays one */
    };
    const struct dumper_options options = {
        .what = DUMPER_RANGES, .ranges = ranges, .range_count = ARRAY_SIZE(ranges)};

    (void)state;
    CHECK(&options, {0x480000, 0x500000, NULL}, {0x500000, 0x501000, NULL},
          {0x6ff000, 0x700000, NULL}, {0x7f0000000000, 0x7f0000001000, "device"});
}

static void the_last_page_of_the_address_space_does_not_overflow(void **state)
{
    const struct dumper_range range = {UINT64_MAX - 5, UINT64_MAX};
    const struct dumper_range all = {0, UINT64_MAX};
    const struct dumper_options last = {.what = DUMPER_RANGES, .ranges = &range, .range_count = 1};
    const struct dumper_options everything = {
        .what = DUMPER_RANGES, .ranges = &all, .range_count = 1};
    _cleanup_(maps_deinit) struct maps maps = {0};
    struct plan_regions regions = {0};

    (void)state;
    assert_null(maps_parse(text, strlen(text), &maps));
    assert_null(plan_make(&maps, &everything, &regions));
    assert_int_equal(regions.count, 8);
    vector_deinit(&regions);

    struct seep_error *err = plan_make(&maps, &last, &regions);

    assert_non_null(err);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    error_destroy(err);
}

static void nothing_mapped_is_an_error(void **state)
{
    const struct dumper_range range = {0x1000, 0x2000};
    const struct dumper_options options = {
        .what = DUMPER_RANGES, .ranges = &range, .range_count = 1};
    const struct dumper_options heap = {.what = DUMPER_HEAP};
    struct plan_regions regions = {0};
    struct maps none = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct seep_error *err = plan_make(&none, i ? &heap : &options, &regions);

        assert_non_null(err);
        assert_int_equal(err->code, ERROR_NOT_FOUND);
        error_destroy(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_what_its_files_do_not_hold),
        cmocka_unit_test(heap_is_heap),
        cmocka_unit_test(ranges_are_cut_at_regions_and_widened_to_pages),
        cmocka_unit_test(the_last_page_of_the_address_space_does_not_overflow),
        cmocka_unit_test(nothing_mapped_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
