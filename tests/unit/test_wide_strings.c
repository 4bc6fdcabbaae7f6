/* What is taken for text in UTF-16: that of many languages is, what memory is full of is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <uchar.h>

#include "content/strings.h"

static const char16_t *const texts[] = {
    u"Das Speicherleck w\u00e4chst gleichm\u00e4\u00dfig weiter",
    u"Xin ch\u00e0o, \u0111\u00e2y l\u00e0 m\u1ed9t th\u01b0 th\u1eed nghi\u1ec7m",
    u"\u041f\u0440\u0438\u0432\u0435\u0442, \u044d\u0442\u043e ",
    u"\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03ba\u03cc\u03c3\u03bc\u03b5",
    u"\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd, \u05de\u05db\u05ea\u05d1",
    u"\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    u"\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
    u"\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    u"\u8fd9\u662f\u4e00\u6761\u6d4b\u8bd5\u90ae\u4ef6\uff01 OK",
    u"\u3053\u308c\u306f\u30c6\u30b9\u30c8\u30e1\u30fc\u30eb\u3067\u3059\u3002",
    u"\uc774\uac83\uc740 \uc2dc\ud5d8 \uba54\uc77c\uc785\ub2c8\ub2e4",
    u"smile \U0001f600 and \U0001f680 again",
    u"----------------",
};

struct heard {
    size_t count;
    uint64_t address;
    size_t raw_len;
    char text[200];
};

static struct seep_error *hear(const struct strings_found *found, void *context)
{
    struct heard *heard = context;

    heard->count++;
    heard->address = found->address;
    heard->raw_len = found->raw_len;
    snprintf(heard->text, sizeof(heard->text), "%.*s", (int)found->len, found->text);
    return NULL;
}

static struct heard scan(const void *bytes, size_t len, unsigned encodings)
{
    struct strings_options options = {encodings, 10};
    struct heard heard = {0};
    struct strings_scan s;

    assert_null(strings_scan_init(&s, &options, hear, &heard));
    assert_null(strings_scan_push(&s, 0x1000, bytes, len));
    assert_null(strings_scan_finish(&s));
    strings_scan_deinit(&s);
    return heard;
}

static void test_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        for (int big = 0; big < 2; big++) {
            uint8_t bytes[200] = {0};
            size_t units = 0;

            for (; texts[i][units]; units++) {
                bytes[16 + 2 * units + !big] = (uint8_t)(texts[i][units] >> 8);
                bytes[16 + 2 * units + big] = (uint8_t)texts[i][units];
            }

            struct heard heard = scan(bytes, sizeof(bytes), STRINGS_UTF16LE | STRINGS_UTF16BE);

            if (heard.count != 1 || heard.address != 0x1010 || heard.raw_len != 2 * units)
                fail_msg("text %zu: %zu strings, the last '%s' at %lx", i, heard.count, heard.text,
                         (unsigned long)heard.address);
        }
}

static void put(uint8_t *bytes, size_t at, uint64_t word)
{
    memcpy(bytes + at, &word, sizeof(word));
}

static void none(const void *bytes, size_t len, const char *what)
{
    struct heard heard = scan(bytes, len, STRINGS_UTF16LE | STRINGS_UTF16BE);

    if (heard.count)
        fail_msg("%s: taken for %zu strings, '%s'", what, heard.count, heard.text);
}

static void test_no_text(void **state)
{
    uint8_t bytes[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i += 8)
        put(bytes, i, UINT64_C(0x5651e2708000) + 72 * i);
    none(bytes, sizeof(bytes), "pointers");
    for (size_t i = 0; i < sizeof(bytes); i += 8)
        put(bytes, i, UINT64_C(0x7f4674483010) + 4096 * i);
    none(bytes, sizeof(bytes), "pointers to the mapping area");
    memset(bytes, 0x55, sizeof(bytes));
    none(bytes, sizeof(bytes), "a fill pattern");
    memset(bytes, 0x90, sizeof(bytes));
    none(bytes, sizeof(bytes), "another fill pattern");
    for (size_t i = 0; i < sizeof(bytes); i += 4) /* 32-bit numbers about zero */
        memcpy(bytes + i, &(int32_t){(int32_t)(i % 300) - 150}, 4);
    none(bytes, sizeof(bytes), "small numbers");
    for (size_t i = 0; i < sizeof(bytes); i += 2) { /* operation, argument */
        bytes[i] = (uint8_t)("\x64\x7c\x83\x53\x74\x6a"[i / 2 % 5]);
        bytes[i + 1] = (uint8_t)(i / 2 % 7);
    }
    none(bytes, sizeof(bytes), "byte code");
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = i % 14 == 13 ? 0 : (uint8_t)('a' + i * 7 % 26);
    none(bytes, sizeof(bytes), "short words of ASCII");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
