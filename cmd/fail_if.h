/*
 * The rules of --fail-if, which make a test run fail when it leaks.
 *
 *     leak          a finding's verdict is leak
 *     leak>1MiB     such findings hold more than 1 MiB together
 *     suspect       a finding's verdict is leak or suspect; suspect>SIZE likewise
 *     growth>10MiB  the resident memory grew by more than 10 MiB from the first to the last
 * snapshot
 *
 *     err = fail_if_add(&rules, "leak>1MiB");      repeatable: one that holds is enough
 *     if (fail_if_judge(&rules, analysis, &said) == FAIL_IF_HOLDS)
 *         ... said: "--fail-if 'leak>1MiB' holds: 1 leak, 96.0 MiB"
 */
#pragma once

#include <stdint.h>

#include "analyzer/analysis.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/vector.h"

enum fail_if_subject { FAIL_IF_LEAK, FAIL_IF_SUSPECT, FAIL_IF_GROWTH };

struct fail_if_rule {
    enum fail_if_subject subject;
    uint64_t above_bytes; /* holds when there is more than this */
    const char *text;     /* as the user wrote it, who keeps it */
};

VECTOR_TYPE(fail_if_rules, struct fail_if_rule);

enum fail_if_verdict {
    FAIL_IF_CLEAR,
    FAIL_IF_UNKNOWN, /* none holds, but one could not be judged for want of evidence */
    FAIL_IF_HOLDS,
};

/* Adds the rule TEXT; ERROR_INVALID, with what is accepted as its remedy, when it is none. */
struct seep_error *fail_if_add(struct fail_if_rules *rules, const char *text);

/* Judges ANALYSIS by all rules. RET_SAID gets a line, ending in a newline, for every rule that
 * holds or cannot be judged. */
enum fail_if_verdict fail_if_judge(const struct fail_if_rules *rules,
                                   const struct analysis *analysis, struct buffer *ret_said);
