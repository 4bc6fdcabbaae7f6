#include "analyzer/jvm.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/java_stacks.h"
#include "analyzer/jvm_internal.h"
#include "base/units.h"

enum {
    NEARLY_FULL_PER_CENT = 90,
    MAX_ACCOUNTS = 64,
    MAX_CATEGORIES = 256,
    MALLOC_HEADER_BYTES = 16, /* of a block that malloc maps by itself (glibc, sysmalloc_mmap) */
};

static bool known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

/* --- the account of one process --- */

static bool is_javas(enum fact_kind kind)
{
    return kind <= FACT_OUT_OF_MEMORY;
}

/* What does not say whose it is, is taken for the case's own. */
static pid_t pid_of(const struct fact *fact, const struct analysis *a)
{
    return fact->pid > 0 ? fact->pid : a->info.pid;
}

static struct seep_error *get_account(struct analysis *a, pid_t pid, struct analysis_java **ret)
{
    struct analysis_java java = {
        .pid = pid,
        .heap_max_bytes = ANALYSIS_UNKNOWN,
        .heap_committed_bytes = ANALYSIS_UNKNOWN,
        .heap_used_bytes = ANALYSIS_UNKNOWN,
        .direct_used_bytes = ANALYSIS_UNKNOWN,
        .direct_max_bytes = ANALYSIS_UNKNOWN,
        .direct_wanted_bytes = ANALYSIS_UNKNOWN,
        .threads = ANALYSIS_UNKNOWN,
        .reserved_bytes = ANALYSIS_UNKNOWN,
        .committed_bytes = ANALYSIS_UNKNOWN,
        .rss_bytes = ANALYSIS_UNKNOWN,
        .outside_bytes = ANALYSIS_UNKNOWN,
        .malloc_bytes = ANALYSIS_UNKNOWN,
        .unmapped_bytes = ANALYSIS_UNKNOWN,
    };
    struct seep_error *err;

    for (size_t i = 0; i < a->java.count; i++)
        if (a->java.items[i].pid == pid) {
            *ret = &a->java.items[i];
            return NULL;
        }
    *ret = NULL;
    if (a->java.count == MAX_ACCOUNTS)
        return NULL;
    err = vector_push(&a->java, java);
    if (!err)
        *ret = &a->java.items[a->java.count - 1];
    return err;
}

static struct seep_error *get_category(struct analysis_java *java, const char *name,
                                       struct analysis_category **ret)
{
    struct analysis_category category = {.reserved_bytes = ANALYSIS_UNKNOWN,
                                         .committed_bytes = ANALYSIS_UNKNOWN,
                                         .malloc_bytes = ANALYSIS_UNKNOWN,
                                         .mmap_bytes = ANALYSIS_UNKNOWN,
                                         .growth_bytes = ANALYSIS_UNKNOWN,
                                         .first_bytes = ANALYSIS_UNKNOWN};
    struct seep_error *err;

    for (size_t i = 0; i < java->categories.count; i++)
        if (strcmp(java->categories.items[i].name, name) == 0) {
            *ret = &java->categories.items[i];
            return NULL;
        }
    *ret = NULL;
    if (java->categories.count == MAX_CATEGORIES)
        return NULL;
    category.name = strdup(name);
    err = category.name ? vector_push(&java->categories, category) : error_no_memory();
    if (err)
        free(category.name);
    else
        *ret = &java->categories.items[java->categories.count - 1];
    return err;
}

static struct seep_error *take_category(struct analysis_java *java, const struct fact *fact)
{
    struct analysis_category *category;
    struct seep_error *err;

    if (!fact->name)
        return NULL;
    if (strcmp(fact->name, "Total") == 0) {
        if (fact->kind == FACT_NMT_RESERVED)
            java->reserved_bytes = fact->value;
        if (fact->kind == FACT_NMT_COMMITTED)
            java->committed_bytes = fact->value;
        return NULL;
    }
    err = get_category(java, fact->name, &category);
    if (err || !category)
        return err;
    *(fact->kind == FACT_NMT_RESERVED    ? &category->reserved_bytes
      : fact->kind == FACT_NMT_COMMITTED ? &category->committed_bytes
      : fact->kind == FACT_NMT_MALLOC    ? &category->malloc_bytes
      : fact->kind == FACT_NMT_MMAP      ? &category->mmap_bytes
                                         : &category->growth_bytes) = fact->value;
    return NULL;
}

static struct seep_error *take_fact(struct analysis_java *java, const struct fact *fact)
{
    switch (fact->kind) {
    case FACT_JAVA_HEAP_MAX:
        java->heap_max_bytes = fact->value;
        break;
    case FACT_JAVA_HEAP_COMMITTED:
        java->heap_committed_bytes = fact->value;
        break;
    case FACT_JAVA_HEAP_USED:
        java->heap_used_bytes = fact->value;
        break;
    case FACT_NMT_THREADS:
        java->threads = fact->value;
        break;
    case FACT_DIRECT_MEMORY_USED:
        /* Of a reporter's many values the highest is as near to the limit as it came. */
        if (!known(java->direct_used_bytes) || fact->value > java->direct_used_bytes)
            java->direct_used_bytes = fact->value;
        break;
    case FACT_DIRECT_MEMORY_MAX:
        java->direct_max_bytes = fact->value;
        break;
    case FACT_DIRECT_MEMORY_WANTED:
        java->direct_wanted_bytes = fact->value;
        break;
    case FACT_NMT_RESERVED:
    case FACT_NMT_COMMITTED:
    case FACT_NMT_MALLOC:
    case FACT_NMT_MMAP:
    case FACT_NMT_GROWTH:
        return take_category(java, fact);
    default:
        break;
    }
    return NULL;
}

static int compare_categories(const void *a, const void *b)
{
    const struct analysis_category *x = a, *y = b;
    uint64_t bytes[] = {known(x->committed_bytes) ? x->committed_bytes : 0,
                        known(y->committed_bytes) ? y->committed_bytes : 0};

    if (bytes[0] != bytes[1])
        return bytes[0] < bytes[1] ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* --- against the regions --- */

struct range {
    uint64_t start, end;
};

VECTOR_TYPE(ranges, struct range);

static int compare_ranges(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return (x->start > y->start) - (x->start < y->start);
}

/* What the runtime says to have reserved: sorted, joined. */
static struct seep_error *find_ranges(const struct told *told, pid_t pid, struct ranges *ranges)
{
    struct seep_error *err = NULL;
    size_t kept = 0;

    for (size_t i = 0; i < told->facts.count && !err; i++) {
        const struct fact *fact = &told->facts.items[i];
        struct range range;

        if (fact->kind == FACT_NMT_REGION && fact->pid == pid && fact->text &&
            sscanf(fact->text, "0x%" SCNx64 "-0x%" SCNx64, &range.start, &range.end) == 2 &&
            range.start < range.end)
            err = vector_push(ranges, range);
    }
    if (ranges->count > 1)
        qsort(ranges->items, ranges->count, sizeof(*ranges->items), compare_ranges);
    for (size_t i = 0; i < ranges->count; i++) {
        struct range *last = kept ? &ranges->items[kept - 1] : NULL;

        if (last && ranges->items[i].start <= last->end)
            last->end = ranges->items[i].end > last->end ? ranges->items[i].end : last->end;
        else
            ranges->items[kept++] = ranges->items[i];
    }
    ranges->count = kept;
    return err;
}

/* How many bytes of [start, end) lie in RANGES. *AT: the first that may; rows come by address. */
static uint64_t covered(const struct ranges *ranges, size_t *at, uint64_t start, uint64_t end)
{
    uint64_t bytes = 0;

    while (*at < ranges->count && ranges->items[*at].end <= start)
        ++*at;
    for (size_t i = *at; i < ranges->count && ranges->items[i].start < end; i++) {
        uint64_t from = ranges->items[i].start > start ? ranges->items[i].start : start;
        uint64_t to = ranges->items[i].end < end ? ranges->items[i].end : end;

        bytes += to - from;
    }
    return bytes;
}

/* A runtime's own mappings are in its map; what else is anonymous is malloc's, or a library's. */
static struct seep_error *compare_with_regions(const struct conclusions_input *in,
                                               const struct history_process *p,
                                               struct analysis_java *java)
{
    struct ranges ranges = {0};
    struct seep_error *err = find_ranges(in->told, java->pid, &ranges);
    uint64_t sum = 0;
    size_t at = 0;

    for (size_t i = 0; i < p->residence.rows.count && ranges.count && !err; i++) {
        const struct analysis_resident *row = &p->residence.rows.items[i];
        uint64_t bytes = known(row->rss_bytes) ? row->rss_bytes : row->size_bytes;
        uint64_t inside = covered(&ranges, &at, row->start, row->end);

        if ((row->name[0] && row->region != REGION_HEAP) || bytes > row->size_bytes)
            continue;
        sum += (uint64_t)((double)bytes * (1 - (double)inside / (double)row->size_bytes));
    }
    if (!err && ranges.count && p->residence.detail != RESIDENCE_NONE && !p->residence.partial)
        java->unmapped_bytes = sum;
    vector_deinit(&ranges);
    return err;
}

static uint64_t sum_malloc(const struct analysis_java *java)
{
    uint64_t sum = ANALYSIS_UNKNOWN;

    for (size_t i = 0; i < java->categories.count; i++) {
        uint64_t bytes = java->categories.items[i].malloc_bytes;

        if (!known(bytes))
            continue;
        sum = known(sum) ? sum : 0;
        if (__builtin_add_overflow(sum, bytes, &sum))
            return ANALYSIS_UNKNOWN;
    }
    return sum;
}

static struct seep_error *fill_accounts(const struct conclusions_input *in, struct analysis *a)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < in->told->facts.count && !err; i++) {
        const struct fact *fact = &in->told->facts.items[i];
        struct analysis_java *java = NULL;

        if (!is_javas(fact->kind))
            continue;
        err = get_account(a, pid_of(fact, a), &java);
        if (!java)
            continue;
        if (!err && fact->kind == FACT_JAVA_VERSION && fact->text) {
            free(java->version);
            java->version = strdup(fact->text);
            err = java->version ? NULL : error_no_memory();
        } else if (!err && fact->has_value) {
            err = take_fact(java, fact);
        }
    }
    for (size_t i = 0; i < a->java.count && !err; i++) {
        struct analysis_java *java = &a->java.items[i];
        const struct history_process *p = history_find(in->history, java->pid);

        jvm_compare_reports(in->told, java);
        if (java->categories.count > 1)
            qsort(java->categories.items, java->categories.count, sizeof(*java->categories.items),
                  compare_categories);
        java->rss_bytes = p && known(p->rss_bytes)
                              ? p->rss_bytes
                              : told_value(in->told, FACT_PROCESS, java->pid, NULL);
        if (known(java->rss_bytes) && known(java->committed_bytes))
            java->outside_bytes = java->rss_bytes > java->committed_bytes
                                      ? java->rss_bytes - java->committed_bytes
                                      : 0;
        java->malloc_bytes = sum_malloc(java);
        if (p)
            err = compare_with_regions(in, p, java);
    }
    return err;
}

/* --- the heap --- */

static bool heap_ran_out(const struct conclusions_input *in)
{
    for (size_t i = 0; i < in->told->facts.count; i++) {
        const struct fact *fact = &in->told->facts.items[i];

        if (fact->kind == FACT_OUT_OF_MEMORY && fact->text &&
            (strstr(fact->text, "Java heap space") || strstr(fact->text, "GC overhead limit")))
            return true;
    }
    return false;
}

static struct seep_error *conclude_heap(const struct conclusions_input *in,
                                        const struct analysis_java *java, struct analysis *a)
{
    bool full, other = java->pid != a->info.pid && java->pid > 0;
    _cleanup_free_ char *whose = NULL;
    struct units_text used, max;
    struct finding f;
    struct seep_error *err;

    if (!known(java->heap_used_bytes) || !known(java->heap_max_bytes) || java->heap_max_bytes == 0)
        return NULL;
    full = java->heap_used_bytes >= java->heap_max_bytes / 100 * NEARLY_FULL_PER_CENT;
    f = conclusions_finding(!full              ? VERDICT_NOT_LEAK
                            : heap_ran_out(in) ? VERDICT_SUSPECT
                                               : VERDICT_INCONCLUSIVE,
                            REGION_RUNTIME_HEAP, full ? CAUSE_UNKNOWN : CAUSE_BOUNDED);
    f.confidence = full ? 0.5 : 0.9;
    f.culprit.pid = java->pid;
    units_format_size(&used, java->heap_used_bytes);
    units_format_size(&max, java->heap_max_bytes);
    err = conclusions_text(&f.title, "Java heap: %s of %s used", used.text, max.text);
    if (!err && other)
        err = conclusions_text(&whose, ", of process %d and not of %d", (int)java->pid,
                               (int)a->info.pid);
    if (!err)
        err = conclusions_text(
            &f.reason, "%.1f%% of its limit%s: %s",
            100 * (double)java->heap_used_bytes / (double)java->heap_max_bytes, whose ? whose : "",
            full ? "what the collector cannot free is for a heap dump to say"
                 : "what the collector has to keep is far from what it may take, and the heap as a "
                   "whole is bounded by that limit");
    if (!err && full)
        err = conclusions_next(&f, "jcmd %d GC.heap_dump heap.hprof", (int)java->pid);
    if (err) {
        analysis_finding_deinit(&f);
        return err;
    }
    return conclusions_add(a, &f);
}

/* --- direct memory --- */

/* Whether malloc maps what was WANTED as UNIT bytes. */
static bool is_mapped_as(uint64_t wanted, uint64_t unit)
{
    enum { PAGE = 4096 };

    return known(wanted) && known(unit) && wanted <= UINT64_MAX - MALLOC_HEADER_BYTES - PAGE &&
           ((wanted + MALLOC_HEADER_BYTES + PAGE - 1) & ~(uint64_t)(PAGE - 1)) == unit;
}

static const struct fact *find_error(const struct told *told)
{
    for (size_t i = told->facts.count; i > 0; i--) {
        const struct fact *fact = &told->facts.items[i - 1];

        if (fact->kind == FACT_OUT_OF_MEMORY && fact->text &&
            (strstr(fact->text, "DirectMemory") || strstr(fact->text, "irect buffer memory")))
            return fact;
    }
    return NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash && slash[1] ? slash + 1 : path;
}

/* The stack that was logged when an allocation of that size failed. */
static struct seep_error *take_logged_stack(const struct fact *error, uint64_t wanted,
                                            struct finding *f)
{
    struct analysis_stack stack;
    struct units_text size;
    struct seep_error *err;

    err = java_stacks_parse((struct span){error->text, strlen(error->text)}, &stack);
    if (err)
        return err;
    err = conclusions_text(&stack.end,
                           "the stack of an allocation of %s bytes that failed, from %s: who ran "
                           "into the limit",
                           units_format_count(&size, wanted),
                           error->file ? base_name(error->file) : "a log");
    if (!err && stack.culprit < stack.frames.count && !f->culprit.function) {
        f->culprit.function = strdup(stack.frames.items[stack.culprit].function);
        err = f->culprit.function ? NULL : error_no_memory();
    }
    if (!err && stack.frames.count)
        err = vector_push(&f->stacks, stack);
    else
        analysis_stack_deinit(&stack);
    return err;
}

static struct seep_error *support(const struct conclusions_input *in,
                                  const struct analysis_java *java, struct finding *f)
{
    const struct fact *error = find_error(in->told);
    struct units_text used, max, wanted;
    char *reason;
    struct seep_error *err;

    err = conclusions_text(
        &reason,
        "%s; the JVM's own counter had %s of %s bytes of direct memory in use when the next %s "
        "failed, which malloc maps in just this size",
        f->reason ? f->reason : "", units_format_count(&used, java->direct_used_bytes),
        units_format_count(&max, java->direct_max_bytes),
        units_format_count(&wanted, java->direct_wanted_bytes));
    if (err)
        return err;
    free(f->reason);
    f->reason = reason;
    /* Two witnesses that know nothing of each other. */
    f->confidence = fmin(fmax(f->confidence, 0.9) + 0.03, 0.97);
    return error && f->stacks.count == 0 ? take_logged_stack(error, java->direct_wanted_bytes, f)
                                         : NULL;
}

static struct seep_error *support_findings(const struct conclusions_input *in, struct analysis *a)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < a->findings.count && !err; i++) {
        struct finding *f = &a->findings.items[i];

        for (size_t j = 0; j < a->java.count && f->verdict >= VERDICT_SUSPECT && !err; j++) {
            const struct analysis_java *java = &a->java.items[j];

            if (f->region == REGION_ANON_MMAP && known(java->direct_used_bytes) &&
                known(java->direct_max_bytes) && java->pid == f->culprit.pid &&
                is_mapped_as(java->direct_wanted_bytes, f->unit_bytes))
                err = support(in, java, f);
        }
    }
    return err;
}

struct seep_error *jvm_conclude(const struct conclusions_input *in, struct analysis *a)
{
    struct seep_error *err = fill_accounts(in, a);

    for (size_t i = 0; i < a->java.count && !err; i++)
        err = conclude_heap(in, &a->java.items[i], a);
    for (size_t i = 0; i < a->java.count && !err; i++)
        err = jvm_conclude_growth(&a->java.items[i], a);
    return err ? err : support_findings(in, a);
}
