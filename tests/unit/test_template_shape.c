/* What in a string is a parameter, against a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "content/template_shape.h"

static const struct {
    const char *text, *shape;
} truths[] = {
    {"", ""},
    {"no parameters at all", "no parameters at all"},
    {"Message-ID: <138824349.581113.1614644953220.JavaMail.root@host-10-33-144-190>",
     "Message-ID: <*.*.JavaMail.root@host-*>"},
    {"boundary=\"----=_Part_581112_788432614.1614644953220\"", "boundary=\"----=_Part_*_*\""},
    {"Subject: =?UTF-8?B?5rWL6K+V6YKu5Lu2?=", "Subject: =?UTF-*?B?*?="},
    {"Subject: =?iso-8859-1?q?Gr=FC=DFe_aus?=", "Subject: =?iso-*?q?*?="},
    {"6L+Z5piv5LiA5p2h5rWL6K+V6YKu5Lu277yBClRoaXMgaXMgYSB0ZXN0IGVtYWlsIQ==", "*"},
    {"VGhpcyBpcyBhIHRlc3QgZW1haWwgd2l0aCBzb21lIGxvbmdlciB0ZXh0", "*"},
    {"10.0.0.7 - - [02/Mar/2021:08:29:13 +0800] \"GET /item/4711?x=3 HTTP/1.1\" 200 512 \"-\"",
     "* - - [*] \"GET /item/*?x=* HTTP/*\" * * \"-\""},
    {"2021/03/02 08:29:13 [error] 1234#1234: *5678 open() \"/favicon.ico\" failed",
     "* [error] *#*: ** open() \"/favicon.ico\" failed"},
    {"2021-03-02 08:29:13,123 INFO  [nioEventLoopGroup-3-1] took 12.5 ms for 0x7f46a0000000",
     "* INFO  [nioEventLoopGroup-*] took * ms for *"},
    {"2021-03-02T08:29:13.123Z DEBUG id=123e4567-e89b-12d3-a456-426614174000", "* DEBUG id=*"},
    {"Date: Tue, 02 Mar 2021 08:29:13 +0800", "Date: *"},
    {"Date: Tue,  2 Mar 2021 08:29:13 GMT", "Date: *"},
    {"Tue Mar  2 08:29:13 2021 ready", "* ready"},
    {"Tue Mar  2 08:29:13 CST 2021 ready", "* ready"},
    {"Mar  2 08:29:13 host sshd[1234]: port 55022 ssh2", "* host sshd[*]: port * ssh*"},
    {"in Mar and in May, Sun or rain", "in Mar and in May, Sun or rain"},
    {"from 192.168.0.17:8080 of eth0", "from * of eth*"},
    {"sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "sha* *"},
    {"deadbeef is no number, deadbee1 is", "deadbeef is no number, * is"},
    {"SHA256:uF3n1x9Zq8H7e5Jw2kQvLm4TtYbXc6RdPpSsAa0o1iE", "SHA*:*"},
    {"io/netty/channel/nio/NioEventLoop$SelectedSelectionKeySetSelector",
     "io/netty/channel/nio/NioEventLoop$SelectedSelectionKeySetSelector"},
    {"getElementsByTagNameNSImplementationFactory", "getElementsByTagNameNSImplementationFactory"},
    {"Stra\303\237e 12 f\303\274r \303\234bergr\303\266\303\237e",
     "Stra\303\237e * f\303\274r \303\234bergr\303\266\303\237e"},
    {"1,234,567 bytes, 12,5 more", "* bytes, *,* more"},
    {"a-1-b x-12", "a-*-b x-*"},
    {"<0.0.1614644953000.JavaMail>", "<*.*.JavaMail>"},
    {"version 1.2.3 at 1.2.3.4 and 1.2.3.4.5", "version *.* at * and *"},
};

static void check(const char *text, const char *want)
{
    struct template_shape shape;
    struct buffer got = {0};
    size_t at = 0, star = SIZE_MAX;

    template_shape_of(text, strlen(text), &shape);
    for (size_t i = 0; i < shape.count; i++) {
        const struct template_token *token = &shape.tokens[i];

        assert_true(token->start >= at && token->len > 0);
        if (!token->wild)
            continue;
        buffer_bytes(&got, text + at, token->start - at);
        if (token->start != star)
            buffer_u8(&got, '*');
        at = star = token->start + token->len;
    }
    buffer_bytes(&got, text + at, shape.len - at);
    assert_string_equal(got.bytes ? got.bytes : "", want);
    buffer_deinit(&got);
}

static void test_table(void **s)
{
    (void)s;
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++)
        check(truths[i].text, truths[i].shape);
}

static uint64_t key_of(const char *text)
{
    struct template_shape shape;

    template_shape_of(text, strlen(text), &shape);
    return shape.key;
}

static void test_keys(void **s)
{
    (void)s;
    assert_int_equal(key_of("took 12 ms"), key_of("took 1345.5 ms"));
    assert_int_equal(key_of("Mar  2 08:29:13 x"), key_of("Dec 12 23:59:59 x"));
    assert_int_equal(key_of("a    b"), key_of("a b"));
    assert_int_not_equal(key_of("took 12 ms"), key_of("took 12 us"));
    assert_int_not_equal(key_of("took 12 ms"), key_of("took 12 ms."));
    assert_int_not_equal(key_of("took ms"), key_of("took 12 ms"));
    assert_int_not_equal(key_of("a b"), key_of("ab"));
}

/* Only the beginning of a long string counts, and no character is cut. */
static void test_long(void **s)
{
    char text[3 * TEMPLATE_SHAPE_BYTES];
    struct template_shape shape;

    (void)s;
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', lead);
        for (size_t i = lead; i + 3 <= sizeof(text); i += 3)
            memcpy(text + i, "\342\202\254", 3);
        template_shape_of(text, sizeof(text) - 3, &shape);
        assert_int_equal((shape.len - lead) % 3, 0);
        assert_in_range(shape.len, TEMPLATE_SHAPE_BYTES - 2, TEMPLATE_SHAPE_BYTES);
    }
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "a "[i % 2];
    template_shape_of(text, sizeof(text), &shape);
    assert_int_equal(shape.count, TEMPLATE_SHAPE_TOKENS);

    uint64_t key = shape.key;

    text[TEMPLATE_SHAPE_BYTES - 2] = 'b'; /* behind the last token that is kept */
    template_shape_of(text, sizeof(text), &shape);
    assert_int_not_equal(shape.key, key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
