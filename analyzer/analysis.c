#include "analyzer/analysis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/conclusions.h"
#include "analyzer/contents.h"
#include "analyzer/diagnosis.h"
#include "analyzer/finding_references.h"
#include "analyzer/findings.h"
#include "analyzer/java_stacks.h"
#include "analyzer/recording.h"
#include "base/units.h"

enum {
    MIN_WORK_NS = 10 * 1000 * 1000, /* of CPU time: less in the whole window is idleness */
    MIN_WORK_SWITCHES = 20,
    MIN_TREND_BYTES = 1 << 20, /* growth of RSS in the window, for a date of exhaustion */
    MAX_MAPPINGS_TOLD = 65536,
    MAX_REGIONS_READ = 64, /* of imported memory that no finding is about */
};

/* --- memory as a whole --- */

struct limit {
    uint64_t bytes;
    const char *source;
    double headroom_bytes, bytes_per_s;
};

static double seconds_to(const struct limit *limit)
{
    if (!(limit->bytes_per_s > 0))
        return NAN;
    return fmax(limit->headroom_bytes, 0) / limit->bytes_per_s;
}

/* The tighter one: reached sooner, or named first. */
static void consider(struct limit *best, uint64_t bytes, uint64_t used, double bytes_per_s,
                     const char *source)
{
    /* cgroup v1 says "no limit" with the largest number of pages; so does RLIM_INFINITY. */
    struct limit limit = {bytes, source, (double)bytes - (double)used, bytes_per_s};

    if (bytes == SNAPSHOT_UNKNOWN || bytes == 0 || bytes >= 1ull << 60 || used == SNAPSHOT_UNKNOWN)
        return;
    if (!best->source || seconds_to(&limit) < seconds_to(best) ||
        (isnan(seconds_to(best)) && !isnan(seconds_to(&limit))))
        *best = limit;
}

static double trend(uint64_t first, uint64_t last, double bytes_per_s)
{
    if (first == SNAPSHOT_UNKNOWN || last == SNAPSHOT_UNKNOWN || last < first ||
        last - first < MIN_TREND_BYTES || !isfinite(bytes_per_s))
        return 0;
    return bytes_per_s;
}

/* A slope that the end points belie, as that of a jump and of a peak in between, is none that goes on. */
static double steady_slope(const struct history_memory *memory)
{
    const struct growth_sample *items = memory->rss.items;
    size_t count = memory->rss.count;
    double slope = growth_slope(items, count), whole, smaller, larger;

    if (!isfinite(slope))
        return NAN;
    whole = (items[count - 1].value - items[0].value) * 1e9 /
            (double)(items[count - 1].time_ns - items[0].time_ns);
    smaller = fmin(fabs(slope), fabs(whole));
    larger = fmax(fabs(slope), fabs(whole));
    return larger < 1 || (slope * whole > 0 && larger <= 3 * smaller) ? slope : NAN;
}

static struct seep_error *fill_memory(const struct history *history, struct analysis *a)
{
    const struct history_memory *memory = &history->memory;
    const struct history_process *p = history_find(history, a->info.pid);
    double seconds = (double)(history->last_ns - history->first_ns) / 1e9;
    struct limit best = {0};

    a->rss_first_bytes = memory->rss_first_bytes;
    a->rss_last_bytes = memory->rss_last_bytes;
    a->virtual_first_bytes = memory->virtual_first_bytes;
    a->virtual_last_bytes = memory->virtual_last_bytes;
    a->growth_bytes_per_s = steady_slope(memory);
    /* Files of one moment differ by what their tools count, not by time. */
    if (a->info.basis == MOMENT_NONE ||
        (a->info.imported && history->last_ns - history->first_ns < (uint64_t)NS_PER_S))
        a->growth_bytes_per_s = NAN;
    a->limit_bytes = ANALYSIS_UNKNOWN;
    a->exhaustion_s = NAN;
    if (!p && history->processes.count)
        p = history->processes.items[0];
    if (!p)
        return NULL;

    double rss = trend(a->rss_first_bytes, a->rss_last_bytes, a->growth_bytes_per_s);
    double size = trend(a->virtual_first_bytes, a->virtual_last_bytes,
                        ((double)a->virtual_last_bytes - (double)a->virtual_first_bytes) / seconds);

    consider(&best, p->cgroup_limit_bytes,
             p->cgroup_used_bytes != SNAPSHOT_UNKNOWN ? p->cgroup_used_bytes : a->rss_last_bytes,
             rss, "cgroup memory limit");
    consider(&best, p->rlimit_as_bytes, p->virtual_bytes, size, "RLIMIT_AS");
    if (p->memory_available_bytes <= p->memory_total_bytes)
        consider(&best, p->memory_total_bytes, p->memory_total_bytes - p->memory_available_bytes,
                 rss, "memory of the machine");
    if (!best.source)
        return NULL;
    a->limit_bytes = best.bytes;
    /* What has ended will not exhaust anything. */
    a->exhaustion_s = p->end_ns ? NAN : seconds_to(&best);
    a->limit_source = strdup(best.source);
    return a->limit_source ? NULL : error_no_memory();
}

/* The limits that imported files name, when no look told one. */
static struct seep_error *consider_told(const struct told *told, struct analysis *a)
{
    const struct fact *killed = told_find(told, FACT_OOM_LIMIT, 0, NULL);
    uint64_t direct = told_value(told, FACT_DIRECT_MEMORY_MAX, 0, NULL);
    uint64_t total = told_value(told, FACT_MEMORY_TOTAL, 0, NULL);
    struct seep_error *err = NULL;

    if (a->limit_bytes != ANALYSIS_UNKNOWN)
        return NULL;
    if (killed && killed->has_value) {
        a->limit_bytes = killed->value;
        err = conclusions_text(&a->limit_source, "limit of the kernel's OOM report (%s)",
                               killed->name ? killed->name : "system");
    } else if (direct != UINT64_MAX) {
        a->limit_bytes = direct;
        err = conclusions_text(&a->limit_source, "the JVM's limit of direct memory");
    } else if (total != UINT64_MAX) {
        a->limit_bytes = total;
        err = conclusions_text(&a->limit_source, "memory of the machine");
    }
    return err;
}

/* --- contents of dumps --- */

static struct seep_error *find_mappings(const struct diagnosis *d, const struct analysis *a,
                                        struct contents_mapping **ret_mappings, size_t *ret_count)
{
    VECTOR(struct contents_mapping) mappings = {0};
    struct seep_error *err = NULL;

    for (size_t i = 0; i < d->parts.count; i++)
        for (size_t m = 0; m < d->parts.items[i]->marks.count && !err; m++) {
            const struct suspect_mark *mark = &d->parts.items[i]->marks.items[m];

            if (mappings.count == MAX_MAPPINGS_TOLD)
                break;
            err = vector_push(&mappings, (struct contents_mapping){
                                             mark->time_ns + a->info.wall_offset_ns, mark->tid});
        }
    if (err) {
        vector_deinit(&mappings);
        return err;
    }
    *ret_mappings = mappings.items;
    *ret_count = mappings.count;
    return NULL;
}

static struct seep_error *read_finding(const struct diagnosis *d, const struct dumps *dumps,
                                       const struct contents_options *options,
                                       const struct analysis *a, struct finding *f)
{
    _cleanup_free_ struct saved_range *ranges = calloc(f->vmas.count + 1, sizeof(*ranges));
    _cleanup_free_ struct contents_mapping *mappings = NULL;
    struct saved_memory_selection selection = {.pid = f->culprit.pid, .ranges = ranges};
    struct contents contents;
    struct seep_error *err;
    size_t count = 0;

    if (!ranges)
        return error_no_memory();
    for (size_t i = 0; i < f->vmas.count; i++)
        if (f->vmas.items[i].pid == f->culprit.pid)
            ranges[selection.range_count++] =
                (struct saved_range){f->vmas.items[i].start, f->vmas.items[i].end};
    if (selection.range_count == 0)
        return NULL;
    err = contents_scan(dumps, &selection, options, &contents);
    if (err)
        return err;
    memcpy(&f->strings, &contents.strings, sizeof(f->strings));
    memset(&contents.strings, 0, sizeof(contents.strings));
    memcpy(&f->templates, &contents.templates, sizeof(f->templates));
    memset(&contents.templates, 0, sizeof(contents.templates));
    if (contents.bulk.count) {
        f->times_first_ns = contents.bulk.first_ns;
        f->times_last_ns = contents.bulk.last_ns;
        f->times_count = contents.bulk.count;
    }
    if (a->info.basis != MOMENT_ABSOLUTE)
        err = contents_sentence_alone(&contents.bulk, &f->written);
    else if (!(err = find_mappings(d, a, &mappings, &count)))
        err = contents_sentence(&contents.bulk, mappings, count, &f->written);
    contents_deinit(&contents);
    return err;
}

static struct seep_error *read_dumps(const struct dumps *dumps, const struct diagnoses *diagnoses,
                                     struct analysis *a)
{
    struct contents_options options;
    struct seep_error *err = NULL;

    contents_window(&a->info, dumps, &options);
    for (size_t i = 0; i < diagnoses->count && dumps->dumps.count && !err; i++)
        if (a->findings.items[i].verdict != VERDICT_NOT_LEAK)
            err = read_finding(&diagnoses->items[i], dumps, &options, a, &a->findings.items[i]);
    return err;
}

static bool is_told(const struct analysis *a, pid_t pid, const struct dump_region *region)
{
    for (size_t i = 0; i < a->findings.count; i++) {
        const struct finding *f = &a->findings.items[i];

        for (size_t v = 0; v < f->vmas.count && f->strings.count; v++)
            if (f->vmas.items[v].pid == pid && f->vmas.items[v].start < region->end &&
                region->start < f->vmas.items[v].end)
                return true;
    }
    return false;
}

static bool is_of_file(const struct dump_region *region)
{
    return region->name && region->name[0] == '/' && !strstr(region->name, " (deleted)") &&
           strncmp(region->name, "/dev/", strlen("/dev/")) != 0;
}

static struct seep_error *read_region(const struct dumps *dumps, const struct dump *dump,
                                      const struct dump_region *region,
                                      const struct contents_options *options, struct analysis *a)
{
    struct saved_range range = {region->start, region->end};
    struct saved_memory_selection selection = {
        .pid = dump->pid, .ranges = &range, .range_count = 1};
    struct analysis_content content = {.pid = dump->pid,
                                       .start = region->start,
                                       .end = region->end,
                                       .region = REGION_OTHER,
                                       .times_first_ns = ANALYSIS_UNKNOWN,
                                       .times_last_ns = ANALYSIS_UNKNOWN,
                                       .times_count = ANALYSIS_UNKNOWN};
    struct contents contents;
    struct seep_error *err = contents_scan(dumps, &selection, options, &contents);

    if (err)
        return err;
    for (size_t i = 0; i < a->vmas.count; i++)
        if (a->vmas.items[i].pid == dump->pid && a->vmas.items[i].start <= region->start &&
            region->start < a->vmas.items[i].end)
            content.region = a->vmas.items[i].region;
    memcpy(&content.strings, &contents.strings, sizeof(content.strings));
    memset(&contents.strings, 0, sizeof(contents.strings));
    /* Relocated tables of a file hold numbers that look like times. */
    if (contents.bulk.count && content.region != REGION_FILE && !is_of_file(region)) {
        content.times_first_ns = contents.bulk.first_ns;
        content.times_last_ns = contents.bulk.last_ns;
        content.times_count = contents.bulk.count;
    }
    contents_deinit(&contents);
    content.name = strdup(region->name ? region->name : "");
    err = content.name ? vector_push(&a->contents, content) : error_no_memory();
    if (err) {
        for (size_t i = 0; i < content.strings.count; i++)
            free(content.strings.items[i].text);
        vector_deinit(&content.strings);
        free(content.name);
    }
    return err;
}

/* Memory that was imported was saved by somebody who wanted to know what is in it. */
static struct seep_error *read_the_rest(const struct dumps *dumps, struct analysis *a)
{
    struct contents_options options;
    struct seep_error *err = NULL;

    contents_window(&a->info, dumps, &options);
    for (size_t i = 0; i < dumps->dumps.count && !err; i++) {
        const struct dump *dump = dumps->dumps.items[i];

        for (size_t r = 0; r < dump->regions.count && !err; r++)
            if (a->contents.count < MAX_REGIONS_READ && dump->regions.items[r].saved_bytes &&
                !is_told(a, dump->pid, &dump->regions.items[r]))
                err = read_region(dumps, dump, &dump->regions.items[r], &options, a);
    }
    return err;
}

/* --- the whole --- */

/* An idle target proves nothing. */
static bool did_work(const struct history *history)
{
    if (history->worked)
        return true;
    for (size_t i = 0; i < history->processes.count; i++) {
        const struct history_process *p = history->processes.items[i];
        size_t count = p->activity.samples.count;

        if (count < 2)
            continue;

        const uint64_t *first = p->activity.samples.items[0].counters;
        const uint64_t *last = p->activity.samples.items[count - 1].counters;

        if (last[ACTIVITY_CPU_NS] != SNAPSHOT_UNKNOWN &&
            last[ACTIVITY_CPU_NS] - first[ACTIVITY_CPU_NS] >= MIN_WORK_NS)
            return true;
        if (last[ACTIVITY_SWITCHES] != SNAPSHOT_UNKNOWN &&
            last[ACTIVITY_SWITCHES] - first[ACTIVITY_SWITCHES] >= MIN_WORK_SWITCHES)
            return true;
    }
    return false;
}

/* Nobody saw a call, RSS grew, and the findings do not say where. */
static bool grew_unseen(const struct history *history, const struct analysis *a)
{
    uint64_t grown, told = 0;

    if (history->worked || a->rss_first_bytes == ANALYSIS_UNKNOWN ||
        a->rss_last_bytes == ANALYSIS_UNKNOWN || a->rss_last_bytes < a->rss_first_bytes)
        return false;
    grown = a->rss_last_bytes - a->rss_first_bytes;
    for (size_t i = 0; i < a->findings.count && told < grown; i++)
        if (a->findings.items[i].bytes != ANALYSIS_UNKNOWN)
            told += a->findings.items[i].bytes < grown ? a->findings.items[i].bytes : grown;
    return grown >= MIN_TREND_BYTES && told < grown / 2;
}

static enum verdict find_verdict(const struct history *history, const struct analysis *a)
{
    enum verdict gravest = VERDICT_NOT_LEAK;
    uint64_t held;

    for (size_t i = 0; i < a->findings.count; i++)
        if (a->findings.items[i].verdict > gravest)
            gravest = a->findings.items[i].verdict;
    if (gravest == VERDICT_NOT_LEAK && a->info.imported && !a->has_calls &&
        conclusions_is_one_moment(a))
        return conclusions_is_small(a, &held) ? VERDICT_NOT_LEAK : VERDICT_INCONCLUSIVE;
    if (gravest == VERDICT_NOT_LEAK && (!did_work(history) || grew_unseen(history, a)))
        return VERDICT_INCONCLUSIVE;
    return gravest;
}

static uint64_t wall(const struct analysis *a, uint64_t monotonic_ns)
{
    return monotonic_ns ? monotonic_ns + a->info.wall_offset_ns : ANALYSIS_UNKNOWN;
}

static struct seep_error *fill_evidence(struct case_dir *c, const struct replay_result *replay,
                                        const struct history *history, uint64_t start_ns,
                                        uint64_t end_ns, struct analysis *a)
{
    a->started_ns = wall(a, start_ns);
    a->ended_ns = wall(a, end_ns);
    a->duration_ns = end_ns > start_ns ? end_ns - start_ns : 0;
    a->time_basis = moment_basis_name(a->info.basis);
    if (a->info.basis == MOMENT_NONE && history->worked)
        a->started_ns = a->ended_ns = a->duration_ns = ANALYSIS_UNKNOWN;
    a->events = replay->events;
    a->has_calls = history->worked;
    a->lost_events =
        replay->lost_events > a->info.lost_events ? replay->lost_events : a->info.lost_events;
    a->lost_stacks = a->info.lost_stacks;
    a->snapshots = replay->snapshots;
    /* Without calls there are no books, only looks. */
    a->unexplained_bytes = replay->compared && !(a->info.imported && !history->worked)
                               ? replay->unexplained_bytes
                               : ANALYSIS_UNKNOWN;
    a->complete = case_state(c) == CASE_COMPLETE && !replay->cut;
    if (a->info.command) {
        a->command = strdup(a->info.command);
        if (!a->command)
            return error_no_memory();
    }
    return fill_memory(history, a);
}

static struct seep_error *write_findings(struct case_dir *c, const struct analysis_options *options,
                                         const struct correlation *correlation,
                                         const struct diagnoses *diagnoses,
                                         const struct recording *e, struct analysis *a)
{
    struct dumps dumps;
    struct seep_error *err = dumps_open(c->fd, &dumps);

    if (err)
        return err;
    a->dumps = dumps.dumps.count;
    err = findings_build(&(struct findings_input){correlation, diagnoses, e->history, e->paths,
                                                  c->path, &e->geometries, &dumps},
                         a);
    if (!err)
        err = java_stacks_add(c->fd, diagnoses, a);
    if (!err && !options->skip_content)
        err = read_dumps(&dumps, diagnoses, a);
    if (!err && !options->skip_content)
        err = finding_references_add(c, &dumps, a);
    if (!err && !options->skip_content && a->info.imported)
        err = read_the_rest(&dumps, a);
    dumps_deinit(&dumps);
    return err;
}

static struct seep_error *conclude(struct case_dir *c, const struct recording *e,
                                   struct analysis *a)
{
    struct told told;
    struct seep_error *err = told_read(c, &told);

    if (err)
        return err;
    err = conclusions_draw(&(struct conclusions_input){&told, e->history, c->path}, a);
    if (!err)
        err = consider_told(&told, a);
    told_deinit(&told);
    return err;
}

/* The order of calls has no rate. */
static void forget_times(struct diagnosis *d)
{
    d->bytes_per_s = d->bytes_per_s != 0 ? NAN : 0;
    d->judgement.doubts &= ~(unsigned)DOUBT_SHORT;
}

static struct seep_error *judge(struct case_dir *c, const struct analysis_options *options,
                                const struct recording *e, uint64_t end_ns, struct analysis *a)
{
    struct correlation correlation;
    struct diagnoses diagnoses;
    struct seep_error *err = correlate(e->history, e->ledger, e->paths, end_ns, &correlation);

    if (err)
        return err;
    err = diagnosis_make(&correlation, a->lost_events, &diagnoses);
    for (size_t i = 0; !err && i < diagnoses.count; i++)
        geometry_weigh(&e->geometries, &diagnoses.items[i]);
    for (size_t i = 0; !err && i < diagnoses.count && a->info.basis == MOMENT_NONE; i++)
        forget_times(&diagnoses.items[i]);
    if (!err) {
        err = write_findings(c, options, &correlation, &diagnoses, e, a);
        diagnoses_deinit(&diagnoses);
    }
    correlation_deinit(&correlation);
    if (!err)
        err = conclude(c, e, a);
    if (!err)
        a->verdict = find_verdict(e->history, a);
    return err;
}

static struct seep_error *copy_troubles(const struct symbols_troubles *troubles, struct analysis *a)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < troubles->count && !err; i++) {
        char *text = strdup(troubles->items[i]);

        err = text ? vector_push(&a->symbol_troubles, text) : error_no_memory();
        if (err)
            free(text);
    }
    return err;
}

static struct seep_error *name_paths(const struct case_dir *c,
                                     const struct analysis_options *options, struct recording *e,
                                     struct analysis *a)
{
    struct seep_error *err =
        recording_name_paths(e, c->fd,
                             &(struct recording_naming){.skip_symbols = options->skip_symbols,
                                                        .debug_dirs = options->debug_dirs,
                                                        .progress = options->progress,
                                                        .context = options->context});

    return !err && e->names ? copy_troubles(frame_names_troubles(e->names), a) : err;
}

struct seep_error *analysis_run(struct case_dir *c, const struct analysis_options *options,
                                struct analysis **ret_analysis)
{
    static const struct analysis_options defaults = {0};
    _cleanup_(analysis_destroyp) struct analysis *a = calloc(1, sizeof(*a));
    _cleanup_(recording_deinit) struct recording e = {0};
    struct seep_error *err;

    if (!a)
        return error_no_memory();
    if (!options)
        options = &defaults;
    case_info(c, &a->info);
    err = recording_read(c, &a->info, &e);
    if (!err)
        err = name_paths(c, options, &e, a);
    if (err)
        return err;

    uint64_t start = a->info.started_ns ? a->info.started_ns : e.history->first_ns;
    uint64_t end = e.history->last_ns > a->info.ended_ns ? e.history->last_ns : a->info.ended_ns;

    /* Files beside a log may be years younger, by the time at which they were copied. */
    if (a->info.imported && e.history->worked)
        err = fill_evidence(c, &e.replay, e.history, e.history->first_event_ns,
                            e.history->last_event_ns, a);
    else
        err = fill_evidence(c, &e.replay, e.history, start, end, a);
    if (!err)
        err = judge(c, options, &e, end, a);
    if (!err)
        *ret_analysis = take_ptr(a);
    return err;
}
