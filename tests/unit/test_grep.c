/* Patterns of --grep on text from anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/grep.h"

static bool matches(const char *pattern, const char *text, size_t len)
{
    _cleanup_(grep_destroyp) struct grep *grep = NULL;

    assert_null(grep_create(pattern, &grep));
    return grep_matches(grep, text, len);
}

static void test_patterns(void **s)
{
    (void)s;
    assert_true(grep_matches(NULL, "anything", 8));
    assert_true(matches("Java(Mail|Script)", "x.JavaMail.root", 15));
    assert_false(matches("Java(Mail|Script)", "x.JavaMail.root", 9));
    assert_true(matches("^\\s*\\w+:", "Stra\303\237e: 7", 10));
    assert_true(matches("(?i)message-id", "Message-ID: <1>", 15));
    assert_true(matches("a\\x00b", "a\0b", 3));
    assert_true(matches("", "", 0));
    assert_true(matches("tail$", "\377\376\303( tail", 9));
}

static void test_mistakes(void **s)
{
    static const char *const wrong[] = {"(", "a**", "[z-a]", "\\C", "(?<n>", "\377"};

    (void)s;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct grep *grep = NULL;
        struct seep_error *err = grep_create(wrong[i], &grep);

        assert_non_null(err);
        assert_null(grep);
        assert_int_equal(err->code, ERROR_INVALID);
        error_destroy(err);
    }
}

/* Exponential for those who go on. */
static void test_patience(void **s)
{
    char text[60];

    (void)s;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '!';
    assert_false(matches("^(a|aa)+$", text, sizeof(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_patience),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
