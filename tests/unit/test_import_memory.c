#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "importer/caret_text.h"
#include "importer/hexdump_text.h"
#include "importer/saved_bytes.h"
#include "importing.h"

#define DATA "unit/data/"

/* LEN bytes at ADDR of the dump number INDEX are BYTES. */
static void check_bytes(const struct importing *i, size_t index, uint64_t addr, const void *bytes,
                        size_t len)
{
    _cleanup_(mem_source_destroyp) struct mem_source *source = NULL;
    char seen[512];
    size_t got = 0;

    assert_true(index < i->dumps.dumps.count && len <= sizeof(seen));
    must(dump_source_create(i->dumps.dumps.items[index], &source));
    must(mem_source_read(source, addr, seen, len, &got));
    assert_int_equal(got, len);
    assert_memory_equal(seen, bytes, len);
}

static const char *import_text(struct importing *i, const struct importer *format, const char *text,
                               const char *suffix)
{
    static char path[160];

    temporary_put(&i->t, "file", text, strlen(text));
    snprintf(path, sizeof(path), "%s/file%s", i->t.path, suffix);
    importing_file(i, format, path);
    return path;
}

static void test_raw_with_address(void **state)
{
    struct importing i;

    (void)state;
    importing_init(&i);
    import_text(&i, &importer_raw, "twelve bytes", "@0x7f4674483100");
    importing_write(&i);
    check_bytes(&i, 0, 0x7f4674483100, "twelve bytes\0\0", 14);
    check_bytes(&i, 0, 0x7f46744830fe, "\0\0twelve", 8);
    assert_true(importing_says(&i, 0, "not whole pages"));
    importing_deinit(&i);
}

/* The mail lies so far behind the region's start as it lay in the dump. */
static void test_hexdump_in_the_only_region(void **state)
{
    struct importing i;

    (void)state;
    importing_init(&i);
    importing_file(&i, &importer_pmap, DATA "netty-pmap-X-line.txt");
    importing_file(&i, &importer_hexdump, DATA "netty-hexdump-C.txt");
    importing_write(&i);
    assert_int_equal(i.dumps.dumps.count, 1);
    check_bytes(&i, 0, 0x7f4674483000 + 0x219460, "sage-ID: <138824349.581113.1614644953220.Java",
                45);
    check_bytes(&i, 0, 0x7f4674483000 + 0x219820, "EHLO host-10-33-144-190\r\n\0", 26);
    assert_true(importing_says(&i, 1, "the only known region that can hold it"));
    assert_int_equal(collection_file(i.collection, 1)->skipped, 0);
    importing_deinit(&i);
}

static void test_hexdump_of_unknown_place(void **state)
{
    struct importing i;

    (void)state;
    importing_init(&i);
    importing_file(&i, &importer_hexdump, DATA "netty-hexdump-C.txt");
    importing_write(&i);
    check_bytes(&i, 0, 0x219460, "sage-ID: ", 9);
    assert_true(importing_says(&i, 0, "no regions are known"));
    importing_deinit(&i);
}

static void test_as_vi_shows_it(void **state)
{
    struct importing i;

    (void)state;
    importing_init(&i);
    importing_file(&i, &importer_hexdump, DATA "netty-dump-in-vi.txt");
    importing_write(&i);
    check_bytes(&i, 0, 0, "\0\0\0\0\0\0\0\0\2\20\0\1", 12);
    check_bytes(&i, 0, 24, "\7\0\0\xf3\0\0\0\0DATA\r\nxxx@xxx\r\nTo: xxx\r\n", 32);
    importing_deinit(&i);
}

static void test_forms_of_hexdumps(void **state)
{
    static const struct {
        const char *line;
        enum hexdump_line kind;
        uint64_t offset;
        const char *bytes;
        size_t count;
    } rows[] = {
        {"00000010  61 62 63                                          |abc|", HEXDUMP_BYTES, 16,
         "abc", 3},
        {"00000010: 6162 6320 2020                           abc   ", HEXDUMP_BYTES, 16, "abc   ",
         6},
        {"00000010: 61 62 63  abc", HEXDUMP_BYTES, 16, "abc", 3},
        {"000010 61 62 63 >abc<", HEXDUMP_BYTES, 16, "abc", 3},
        {"0x7f0000001000:\t0x61\t0x62", HEXDUMP_BYTES, 0x7f0000001000, "ab", 2},
        {"0x7f0000001000 <buf+4>:\t0x61", HEXDUMP_BYTES, 0x7f0000001000, "a", 1},
        {"*", HEXDUMP_REPEAT, 0, "", 0},
        {"00000020", HEXDUMP_END, 32, "", 0},
        {"", HEXDUMP_EMPTY, 0, "", 0},
        {"0000000 6261 0063", HEXDUMP_BAD, 0, "", 0}, /* words: whose order? */
        {"00000010  61 62 6", HEXDUMP_BAD, 0, "", 0},
        {"some words", HEXDUMP_BAD, 0, "", 0},
    };
    struct hexdump_row row;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum hexdump_line kind = hexdump_text_line(rows[i].line, strlen(rows[i].line), &row);

        if (kind != rows[i].kind)
            print_error("%s\n", rows[i].line);
        assert_int_equal(kind, rows[i].kind);
        if (kind != HEXDUMP_BYTES)
            continue;
        assert_int_equal(row.offset, rows[i].offset);
        assert_int_equal(row.count, rows[i].count);
        assert_memory_equal(row.bytes, rows[i].bytes, row.count);
    }
}

/* Zeros that hexdump leaves out are zeros; what a person left out is not known. */
static void test_stars(void **state)
{
    static const char text[] =
        "00001000  61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|\n"
        "*\n"
        "00003000  61 62 63 64 65 66 67 68  69 6a 6b 6c 6d 6e 6f 70  |abcdefghijklmnop|\n"
        "*\n"
        "00008000  61 62 63 64 65 66 67 68  69 6a 6b 6c 6d 6e 6f 70  |abcdefghijklmnop|\n"
        "00008010\n";
    struct importing i;
    struct mem_source *source = NULL;
    size_t got = 9;
    char byte;

    (void)state;
    importing_init(&i);
    import_text(&i, &importer_hexdump, text, "@0x700000000000");
    importing_write(&i);
    check_bytes(&i, 0, 0x700000002ff8, "aaaaaaaaabcdefgh", 16);
    check_bytes(&i, 0, 0x700000008000, "abcdefghijklmnop\0\0", 18);
    assert_true(importing_says(&i, 0, "do not repeat"));
    must(dump_source_create(i.dumps.dumps.items[0], &source));
    must(mem_source_read(source, 0x700000005000, &byte, 1, &got));
    assert_int_equal(got, 0);
    mem_source_destroy(source);
    importing_deinit(&i);
}

static void test_carets(void **state)
{
    static const char text[] = "^@^@^@^@^?M-^@M-a M- \xc3\xb3\xe2\x82\xac^M";
    static const char bytes[] = "\0\0\0\0\x7f\x80\xe1 \xa0\xf3\xe2\x82\xac\r";
    _cleanup_buffer_ struct buffer out = {0};

    (void)state;
    assert_true(caret_text_is_one(text, strlen(text)));
    assert_false(caret_text_is_one("a ^ b", 5));
    caret_text_bytes(text, strlen(text), &out);
    assert_int_equal(out.len, sizeof(bytes) - 1);
    assert_memory_equal(out.bytes, bytes, out.len);
}

static void test_pieces(void **state)
{
    struct temporary t;
    struct saved_bytes *saved = NULL;
    struct mem_source *source = NULL;
    uint64_t start, end;
    uint8_t seen[8192];
    size_t got;

    (void)state;
    temporary_init(&t);
    temporary_put(&t, "f", "0123456789", 10);
    must(saved_bytes_create(openat(t.fd, "f", O_RDONLY | O_CLOEXEC), &saved));
    must(saved_bytes_add(saved, 0x10ffc, 6, 0));
    must(saved_bytes_add(saved, 0x11000, 2, 8)); /* begins later: holds */
    must(saved_bytes_repeat(saved, 0x20000, 5, "xy", 2));
    saved_bytes_settle(saved);
    assert_int_equal(saved_bytes_count(saved), 4 + 2 + 5);
    must(saved_bytes_source(saved, &source));
    assert_true(saved_bytes_run(saved, 0, 4096, &start, &end));
    assert_int_equal(start, 0x10000);
    assert_int_equal(end, 0x12000);
    assert_true(saved_bytes_run(saved, end, 4096, &start, &end));
    assert_int_equal(start, 0x20000);
    assert_int_equal(end, 0x21000);
    assert_false(saved_bytes_run(saved, end, 4096, &start, &end));
    assert_true(saved_bytes_run(saved, 0, 1 << 20, &start, &end));
    assert_int_equal(end, 0x21000);
    saved_bytes_destroy(saved); /* the source keeps it */
    must(mem_source_read(source, 0x10000, seen, sizeof(seen), &got));
    assert_int_equal(got, 8192);
    assert_memory_equal(seen + 0xffa,
                        "\0\0"
                        "0123"
                        "89\0",
                        9);
    must(mem_source_read(source, 0x12000, seen, 1, &got));
    assert_int_equal(got, 0);
    must(mem_source_read(source, 0x20001, seen, 8, &got));
    assert_int_equal(got, 8);
    assert_memory_equal(seen, "yxyx\0\0\0\0", 8);
    mem_source_destroy(source);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_with_address),
        cmocka_unit_test(test_hexdump_in_the_only_region),
        cmocka_unit_test(test_hexdump_of_unknown_place),
        cmocka_unit_test(test_as_vi_shows_it),
        cmocka_unit_test(test_forms_of_hexdumps),
        cmocka_unit_test(test_stars),
        cmocka_unit_test(test_carets),
        cmocka_unit_test(test_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
