#include "analyzer/conclusions.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/family.h"
#include "analyzer/hearsay.h"
#include "analyzer/jvm.h"
#include "base/units.h"

struct seep_error *conclusions_text(char **ret_text, const char *format, ...)
{
    va_list arguments;
    char *text;
    int len;

    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0)
        return error_no_memory();
    *ret_text = text;
    return NULL;
}

struct seep_error *conclusions_next(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    struct seep_error *err;
    char *text;
    int len;

    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0)
        return error_no_memory();
    err = vector_push(&finding->next, text);
    if (err)
        free(text);
    return err;
}

struct finding conclusions_finding(enum verdict verdict, enum region region, enum cause cause)
{
    return (struct finding){
        .verdict = verdict,
        .region = region,
        .cause = cause,
        .bytes = ANALYSIS_UNKNOWN,
        .resident_bytes = ANALYSIS_UNKNOWN,
        .count = ANALYSIS_UNKNOWN,
        .unit_bytes = ANALYSIS_UNKNOWN,
        .first_ns = ANALYSIS_UNKNOWN,
        .last_ns = ANALYSIS_UNKNOWN,
        .bytes_per_s = NAN,
        .times_first_ns = ANALYSIS_UNKNOWN,
        .times_last_ns = ANALYSIS_UNKNOWN,
        .times_count = ANALYSIS_UNKNOWN,
    };
}

struct seep_error *conclusions_add(struct analysis *a, struct finding *finding)
{
    size_t at = a->findings.count;
    struct seep_error *err = vector_push(&a->findings, *finding);

    if (err) {
        analysis_finding_deinit(finding);
        return err;
    }
    while (at > 0 && a->findings.items[at - 1].verdict < finding->verdict) {
        a->findings.items[at] = a->findings.items[at - 1];
        at--;
    }
    a->findings.items[at] = *finding;
    for (size_t i = at; i < a->findings.count; i++)
        a->findings.items[i].rank = (unsigned)i + 1;
    return NULL;
}

bool conclusions_is_one_moment(const struct analysis *a)
{
    return a->duration_ns < (uint64_t)NS_PER_S;
}

struct seep_error *conclusions_draw(const struct conclusions_input *input, struct analysis *a)
{
    struct seep_error *err;

    if (input->told->imports.count == 0)
        return NULL;
    err = jvm_conclude(input, a);
    if (!err && a->info.imported)
        err = family_conclude(input, a);
    return err ? err : hearsay_conclude(input, a);
}
