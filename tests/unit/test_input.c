/* Saved files: line ends, compression, lengths, suffixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "importer/input.h"
#include "tests/unit/temporary.h"

static struct temporary t;

static int setup(void **state)
{
    (void)state;
    temporary_init(&t);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temporary_deinit(&t);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s", t.path, name);
    return path;
}

static struct input *open_bytes(const char *name, const void *bytes, size_t len)
{
    struct input *in;

    temporary_put(&t, name, bytes, len);
    must(input_open(path_of(name), &in));
    return in;
}

/* Appends a gzip member of BYTES. */
static void gzip(struct buffer *out, const void *bytes, size_t len)
{
    z_stream z = {.next_in = (Bytef *)bytes, .avail_in = (uInt)len};
    size_t room = len + len / 100 + 100;

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = buffer_extend(out, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len -= z.avail_out;
    deflateEnd(&z);
}

/* The lines, joined by '|'. */
static void expect_lines(struct input *in, const char *expected)
{
    _cleanup_buffer_ struct buffer got = {0};
    struct input_line line;
    uint64_t count = 0;

    for (;;) {
        must(input_next_line(in, &line));
        if (!line.text)
            break;
        assert_int_equal(line.number, ++count);
        buffer_bytes(&got, line.text, line.len);
        buffer_u8(&got, '|');
    }
    assert_string_equal(got.bytes ? got.bytes : "", expected);
    must(input_next_line(in, &line));
    assert_null(line.text);
    assert_int_equal(in->lines, count);
    input_destroy(in);
}

static void test_line_ends(void **state)
{
    static const struct {
        const char *text, *lines;
    } cases[] = {
        {"", ""},
        {"a", "a|"},
        {"a\n", "a|"},
        {"a\nb", "a|b|"},
        {"a\n\nb\n", "a||b|"},
        {"a\r\nb\r\n", "a|b|"},
        {"a\rb\r", "a|b|"},
        {"a\rb\nc", "a\rb|c|"},
        {"\r\n\r\n", "||"},
        {"\xef\xbb\xbf"
         "a\nb\n",
         "a|b|"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_lines(open_bytes("f", cases[i].text, strlen(cases[i].text)), cases[i].lines);
}

static void test_gzip(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    struct input *in;
    const char *head;
    size_t len;

    (void)state;
    gzip(&bytes, "one\ntw", 6);
    gzip(&bytes, "o\nthree", 7);
    buffer_bytes(&bytes, "\0\0\0\0", 4); /* padding */
    in = open_bytes("f.gz", bytes.bytes, bytes.len);
    must(input_head(in, &head, &len));
    assert_int_equal(len, 13);
    assert_memory_equal(head, "one\ntwo\nthree", 13);
    assert_true(in->compressed);
    expect_lines(in, "one|two|three|");
}

static void test_cut_gzip(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};

    (void)state;
    gzip(&bytes, "one\ntwo\nthree\n", 14);
    for (size_t len = 3; len < bytes.len; len++) {
        struct input *in = open_bytes("f.gz", bytes.bytes, len);
        struct input_line line = {.text = ""};
        struct seep_error *err = NULL;

        while (!err && line.text)
            err = input_next_line(in, &line);
        assert_true(err ? err->code == ERROR_CORRUPT : in->cut);
        error_destroy(err);
        input_destroy(in);
    }
}

static void test_long_lines(void **state)
{
    static const size_t lengths[] = {INPUT_MAX_LINE_BYTES - 1, INPUT_MAX_LINE_BYTES,
                                     INPUT_MAX_LINE_BYTES + 1, 3 * INPUT_MAX_LINE_BYTES + 7};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
        for (size_t before = 0; before < 300000; before += 99991) {
            _cleanup_buffer_ struct buffer bytes = {0};
            struct input_line line;
            struct input *in;
            size_t most =
                lengths[i] < INPUT_MAX_LINE_BYTES ? lengths[i] : (size_t)INPUT_MAX_LINE_BYTES;

            memset(buffer_extend(&bytes, before), 'a', before);
            buffer_u8(&bytes, '\n');
            memset(buffer_extend(&bytes, lengths[i]), 'b', lengths[i]);
            buffer_bytes(&bytes, "\nlast", 5);
            in = open_bytes("f", bytes.bytes, bytes.len);
            must(input_next_line(in, &line));
            assert_int_equal(line.len, before);
            must(input_next_line(in, &line));
            assert_int_equal(line.len, most);
            assert_int_equal(line.text[0], 'b');
            assert_int_equal(line.text[line.len - 1], 'b');
            must(input_next_line(in, &line));
            assert_int_equal(line.len, 4);
            assert_memory_equal(line.text, "last", 4);
            assert_int_equal(in->long_lines, lengths[i] > INPUT_MAX_LINE_BYTES);
            must(input_next_line(in, &line));
            assert_null(line.text);
            input_destroy(in);
        }
}

static void test_suffixes(void **state)
{
    struct input *in;
    uint64_t address = 0;
    bool there = true;
    char name[200];

    (void)state;
    temporary_put(&t, "dump@host", "x", 1);
    snprintf(name, sizeof(name), "%s@0x7f46a0000000", path_of("dump@host"));
    must(input_open(name, &in));
    assert_string_equal(in->path, path_of("dump@host"));
    must(input_suffix_address(in, &address, &there));
    assert_true(there);
    assert_int_equal(address, 0x7f46a0000000);
    input_destroy(in);

    must(input_open(path_of("dump@host"), &in));
    must(input_suffix_address(in, &address, &there));
    assert_false(there);
    input_destroy(in);

    snprintf(name, sizeof(name), "%s@then", path_of("dump@host"));
    must(input_open(name, &in));
    must_fail(input_suffix_address(in, &address, &there), ERROR_INVALID);
    input_destroy(in);

    must_fail(input_open(path_of("none"), &in), ERROR_NOT_FOUND);
    must_fail(input_open(t.path, &in), ERROR_INVALID);
}

static void test_sum_and_bytes(void **state)
{
    static const char sum[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    _cleanup_free_ char *all = NULL;
    struct input *in = open_bytes("f", "abc", 3);
    char got[65], bytes[8];
    uint64_t size;
    size_t len;
    int fd;

    (void)state;
    must(input_sha256(in, got));
    assert_string_equal(got, sum);
    must(input_read(in, bytes, 2, &len));
    assert_int_equal(len, 2);
    must(input_sha256(in, got));
    assert_string_equal(got, sum);
    must(input_read_all(in, 10, &all, &len));
    assert_string_equal(all, "c");
    must(input_sha256(in, got));
    assert_string_equal(got, sum);
    must(input_seekable(in, &fd, &size));
    assert_int_equal(size, 3);
    assert_int_equal(pread(fd, bytes, sizeof(bytes), 1), 2);
    close(fd);
    input_destroy(in);
}

static void test_seekable_gzip(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    struct input *in;
    char byte;
    uint64_t size;
    int fd;

    (void)state;
    gzip(&bytes, "0123456789", 10);
    in = open_bytes("f.gz", bytes.bytes, bytes.len);
    must(input_seekable(in, &fd, &size));
    assert_int_equal(size, 10);
    assert_int_equal(pread(fd, &byte, 1, 7), 1);
    assert_int_equal(byte, '7');
    close(fd);
    input_destroy(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),     cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_cut_gzip),      cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_suffixes),      cmocka_unit_test(test_sum_and_bytes),
        cmocka_unit_test(test_seekable_gzip),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
