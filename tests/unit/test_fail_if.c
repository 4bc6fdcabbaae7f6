/* The rules of --fail-if, against analyses made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/fail_if.h"

enum { MIB = 1 << 20 };

static enum fail_if_verdict judge(const char *text, const struct analysis *analysis,
                                  const char *expected)
{
    struct fail_if_rules rules = {0};
    _cleanup_buffer_ struct buffer said = {0};

    assert_null(fail_if_add(&rules, text));

    enum fail_if_verdict verdict = fail_if_judge(&rules, analysis, &said);

    assert_string_equal(said.len ? said.bytes : "", expected);
    vector_deinit(&rules);
    return verdict;
}

static void rules_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum fail_if_subject subject;
        uint64_t above_bytes;
    } good[] = {
        {"leak", FAIL_IF_LEAK, 0},
        {"leak>1MiB", FAIL_IF_LEAK, MIB},
        {"suspect", FAIL_IF_SUSPECT, 0},
        {"suspect>500K", FAIL_IF_SUSPECT, 500 * 1024},
        {"growth>10MiB", FAIL_IF_GROWTH, 10 * MIB},
        {"growth>0", FAIL_IF_GROWTH, 0},
    };
    struct fail_if_rules rules = {0};

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_null(fail_if_add(&rules, good[i].text));
        assert_int_equal(rules.count, i + 1);
        assert_int_equal(rules.items[i].subject, good[i].subject);
        assert_int_equal(rules.items[i].above_bytes, good[i].above_bytes);
    }
    vector_deinit(&rules);
}

static void mistakes_say_what_is_accepted(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "leaks",  "lea",      "leak>",     "leak>x",     "leak=1MiB",
        "growth", "leak>-", "suspect ", "growth>1Q", "leak>1MiB ", ">1MiB",
    };
    struct fail_if_rules rules = {0};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct seep_error *err = fail_if_add(&rules, bad[i]);

        assert_non_null(err);
        assert_int_equal(err->code, ERROR_INVALID);
        assert_non_null(strstr(err->remedy, "growth>SIZE"));
    }
    assert_int_equal(rules.count, 0);
}

static void findings_are_weighed_together(void **state)
{
    (void)state;
    struct finding findings[] = {
        {.verdict = VERDICT_LEAK, .bytes = 3 * MIB},
        {.verdict = VERDICT_LEAK, .bytes = 2 * MIB},
        {.verdict = VERDICT_SUSPECT, .bytes = 7 * MIB},
        {.verdict = VERDICT_NOT_LEAK, .bytes = 900 * MIB},
    };
    struct analysis analysis = {.verdict = VERDICT_LEAK};

    analysis.findings.items = findings;
    analysis.findings.count = ARRAY_SIZE(findings);
    assert_int_equal(judge("leak", &analysis, "--fail-if 'leak' holds: 2 leaks, 5.0 MiB\n"),
                     FAIL_IF_HOLDS);
    assert_int_equal(
        judge("leak>4MiB", &analysis, "--fail-if 'leak>4MiB' holds: 2 leaks, 5.0 MiB\n"),
        FAIL_IF_HOLDS);
    assert_int_equal(judge("leak>5MiB", &analysis, ""), FAIL_IF_CLEAR);
    assert_int_equal(
        judge("suspect>5MiB", &analysis, "--fail-if 'suspect>5MiB' holds: 3 findings, 12.0 MiB\n"),
        FAIL_IF_HOLDS);

    analysis.findings.items = findings + 2;
    analysis.findings.count = 2;
    assert_int_equal(judge("leak", &analysis, ""), FAIL_IF_CLEAR);
    assert_int_equal(judge("suspect", &analysis, "--fail-if 'suspect' holds: 1 finding, 7.0 MiB\n"),
                     FAIL_IF_HOLDS);

    analysis.findings.items = findings + 3;
    analysis.findings.count = 1;
    assert_int_equal(judge("suspect", &analysis, ""), FAIL_IF_CLEAR);
}

static void what_is_not_known_is_said(void **state)
{
    (void)state;
    struct finding finding = {.verdict = VERDICT_LEAK, .bytes = ANALYSIS_UNKNOWN};
    struct analysis analysis = {
        .verdict = VERDICT_INCONCLUSIVE,
        .rss_first_bytes = MIB,
        .rss_last_bytes = ANALYSIS_UNKNOWN,
    };

    assert_int_equal(judge("leak", &analysis,
                           "--fail-if 'leak' cannot be judged: the evidence is inconclusive\n"),
                     FAIL_IF_UNKNOWN);
    assert_int_equal(judge("growth>1KiB", &analysis,
                           "--fail-if 'growth>1KiB' cannot be judged: the resident memory was not "
                           "seen both at the start and at the end\n"),
                     FAIL_IF_UNKNOWN);
    analysis.verdict = VERDICT_LEAK;
    analysis.findings.items = &finding;
    analysis.findings.count = 1;
    assert_int_equal(judge("leak>1MiB", &analysis,
                           "--fail-if 'leak>1MiB' cannot be judged: a finding's size is not "
                           "known\n"),
                     FAIL_IF_UNKNOWN);
}

static void growth_is_resident(void **state)
{
    (void)state;
    struct analysis analysis = {.rss_first_bytes = 5 * MIB, .rss_last_bytes = 16 * MIB};

    assert_int_equal(judge("growth>10MiB", &analysis,
                           "--fail-if 'growth>10MiB' holds: resident memory grew by 11.0 MiB, from "
                           "5.0 MiB to 16.0 MiB\n"),
                     FAIL_IF_HOLDS);
    assert_int_equal(judge("growth>11MiB", &analysis, ""), FAIL_IF_CLEAR);
    analysis.rss_last_bytes = 2 * MIB;
    assert_int_equal(judge("growth>0", &analysis, ""), FAIL_IF_CLEAR);
}

static void one_rule_that_holds_is_enough(void **state)
{
    (void)state;
    struct analysis analysis = {
        .verdict = VERDICT_INCONCLUSIVE, .rss_first_bytes = MIB, .rss_last_bytes = 2 * MIB};
    struct fail_if_rules rules = {0};
    _cleanup_buffer_ struct buffer said = {0};

    assert_int_equal(fail_if_judge(&rules, &analysis, &said), FAIL_IF_CLEAR);
    assert_null(fail_if_add(&rules, "growth>1KiB"));
    assert_null(fail_if_add(&rules, "leak"));
    assert_int_equal(fail_if_judge(&rules, &analysis, &said), FAIL_IF_HOLDS);
    vector_deinit(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_parsed),
        cmocka_unit_test(mistakes_say_what_is_accepted),
        cmocka_unit_test(findings_are_weighed_together),
        cmocka_unit_test(what_is_not_known_is_said),
        cmocka_unit_test(growth_is_resident),
        cmocka_unit_test(one_rule_that_holds_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
