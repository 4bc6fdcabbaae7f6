#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"

static void test_lines(void **state)
{
    struct span rest = span_text("a\nb\r\nc\rd\n\n\r\re"), line;
    static const char *const lines[] = {"a", "b", "c", "d", "", "", "", "e"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_true(span_next_line(&rest, &line));
        assert_true(span_is(line, lines[i]));
    }
    assert_false(span_next_line(&rest, &line));
    rest = span_text("a\r\n");
    assert_true(span_next_line(&rest, &line));
    assert_false(span_next_line(&rest, &line));
}

static void test_steps(void **state)
{
    struct span s = span_text("nid=0x1F  rest of it"), word;
    uint64_t number;
    size_t at;

    (void)state;
    assert_false(span_take(&s, "tid="));
    assert_true(span_take(&s, "nid="));
    assert_true(span_take_hex(&s, &number));
    assert_int_equal(number, 31);
    span_skip_blanks(&s);
    assert_true(span_find(s, "e", &at));
    assert_int_equal(at, 1);
    assert_true(span_find_last(s, " ", &at));
    assert_int_equal(at, 7);
    assert_false(span_find_last(s, "longer than what is there", &at));
    word = span_take_word(&s);
    assert_true(span_is(word, "rest"));
    assert_true(span_take_through(&s, "f", &word));
    assert_true(span_is(word, "o"));
    assert_true(span_is(span_trim(s), "it"));
    assert_true(span_ends(s, "it"));
    assert_false(span_take_number(&s, &number));
    s = span_text("18446744073709551616");
    assert_false(span_take_number(&s, &number));
    s = span_text("0x10000000000000000");
    assert_false(span_take_hex(&s, &number));
    s = span_text("0x");
    assert_false(span_take_hex(&s, &number));
}

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
        const char *behind;
    } cases[] = {
        {"12", 12, ""},        {"12KB, x", 12288, ", x"},    {"12 kB", 12288, ""},
        {"12K-", 12288, "-"},  {"1.5MB", 1572864, ""},       {"2m", 2 << 20, ""},
        {"1 GB", 1 << 30, ""}, {"7 bytes)", 7, ")"},         {"7 kittens", 7, " kittens"},
        {"3B", 3, ""},         {"1.00 GB\n", 1 << 30, "\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span s = span_text(cases[i].text);
        uint64_t bytes;

        assert_true(span_take_size(&s, &bytes));
        assert_int_equal(bytes, cases[i].bytes);
        assert_true(span_is(s, cases[i].behind));
    }

    struct span s = span_text("18446744073709551615K");
    uint64_t bytes;

    assert_false(span_take_size(&s, &bytes));
    s = span_text("K");
    assert_false(span_take_size(&s, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
