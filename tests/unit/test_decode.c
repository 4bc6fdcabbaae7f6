/* What encoded text says, against tables, and the mail of a real leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "content/decode.h"
#include "content/strings.h"

struct row {
    const char *text, *says; /* NULL: nothing is encoded */
    unsigned kinds;
};

static const struct row rows[] = {
    {"Subject: =?UTF-8?B?5rWL6K+V6YKu5Lu2?=", "Subject: 测试邮件", 1 << DECODE_WORD},
    {"=?utf-8?q?caf=C3=A9_au_lait?= x", "café au lait x", 1 << DECODE_WORD},
    {"=?iso-8859-1?Q?caf=E9?=", "café", 1 << DECODE_WORD},
    {"=?utf-8*fr?Q?caf=C3=A9?=", "café", 1 << DECODE_WORD},
    {"=?gb2312?B?suLK1A==?=", "测试", 1 << DECODE_WORD},
    {"=?koi8-r?B?8NLJ18XU?=", "Привет", 1 << DECODE_WORD},
    {"a =?UTF-8?B?5rWL?= =?UTF-8?B?6K+V?= b", "a 测试 b", 1 << DECODE_WORD},
    {"=?UTF-8?B?5rWL?=\r\n =?UTF-8?B?6K+V?=", "测试", 1 << DECODE_WORD},
    {"=?UTF-7?Q?x?=", NULL, 0},
    {"=?UTF-8?B?5rWL?", NULL, 0},
    {"=?UTF-8?X?5rWL?=", NULL, 0},
    {"=?UTF-8?Q?=FF?=", NULL, 0},
    {"=?UTF-8?Q?"
     "?=",
     NULL, 0},
    {"=?", NULL, 0},
    {"VGhpcyBpcyBhIHRlc3QgZW1haWwh", "This is a test email!", 1 << DECODE_BASE64},
    {"Authorization: Basic dXNlcjpub3QgYSBzZWNyZXQ=", "Authorization: Basic user:not a secret",
     1 << DECODE_BASE64},
    {"data=dXNlcjpub3QgYSBzZWNyZXQ=&x=1", "data=user:not a secret&x=1", 1 << DECODE_BASE64},
    {"5rWL6K-V6YKu5Lu2", "测试邮件", 1 << DECODE_BASE64},
    {"VGhpcyBpcyBh", NULL, 0}, /* too short to tell */
    {"internationalization", NULL, 0},
    {"/usr/lib/x86_64-linux-gnu/libc", NULL, 0},
    {"AAAAAAAAAAAAAAAAAAAAAAAA", NULL, 0},
    {"54686973206973206120746573742e", "This is a test.", 1 << DECODE_HEX},
    {"id 54686973206973206120746573742E;", "id This is a test.;", 1 << DECODE_HEX},
    {"deadbeefdeadbeefdeadbeef", NULL, 0},
    {"1614644953220123456", NULL, 0},
    {"GET /?q=caf%C3%A9%20noir HTTP/1.1", "GET /?q=café noir HTTP/1.1", 1 << DECODE_URL},
    {"%E6%B5%8B", "测", 1 << DECODE_URL},
    {"100%25", "100%", 1 << DECODE_URL},
    {"%FF%FE", NULL, 0},
    {"%00", NULL, 0},
    {"100 %", NULL, 0},
    {"%4", NULL, 0},
    {"%%41", "%A", 1 << DECODE_URL},
    {"%2541", "%41", 1 << DECODE_URL}, /* once */
    {"caf=C3=A9 noir", "café noir", 1 << DECODE_QUOTED_PRINTABLE},
    {"a=20", NULL, 0},
    {"%C3%A9 and =?UTF-8?Q?=C3=A9?=", "é and é", 1 << DECODE_URL | 1 << DECODE_WORD},
    {"plain text", NULL, 0},
    {"", NULL, 0},
};

static void test_display(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_buffer_ struct buffer out = {0};
        unsigned kinds = 0;
        /* Its own allocation, so that reading behind it is noticed. */
        size_t len = strlen(rows[i].text);
        char *text = malloc(len ? len : 1);

        assert_non_null(text);
        memcpy(text, rows[i].text, len);
        buffer_bytes(&out, "> ", 2);

        bool decoded = decode_for_display(text, len, &out, &kinds);

        if (decoded != (rows[i].says != NULL))
            fail_msg("'%s': '%s'", rows[i].text, out.bytes);
        assert_memory_equal(out.bytes, "> ", 2);
        if (decoded) {
            assert_string_equal(out.bytes + 2, rows[i].says);
            assert_int_equal(kinds, rows[i].kinds);
        } else {
            assert_int_equal(out.len, 2);
        }
        free(text);
    }
}

static void test_bodies(void **state)
{
    static const struct {
        bool (*decode)(const char *text, size_t len, struct buffer *out);
        const char *text, *says;
    } bodies[] = {
        {decode_base64, "VGhp\r\ncyBp\r\ncw==\r\n", "This is"},
        {decode_base64, "VGhpcyBpcw", "This is"},
        {decode_base64, "VGhpcyBpcw=", "This is"},
        {decode_base64, "VGhpcyBpcw===", NULL},
        {decode_base64, "VGhp=cyBpcw", NULL},
        {decode_base64, "VGhp cyBpcw", NULL},
        {decode_base64, "", NULL},
        {decode_hex, "5468\n6973", "This"},
        {decode_hex, "54686", NULL},
        {decode_hex, "5g", NULL},
        {decode_hex, "", NULL},
        {decode_quoted_printable, "Stra=C3=9Fe=\r\nnbahn =\nx=3D=", "Straßenbahn x=="},
        {decode_quoted_printable, "nothing = here", NULL},
        {decode_url, "a%20b%2", "a b%2"},
        {decode_url, "a+b", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        _cleanup_buffer_ struct buffer out = {0};

        buffer_u8(&out, '>');
        if (bodies[i].decode(bodies[i].text, strlen(bodies[i].text), &out) !=
            (bodies[i].says != NULL))
            fail_msg("'%s': '%s'", bodies[i].text, out.bytes);
        assert_string_equal(out.bytes + 1, bodies[i].says ? bodies[i].says : "");
    }
}

/* Random bytes in base64 and hex come back. */
static void test_round_trip(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned seed = 4;

    (void)state;
    for (size_t len = 1; len < 200; len++) {
        uint8_t bytes[200];
        char base64[300] = "", hex[401] = "";
        size_t at = 0;
        _cleanup_buffer_ struct buffer one = {0}, other = {0};

        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)rand_r(&seed);
        for (size_t i = 0; i < len; i++)
            sprintf(hex + 2 * i, i % 2 ? "%02x" : "%02X", bytes[i]);
        for (size_t bit = 0; bit < 8 * len; bit += 6) {
            unsigned value =
                (unsigned)bytes[bit / 8] << 8 | (bit / 8 + 1 < len ? bytes[bit / 8 + 1] : 0);

            base64[at++] = digits[value >> (10 - bit % 8) & 63];
        }
        while (at % 4)
            base64[at++] = '=';
        assert_true(decode_base64(base64, at, &one));
        assert_int_equal(one.len, len);
        assert_memory_equal(one.bytes, bytes, len);
        assert_true(decode_hex(hex, 2 * len, &other));
        assert_int_equal(other.len, len);
        assert_memory_equal(other.bytes, bytes, len);
    }
}

/* Long input of the worst kinds takes no longer than its length. */
static void test_hostile(void **state)
{
    enum { LEN = 1 << 20 };
    static const char *const units[] = {
        "=?", "=?x?B?", "=?a*", "%FF", "=FF", "a=", "AAAA", "=", "=?utf-8?Q?a", "%", "00"};
    char *text = malloc(LEN);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        _cleanup_buffer_ struct buffer out = {0};
        unsigned kinds;

        for (size_t at = 0; at < LEN; at++)
            text[at] = units[i][at % strlen(units[i])];
        decode_for_display(text, LEN, &out, &kinds);
        assert_true(out.len <= 4 * (size_t)LEN);
    }
    free(text);
}

/* --- the mail --- */

struct mail {
    struct buffer text; /* what was decoded of each line, or the line */
    size_t lines;
};

static struct seep_error *show_line(const struct strings_found *found, void *context)
{
    struct mail *mail = context;
    unsigned kinds;

    if (!decode_for_display(found->text, found->len, &mail->text, &kinds))
        buffer_bytes(&mail->text, found->text, found->len);
    buffer_u8(&mail->text, '\n');
    mail->lines++;
    return NULL;
}

static void test_netty_mail(void **state)
{
    _cleanup_buffer_ struct buffer page = {0};
    struct strings_options options = {STRINGS_ASCII | STRINGS_UTF8, 4};
    struct mail mail = {0};
    struct strings_scan scan;

    (void)state;
    assert_null(io_read_file(AT_FDCWD, "unit/data/netty-mail.bin", 1 << 20, &page));
    assert_null(strings_scan_init(&scan, &options, show_line, &mail));
    assert_null(strings_scan_push(&scan, 0x219460, page.bytes, page.len));
    assert_null(strings_scan_finish(&scan));
    strings_scan_deinit(&scan);
    assert_false(mail.text.failed);
    assert_non_null(strstr(mail.text.bytes,
                           "sage-ID: <138824349.581113.1614644953220.JavaMail.root@"
                           "host-10-33-144-190>\n"));
    assert_non_null(strstr(mail.text.bytes, "\nSubject: 测试邮件\n"));
    assert_non_null(strstr(mail.text.bytes, "\nMIME-Version: 1.0\n"));
    assert_non_null(strstr(mail.text.bytes, "\nContent-Transfer-Encoding: base64\n"));
    assert_non_null(strstr(mail.text.bytes, "\n这是一条测试邮件！\nThis is a test email!\n"));
    assert_non_null(strstr(mail.text.bytes, "\nEHLO host-10-33-144-190\n"));
    buffer_deinit(&mail.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_display),    cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_netty_mail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
