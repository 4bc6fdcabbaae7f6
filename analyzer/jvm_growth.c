/* Growth by the JVM's own account, from report to report. */
#include <string.h>

#include "analyzer/jvm_internal.h"
#include "base/units.h"

enum { MIN_GROWTH_BYTES = 8 << 20 };

static bool known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

/* Without times, the order in which the files were named is what there is. */
static bool is_before(const struct fact *a, const struct fact *b)
{
    return a->time_ns && b->time_ns && a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a < b;
}

static void compare_category(const struct told *told, pid_t pid, struct analysis_category *category)
{
    const struct fact *first = NULL, *last = NULL;

    for (size_t i = 0; i < told->facts.count; i++) {
        const struct fact *fact = &told->facts.items[i];

        if (fact->kind != FACT_NMT_COMMITTED || !fact->has_value || !fact->name ||
            (fact->pid > 0 && fact->pid != pid) || strcmp(fact->name, category->name) != 0)
            continue;
        first = first && is_before(first, fact) ? first : fact;
        last = last && is_before(fact, last) ? last : fact;
    }
    if (!first || first == last)
        return;
    category->first_bytes = first->value;
    category->committed_bytes = last->value;
}

void jvm_compare_reports(const struct told *told, struct analysis_java *java)
{
    for (size_t i = 0; i < java->categories.count; i++)
        compare_category(told, java->pid, &java->categories.items[i]);
}

static uint64_t growth_of(const struct analysis_category *category)
{
    if (!known(category->committed_bytes))
        return 0;
    if (!known(category->first_bytes))
        return known(category->growth_bytes) && category->growth_bytes <= category->committed_bytes
                   ? category->growth_bytes
                   : 0;
    return category->committed_bytes > category->first_bytes
               ? category->committed_bytes - category->first_bytes
               : 0;
}

/* Its limit, and what of it is used, say more of the heap than what it has taken so far. */
static const struct analysis_category *find_most(const struct analysis_java *java)
{
    const struct analysis_category *most = NULL;

    for (size_t i = 0; i < java->categories.count; i++) {
        const struct analysis_category *category = &java->categories.items[i];

        if (strcmp(category->name, "Java Heap") != 0 && growth_of(category) >= MIN_GROWTH_BYTES &&
            (!most || growth_of(category) > growth_of(most)))
            most = category;
    }
    return most;
}

static const char *what_is_counted(const char *category)
{
    if (strcmp(category, "Other") == 0)
        return "; direct buffers are counted there since JDK 11";
    if (strcmp(category, "Internal") == 0)
        return "; direct buffers are counted there by a JDK 8";
    return "";
}

struct seep_error *jvm_conclude_growth(const struct analysis_java *java, struct analysis *a)
{
    const struct analysis_category *most = find_most(java);
    struct finding f = conclusions_finding(VERDICT_INCONCLUSIVE, REGION_ANON_MMAP, CAUSE_UNKNOWN);
    struct units_text growth, first, last;
    struct seep_error *err;

    if (!most)
        return NULL;
    f.bytes = growth_of(most);
    f.confidence = 0.3;
    f.culprit.pid = java->pid;
    units_format_size(&growth, f.bytes);
    units_format_size(&first, most->committed_bytes - f.bytes);
    units_format_size(&last, most->committed_bytes);
    err = conclusions_text(&f.title, "%s more of the JVM's category %s", growth.text, most->name);
    if (!err)
        err = conclusions_text(
            &f.reason,
            "native memory tracking had %s committed there in its %s and %s in the last report%s; "
            "two points show that it grew, and neither who asked for it nor whether it goes on",
            first.text, known(most->first_bytes) ? "first" : "baseline", last.text,
            what_is_counted(most->name));
    if (!err && java->pid > 0)
        err = conclusions_next(&f, "seep trace -p %d --for 10m", (int)java->pid);
    if (err) {
        analysis_finding_deinit(&f);
        return err;
    }
    return conclusions_add(a, &f);
}
