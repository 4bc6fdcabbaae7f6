#include "analyzer/findings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/finding_paths.h"
#include "analyzer/narrate.h"
#include "base/cleanup.h"

static struct seep_error *copy_text(const char *text, char **ret_copy)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        return error_no_memory();
    *ret_copy = copy;
    return NULL;
}

static uint64_t wall(const struct analysis *analysis, uint64_t monotonic_ns)
{
    uint64_t epoch_ns;

    if (monotonic_ns == 0 ||
        __builtin_add_overflow(monotonic_ns, analysis->info.wall_offset_ns, &epoch_ns))
        return ANALYSIS_UNKNOWN;
    return epoch_ns;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash && slash[1] ? slash + 1 : path;
}

static const char *process_exe(const struct history_process *p, const struct analysis *analysis)
{
    if (p->exe)
        return p->exe;
    return p->pid == analysis->info.pid ? analysis->info.exe : NULL;
}

static const char *process_name(const struct history_process *p, const struct history *history,
                                const struct analysis *analysis)
{
    const char *exe = base_name(process_exe(p, analysis));

    return exe ? exe : history_thread_name_at(history, p->pid, UINT64_MAX);
}

/* --- regions --- */

static const struct correlate_process *find_process(const struct correlation *c,
                                                    const struct history_process *p)
{
    for (size_t i = 0; i < c->processes.count; i++)
        if (c->processes.items[i].process == p)
            return &c->processes.items[i];
    return NULL;
}

/* What the range's track grew by: in accessible size, else in RSS. */
static int64_t range_growth(const struct correlate_process *c, size_t index)
{
    const struct growth *growth = &c->process->growth;
    const struct growth_track *track = &growth->tracks.items[growth->ranges.items[index].track];
    int64_t gain = growth_gain(track, GROWTH_OPEN);

    /* The only look came when all was there already. */
    if (growth->looks == 1 && c->process->started)
        return c->pieces.ranges[index].charged_bytes > INT64_MAX
                   ? INT64_MAX
                   : (int64_t)c->pieces.ranges[index].charged_bytes;
    return gain ? gain : growth_gain(track, GROWTH_RSS);
}

static struct seep_error *make_vma(const struct correlate_process *c, size_t index,
                                   struct analysis_vma *ret_vma)
{
    const struct growth_range *range = &c->process->growth.ranges.items[index];
    struct analysis_vma vma = {
        .pid = c->process->pid,
        .start = range->start,
        .end = range->end,
        .region = range->region,
        .size_bytes = range->end - range->start,
        .rss_bytes = history_rss_is_stale(c->process) ? ANALYSIS_UNKNOWN : range->rss_bytes,
        .growth_bytes = range_growth(c, index),
        .explained_bytes =
            c->pieces.known ? c->pieces.ranges[index].charged_bytes : ANALYSIS_UNKNOWN,
        .preexisting_bytes = c->pieces.ranges[index].unknown_bytes,
    };
    struct seep_error *err = copy_text(range->name, &vma.name);

    /* A track that was split has the growth of all its parts. */
    if (vma.growth_bytes > 0 && (uint64_t)vma.growth_bytes > vma.size_bytes)
        vma.growth_bytes = (int64_t)vma.size_bytes;
    if (err)
        return err;
    vma_perms_text(range->perms, vma.perms);
    *ret_vma = vma;
    return NULL;
}

static struct seep_error *add_process_vmas(const struct correlate_process *c,
                                           struct analysis *analysis)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < c->process->growth.ranges.count && !err; i++) {
        struct analysis_vma vma;

        err = make_vma(c, i, &vma);
        if (err)
            break;
        err = vector_push(&analysis->vmas, vma);
        if (err)
            free(vma.name);
    }
    return err;
}

/* --- a finding --- */

struct found_range {
    const struct correlate_process *process;
    struct suspect_range range;
};

VECTOR_TYPE(found_ranges, struct found_range);

static int compare_found(const void *a, const void *b)
{
    const struct found_range *x = a, *y = b;

    if (x->range.bytes != y->range.bytes)
        return x->range.bytes < y->range.bytes ? 1 : -1;
    if (x->process->process->pid != y->process->process->pid)
        return x->process->process->pid < y->process->process->pid ? -1 : 1;
    return (x->range.range > y->range.range) - (x->range.range < y->range.range);
}

static int compare_places(const void *a, const void *b)
{
    const struct found_range *x = a, *y = b;

    if (x->process->process->pid != y->process->process->pid)
        return x->process->process->pid < y->process->process->pid ? -1 : 1;
    return (x->range.range > y->range.range) - (x->range.range < y->range.range);
}

/* Parts of several sizes may lie in one VMA. */
static void merge_found(struct found_ranges *found)
{
    size_t kept = 0;

    if (found->count > 1)
        qsort(found->items, found->count, sizeof(*found->items), compare_places);
    for (size_t i = 0; i < found->count; i++) {
        if (kept && compare_places(&found->items[kept - 1], &found->items[i]) == 0)
            found->items[kept - 1].range.bytes += found->items[i].range.bytes;
        else
            found->items[kept++] = found->items[i];
    }
    found->count = kept;
}

static struct seep_error *find_ranges(const struct diagnosis *d, const struct correlation *c,
                                      struct found_ranges *found)
{
    const struct correlate_process *process = NULL;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < d->parts.count; i++) {
        const struct suspect *s = d->parts.items[i];

        if (!process || process->process != s->process)
            process = find_process(c, s->process);
        for (size_t r = 0; process && r < s->ranges.count && !err; r++)
            err = vector_push(found, (struct found_range){process, s->ranges.items[r]});
    }
    merge_found(found);
    if (found->count > 1)
        qsort(found->items, found->count, sizeof(*found->items), compare_found);
    return err;
}

static struct seep_error *push_vma(struct finding *f, struct analysis_vma vma)
{
    struct seep_error *err = vector_push(&f->vmas, vma);

    if (err)
        free(vma.name);
    return err;
}

static struct seep_error *add_vmas(const struct found_ranges *found, struct finding *f)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < found->count && i < FINDINGS_MAX_VMAS && !err; i++) {
        struct analysis_vma vma;

        err = make_vma(found->items[i].process, found->items[i].range.range, &vma);
        if (err)
            break;
        vma.region = f->region;
        if (!found->items[i].process->pieces.known) {
            err = push_vma(f, vma);
            continue;
        }
        /* What this finding explains of it, not what all do. */
        if (vma.explained_bytes > found->items[i].range.bytes)
            vma.explained_bytes = found->items[i].range.bytes;
        err = push_vma(f, vma);
    }
    return err;
}

static struct seep_error *add_threads(const struct diagnosis *d, const struct history *history,
                                      struct finding *f)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < d->threads.count && i < FINDINGS_MAX_THREADS && !err; i++) {
        const struct diagnosis_thread *t = &d->threads.items[i];
        struct analysis_thread thread = {
            .pid = t->pid, .tid = t->tid, .count = t->count, .bytes = t->bytes};

        err = copy_text(history_thread_name_at(history, t->tid, t->last_ns), &thread.name);
        if (err)
            break;
        err = vector_push(&f->threads, thread);
        if (err)
            free(thread.name);
    }
    return err;
}

static struct seep_error *name_culprit(const struct diagnosis *d, const struct history *history,
                                       const struct analysis *analysis, struct finding *f)
{
    const struct history_process *p = d->parts.items[0]->process;
    struct seep_error *err = NULL;

    if (d->threads.count) {
        const struct diagnosis_thread *t = &d->threads.items[0];

        if (history_find(history, t->pid))
            p = history_find(history, t->pid);
        f->culprit.tid = t->tid;
        err = copy_text(history_thread_name_at(history, t->tid, t->last_ns), &f->culprit.thread);
    }
    f->culprit.pid = p->pid;
    return err ? err : copy_text(process_name(p, history, analysis), &f->culprit.process);
}

static struct seep_error *take_text(struct buffer *buffer, char **ret_text)
{
    if (buffer->failed)
        return error_no_memory();
    *ret_text = take_ptr(buffer->bytes);
    buffer_deinit(buffer);
    return NULL;
}

static struct seep_error *add_advice(const struct history_process *process, const struct finding *f,
                                     struct narrate_steps *steps)
{
    char pid[16], *advice = NULL;
    struct seep_error *err;

    narrate_pid(process, pid, sizeof(pid));
    err = finding_paths_advice(f, process->end_ns ? NULL : pid, &advice);
    if (!err && advice)
        err = vector_push(steps, advice);
    if (err)
        free(advice);
    return err;
}

static struct seep_error *put_into_words(const struct diagnosis *d,
                                         const struct findings_input *input,
                                         const struct narrate_case *at, struct finding *f)
{
    _cleanup_buffer_ struct buffer title = {0}, reason = {0};
    struct narrate_steps steps = {0};
    struct narrate_vma vma = {0};
    struct seep_error *err;

    if (f->vmas.count) {
        const struct analysis_vma *first = &f->vmas.items[0];

        vma.start = first->start;
        vma.end = first->end;
        vma.growth_bytes = first->growth_bytes > 0 ? (uint64_t)first->growth_bytes : 0;
        vma.of_finding_bytes =
            first->explained_bytes != ANALYSIS_UNKNOWN ? first->explained_bytes : 0;
    }
    narrate_title(d, &title);
    narrate_reason(d, input->history, f->vmas.count ? &vma : NULL, &reason);
    geometry_reason(input->geometries, d, &reason);
    finding_paths_reason(d, input->paths, f, &reason);
    err = take_text(&title, &f->title);
    if (!err)
        err = take_text(&reason, &f->reason);
    if (!err)
        err = narrate_next(d, f->rank, at, f->vmas.count ? &vma : NULL, &steps);
    if (!err && f->verdict != VERDICT_NOT_LEAK)
        err = add_advice(d->parts.items[0]->process, f, &steps);
    memcpy(&f->next, &steps, sizeof(steps));
    return err;
}

/* The recording was to end with a dump of what grew. */
static bool saved_growing(const struct case_info *info)
{
    static const char *const wanted[] = {"--dump growing", "--dump=growing", "--dump all",
                                         "--dump=all"};

    for (size_t i = 0; info->options && i < ARRAY_SIZE(wanted); i++)
        if (strstr(info->options, wanted[i]))
            return true;
    return false;
}

/* Some of the region that a person would look into first was saved. */
static bool is_saved(const struct dumps *dumps, const struct analysis_vma *vma)
{
    for (size_t i = 0; dumps && i < dumps->dumps.count; i++) {
        const struct dump *dump = dumps->dumps.items[i];

        for (size_t r = 0; dump->pid == vma->pid && r < dump->ranges.count; r++)
            if (dump->ranges.items[r].start < vma->end && dump->ranges.items[r].end > vma->start)
                return true;
    }
    return false;
}

static struct seep_error *fill_finding(const struct diagnosis *d,
                                       const struct findings_input *input,
                                       const struct analysis *analysis, struct finding *f)
{
    struct found_ranges found = {0};
    struct seep_error *err = find_ranges(d, input->correlation, &found);

    if (!err)
        err = add_vmas(&found, f);
    vector_deinit(&found);
    if (!err)
        err = add_threads(d, input->history, f);
    if (!err)
        err = name_culprit(d, input->history, analysis, f);
    if (!err)
        err = finding_paths_fill(d, input->paths, f);
    return err ? err
               : put_into_words(
                     d, input,
                     &(struct narrate_case){.path = input->case_path,
                                            .has_dumps = f->vmas.count &&
                                                         is_saved(input->dumps, &f->vmas.items[0]),
                                            .dumped = saved_growing(&analysis->info)},
                     f);
}

/* Two looks tell that it came between them, and no more. */
static bool is_dated(const struct diagnosis *d, const struct analysis *analysis)
{
    const struct suspect *s = d->parts.items[0];

    return analysis->info.basis != MOMENT_NONE &&
           (s->has_events || !s->process->imported || s->process->growth.looks > 2);
}

static struct seep_error *add_finding(const struct diagnosis *d, const struct findings_input *input,
                                      struct analysis *analysis)
{
    struct finding finding = {
        .rank = (unsigned)analysis->findings.count + 1,
        .verdict = d->judgement.verdict,
        .region = d->judgement.region,
        .cause = d->judgement.cause,
        .bytes = d->bytes,
        .resident_bytes = d->resident_bytes,
        .count = d->count,
        .unit_bytes = d->unit_min == d->unit_max ? d->unit_min : ANALYSIS_UNKNOWN,
        .first_ns = is_dated(d, analysis) ? wall(analysis, d->first_ns) : ANALYSIS_UNKNOWN,
        .last_ns = is_dated(d, analysis) ? wall(analysis, d->last_ns) : ANALYSIS_UNKNOWN,
        .bytes_per_s = d->bytes_per_s,
        .confidence = d->judgement.confidence,
        .placed = geometry_placed(input->geometries, d),
        .times_first_ns = ANALYSIS_UNKNOWN,
        .times_last_ns = ANALYSIS_UNKNOWN,
        .times_count = ANALYSIS_UNKNOWN,
    };
    struct seep_error *err = vector_push(&analysis->findings, finding);

    return err ? err
               : fill_finding(d, input, analysis,
                              &analysis->findings.items[analysis->findings.count - 1]);
}

/* --- processes and threads --- */

struct listed_thread {
    struct analysis_thread thread; /* its name is still to come */
    uint64_t last_ns;              /* of its last call that holds something; 0: there is none */
};

struct thread_list {
    VECTOR(struct listed_thread) items;
    pid_t pid;
    struct seep_error *err;
};

static bool add_known_thread(pid_t tid, void *context)
{
    struct thread_list *list = context;

    list->err =
        vector_push(&list->items, (struct listed_thread){.thread = {.pid = list->pid, .tid = tid}});
    return !list->err;
}

static int compare_threads(const void *a, const void *b)
{
    const struct analysis_thread *x = &((const struct listed_thread *)a)->thread;
    const struct analysis_thread *y = &((const struct listed_thread *)b)->thread;

    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    return (x->tid > y->tid) - (x->tid < y->tid);
}

/* One entry a thread. */
static void merge_threads(struct thread_list *list)
{
    size_t kept = 0;

    if (list->items.count > 1)
        qsort(list->items.items, list->items.count, sizeof(*list->items.items), compare_threads);
    for (size_t i = 0; i < list->items.count; i++) {
        struct listed_thread *last = kept ? &list->items.items[kept - 1] : NULL;
        const struct listed_thread *listed = &list->items.items[i];

        if (last && compare_threads(last, listed) == 0) {
            last->thread.count += listed->thread.count;
            last->thread.bytes += listed->thread.bytes;
            if (last->last_ns < listed->last_ns)
                last->last_ns = listed->last_ns;
        } else {
            list->items.items[kept++] = *listed;
        }
    }
    list->items.count = kept;
}

static struct seep_error *take_threads(struct thread_list *list, const struct history *history,
                                       struct analysis *analysis)
{
    struct seep_error *err = NULL;

    merge_threads(list);
    for (size_t i = 0; i < list->items.count && !err; i++) {
        struct listed_thread *listed = &list->items.items[i];
        uint64_t time_ns = listed->last_ns ? listed->last_ns : UINT64_MAX;

        err = copy_text(history_thread_name_at(history, listed->thread.tid, time_ns),
                        &listed->thread.name);
        if (err)
            break;
        err = vector_push(&analysis->threads, listed->thread);
        if (err)
            free(listed->thread.name);
    }
    return err;
}

static bool counts_allocations(const struct suspect *s)
{
    return s->kind != SUSPECT_HELD && s->kind != SUSPECT_MAPPED && s->kind != SUSPECT_TOUCHED;
}

static struct seep_error *add_all_threads(const struct correlation *c,
                                          const struct history *history, struct analysis *analysis)
{
    struct thread_list list = {0};

    for (size_t i = 0; i < c->suspects.count && !list.err; i++) {
        const struct suspect *s = &c->suspects.items[i];

        for (size_t t = 0; counts_allocations(s) && t < s->threads.count && !list.err; t++)
            list.err = vector_push(&list.items, (struct listed_thread){
                                                    .thread = {.pid = s->process->pid,
                                                               .tid = s->threads.items[t].tid,
                                                               .count = s->threads.items[t].count,
                                                               .bytes = s->threads.items[t].bytes},
                                                    .last_ns = s->threads.items[t].last_ns,
                                                });
    }
    for (size_t i = 0; i < c->processes.count && !list.err; i++) {
        const struct history_process *p = c->processes.items[i].process;

        list.pid = p->pid;
        if (!p->end_ns || i == 0)
            history_each_thread(history, p->pid, add_known_thread, &list);
    }
    if (!list.err)
        list.err = take_threads(&list, history, analysis);
    vector_deinit(&list.items);
    return list.err;
}

static bool is_in_findings(const struct analysis *analysis, pid_t pid)
{
    for (size_t i = 0; i < analysis->findings.count; i++) {
        const struct finding *f = &analysis->findings.items[i];

        for (size_t v = 0; f->verdict != VERDICT_NOT_LEAK && v < f->vmas.count; v++)
            if (f->vmas.items[v].pid == pid)
                return true;
    }
    return false;
}

static struct seep_error *add_process(const struct history_process *p, struct analysis *analysis)
{
    struct analysis_process process = {.pid = p->pid,
                                       .ppid = p->ppid,
                                       .rss_bytes = p->rss_bytes,
                                       .pss_bytes = p->pss_bytes,
                                       .virtual_bytes = p->virtual_bytes,
                                       .shared_bytes = ANALYSIS_UNKNOWN,
                                       .private_clean_bytes = ANALYSIS_UNKNOWN,
                                       .private_dirty_bytes = ANALYSIS_UNKNOWN,
                                       .dirty_bytes = ANALYSIS_UNKNOWN,
                                       .huge_bytes = ANALYSIS_UNKNOWN};
    struct seep_error *err = copy_text(process_exe(p, analysis), &process.exe);

    if (err)
        return err;
    err = vector_push(&analysis->processes, process);
    if (err)
        free(process.exe);
    return err;
}

struct seep_error *findings_build(const struct findings_input *input, struct analysis *analysis)
{
    const struct correlation *correlation = input->correlation;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < input->diagnoses->count && !err; i++)
        err = add_finding(&input->diagnoses->items[i], input, analysis);
    for (size_t i = 0; i < correlation->processes.count && !err; i++) {
        const struct correlate_process *c = &correlation->processes.items[i];

        /* Of those that came and went only the suspicious ones are worth their place. */
        if (c->process->end_ns && i > 0 && !is_in_findings(analysis, c->process->pid))
            continue;
        /* Who was never looked at may have had anything. */
        if (c->process->imported && !c->process->started && !c->process->growth.complete)
            analysis->preexisting_bytes = ANALYSIS_UNKNOWN;
        else if (analysis->preexisting_bytes != ANALYSIS_UNKNOWN)
            analysis->preexisting_bytes += c->pieces.unknown_bytes;
        err = add_process_vmas(c, analysis);
        if (!err)
            err = add_process(c->process, analysis);
    }
    return err ? err : add_all_threads(correlation, input->history, analysis);
}
