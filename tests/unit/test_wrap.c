/* Columns and hanging indents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "report/wrap.h"

static void check(size_t width, const char *label, const char *text, const char *expected)
{
    _cleanup_buffer_ struct buffer out = {0};

    wrap_append(&out, width, label, strlen(label), text);
    assert_string_equal(out.bytes, expected);
}

static void words_are_wrapped_under_their_label(void **state)
{
    (void)state;
    check(40, "   why     ", "short", "   why     short\n");
    check(40, "   why     ", "a line of words that is longer than the room",
          "   why     a line of words that is\n"
          "           longer than the room\n");
    check(24, "ab: ", "exactly twenty long. next", "ab: exactly twenty long.\n    next\n");
    check(24, "", "", "\n");
}

static void a_number_stays_with_its_unit(void **state)
{
    (void)state;
    check(24, "ab: ", "it has grown to 12.5 MiB", "ab: it has grown to\n    12.5 MiB\n");
    check(24, "ab: ", "it has grown by 17 MiBs.", "ab: it has grown by 17\n    MiBs.\n");
}

static void a_long_word_is_cut(void **state)
{
    (void)state;
    check(24, "ab: ", "0123456789012345678901234567890123456789012",
          "ab: 01234567890123456789\n    01234567890123456789\n    012\n");
    /* Two columns each: ten fill the line. */
    check(24, "ab: ", "内存内存内存内存内存内存", "ab: 内存内存内存内存内存\n    内存\n");
}

static void columns_are_counted(void **state)
{
    (void)state;
    assert_int_equal(wrap_columns("abc", 3), 3);
    assert_int_equal(wrap_columns("é", 2), 1);
    assert_int_equal(wrap_columns("内存", 6), 4);
    assert_int_equal(wrap_columns("🐛", 4), 2);
    assert_int_equal(wrap_fit("内存", 6, 3), 3);
    assert_int_equal(wrap_fit("abc", 3, 0), 0);
    assert_int_equal(wrap_fit("abc", 3, 9), 3);
}

/* Whatever the words, none is lost, none is added, and every line fits. */
static void nothing_is_lost(void **state)
{
    (void)state;
    unsigned seed = 1;

    for (int round = 0; round < 2000; round++) {
        _cleanup_buffer_ struct buffer text = {0}, out = {0}, read = {0};
        size_t width = 25 + (size_t)rand_r(&seed) % 60;
        int words = 1 + rand_r(&seed) % 30;

        for (int i = 0; i < words; i++)
            buffer_printf(&text, "%s%.*s", i ? " " : "", 1 + rand_r(&seed) % 19,
                          "7 MiB, words of 1 to 19");
        wrap_append(&out, width, "label", 5, text.bytes);
        for (char *line = strtok(out.bytes + 5, "\n"); line; line = strtok(NULL, "\n")) {
            size_t indent = read.len ? 5 : 0;

            assert_true(strlen(line) - indent + 5 <= width);
            buffer_printf(&read, "%s%s", read.len ? " " : "", line + indent);
        }
        /* A run of blanks at a line's end counts as the break. */
        for (char *at; (at = strstr(text.bytes, "  "));)
            memmove(at, at + 1, strlen(at));
        for (char *at; (at = strstr(read.bytes, "  "));)
            memmove(at, at + 1, strlen(at));
        if (text.bytes[strlen(text.bytes) - 1] == ' ')
            text.bytes[strlen(text.bytes) - 1] = '\0';
        assert_string_equal(read.bytes, text.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_wrapped_under_their_label),
        cmocka_unit_test(a_number_stays_with_its_unit),
        cmocka_unit_test(a_long_word_is_cut),
        cmocka_unit_test(columns_are_counted),
        cmocka_unit_test(nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
