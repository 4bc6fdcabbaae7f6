#include "analyzer/diagnosis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIZES_OF_ONE_HABIT = 5, /* as many leaks of different sizes in a process are one */
    MIN_RATE_NS = 1000000,  /* of a shorter window no rate means anything */
};

struct judged {
    const struct suspect *suspect;
    struct judgement judgement;
    bool mixed; /* its size does not tell it from others */
};

VECTOR_TYPE(judged_list, struct judged);

static void diagnosis_deinit(struct diagnosis *d)
{
    vector_deinit(&d->parts);
    vector_deinit(&d->threads);
    vector_deinit(&d->paths);
}

void diagnoses_deinit(struct diagnoses *diagnoses)
{
    for (size_t i = 0; i < diagnoses->count; i++)
        diagnosis_deinit(&diagnoses->items[i]);
    vector_deinit(diagnoses);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t total;

    if (a == ANALYSIS_UNKNOWN || b == ANALYSIS_UNKNOWN)
        return ANALYSIS_UNKNOWN;
    return __builtin_add_overflow(a, b, &total) ? UINT64_MAX - 1 : total;
}

bool diagnosis_goes_on(const struct diagnosis *d)
{
    enum shape_kind kind = d->parts.items[0]->shape.kind;

    return d->judgement.verdict >= VERDICT_SUSPECT && (kind == SHAPE_STEADY || kind == SHAPE_LATE);
}

/* --- what goes into one finding --- */

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static const char *exe_of(const struct suspect *s)
{
    return s->process->exe ? s->process->exe : "";
}

/* Imported processes whose program nobody knows need not be of one, unless one made them. */
static uint64_t stranger(const struct suspect *s)
{
    const struct history_process *p = s->process;

    return !p->imported || p->exe ? 0 : (uint64_t)(p->forked && p->ppid > 0 ? p->ppid : p->pid);
}

static enum suspect_kind kind_of(const struct judged *judged)
{
    return judged->mixed ? SUSPECT_MIXED : judged->suspect->kind;
}

/* The graver first; then what makes a finding of its own. */
static int compare_judged(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    int o = order(y->judgement.verdict, x->judgement.verdict);

    o = o ? o : order(x->judgement.region, y->judgement.region);
    o = o ? o : order(x->judgement.cause, y->judgement.cause);
    /* Stacks kept for threads to come are not those of threads that run. */
    o = o ? o : order(x->suspect->kind == SUSPECT_ORPHANS, y->suspect->kind == SUSPECT_ORPHANS);
    if (o || x->judgement.verdict == VERDICT_NOT_LEAK)
        return o;
    o = order(x->suspect->culprit, y->suspect->culprit);
    if (!o && !x->suspect->culprit)
        o = order(kind_of(x), kind_of(y));
    o = o ? o : strcmp(exe_of(x->suspect), exe_of(y->suspect));
    o = o ? o : order(stranger(x->suspect), stranger(y->suspect));
    if (o || x->suspect->culprit || kind_of(x) != SUSPECT_MAPPINGS)
        return o;
    return order(x->suspect->unit_min, y->suspect->unit_min);
}

static int compare_judged_by_size(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    int o = compare_judged(a, b);

    o = o ? o : order(y->suspect->bytes, x->suspect->bytes);
    return o ? o : order((uint64_t)x->suspect->process->pid, (uint64_t)y->suspect->process->pid);
}

static int compare_habits(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    int o = order((uintptr_t)x->suspect->process, (uintptr_t)y->suspect->process);

    o = o ? o : order(x->suspect->culprit, y->suspect->culprit);
    o = o ? o : order(x->suspect->kind, y->suspect->kind);
    o = o ? o : order(x->judgement.verdict, y->judgement.verdict);
    o = o ? o : order(x->judgement.region, y->judgement.region);
    return o ? o : order(x->judgement.cause, y->judgement.cause);
}

#define sort(vector, compare)                                                                      \
    do {                                                                                           \
        if ((vector)->count > 1)                                                                   \
            qsort((vector)->items, (vector)->count, sizeof(*(vector)->items), compare);            \
    } while (0)

/* Who leaks blocks of many sizes, each of them often, leaks once. */
static void join_sizes(struct judged_list *list)
{
    sort(list, compare_habits);
    for (size_t from = 0, to; from < list->count; from = to) {
        const struct judged *first = &list->items[from];

        for (to = from + 1; to < list->count; to++)
            if (compare_habits(first, &list->items[to]) != 0)
                break;
        if (first->suspect->culprit)
            continue;
        if (first->suspect->kind == SUSPECT_MIXED ||
            (first->suspect->kind == SUSPECT_MAPPINGS && to - from >= SIZES_OF_ONE_HABIT))
            for (size_t i = from; i < to; i++)
                list->items[i].mixed = true;
    }
}

/* --- the figures of a finding --- */

static int compare_threads(const void *a, const void *b)
{
    const struct diagnosis_thread *x = a, *y = b;
    int o = order((uint64_t)x->pid, (uint64_t)y->pid);

    return o ? o : order((uint64_t)x->tid, (uint64_t)y->tid);
}

static int compare_threads_by_size(const void *a, const void *b)
{
    const struct diagnosis_thread *x = a, *y = b;
    int o = order(y->bytes, x->bytes);

    return o ? o : compare_threads(a, b);
}

static struct seep_error *gather_threads(struct diagnosis *d)
{
    struct seep_error *err = NULL;
    size_t kept = 0;

    for (size_t i = 0; i < d->parts.count; i++) {
        const struct suspect *s = d->parts.items[i];

        for (size_t t = 0; t < s->threads.count && !err; t++)
            err = vector_push(&d->threads, (struct diagnosis_thread){
                                               s->process->pid, s->threads.items[t].tid,
                                               s->threads.items[t].count, s->threads.items[t].bytes,
                                               s->threads.items[t].last_ns});
    }
    sort(&d->threads, compare_threads);
    for (size_t i = 0; i < d->threads.count; i++) {
        struct diagnosis_thread *last = kept ? &d->threads.items[kept - 1] : NULL;

        if (last && compare_threads(last, &d->threads.items[i]) == 0) {
            last->count = sum(last->count, d->threads.items[i].count);
            last->bytes = sum(last->bytes, d->threads.items[i].bytes);
            if (last->last_ns < d->threads.items[i].last_ns)
                last->last_ns = d->threads.items[i].last_ns;
        } else {
            d->threads.items[kept++] = d->threads.items[i];
        }
    }
    d->threads.count = kept;
    sort(&d->threads, compare_threads_by_size);
    return err;
}

static struct seep_error *gather_paths(struct diagnosis *d)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < d->parts.count; i++) {
        const struct suspect *s = d->parts.items[i];

        for (size_t p = 0; p < s->paths.count && !err; p++)
            err = vector_push(&d->paths, s->paths.items[p]);
    }
    correlate_merge_paths(&d->paths);
    return err;
}

static double rate_of(const struct suspect *s)
{
    if (s->start_ns >= s->end_ns || s->end_ns - s->start_ns < MIN_RATE_NS)
        return NAN;
    return (double)s->bytes * 1e9 / (double)(s->end_ns - s->start_ns);
}

static void add_figures(struct diagnosis *d, const struct suspect *s)
{
    d->bytes = sum(d->bytes, s->bytes);
    d->resident_bytes = sum(d->resident_bytes, s->resident_bytes);
    d->count = sum(d->count, s->count);
    d->calls = sum(d->calls, s->calls);
    d->freed = sum(d->freed, s->freed);
    d->despite += s->despite;
    d->unit_min = s->unit_min < d->unit_min ? s->unit_min : d->unit_min;
    d->unit_max = s->unit_max > d->unit_max ? s->unit_max : d->unit_max;
    if (s->points.count) {
        d->first_ns = d->first_ns && d->first_ns < s->first_ns ? d->first_ns : s->first_ns;
        d->last_ns = d->last_ns > s->last_ns ? d->last_ns : s->last_ns;
    }
}

static struct seep_error *make_one(const struct judged *judged, size_t count,
                                   struct diagnoses *diagnoses)
{
    struct diagnosis d = {.judgement = judged[0].judgement, .unit_min = UINT64_MAX};
    const struct history_process *last = NULL;
    struct seep_error *err = NULL;
    double rate = 0;

    for (size_t i = 0; i < count && !err; i++) {
        const struct suspect *s = judged[i].suspect;

        err = vector_push(&d.parts, s);
        add_figures(&d, s);
        rate += rate_of(s);
        d.judgement.doubts |= judged[i].judgement.doubts;
        d.processes += s->process != last;
        last = s->process;
    }
    d.bytes_per_s = diagnosis_goes_on(&d)                     ? rate
                    : d.judgement.verdict == VERDICT_NOT_LEAK ? 0
                                                              : NAN;
    if (!err)
        err = gather_threads(&d);
    if (!err)
        err = gather_paths(&d);
    if (!err)
        err = vector_push(diagnoses, d);
    if (err)
        diagnosis_deinit(&d);
    return err;
}

/* --- all of them --- */

static struct seep_error *judge_all(const struct correlation *c, uint64_t lost_events,
                                    struct judged_list *list)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < c->suspects.count && !err; i++) {
        const struct suspect *s = &c->suspects.items[i];
        struct judgement judgement = verdict_judge(s, lost_events);

        if (judgement.told)
            err = vector_push(list, (struct judged){.suspect = s, .judgement = judgement});
    }
    return err;
}

static int compare_diagnoses(const void *a, const void *b)
{
    const struct diagnosis *x = a, *y = b;
    int o = order(y->judgement.verdict, x->judgement.verdict);

    o = o ? o : order(y->bytes, x->bytes);
    o = o ? o : order(x->judgement.region, y->judgement.region);
    o = o ? o : order(x->judgement.cause, y->judgement.cause);
    return o ? o
             : order((uint64_t)x->parts.items[0]->process->pid,
                     (uint64_t)y->parts.items[0]->process->pid);
}

struct seep_error *diagnosis_make(const struct correlation *correlation, uint64_t lost_events,
                                  struct diagnoses *ret_diagnoses)
{
    struct judged_list list = {0};
    struct diagnoses diagnoses = {0};
    struct seep_error *err = judge_all(correlation, lost_events, &list);

    if (!err) {
        join_sizes(&list);
        sort(&list, compare_judged_by_size);
    }
    for (size_t from = 0, to; from < list.count && !err; from = to) {
        for (to = from + 1; to < list.count; to++)
            if (compare_judged(&list.items[from], &list.items[to]) != 0)
                break;
        err = make_one(&list.items[from], to - from, &diagnoses);
    }
    vector_deinit(&list);
    if (err) {
        diagnoses_deinit(&diagnoses);
        return err;
    }
    sort(&diagnoses, compare_diagnoses);
    *ret_diagnoses = diagnoses;
    return NULL;
}
