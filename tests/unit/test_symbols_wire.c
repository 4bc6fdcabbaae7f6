/* Messages from the child: what goes in comes out, and what cannot be one is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "stacks/symbols_wire.h"
#include "tests/unit/temporary.h"

static struct symbols_message decode(const struct buffer *bytes)
{
    struct symbols_message message = {0};

    assert_false(bytes->failed);
    assert_int_equal(symbols_wire_length(bytes->bytes, bytes->len), bytes->len);
    must(symbols_wire_decode(bytes->bytes, bytes->len, &message));
    return message;
}

static void texts_and_numbers_go_through(void **state)
{
    (void)state;
    _cleanup_buffer_ struct buffer bytes = {0};

    symbols_wire_number(&bytes, SYMBOLS_WIRE_BEGIN, UINT64_MAX);

    struct symbols_message message = decode(&bytes);

    assert_int_equal(message.kind, SYMBOLS_WIRE_BEGIN);
    assert_true(message.index == UINT64_MAX);
    symbols_message_deinit(&message);

    buffer_clear(&bytes);
    symbols_wire_text(&bytes, SYMBOLS_WIRE_TROUBLE, "");
    message = decode(&bytes);
    assert_string_equal(message.text, "");
    symbols_message_deinit(&message);
}

static void places_go_through(void **state)
{
    (void)state;
    _cleanup_buffer_ struct buffer bytes = {0};
    struct symbols_line lines[] = {
        {.function = (char *)"store", .file = (char *)"leaky.c", .line = 40, .inlined = true},
        {.file = (char *)"leaky.c", .line = UINT32_MAX, .inlined = true},
        {.function = (char *)"main"},
    };

    symbols_wire_place(&bytes, 7, &(struct symbols_lines){lines, ARRAY_SIZE(lines), 3});

    struct symbols_message message = decode(&bytes);

    assert_int_equal(message.kind, SYMBOLS_WIRE_PLACE);
    assert_int_equal(message.index, 7);
    assert_int_equal(message.lines.count, 3);
    assert_string_equal(message.lines.items[0].function, "store");
    assert_string_equal(message.lines.items[0].file, "leaky.c");
    assert_int_equal(message.lines.items[0].line, 40);
    assert_true(message.lines.items[0].inlined);
    assert_null(message.lines.items[1].function);
    assert_true(message.lines.items[1].line == UINT32_MAX);
    assert_string_equal(message.lines.items[2].function, "main");
    assert_null(message.lines.items[2].file);
    assert_false(message.lines.items[2].inlined);
    symbols_message_deinit(&message);
}

static void more_than_the_bounds_is_cut(void **state)
{
    (void)state;
    enum { LINES = 2 * SYMBOLS_MAX_LINES };
    _cleanup_buffer_ struct buffer bytes = {0};
    _cleanup_free_ char *name = malloc(2 * SYMBOLS_MAX_TEXT);
    struct symbols_line lines[LINES];

    assert_non_null(name);
    memset(name, 'n', 2 * SYMBOLS_MAX_TEXT);
    name[2 * SYMBOLS_MAX_TEXT - 1] = '\0';
    for (size_t i = 0; i < LINES; i++)
        lines[i] = (struct symbols_line){name, name, 1, i + 1 < LINES};
    symbols_wire_place(&bytes, 0, &(struct symbols_lines){lines, LINES, LINES});

    struct symbols_message message = decode(&bytes);

    assert_int_equal(message.lines.count, SYMBOLS_MAX_LINES);
    assert_int_equal(strlen(message.lines.items[0].function), SYMBOLS_MAX_TEXT);
    assert_false(message.lines.items[SYMBOLS_MAX_LINES - 1].inlined);
    symbols_message_deinit(&message);
}

static void what_cannot_be_a_message_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\1\0\0\0\0", 5},            /* no kind */
        {"\1\0\0\0\x63", 5},          /* an unknown one */
        {"\1\0\0\0\1", 5},            /* no index */
        {"\3\0\0\0\1\1\1", 7},        /* more than an index */
        {"\4\0\0\0\5\3ab", 8},        /* a text that is cut */
        {"\4\0\0\0\5\2a\0", 8},       /* a NUL within */
        {"\6\0\0\0\4\0\1\1\0\0", 10}, /* the last line inlined into nothing */
        {"\6\0\0\0\4\0\xff\xff\3\0", 10} /* too many lines */,
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct symbols_message message;

        assert_int_equal(symbols_wire_length(bad[i].bytes, bad[i].len), bad[i].len);
        must_fail(symbols_wire_decode(bad[i].bytes, bad[i].len, &message), ERROR_CORRUPT);
    }
    assert_true(symbols_wire_length("\0\0\0\0", 4) == SIZE_MAX);
    assert_true(symbols_wire_length("\xff\xff\xff\xff", 4) == SIZE_MAX);
    assert_int_equal(symbols_wire_length("\1\0\0\0", 4), 0);
    assert_int_equal(symbols_wire_length("\1\0", 2), 0);
    assert_int_equal(symbols_wire_length("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_numbers_go_through),
        cmocka_unit_test(places_go_through),
        cmocka_unit_test(more_than_the_bounds_is_cut),
        cmocka_unit_test(what_cannot_be_a_message_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
