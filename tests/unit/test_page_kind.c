/* Pages whose kind is known because they were made so, or because of the file that they are from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "content/page_kind.h"

enum { PAGE = PAGE_KIND_BYTES };

static const struct address_range ranges[] = {{0x400000, 0x402000},
                                              {0x7f46a0000000, 0x7f46a4000000}};
static const struct address_ranges known = {ranges, 2};
static struct address_ranges_cache cache;

static uint64_t state = 88172645463325252ULL;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static enum page_kind kind_of(const void *bytes, size_t len)
{
    return page_kind_of(bytes, len, &known, &cache);
}

/* All whole pages of BUFFER are of KIND, but for EXCEPT at most. */
static void check(struct buffer *buffer, enum page_kind kind, size_t except)
{
    size_t others = 0;

    assert_false(buffer->failed);
    assert_true(buffer->len >= PAGE);
    for (size_t at = 0; at + PAGE <= buffer->len; at += PAGE) {
        enum page_kind found = kind_of(buffer->bytes + at, PAGE);

        if (found != kind && ++others > except)
            fail_msg("page %zu is %s, not %s", at / PAGE, page_kind_name(found),
                     page_kind_name(kind));
    }
    buffer_deinit(buffer);
}

static void test_names(void **s)
{
    (void)s;
    for (int i = 0; i < PAGE_KIND_COUNT; i++) {
        enum page_kind kind = (enum page_kind)i;

        assert_non_null(page_kind_name(kind));
        assert_non_null(page_kind_title(kind));
        for (int other = 0; other < i; other++) {
            assert_int_not_equal(page_kind_letter(kind), page_kind_letter((enum page_kind)other));
            assert_string_not_equal(page_kind_name(kind), page_kind_name((enum page_kind)other));
        }
    }
}

static void test_zeros(void **s)
{
    uint8_t bytes[PAGE] = {0};

    (void)s;
    for (size_t len = 1; len <= PAGE; len++)
        assert_int_equal(kind_of(bytes, len), PAGE_KIND_ZERO);
    bytes[PAGE - 1] = 1;
    assert_int_not_equal(kind_of(bytes, PAGE), PAGE_KIND_ZERO);
}

static void test_numbers(void **s)
{
    struct buffer pointers = {0}, far = {0}, small = {0}, wide = {0}, doubles = {0}, floats = {0};

    (void)s;
    for (int i = 0; i < 4 * PAGE; i++) {
        double value = sqrt((double)(random64() % 100000)) - 100;
        float half = (float)value;

        /* A node: what it counts, its size, two links. */
        buffer_u64(&pointers, 0x31);
        buffer_u64(&pointers, 0x7f46a0000000 + random64() % 0x4000000 / 16 * 16);
        buffer_u64(&pointers, i % 3 ? 0x400000 + random64() % 0x2000 : 0);
        buffer_u64(&pointers, random64() % 100);
        buffer_u64(&far, 0x55d000000000 + random64() % 0x4000000 / 16 * 16); /* mapped nowhere */
        buffer_u32(&small, (uint32_t)(random64() % 60000) - 1000);
        buffer_u64(&wide, random64() % 60000);
        buffer_bytes(&doubles, &value, sizeof(value));
        buffer_bytes(&floats, &half, sizeof(half));
    }
    check(&pointers, PAGE_KIND_POINTERS, 0);
    assert_int_equal(kind_of(far.bytes, PAGE), PAGE_KIND_BINARY);
    assert_int_equal(page_kind_of((uint8_t *)far.bytes, PAGE, &(struct address_ranges){0}, &cache),
                     PAGE_KIND_POINTERS);
    buffer_deinit(&far);
    check(&small, PAGE_KIND_INTEGERS, 0);
    check(&wide, PAGE_KIND_INTEGERS, 0);
    check(&doubles, PAGE_KIND_FLOATS, 0);
    check(&floats, PAGE_KIND_FLOATS, 0);
}

static void add_wide(struct buffer *b, const char *text, bool big_endian)
{
    for (size_t at = 0; text[at];) {
        uint32_t point;

        at += utf8_decode(text + at, strlen(text + at), &point);
        buffer_u8(b, (uint8_t)(big_endian ? point >> 8 : point));
        buffer_u8(b, (uint8_t)(big_endian ? point : point >> 8));
    }
}

static void test_text(void **s)
{
    static const char *const texts[] = {
        "It was a bright cold day in April, and the clocks were striking thirteen. ",
        "Это случилось в один из последних дней осени, когда листья уже опали. ",
        "Straßenbahnhaltestelle, Übergrößenträger, ähnlich öfter. ",
    };

    (void)s;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buffer narrow = {0}, little = {0}, big = {0};

        while (narrow.len < 3 * PAGE) {
            buffer_printf(&narrow, "%d: %s\n", (int)narrow.len, texts[i]);
            add_wide(&little, texts[i], false);
            add_wide(&big, texts[i], true);
        }
        check(&narrow, PAGE_KIND_TEXT, 0);
        check(&little, PAGE_KIND_WIDE, 0);
        check(&big, PAGE_KIND_WIDE, 0);
    }

    struct buffer han = {0}, words = {0};

    for (int i = 0; i < 4 * PAGE; i++) {
        buffer_u8(&han, (uint8_t)random64());
        buffer_u8(&han, (uint8_t)(0x4e + random64() % 64));
    }
    check(&han, PAGE_KIND_WIDE, 0);
    /* Strings in small blocks, as allocators leave them. */
    for (int i = 0; i < PAGE; i++) {
        char block[32] = "";

        snprintf(block, sizeof(block), "key-%d-of-many", (int)(random64() % 10000));
        buffer_bytes(&words, block, sizeof(block));
    }
    check(&words, PAGE_KIND_TEXT, 0);
}

static void test_known_texts(void **s)
{
    struct buffer mail = {0}, http = {0}, json = {0}, xml = {0}, log = {0};

    (void)s;
    for (int i = 0; i < 400; i++) {
        buffer_printf(
            &mail,
            "Received: from a%d.example.org by mx; Tue, 02 Mar 2021 08:29:13 +0800\r\n"
            "Message-ID: <%d.12.JavaMail.root@host>\r\nFrom: a@example.org\r\n"
            "To: b@example.org\r\nSubject: %d\r\nMIME-Version: 1.0\r\n\r\nHello.\r\n.\r\n",
            i, i * 7, i);
        buffer_printf(&http,
                      "GET /v1/items/%d HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n"
                      "User-Agent: test/%d\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                      i, i);
        buffer_printf(&json, "{\"id\":%d,\"name\":\"user %d\",\"tags\":[\"a\",\"b\"],\"on\":true},",
                      i, i);
        buffer_printf(&xml, "<item id=\"%d\"><name>item %d</name><empty/></item>\n", i, i);
        buffer_printf(&log, "08:29:%02d [main] INFO  took %d ms for <%d> {%d}\n", i % 60, i, i, i);
    }
    check(&mail, PAGE_KIND_MAIL, 0);
    check(&http, PAGE_KIND_HTTP, 0);
    check(&json, PAGE_KIND_JSON, 0);
    check(&xml, PAGE_KIND_XML, 0);
    check(&log, PAGE_KIND_TEXT, 0);
}

/* --- formats that begin with a mark --- */

static void expect_at_any_block(const void *head, size_t len, enum page_kind kind)
{
    uint8_t page[PAGE];

    for (size_t at = 0; at <= PAGE / 2; at += 16) {
        for (size_t i = 0; i < PAGE; i++)
            page[i] = (uint8_t)(i < at ? 0 : random64());
        memcpy(page + at, head, len);
        assert_int_equal(kind_of(page, PAGE), kind);
    }
}

static void test_marks(void **s)
{
    static const uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\b\6\0\0\0";
    static const uint8_t jpeg[] = "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0H\0H\0\0";
    static const uint8_t java[] = "\xac\xed\0\5sr\0\21java.util.HashMap";
    static const uint8_t class_file[] = "\xca\xfe\xba\xbe\0\0\0\x3d\0\x20\n\0\2\0\3\7\0\4";
    static const uint8_t elf[] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3e\0";
    static const uint8_t gzip[] = "\x1f\x8b\b\0\0\0\0\0\0\3\xed\x7d";
    static const uint8_t sqlite[] = "SQLite format 3\0\x10\0\1\1\0\x40\x20\x20";
    static const uint8_t hello[] = "\x16\3\1\0\xc8\1\0\0\xc4\3\3";
    uint8_t data[] = "\x17\3\3\0\x20................................\x17\3\3\4\0";

    (void)s;
    expect_at_any_block(png, sizeof(png) - 1, PAGE_KIND_PNG);
    expect_at_any_block(jpeg, sizeof(jpeg) - 1, PAGE_KIND_JPEG);
    expect_at_any_block(java, sizeof(java) - 1, PAGE_KIND_JAVA_OBJECTS);
    expect_at_any_block(class_file, sizeof(class_file) - 1, PAGE_KIND_CLASS_FILE);
    expect_at_any_block(elf, sizeof(elf) - 1, PAGE_KIND_ELF);
    expect_at_any_block(gzip, sizeof(gzip) - 1, PAGE_KIND_GZIP);
    expect_at_any_block(sqlite, sizeof(sqlite) - 1, PAGE_KIND_SQLITE);
    expect_at_any_block(hello, sizeof(hello) - 1, PAGE_KIND_TLS);
    expect_at_any_block(data, sizeof(data) - 1, PAGE_KIND_TLS);
    /* A class file of no version there is. */
    uint8_t noise[PAGE];

    for (size_t i = 0; i < PAGE; i++)
        noise[i] = (uint8_t)random64();
    memcpy(noise, "\xca\xfe\xba\xbe\0\0\0\2\0\x20\n", 11);
    assert_int_equal(kind_of(noise, PAGE), PAGE_KIND_DENSE);
}

static void test_protobuf(void **s)
{
    struct buffer b = {0};

    (void)s;
    for (int i = 0; b.len < 4 * PAGE; i++) {
        char name[32];
        int len = snprintf(name, sizeof(name), "user-%d@example.org", i);

        buffer_u8(&b, 1 << 3 | 2); /* a message */
        buffer_u8(&b, (uint8_t)(len + 2 + 9 + 6));
        buffer_u8(&b, 1 << 3);
        buffer_varint(&b, 100000 + (uint64_t)i);
        buffer_u8(&b, 2 << 3 | 2);
        buffer_u8(&b, (uint8_t)len);
        buffer_bytes(&b, name, (size_t)len);
        buffer_u8(&b, 3 << 3 | 1);
        buffer_u64(&b, random64());
        buffer_u8(&b, 4 << 3);
        buffer_u8(&b, 1);
    }
    check(&b, PAGE_KIND_PROTOBUF, 0);
}

/* --- from outside --- */

static void test_dense(void **s)
{
    struct buffer text = {0}, packed = {0}, noise = {0};
    uLong len;

    (void)s;
    for (int i = 0; i < 100000; i++)
        buffer_printf(&text, "%s %x,", i % 7 ? "some words" : "more of them", (unsigned)random64());
    len = compressBound(text.len);
    assert_int_equal(compress(buffer_extend(&packed, len), &len, (Bytef *)text.bytes, text.len),
                     Z_OK);
    packed.len = len;
    for (int i = 0; i < 1 << 15; i++)
        buffer_u64(&noise, random64());
    check(&packed, PAGE_KIND_DENSE, packed.len / PAGE / 20);
    check(&noise, PAGE_KIND_DENSE, 0);
    buffer_deinit(&text);
}

/* What of this program the loader maps to be executed is code, but for a table here and there. */
static void test_code(void **s)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    size_t code = 0, all = 0;

    (void)s;
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        uint64_t start, end;

        if (sscanf(line, "%lx-%lx r-xp", &start, &end) != 2 || !strstr(line, "r-xp") ||
            !strchr(line, '/'))
            continue;
        for (uint64_t at = start; at < end; at += PAGE, all++)
            code += kind_of((const void *)(uintptr_t)at, PAGE) == PAGE_KIND_CODE; /* NOLINT */
    }
    fclose(maps);
    assert_true(all > 100);
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
    assert_true(code * 100 >= all * 80);
#else
    assert_true(code * 2 >= all);
#endif
}

/* No length and no bytes make it read beyond them: the sanitizers see to that. */
static void test_any_length(void **s)
{
    static const uint8_t some[] = "GET <\"\x16\x03\x8b:";

    (void)s;
    for (size_t len = 1; len < 700; len++) {
        uint8_t *bytes = malloc(len);

        assert_non_null(bytes);
        for (int round = 0; round < 8; round++) {
            for (size_t i = 0; i < len; i++)
                bytes[i] = round & 1 ? (uint8_t)random64() : some[random64() % 10];
            assert_true(kind_of(bytes, len) < PAGE_KIND_COUNT);
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_numbers),     cmocka_unit_test(test_text),
        cmocka_unit_test(test_known_texts), cmocka_unit_test(test_marks),
        cmocka_unit_test(test_protobuf),    cmocka_unit_test(test_dense),
        cmocka_unit_test(test_code),        cmocka_unit_test(test_any_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
