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
#include "base/utf8.h"
#include "base/vector.h"
#include "content/strings.h"
#include "content/unicode.h"
#include "content/wide_strings.h"

#define BASE UINT64_C(0x7f46d34e2000)

struct hit {
    uint64_t address;
    size_t raw_len;
    unsigned encoding;
    char *text;
    size_t len;
};

VECTOR_TYPE(hits, struct hit);

static void hits_deinit(struct hits *hits)
{
    for (size_t i = 0; i < hits->count; i++)
        free(hits->items[i].text);
    vector_deinit(hits);
}

static void add(struct hits *hits, uint64_t address, size_t raw_len, unsigned encoding,
                const char *text, size_t len)
{
    struct hit hit = {address, raw_len, encoding, malloc(len + 1), len};

    assert_non_null(hit.text);
    memcpy(hit.text, text, len);
    hit.text[len] = '\0';
    assert_null(vector_push(hits, hit));
}

struct collected {
    struct hits hits;
    bool open; /* the last one goes on */
};

/* Joins the pieces of long strings. */
static struct seep_error *collect(const struct strings_found *found, void *context)
{
    struct collected *into = context;

    assert_true(found->len <= STRINGS_MAX_BYTES);
    if (into->open) {
        struct hit *last = &into->hits.items[into->hits.count - 1];

        assert_int_equal(found->address, last->address + last->raw_len);
        last->text = realloc(last->text, last->len + found->len + 1);
        assert_non_null(last->text);
        memcpy(last->text + last->len, found->text, found->len);
        last->len += found->len;
        last->text[last->len] = '\0';
        last->raw_len += found->raw_len;
        last->encoding = found->encoding;
    } else {
        add(&into->hits, found->address, found->raw_len, found->encoding, found->text, found->len);
    }
    into->open = found->continued;
    return NULL;
}

/* Scans BYTES in pieces of random sizes up to PIECE (0: in one piece). */
static struct hits scan(const void *bytes, size_t len, unsigned encodings, size_t min_chars,
                        size_t piece, unsigned *seed)
{
    struct strings_options options = {encodings, min_chars};
    struct collected into = {0};
    struct strings_scan s;

    assert_null(strings_scan_init(&s, &options, collect, &into));
    for (size_t at = 0; at < len;) {
        size_t step = piece ? (size_t)rand_r(seed) % piece + 1 : len;

        step = step < len - at ? step : len - at;
        /* From a block of its own, so that a sanitizer sees a read past the piece. */
        uint8_t *copy = malloc(step);

        assert_non_null(copy);
        memcpy(copy, (const uint8_t *)bytes + at, step);
        assert_null(strings_scan_push(&s, BASE + at, copy, step));
        free(copy);
        at += step;
    }
    assert_null(strings_scan_finish(&s));
    assert_false(into.open);
    strings_scan_deinit(&s);
    return into.hits;
}

static void same(const struct hits *got, const struct hits *want)
{
    for (size_t i = 0; i < got->count && i < want->count; i++) {
        const struct hit *g = &got->items[i], *w = &want->items[i];

        if (g->address != w->address || g->len != w->len || g->encoding != w->encoding ||
            g->raw_len != w->raw_len || memcmp(g->text, w->text, g->len) != 0)
            fail_msg("string %zu: got +%#lx %u '%s', want +%#lx %u '%s'", i,
                     (unsigned long)(g->address - BASE), g->encoding, g->text,
                     (unsigned long)(w->address - BASE), w->encoding, w->text);
    }
    assert_int_equal(got->count, want->count);
}

/* --- the models --- */

static bool is_text(uint8_t byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t';
}

static struct hits model_ascii(const uint8_t *bytes, size_t len, size_t min_chars)
{
    struct hits hits = {0};

    for (size_t at = 0; at < len; at++) {
        size_t end = at;

        while (end < len && is_text(bytes[end]))
            end++;
        if (end - at >= min_chars)
            add(&hits, BASE + at, end - at, STRINGS_ASCII, (const char *)bytes + at, end - at);
        at = end;
    }
    return hits;
}

static struct hits model_utf8(const uint8_t *bytes, size_t len, size_t min_chars, size_t min_bytes,
                              bool ascii_apart)
{
    struct hits hits = {0};

    for (size_t at = 0; at < len; at++) {
        size_t end = at, chars = 0, step;
        uint32_t point;

        while (end < len && (step = utf8_decode(bytes + end, len - end, &point)) &&
               unicode_script(point) != UNICODE_NONE) {
            end += step;
            chars++;
        }
        if (chars && chars >= min_chars && end - at >= min_bytes)
            add(&hits, BASE + at, end - at,
                ascii_apart && chars == end - at ? STRINGS_ASCII : STRINGS_UTF8,
                (const char *)bytes + at, end - at);
        if (chars)
            at = end - 1;
    }
    return hits;
}

struct model_lane {
    bool big_endian;
    const uint8_t *bytes;
    const bool *claimed;
    size_t len;
};

/* Length in bytes of the character at AT, 0 when there is none. */
static size_t model_wide_char(const struct model_lane *lane, size_t at, uint32_t *ret_point)
{
    uint16_t units[2];

    for (int i = 0; i < 2; i++) {
        size_t from = at + 2 * (size_t)i;

        if (from + 2 > lane->len || lane->claimed[from] || lane->claimed[from + 1])
            return 0;
        units[i] = (uint16_t)(lane->big_endian ? lane->bytes[from] << 8 | lane->bytes[from + 1]
                                               : lane->bytes[from + 1] << 8 | lane->bytes[from]);
        if (i == 0 && (units[0] < 0xd800 || units[0] >= 0xdc00)) {
            *ret_point = units[0];
            return 2;
        }
    }
    if (units[1] < 0xdc00 || units[1] >= 0xe000)
        return 0;
    *ret_point = 0x10000 + ((units[0] - 0xd800U) << 10) + (units[1] - 0xdc00U);
    return 4;
}

static void model_lane(const struct model_lane *lane, size_t parity, size_t min_chars,
                       struct hits *hits)
{
    for (size_t at = (BASE + parity) & 1; at < lane->len; at += 2) {
        _cleanup_buffer_ struct buffer text = {0};
        size_t end = at, chars = 0, east = 0, alike = 0, step;
        unsigned script = UNICODE_COMMON, low = 0;
        uint32_t point;

        while ((step = model_wide_char(lane, end, &point))) {
            unsigned its = unicode_script(point);
            char utf8[4];

            if (its == UNICODE_NONE || its == UNICODE_RARE ||
                (its != UNICODE_COMMON && script != UNICODE_COMMON && its != script) ||
                (end - at + step) / 2 > WIDE_STRINGS_MAX_UNITS)
                break;
            if (its != UNICODE_COMMON)
                script = its;
            if (its == UNICODE_HAN || its == UNICODE_HANGUL) {
                alike += east && (point & 0xff) == low;
                low = point & 0xff;
                east++;
            }
            buffer_bytes(&text, utf8, utf8_encode(point, utf8));
            chars++;
            end += step;
        }
        if (chars >= min_chars && 2 * alike <= east)
            add(hits, BASE + at, end - at, lane->big_endian ? STRINGS_UTF16BE : STRINGS_UTF16LE,
                text.bytes, text.len);
        if (chars)
            at = end - 2;
    }
}

static int by_address(const void *left, const void *right)
{
    const struct hit *a = left, *b = right;

    return a->address != b->address ? (a->address < b->address ? -1 : 1)
                                    : (int)a->encoding - (int)b->encoding;
}

static bool beats(const struct hit *a, const struct hit *b)
{
    unsigned a_odd = a->address & 1, b_odd = b->address & 1;

    if (a_odd < b_odd)
        return 2 * a->raw_len >= b->raw_len;
    if (a_odd > b_odd)
        return 2 * b->raw_len < a->raw_len;
    if (a->raw_len != b->raw_len)
        return a->raw_len > b->raw_len;
    return a->encoding < b->encoding;
}

static struct hits model(const uint8_t *bytes, size_t len, unsigned encodings, size_t min_chars)
{
    struct hits hits = {0}, wide = {0};

    if (encodings & STRINGS_UTF8)
        hits = model_utf8(bytes, len, min_chars, 0, encodings & STRINGS_ASCII);
    else if (encodings & STRINGS_ASCII)
        hits = model_ascii(bytes, len, min_chars);

    bool *claimed = calloc(len + 1, 1);
    struct hits claims = model_utf8(bytes, len, 1, min_chars < 8 ? 2 * min_chars : 16, false);

    assert_non_null(claimed);
    for (size_t i = 0; i < claims.count; i++)
        memset(claimed + (claims.items[i].address - BASE), true, claims.items[i].raw_len);
    for (unsigned parity = 0; parity < 2; parity++)
        for (int big = 0; big < 2; big++)
            if (encodings & (big ? STRINGS_UTF16BE : STRINGS_UTF16LE))
                model_lane(&(struct model_lane){big, bytes, claimed, len}, parity, min_chars,
                           &wide);
    if (wide.count)
        qsort(wide.items, wide.count, sizeof(*wide.items), by_address);
    for (size_t i = 0, best = 0; i < wide.count; i++) {
        const struct hit *b = &wide.items[best], *next = &wide.items[i];

        if (next->address >= b->address + b->raw_len || (i != best && beats(next, b))) {
            if (next->address >= b->address + b->raw_len)
                add(&hits, b->address, b->raw_len, b->encoding, b->text, b->len);
            best = i;
        }
        if (i + 1 == wide.count) {
            b = &wide.items[best];
            add(&hits, b->address, b->raw_len, b->encoding, b->text, b->len);
        }
    }
    if (hits.count)
        qsort(hits.items, hits.count, sizeof(*hits.items), by_address);
    hits_deinit(&wide);
    hits_deinit(&claims);
    free(claimed);
    return hits;
}

/* --- data --- */

/* Bytes of which strings are made, in runs, at random. */
static void fill(uint8_t *bytes, size_t len, int kind, unsigned *seed)
{
    static const char *const words[] = {
        "Message-ID: ",
        "Gr\xc3\xbc\xc3\x9f"
        "e",
        "\xe4\xb8\xad\xe6\x96\x87\xe6\xb5\x8b",
        "\xf0\x9f\x98\x80",
        "H\0e\0l\0l\0o\0",
        "\0w\0i\0d\0e",
        "\x1f\x04@\x04"
        "8\x04",
        "-Nf[W{",
        "\xe2\x80",
        "\xed\xa0\x80",
        "\xc0\xaf",
        "=\xd8\0\xde",
        "\0\0\0\0\0\0\0\0",
        "\x7f",
        "\xe2\x80\xa8",
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
    static const char text[] = "\0xGr\xc3\xbc\xc3\x9f"
                               "e aus K\xc3\xb6ln \xf0\x9f\x98\x80 \xe4\xb8\xad\xe6\x96\x87\0"
                               "P\0r\0i\0v\0e\0t\0=\xd8\0\xde!\0\0\0plain ASCII text\0";
    struct hits want = scan(text, sizeof(text), STRINGS_ALL, 4, 0, NULL);

    (void)state;
    assert_int_equal(want.count, 3);
    assert_string_equal(want.items[1].text, "Privet\xf0\x9f\x98\x80!");
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
                memcpy(text + STRINGS_MAX_BYTES - 2, "\xc3\xbc", 2);
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
        {"Stra\xc3\x9f"
         "enbahn",
         12, STRINGS_UTF8,
         "Stra\xc3\x9f"
         "enbahn"},
        {"w\0i\0d\0e\0 \0t\0e\0x\0t\0.\0", 20, STRINGS_UTF16LE, "wide text."},
        {"\0w\0i\0d\0e\0 \0t\0e\0x\0t\0.", 20, STRINGS_UTF16BE, "wide text."},
        {"\x1f\x04@\x04"
         "8\x04"
         "2\x04"
         "5\x04"
         "B\x04 \0<\x04"
         "8\x04@\x04!\0",
         22, STRINGS_UTF16LE,
         "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xd0\xbc\xd0\xb8\xd1\x80!"},
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
        "\xd0\xbf\xd1\x80\xd0\xb5\xd0\xb2\xd0\xbe\xd1\x81\xd1\x85\xd0\xbe\xd0\xb4\xd0\xb8\xd1\x82"
        "\xd0"
        "\xb5\xd0\xbb\xd1\x8c\xd1\x81\xd1\x82\xd0\xb2\xd0\xbe",
        "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90"
        "\x90",
    };
    unsigned seed = 1;
    struct hits got = scan(mail, sizeof(mail), STRINGS_ALL, 10, 0, &seed);

    (void)state;
    assert_int_equal(got.count, 1);
    assert_string_equal(got.items[0].text,
                        "\xe8\xbf\x99\xe6\x98\xaf\xe4\xb8\x80\xe6\x9d\xa1\xe6\xb5\x8b\xe8\xaf\x95"
                        "\xe9\x82\xae\xe4\xbb\xb6\xef\xbc\x81ok");
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
