#include "cmd/fail_if.h"

#include <string.h>

#include "base/units.h"

static const char *const subjects[] = {
    [FAIL_IF_LEAK] = "leak",
    [FAIL_IF_SUSPECT] = "suspect",
    [FAIL_IF_GROWTH] = "growth",
};

static struct seep_error *not_a_rule(const char *text)
{
    return error_remedy(error_create(ERROR_INVALID, "'%s' is not a rule", text),
                        "rules are leak, leak>SIZE, suspect, suspect>SIZE and growth>SIZE, "
                        "SIZE being such as 1MiB, 500K or 4096");
}

struct seep_error *fail_if_add(struct fail_if_rules *rules, const char *text)
{
    struct fail_if_rule rule = {.text = text};
    size_t len = strcspn(text, ">");

    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
        if (strlen(subjects[i]) != len || strncmp(text, subjects[i], len) != 0)
            continue;
        rule.subject = (enum fail_if_subject)i;
        /* Growth of one page is no news, so that a bare "growth" would always hold. */
        if (text[len] ? !units_parse_size(text + len + 1, &rule.above_bytes)
                      : rule.subject == FAIL_IF_GROWTH)
            return not_a_rule(text);
        return vector_push(rules, rule);
    }
    return not_a_rule(text);
}

static enum fail_if_verdict cannot_judge(const struct fail_if_rule *rule, const char *why,
                                         struct buffer *said)
{
    buffer_printf(said, "--fail-if '%s' cannot be judged: %s\n", rule->text, why);
    return FAIL_IF_UNKNOWN;
}

static enum fail_if_verdict judge_findings(const struct fail_if_rule *rule,
                                           const struct analysis *analysis, struct buffer *said)
{
    enum verdict least = rule->subject == FAIL_IF_LEAK ? VERDICT_LEAK : VERDICT_SUSPECT;
    uint64_t bytes = 0;
    size_t count = 0, unsized = 0;
    struct units_text size;

    for (size_t i = 0; i < analysis->findings.count; i++) {
        const struct finding *finding = &analysis->findings.items[i];

        if (finding->verdict < least)
            continue;
        count++;
        if (finding->bytes == ANALYSIS_UNKNOWN)
            unsized++;
        else if (__builtin_add_overflow(bytes, finding->bytes, &bytes))
            bytes = UINT64_MAX;
    }
    if (count == 0 && analysis->verdict == VERDICT_INCONCLUSIVE)
        return cannot_judge(rule, "the evidence is inconclusive", said);
    if (count == 0)
        return FAIL_IF_CLEAR;
    /* Without a size the verdict itself is the rule, whatever its bytes. */
    if (strchr(rule->text, '>') && bytes <= rule->above_bytes)
        return unsized ? cannot_judge(rule, "a finding's size is not known", said) : FAIL_IF_CLEAR;
    buffer_printf(said, "--fail-if '%s' holds: %zu %s%s, %s\n", rule->text, count,
                  rule->subject == FAIL_IF_LEAK ? "leak" : "finding", count == 1 ? "" : "s",
                  units_format_size(&size, bytes));
    return FAIL_IF_HOLDS;
}

static enum fail_if_verdict judge_growth(const struct fail_if_rule *rule,
                                         const struct analysis *analysis, struct buffer *said)
{
    uint64_t first = analysis->rss_first_bytes, last = analysis->rss_last_bytes;
    struct units_text grown, from, to;

    if (first == ANALYSIS_UNKNOWN || last == ANALYSIS_UNKNOWN)
        return cannot_judge(
            rule, "the resident memory was not seen both at the start and at the end", said);
    if (last <= first || last - first <= rule->above_bytes)
        return FAIL_IF_CLEAR;
    buffer_printf(said, "--fail-if '%s' holds: resident memory grew by %s, from %s to %s\n",
                  rule->text, units_format_size(&grown, last - first),
                  units_format_size(&from, first), units_format_size(&to, last));
    return FAIL_IF_HOLDS;
}

enum fail_if_verdict fail_if_judge(const struct fail_if_rules *rules,
                                   const struct analysis *analysis, struct buffer *ret_said)
{
    enum fail_if_verdict gravest = FAIL_IF_CLEAR;

    for (size_t i = 0; i < rules->count; i++) {
        const struct fail_if_rule *rule = &rules->items[i];
        enum fail_if_verdict verdict = rule->subject == FAIL_IF_GROWTH
                                           ? judge_growth(rule, analysis, ret_said)
                                           : judge_findings(rule, analysis, ret_said);

        if (verdict > gravest)
            gravest = verdict;
    }
    return gravest;
}
