#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "evidence/maps.h"

static struct maps parse(const char *text)
{
    struct maps maps;

    assert_null(maps_parse(text, strlen(text), &maps));
    return maps;
}

static struct maps parse_file(const char *path)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct maps maps;

    assert_null(io_read_file(AT_FDCWD, path, 1 << 20, &text));
    assert_null(maps_parse(text.bytes, text.len, &maps));
    return maps;
}

static void test_maps_of_a_python(void **state)
{
    struct maps maps = parse_file("unit/data/maps-supervisord.txt");
    char perms[5];

    (void)state;
    assert_int_equal(maps.count, 10);
    assert_int_equal(maps.bad_lines, 0);
    assert_false(maps.torn);
    assert_false(maps.has_smaps);

    const struct vma *vma = &maps.vmas[1];

    assert_int_equal(vma->start, 0x564a7d8a5000);
    assert_int_equal(vma->end, 0x564a7da56000);
    assert_int_equal(vma->offset, 0x4d000);
    assert_int_equal(vma->major, 8);
    assert_int_equal(vma->minor, 1);
    assert_int_equal(vma->inode, 3018208);
    assert_string_equal(vma_perms_text(vma->perms, perms), "r-xp");
    assert_string_equal(vma->name, "/usr/bin/python2.7");
    assert_string_equal(maps.vmas[5].name, "");
    assert_string_equal(maps.vmas[6].name, "[heap]");
    assert_true(vma->fields[SMAPS_RSS] == MAPS_UNKNOWN);
    assert_int_equal(vma->thp_eligible, -1);

    assert_ptr_equal(maps_find(&maps, 0x564a7d8a5000), vma);
    assert_ptr_equal(maps_find(&maps, 0x564a7da55fff), vma);
    assert_ptr_equal(maps_find(&maps, 0x564a7da56000), vma + 1);
    assert_null(maps_find(&maps, 0x564a7db65000)); /* the hole between two entries */
    assert_null(maps_find(&maps, 0));
    assert_null(maps_find(&maps, UINT64_MAX));
    assert_int_equal(maps_lower_bound(&maps, 0), 0);
    assert_int_equal(maps_lower_bound(&maps, 0x564a7db65000), 3);
    assert_int_equal(maps_lower_bound(&maps, UINT64_MAX), 10);
    maps_deinit(&maps);
}

static void test_smaps_of_an_old_kernel(void **state)
{
    struct maps maps = parse_file("unit/data/smaps-kong.txt");
    struct maps boost = parse_file("unit/data/smaps-boost.txt");

    (void)state;
    assert_int_equal(maps.count, 4);
    assert_int_equal(maps.bad_lines, 0);
    assert_true(maps.has_smaps);
    assert_int_equal(maps.vmas[2].start, 0x5842c000);
    assert_int_equal(maps.vmas[2].fields[SMAPS_SIZE], 477700 << 10);
    assert_int_equal(maps.vmas[2].fields[SMAPS_ANON_HUGE_PAGES], 475136 << 10);
    assert_int_equal(maps.vmas[2].fields[SMAPS_SWAP_PSS], 0);
    assert_true(maps.vmas[2].fields[SMAPS_LAZY_FREE] == MAPS_UNKNOWN);
    assert_string_equal(maps.vmas[2].flags, "rd wr mr mw me ac sd");
    assert_true(vma_has_flag(&maps.vmas[2], "ac"));
    assert_true(vma_has_flag(&maps.vmas[2], "sd"));
    assert_true(vma_has_flag(&maps.vmas[2], "rd"));
    assert_false(vma_has_flag(&maps.vmas[2], "nr"));
    assert_false(vma_has_flag(&maps.vmas[2], "r"));
    assert_false(vma_has_flag(&maps.vmas[2], ""));

    assert_int_equal(boost.count, 1);
    assert_int_equal(boost.vmas[0].major, 0xfd);
    assert_int_equal(boost.vmas[0].fields[SMAPS_PSS], 2048);
    assert_string_equal(boost.vmas[0].name, "/usr/local/boost149/lib/libboost_python.so.1.49.0");
    maps_deinit(&maps);
    maps_deinit(&boost);
}

/* Everything that the text holds must be found again in what was parsed: printed back by the
 * field names, it is the same text. */
static void test_smaps_of_a_new_kernel(void **state)
{
    _cleanup_buffer_ struct buffer text = {0}, again = {0};
    struct maps maps;

    (void)state;
    assert_null(io_read_file(AT_FDCWD, "unit/data/smaps-linux-6.18.txt", 1 << 20, &text));
    assert_null(maps_parse(text.bytes, text.len, &maps));
    assert_int_equal(maps.bad_lines, 0);
    for (size_t i = 0; i < maps.count; i++) {
        const struct vma *vma = &maps.vmas[i];
        char perms[5], header[512];
        int len = snprintf(header, sizeof(header), "%08lx-%08lx %s %08lx %02x:%02x %lu ",
                           vma->start, vma->end, vma_perms_text(vma->perms, perms), vma->offset,
                           vma->major, vma->minor, vma->inode);

        buffer_printf(&again, "%-*s%s\n", *vma->name ? 73 : len, header, vma->name);
        for (int field = 0; field < SMAPS_FIELD_COUNT; field++) {
            if (field == SMAPS_PSS_ANON || field == SMAPS_PSS_FILE || field == SMAPS_PSS_SHMEM ||
                field == SMAPS_DIRTY)
                continue;
            /* 24 columns up to the unit; only the longest name pushes its number on. */
            len = snprintf(header, sizeof(header), "%s: ", maps_field_name(field));
            buffer_printf(&again, "%s%*lu kB\n", header, 24 - len, vma->fields[field] / 1024);
        }
        buffer_printf(&again, "THPeligible:    %8d\n", vma->thp_eligible);
        buffer_printf(&again, "VmFlags: %s \n", vma->flags);
    }
    assert_string_equal(again.bytes, text.bytes);
    maps_deinit(&maps);
}

static void test_rollup(void **state)
{
    static const char text[] = "00400000-ffffffffff601000 ---p 00000000 00:00 0    [rollup]\n"
                               "Rss:                1676 kB\n"
                               "Pss:                 139 kB\n"
                               "Pss_Anon:             92 kB\n";
    uint64_t fields[SMAPS_FIELD_COUNT];

    (void)state;
    assert_null(maps_parse_rollup(text, strlen(text), fields));
    assert_int_equal(fields[SMAPS_RSS], 1676 << 10);
    assert_int_equal(fields[SMAPS_PSS_ANON], 92 << 10);
    assert_true(fields[SMAPS_SWAP] == MAPS_UNKNOWN);
    assert_null(maps_parse_rollup("", 0, fields));
    assert_true(fields[SMAPS_RSS] == MAPS_UNKNOWN);
}

static void test_names(void **state)
{
    static const struct {
        const char *tail, *name;
    } rows[] = {
        {"", ""},
        {" ", ""},
        {"         [anon: a name]", "[anon: a name]"},
        {" /tmp/a b (deleted)", "/tmp/a b (deleted)"},
        {" /tmp/new\\012line", "/tmp/new\nline"},
        {" /tmp/back\\slash\\x\\01", "/tmp/back\\slash\\x\\01"},
        {" /tmp/\\012", "/tmp/\n"},
        {" /memfd:trailing  ", "/memfd:trailing  "},
        {" /tmp/carriage\r", "/tmp/carriage\r"},
        {" /SYSV00000000 (deleted)", "/SYSV00000000 (deleted)"},
        {" /tmp/\xff\x1b[31m", "/tmp/\xff\x1b[31m"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[200];

        snprintf(text, sizeof(text),
                 "1000-2000 ---p 0 0:0 0\n"
                 "2000-3000 rw-s 00000000 00:00 7%s\n",
                 rows[i].tail);

        struct maps maps = parse(text);

        assert_int_equal(maps.count, 2);
        assert_string_equal(maps.vmas[0].name, "");
        assert_string_equal(maps.vmas[1].name, rows[i].name);
        assert_int_equal(maps.vmas[1].perms, VMA_READ | VMA_WRITE | VMA_SHARED);
        maps_deinit(&maps);
    }
}

static void test_line_endings(void **state)
{
    static const char *const texts[] = {
        "1000-2000 rw-p 0 00:00 0 [heap]\nRss: 4 kB\nVmFlags: rd wr\n2000-3000 rw-p 0 00:00 0 ",
        "1000-2000 rw-p 0 00:00 0 [heap]\r\nRss: 4 kB\r\nVmFlags: rd wr \r\n"
        "2000-3000 rw-p 0 00:00 0 \r\n",
        "1000-2000 rw-p 0 00:00 0 [heap]\rRss: 4 kB\rVmFlags: rd wr\r2000-3000 rw-p 0 00:00 0\r",
        "\n\n1000-2000 rw-p 0 00:00 0 [heap]\n\nRss: 4 kB\r\nVmFlags: rd wr\r\n\n"
        "2000-3000 rw-p 0 00:00 0 \r\n\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct maps maps = parse(texts[i]);

        assert_int_equal(maps.count, 2);
        assert_int_equal(maps.bad_lines, 0);
        assert_string_equal(maps.vmas[0].name, "[heap]");
        assert_int_equal(maps.vmas[0].fields[SMAPS_RSS], 4096);
        assert_string_equal(maps.vmas[0].flags, "rd wr");
        assert_string_equal(maps.vmas[1].name, "");
        maps_deinit(&maps);
    }
}

static void test_bad_lines(void **state)
{
    static const char *const bad[] = {
        "2000-1000 rw-p 0 00:00 0",                    /* backwards */
        "1000-1000 rw-p 0 00:00 0",                    /* empty */
        "10000000000000000-2 rw-p 0 00:00 0",          /* 17 digits */
        "1000-2000 rw-q 0 00:00 0",                    /* unknown permission */
        "1000-2000 rw-p 0 00:100000000 0",             /* minor of 33 bits */
        "1000-2000 rw-p 0 00:00 99999999999999999999", /* inode of 67 bits */
        "1000-2000 rw-p 0 00:00",                      /* cut */
        "1000-2000",
        "Rss: 4 kB", /* of no entry */
        "A000-B000 rw:p 0 00:00 0",
        "hello",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char text[200];

        snprintf(text, sizeof(text), "%s\nSize: 4 kB\n3000-4000 r--p 0 00:00 0\n", bad[i]);

        struct maps maps = parse(text);

        assert_int_equal(maps.count, 1);
        assert_int_equal(maps.bad_lines, 2);
        assert_int_equal(maps.vmas[0].start, 0x3000);
        assert_true(maps.vmas[0].fields[SMAPS_SIZE] == MAPS_UNKNOWN);
        maps_deinit(&maps);
    }

    struct maps maps = parse("1000-2000 rw-p 0 00:00 0\n"
                             "Rss: x kB\n"
                             "Pss: 18446744073709551615 kB\n"
                             "Swap: 99999999999999999999 kB\n"
                             "NewIn2031: of some shape\n"
                             "Locked: 8 kB\n"
                             "garbage\n"
                             "Size: 4 kB\n");

    assert_int_equal(maps.bad_lines, 5);
    assert_true(maps.vmas[0].fields[SMAPS_RSS] == MAPS_UNKNOWN);
    assert_true(maps.vmas[0].fields[SMAPS_PSS] == MAPS_UNKNOWN);
    assert_int_equal(maps.vmas[0].fields[SMAPS_LOCKED], 8192);
    assert_true(maps.vmas[0].fields[SMAPS_SIZE] == MAPS_UNKNOWN);
    maps_deinit(&maps);
}

static void test_the_top_of_the_address_space(void **state)
{
    struct maps maps = parse("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
                             "fffffffffffff000-ffffffffffffffff --xp 00000000 00:00 0\n");

    (void)state;
    assert_int_equal(maps.count, 2);
    assert_ptr_equal(maps_find(&maps, 0xfffffffffffffffe), &maps.vmas[1]);
    assert_null(maps_find(&maps, UINT64_MAX));
    maps_deinit(&maps);
}

static void test_long_flags_are_cut(void **state)
{
    char text[600] = "1000-2000 rw-p 0 00:00 0\nVmFlags:";

    (void)state;
    for (int i = 0; i < 60; i++)
        strcat(text, " zz");

    struct maps maps = parse(text);

    assert_int_equal(strlen(maps.vmas[0].flags), sizeof(maps.vmas[0].flags) - 1);
    maps_deinit(&maps);
}

/* The walk read 1000-2000, then the region grew: its newer entry comes second. */
static void test_torn_text(void **state)
{
    struct maps grown = parse("1000-2000 rw-p 0 00:00 0 old\nRss: 4 kB\n"
                              "1000-4000 rw-p 0 00:00 0 new\nRss: 12 kB\n"
                              "8000-9000 rw-p 0 00:00 0\n");

    (void)state;
    assert_true(grown.torn);
    assert_int_equal(grown.count, 2);
    assert_string_equal(grown.vmas[0].name, "new");
    assert_int_equal(grown.vmas[0].end, 0x4000);
    assert_int_equal(grown.vmas[0].fields[SMAPS_RSS], 12288);
    maps_deinit(&grown);

    /* It was split, and its upper part replaced: the older entry is cut, and holds no more than
     * its new size. */
    struct maps cut = parse("1000-9000 rw-p 00000000 08:01 7 old\nSize: 32 kB\n"
                            "KernelPageSize: 4 kB\nRss: 20 kB\nSwap: 1 kB\n"
                            "3000-4000 rw-p 0 00:00 0 new\n"
                            "5000-6000 rw-p 0 00:00 0 last\n");

    assert_true(cut.torn);
    assert_int_equal(cut.count, 3);
    assert_int_equal(cut.vmas[0].end, 0x3000);
    assert_int_equal(cut.vmas[0].fields[SMAPS_SIZE], 0x2000);
    assert_int_equal(cut.vmas[0].fields[SMAPS_KERNEL_PAGE_SIZE], 4096);
    assert_int_equal(cut.vmas[0].fields[SMAPS_RSS], 0x2000);
    assert_int_equal(cut.vmas[0].fields[SMAPS_SWAP], 1024);
    assert_string_equal(cut.vmas[1].name, "new");
    maps_deinit(&cut);

    /* Out of order: what was read first gives way, from its front too. */
    struct maps back = parse("2000-5000 rw-p 00001000 08:01 7 first\n"
                             "1000-3000 rw-p 00000000 08:01 7 second\n");

    assert_true(back.torn);
    assert_int_equal(back.count, 2);
    assert_string_equal(back.vmas[0].name, "second");
    assert_int_equal(back.vmas[0].end, 0x3000);
    assert_int_equal(back.vmas[1].start, 0x3000);
    assert_int_equal(back.vmas[1].end, 0x5000);
    assert_int_equal(back.vmas[1].offset, 0x2000);
    maps_deinit(&back);
}

/* Random entries over a few pages, against what must hold page by page. */
static void test_torn_text_against_a_model(void **state)
{
    enum { PAGES = 24, ROUNDS = 4000 };
    unsigned seed = 20260801;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t covered[PAGES] = {0}; /* bit I: entry I covers this page */
        int count = 1 + rand_r(&seed) % 8, owners = 0;
        char text[1024];
        int len = 0;

        for (int i = 0; i < count; i++) {
            int start = rand_r(&seed) % (PAGES - 1);
            int end = start + 1 + rand_r(&seed) % (PAGES - start);

            end = end > PAGES ? PAGES : end;
            for (int page = start; page < end; page++)
                covered[page] |= 1U << i;
            len += sprintf(text + len, "%x000-%x000 rw-p %x000 00:00 1 %d\n", start + 1, end + 1,
                           start, i);
        }

        struct maps maps = parse(text);

        assert_int_equal(maps.bad_lines, 0);
        for (size_t i = 0; i < maps.count; i++) {
            const struct vma *vma = &maps.vmas[i];
            int owner = atoi(vma->name);

            assert_true(vma->start < vma->end);
            assert_true(i == 0 || maps.vmas[i - 1].end <= vma->start);
            assert_int_equal(vma->offset, vma->start - 0x1000);
            assert_int_equal(owners & 1 << owner, 0); /* no entry comes out twice */
            owners |= 1 << owner;
        }
        for (int page = 0; page < PAGES; page++) {
            const struct vma *vma = maps_find(&maps, (uint64_t)(page + 1) << 12);

            if (vma)
                assert_true(covered[page] & 1U << atoi(vma->name));
            if (covered[page] & 1U << (count - 1)) { /* the last word is never cut */
                assert_non_null(vma);
                assert_int_equal(atoi(vma->name), count - 1);
            }
            if (!maps.torn && covered[page])
                assert_non_null(vma);
        }
        maps_deinit(&maps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_of_a_python),
        cmocka_unit_test(test_smaps_of_an_old_kernel),
        cmocka_unit_test(test_smaps_of_a_new_kernel),
        cmocka_unit_test(test_rollup),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_line_endings),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_the_top_of_the_address_space),
        cmocka_unit_test(test_long_flags_are_cut),
        cmocka_unit_test(test_torn_text),
        cmocka_unit_test(test_torn_text_against_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
