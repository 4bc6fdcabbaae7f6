/* The scanner against slow models that see the whole buffer, and against `strings` itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "strings_model.h"

/* --- data --- */

/* Bytes of which strings are made, in runs, at random. */
static void fill(uint8_t *bytes, size_t len, int kind, unsigned *seed)
{
    static const char *const words[] = {
        "Message-ID: ",
        "Gr\303\274\303\237e",
        "\344\270\255\346\226\207\346\265\213",
        "\360\237\230\200",
        "H\0e\0l\0l\0o\0",
        "\0w\0i\0d\0e",
        "\037\004@\0048\004",
        "-Nf[W{",
        "\342\200",
        "\355\240\200",
        "\300\257",
        "=\330\0\336",
        "\0\0\0\0\0\0\0\0",
        "\177",
        "\342\200\250",
        "\n",
        "\t",
    };
    static const uint8_t lens[] = {12, 7, 9, 4, 10, 8, 6, 6, 2, 3, 2, 4, 8, 1, 3, 1, 1};

    for (size_t at = 0; at < len;) {
        size_t word = (size_t)rand_r(seed) % ARRAY_SIZE(words);
        size_t step = lens[word] < len - at ? lens[word] : len - at;

        if (kind == 0 || rand_r(seed) % 4 == 0) {
            for (step = 0; step < 16 && at < len; step++)
                bytes[at++] = (uint8_t)rand_r(seed);
        } else if (kind == 1 && rand_r(seed) % 64 == 0) {
            for (step = 0; step < 700 && at < len; step++)
                bytes[at++] = 0;
        } else {
            memcpy(bytes + at, words[word], step);
            at += step;
        }
    }
}

static void test_models(void **state)
{
    static const unsigned sets[] = {
        STRINGS_ASCII,   STRINGS_UTF8,    STRINGS_ASCII | STRINGS_UTF8,
        STRINGS_UTF16LE, STRINGS_UTF16BE, STRINGS_ASCII | STRINGS_UTF16LE,
        STRINGS_ALL,
    };
    static const size_t mins[] = {1, 2, 4, 10, 17, 63, 64, 100};
    static const size_t pieces[] = {0, 1, 3, 64, 130, 1000};
    enum { LEN = 5000, ROUNDS = 12 };
    uint8_t *bytes = malloc(LEN);
    unsigned seed = 20210302;

    (void)state;
    assert_non_null(bytes);
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = LEN - (size_t)rand_r(&seed) % 70;

        fill(bytes, len, round % 3, &seed);
        for (size_t set = 0; set < ARRAY_SIZE(sets); set++)
            for (size_t m = 0; m < ARRAY_SIZE(mins); m++) {
                struct hits want = model(bytes, len, sets[set], mins[m]);
                size_t p = (size_t)rand_r(&seed) % ARRAY_SIZE(pieces);
                struct hits got = scan(bytes, len, sets[set], mins[m], pieces[p], &seed);

                same(&got, &want);
                hits_deinit(&got);
                hits_deinit(&want);
            }
    }
    free(bytes);
}

/* Every position of one border. */
static void test_borders(void **state)
{
    static const char text[] =
        "\0xGr\303\274\303\237e aus K\303\266ln \360\237\230\200 \344\270\255\346\226\207\0"
        "P\0r\0i\0v\0e\0t\0=\330\0\336!\0\0\0plain ASCII text\0";
    struct hits want = scan(text, sizeof(text), STRINGS_ALL, 4, 0, NULL);

    (void)state;
    assert_int_equal(want.count, 3);
    assert_string_equal(want.items[1].text, "Privet\360\237\230\200!");
    for (size_t border = 0; border <= sizeof(text); border++) {
        struct strings_options options = {STRINGS_ALL, 4};
        struct collected into = {0};
        struct strings_scan s;

        assert_null(strings_scan_init(&s, &options, collect, &into));
        assert_null(strings_scan_push(&s, BASE, text, border));
        assert_null(strings_scan_push(&s, BASE + border, text + border, sizeof(text) - border));
        assert_null(strings_scan_finish(&s));
        strings_scan_deinit(&s);
        same(&into.hits, &want);
        hits_deinit(&into.hits);
    }
    hits_deinit(&want);
}

static void test_gap_ends_a_string(void **state)
{
    struct strings_options options = {STRINGS_ALL, 4};
    struct collected into = {0};
    struct strings_scan s;

    (void)state;
    assert_null(strings_scan_init(&s, &options, collect, &into));
    assert_null(strings_scan_push(&s, 0x1000, "abcd", 4));
    assert_null(strings_scan_push(&s, 0x1005, "efgh", 4));
    assert_null(strings_scan_push(&s, 0x1009, "ijkl", 4));
    assert_null(strings_scan_finish(&s));
    strings_scan_deinit(&s);
    assert_int_equal(into.hits.count, 2);
    assert_string_equal(into.hits.items[0].text, "abcd");
    assert_int_equal(into.hits.items[1].address, 0x1005);
    assert_string_equal(into.hits.items[1].text, "efghijkl");
    hits_deinit(&into.hits);
}

static void test_long_strings_come_in_pieces(void **state)
{
    static const unsigned sets[] = {STRINGS_ASCII, STRINGS_UTF8, STRINGS_ALL};
    enum { LEN = 3 * STRINGS_MAX_BYTES + 5 };
    char *text = malloc(LEN + 2);
    unsigned seed = 7;

    (void)state;
    assert_non_null(text);
    for (size_t set = 0; set < ARRAY_SIZE(sets); set++)
        for (size_t len = STRINGS_MAX_BYTES; len <= LEN; len += STRINGS_MAX_BYTES / 2 + 1) {
            memset(text, 'x', len);
            if (sets[set] != STRINGS_ASCII)
                memcpy(text + STRINGS_MAX_BYTES - 2, "\303\274", 2);
            text[len] = '\0';
            for (size_t piece = 0; piece < 3; piece++) {
                struct hits got = scan(text, len + 1, sets[set], 10, piece * 40000, &seed);

                assert_int_equal(got.count, 1);
                assert_int_equal(got.items[0].len, len);
                assert_string_equal(got.items[0].text, text);
                hits_deinit(&got);
            }
        }
    free(text);
}

/* What each encoding gives, and that it is found once. */
static void test_encodings(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        unsigned encoding;
        const char *text;
    } table[] = {
        {"plain ASCII\ttext", 16, STRINGS_ASCII, "plain ASCII\ttext"},
        {"Stra\303\237enbahn", 12, STRINGS_UTF8, "Stra\303\237enbahn"},
        {"w\0i\0d\0e\0 \0t\0e\0x\0t\0.\0", 20, STRINGS_UTF16LE, "wide text."},
        {"\0w\0i\0d\0e\0 \0t\0e\0x\0t\0.", 20, STRINGS_UTF16BE, "wide text."},
        {"\037\004@\0048\0042\0045\004"
         "B\004 \0<\0048\004@\004!\0",
         22, STRINGS_UTF16LE,
         "\320\237\321\200\320\270\320\262\320\265\321\202 \320\274\320\270\321\200!"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        for (size_t before = 0; before < 4; before++)
            for (int zero = 0; zero < 2; zero++) {
                uint8_t bytes[64];
                unsigned seed = 1;

                /* UTF-16 of one byte order after a zero byte at an odd address is the other's. */
                if ((before & 1) && table[i].encoding >= STRINGS_UTF16LE)
                    continue;
                memset(bytes, zero ? 0 : 0xff, sizeof(bytes));
                memcpy(bytes + 4 + before, table[i].bytes, table[i].len);

                struct hits got = scan(bytes, sizeof(bytes), STRINGS_ALL, 8, 0, &seed);

                if (got.count != 1)
                    fail_msg("row %zu +%zu: %zu strings", i, before, got.count);
                assert_string_equal(got.items[0].text, table[i].text);
                assert_int_equal(got.items[0].encoding, table[i].encoding);
                assert_int_equal(got.items[0].address, BASE + 4 + before);
                hits_deinit(&got);
            }
}

/* Chinese is found; English, Russian in UTF-8 and fill patterns are not taken for it. */
static void test_ideographs(void **state)
{
    static const uint16_t mail[] = {0x8fd9, 0x662f, 0x4e00, 0x6761, 0x6d4b, 0x8bd5,
                                    0x90ae, 0x4ef6, 0xff01, 'o',    'k'};
    static const char *const others[] = {
        "theseareonlylowercaselettersinarowwithoutanyblank",
        "\320\277\321\200\320\265\320\262\320\276\321\201\321\205\320\276\320\264",
        "\220\220\220\220\220\220\220\220\220\220\220\220\220\220\220\220",
    };
    unsigned seed = 1;
    struct hits got = scan(mail, sizeof(mail), STRINGS_ALL, 10, 0, &seed);

    (void)state;
    assert_int_equal(got.count, 1);
    assert_string_equal(got.items[0].text,
                        "\350\277\231\346\230\257\344\270\200\346\235\241\346\265\213\350\257\225"
                        "\351\202\256\344\273\266\357\274\201ok");
    hits_deinit(&got);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        for (size_t skip = 0; skip < 2; skip++) {
            got = scan(others[i] + skip, strlen(others[i]) - skip,
                       STRINGS_UTF16LE | STRINGS_UTF16BE, 4, 0, &seed);
            if (got.count)
                fail_msg("text %zu taken for '%s'", i, got.items[0].text);
            hits_deinit(&got);
        }
}

/* Noise in UTF-16 stays below noise in ASCII. */
static void test_random_bytes(void **state)
{
    enum { LEN = 4 << 20 };
    uint8_t *bytes = malloc(LEN);
    unsigned seed = 99;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(rand_r(&seed) >> 7);

    struct hits ascii = scan(bytes, LEN, STRINGS_ASCII, 8, 0, &seed);
    struct hits wide = scan(bytes, LEN, STRINGS_UTF16LE, 8, 0, &seed);

    assert_true(ascii.count > 100);
    assert_true(wide.count < ascii.count + ascii.count / 4);
    hits_deinit(&ascii);
    hits_deinit(&wide);
    free(bytes);
}

/* A page of a real leak: what `strings -n 10` says of it. */
static void test_netty_mail(void **state)
{
    static const char *const lines[] = {
        "sage-ID: <138824349.581113.1614644953220.JavaMail.root@host-10-33-144-190>",
        "Subject: =?UTF-8?B?5rWL6K+V6YKu5Lu2?=",
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; ",
        "\tboundary=\"----=_Part_581112_788432614.1614644953220\"",
        "------=_Part_581112_788432614.1614644953220",
        "Content-Type: text/plain; charset=UTF-8",
        "Content-Transfer-Encoding: base64",
        "6L+Z5piv5LiA5p2h5rWL6K+V6YKu5Lu277yBClRoaXMgaXMgYSB0ZXN0IGVtYWlsIQ==",
        "------=_Part_581112_788432614.1614644953220--",
        "EHLO host-10-33-144-190",
    };
    static const unsigned sets[] = {STRINGS_ASCII, STRINGS_ALL};
    _cleanup_buffer_ struct buffer page = {0};
    unsigned seed = 1;

    (void)state;
    assert_null(io_read_file(AT_FDCWD, "unit/data/netty-mail.bin", 1 << 20, &page));
    for (size_t set = 0; set < ARRAY_SIZE(sets); set++) {
        struct hits got = scan(page.bytes, page.len, sets[set], 10, 100, &seed);

        assert_int_equal(got.count, ARRAY_SIZE(lines));
        for (size_t i = 0; i < got.count; i++)
            assert_string_equal(got.items[i].text, lines[i]);
        hits_deinit(&got);
    }
}

static void test_bad_options(void **state)
{
    static const struct strings_options bad[] = {
        {STRINGS_ASCII, 0}, {STRINGS_ASCII, STRINGS_LARGEST_MIN + 1}, {0, 10}, {16, 10}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct strings_scan s;
        struct seep_error *err = strings_scan_init(&s, &bad[i], collect, NULL);

        assert_non_null(err);
        assert_int_equal(err->code, ERROR_INVALID);
        error_destroy(err);
        strings_scan_deinit(&s);
    }
}

/* --- GNU strings --- */

/* OPTIONS make `strings` print as "OFFSET TEXT" with -t d. */
static void compare_with_tool(const char *path, const char *options, unsigned encodings,
                              size_t min_chars)
{
    _cleanup_buffer_ struct buffer file = {0};
    _cleanup_free_ char *command = NULL, *line = NULL;
    struct seep_error *err = io_read_file(AT_FDCWD, path, 1 << 30, &file);
    size_t room = 0, count = 0;
    ssize_t len;
    unsigned seed = 3;

    if (err) {
        error_destroy(err);
        return;
    }

    struct hits got = scan(file.bytes, file.len, encodings, min_chars, 100000, &seed);

    assert_true(asprintf(&command, "strings %s -t d -n %zu %s", options, min_chars, path) > 0);

    FILE *tool = popen(command, "re");

    assert_non_null(tool);
    while ((len = getline(&line, &room, tool)) > 0) {
        char *text;
        uint64_t offset = strtoull(line, &text, 10);

        assert_true(count < got.count);
        assert_int_equal(got.items[count].address, BASE + offset);
        assert_int_equal(got.items[count].len, line + len - text - 2);
        assert_memory_equal(got.items[count].text, text + 1, got.items[count].len);
        count++;
    }
    assert_int_equal(count, got.count);
    assert_int_equal(pclose(tool), 0);
    hits_deinit(&got);
}

static void test_gnu_strings(void **state)
{
    static const char *const files[] = {"/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6",
                                        "/lib/aarch64-linux-gnu/libc.so.6"};

    (void)state;
    if (system("strings --version >/dev/null 2>&1") != 0) {
        print_message("strings (binutils) is not there\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        for (size_t min_chars = 1; min_chars <= 10; min_chars += 3)
            compare_with_tool(files[i], "-a", STRINGS_ASCII, min_chars);
}

static void test_gnu_strings_random(void **state)
{
    char path[] = "/tmp/test_strings.XXXXXX";
    _cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
    enum { LEN = 300000 };
    uint8_t *bytes = malloc(LEN);
    unsigned seed = 5;

    (void)state;
    if (system("strings --version >/dev/null 2>&1") != 0)
        skip();
    assert_true(fd >= 0);
    assert_non_null(bytes);
    fill(bytes, LEN, 1, &seed);
    assert_null(io_write(fd, bytes, LEN));
    compare_with_tool(path, "-a", STRINGS_ASCII, 4);
    compare_with_tool(path, "-a", STRINGS_ASCII, 10);
    unlink(path);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_gap_ends_a_string),
        cmocka_unit_test(test_long_strings_come_in_pieces),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_ideographs),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_netty_mail),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_gnu_strings),
        cmocka_unit_test(test_gnu_strings_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
