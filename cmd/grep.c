#define PCRE2_CODE_UNIT_WIDTH 8

#include "cmd/grep.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP_LIMIT = 1000000, /* a hostile text must not make an innocent pattern take hours */
    HEAP_KIB = 16 * 1024,
};

struct grep {
    pcre2_code *code;
    pcre2_match_data *found;
    pcre2_match_context *limits;
};

struct seep_error *grep_create(const char *pattern, struct grep **ret_grep)
{
    _cleanup_(grep_destroyp) struct grep *grep = calloc(1, sizeof(*grep));
    size_t offset = 0;
    int code = 0;

    if (!grep)
        return error_no_memory();
    grep->code =
        pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                      &code, &offset, NULL);
    if (!grep->code) {
        PCRE2_UCHAR message[160] = "";

        pcre2_get_error_message(code, message, sizeof(message));
        return error_create(ERROR_INVALID, "'%s' is no regular expression: at character %zu, %s",
                            pattern, offset, (const char *)message);
    }
    pcre2_jit_compile(grep->code, PCRE2_JIT_COMPLETE); /* where it cannot, matching is slower */
    grep->found = pcre2_match_data_create_from_pattern(grep->code, NULL);
    grep->limits = pcre2_match_context_create(NULL);
    if (!grep->found || !grep->limits)
        return error_no_memory();
    pcre2_set_match_limit(grep->limits, STEP_LIMIT);
    pcre2_set_heap_limit(grep->limits, HEAP_KIB);
    *ret_grep = take_ptr(grep);
    return NULL;
}

void grep_destroy(struct grep *grep)
{
    if (!grep)
        return;
    pcre2_match_context_free(grep->limits);
    pcre2_match_data_free(grep->found);
    pcre2_code_free(grep->code);
    free(grep);
}

bool grep_matches(struct grep *grep, const char *text, size_t len)
{
    return !grep ||
           pcre2_match(grep->code, (PCRE2_SPTR)text, len, 0, 0, grep->found, grep->limits) >= 0;
}
