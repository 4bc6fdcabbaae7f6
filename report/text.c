#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "report/finding_text.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/told_text.h"
#include "report/wrap.h"
#include "stacks/symbols.h"

enum { DEFAULT_TOP = 10, DEFAULT_WIDTH = 80 };

static bool known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

static size_t count_findings(const struct analysis *a, enum verdict verdict)
{
    size_t count = 0;

    for (size_t i = 0; i < a->findings.count; i++)
        count += a->findings.items[i].verdict == verdict;
    return count;
}

/* --- the first lines --- */

static enum rows_colour add_answer(struct rows *r, const struct analysis *a)
{
    size_t leaks = count_findings(a, VERDICT_LEAK), suspects = count_findings(a, VERDICT_SUSPECT);

    if (leaks)
        rows_count(r, leaks, "leak");
    if (suspects) {
        rows_between(r, ", ");
        rows_count(r, suspects, "suspect");
    }
    if (leaks || suspects)
        return leaks ? ROWS_RED : ROWS_YELLOW;
    if (a->verdict == VERDICT_NOT_LEAK) {
        rows_printf(r, "no leak found");
        return ROWS_GREEN;
    }
    rows_printf(r, "inconclusive: the evidence cannot tell");
    return ROWS_YELLOW;
}

/* What people know the target by. Not simply its executable, which may be a link's target that nobody
 * knows by that name (redis-check-rdb); comm is cut at 15 bytes. */
static const char *name_of_target(const struct case_info *info)
{
    enum { COMM_BYTES = 15 };
    const char *slash = info->exe ? strrchr(info->exe, '/') : NULL;
    const char *exe = slash && slash[1] ? slash + 1 : info->exe;

    if (!info->name ||
        (exe && strlen(info->name) == COMM_BYTES && strncmp(exe, info->name, COMM_BYTES) == 0))
        return exe;
    return info->name;
}

/* Files of one moment, and no calls. */
static bool is_one_moment(const struct analysis *a)
{
    return a->info.imported && !a->has_calls && a->duration_ns < (uint64_t)NS_PER_S;
}

static void add_watch(struct rows *r, const struct analysis *a)
{
    const char *name = name_of_target(&a->info);
    struct units_text text;

    if (a->info.pid_made_up)
        rows_printf(r, "pid not known");
    else if (a->info.pid > 0)
        rows_printf(r, "pid %d", (int)a->info.pid);
    if (name) {
        rows_between(r, " ");
        rows_text(r, name);
    }
    if (a->processes.count > 1)
        rows_printf(r, " and %zu more", a->processes.count - 1);
    if (is_one_moment(a)) {
        rows_between(r, ", ");
        rows_printf(r, "looked at once");
        return;
    }
    if (known(a->duration_ns)) {
        rows_between(r, ", ");
        rows_printf(r, "watched %s", units_format_duration(&text, a->duration_ns));
    }
    if (known(a->events)) {
        rows_between(r, ", ");
        rows_count(r, a->events, "event");
        if (known(a->lost_events))
            rows_printf(r, ", %s lost", units_format_count(&text, a->lost_events));
    }
}

/* The answer on the left and what was watched on the right, or below where that is too long. */
static void write_headline(struct rows *r, const struct analysis *a)
{
    _cleanup_buffer_ struct buffer answer = {0};
    enum rows_colour colour = add_answer(r, a);

    answer = r->line;
    r->line = (struct buffer){0};
    add_watch(r, a);
    if (answer.failed || r->line.failed) {
        r->out.failed = true;
        return;
    }

    size_t left = strlen("seep: ") + answer.len;
    size_t right = r->line.len ? wrap_columns(r->line.bytes, r->line.len) : 0;

    buffer_printf(&r->out, "seep: %s%s%s", rows_colour(r, colour), answer.bytes,
                  rows_colour(r, ROWS_PLAIN));
    if (right && left + 2 + right <= r->width) {
        buffer_printf(&r->out, "%*s%s", (int)(r->width - left - right), "", r->line.bytes);
        buffer_clear(&r->line);
    }
    buffer_printf(&r->out, "\n");
    rows_end_paragraph(r, "      ");
}

static void write_findings(struct rows *r, const struct analysis *a, unsigned top)
{
    size_t told = 0, left = 0;
    uint64_t left_bytes = 0;

    for (size_t i = 0; i < a->findings.count; i++) {
        const struct finding *f = &a->findings.items[i];

        if (f->verdict == VERDICT_NOT_LEAK)
            continue;
        if (told < top) {
            finding_text(r, a, f);
            told++;
            continue;
        }
        left++;
        if (known(f->bytes) && __builtin_add_overflow(left_bytes, f->bytes, &left_bytes))
            left_bytes = UINT64_MAX;
    }
    if (left) {
        rows_count(r, left, "finding");
        rows_printf(r, " more, ");
        rows_size(r, left_bytes);
        rows_printf(r, " in all: --top %zu tells %s too", told + left, left == 1 ? "it" : "them");
        rows_end_paragraph(r, "   ");
    }
}

/* What kept the evidence from telling, when no finding says it. */
static void write_doubts(struct rows *r, const struct analysis *a)
{
    if (a->verdict != VERDICT_INCONCLUSIVE || count_findings(a, VERDICT_INCONCLUSIVE))
        return;
    if (!known(a->snapshots) || a->snapshots < 2)
        rows_printf(r, "growth shows between two snapshots, and fewer were taken");
    if (!known(a->events) || a->events == 0) {
        rows_between(r, "; ");
        rows_printf(r, "no event tells who mapped what");
    }
    if (known(a->lost_events) && a->lost_events) {
        rows_between(r, "; ");
        rows_count(r, a->lost_events, "event");
        rows_printf(r, " lost");
    }
    if (!a->complete) {
        rows_between(r, "; ");
        rows_printf(r, "the recording is not complete");
    }
    rows_end(r, "why");
    if (a->missing.count)
        return;
    rows_printf(r, "watch for longer, while the process works: seep trace -p PID --for 10m");
    rows_end(r, "next");
}

/* --- the last lines --- */

static void write_not_leaks(struct rows *r, const struct analysis *a, unsigned top)
{
    size_t told = 0;

    for (size_t i = 0; i < a->findings.count; i++) {
        const struct finding *f = &a->findings.items[i];

        if (f->verdict != VERDICT_NOT_LEAK)
            continue;
        if (told == top) {
            rows_printf(r, "and %zu more", count_findings(a, VERDICT_NOT_LEAK) - told);
            rows_end_paragraph(r, "           ");
            return;
        }
        if (f->title)
            rows_text(r, f->title);
        else if (known(f->bytes))
            rows_size(r, f->bytes);
        rows_between(r, " ");
        rows_printf(r, "(%s, %s)", region_name(f->region), cause_name(f->cause));
        if (f->reason) {
            rows_printf(r, ": ");
            rows_text(r, f->reason);
        }
        rows_end_paragraph(r, told++ ? "           " : "Not leaks: ");
    }
}

static void add_change(struct rows *r, const char *what, uint64_t first, uint64_t last)
{
    if (!known(last))
        return;
    rows_between(r, "; ");
    rows_printf(r, "%s ", what);
    if (known(first) && first != last) {
        rows_size(r, first);
        rows_printf(r, " -> ");
    }
    rows_size(r, last);
}

static void write_memory(struct rows *r, const struct analysis *a)
{
    add_change(r, "resident", a->rss_first_bytes, a->rss_last_bytes);
    if (isfinite(a->growth_bytes_per_s) && fabs(a->growth_bytes_per_s) >= 1) {
        rows_between(r, ", ");
        rows_rate(r, a->growth_bytes_per_s);
    }
    add_change(r, "virtual", a->virtual_first_bytes, a->virtual_last_bytes);
    /* A finding that is told has it in a row of its own. */
    if (a->info.imported && known(a->limit_bytes) &&
        (!a->findings.count || a->findings.items[0].verdict == VERDICT_NOT_LEAK)) {
        rows_between(r, "; ");
        rows_text(r, a->limit_source ? a->limit_source : "limit");
        rows_printf(r, " ");
        rows_size(r, a->limit_bytes);
    }
    rows_end_paragraph(r, "Memory: ");
}

static void add_window(struct rows *r, const struct analysis *a)
{
    struct units_text start, end;

    if (a->info.basis == MOMENT_NONE || !known(a->started_ns) || !known(a->ended_ns)) {
        rows_printf(r, ", without times: only the order is known");
        return;
    }
    rows_between(r, ", ");
    if (a->info.basis == MOMENT_ABSOLUTE) {
        /* Whole seconds are enough for a person, and the zone is said once. */
        units_format_time(&start, a->started_ns, true);
        units_format_time(&end, a->ended_ns, true);
        rows_printf(r, "%.10s %.8s to ", start.text, start.text + 11);
        if (strncmp(start.text, end.text, 10) != 0)
            rows_printf(r, "%.10s ", end.text);
        rows_printf(r, "%.8s %s", end.text + 11, end.text + 29);
        return;
    }
    rows_printf(r, "%s to %s", moment_text(&start, a->info.basis, a->started_ns, true),
                moment_text(&end, a->info.basis, a->ended_ns, true));
    if (a->info.basis == MOMENT_TIME_OF_DAY)
        rows_printf(r, " of a clock without date and zone");
    if (a->info.basis == MOMENT_LOCAL)
        rows_printf(r, " of a time zone that is not known");
}

static void write_seen(struct rows *r, const struct analysis *a)
{
    if (a->info.backend)
        rows_text(r, a->info.backend);
    if (a->info.host_name) {
        rows_between(r, " ");
        rows_printf(r, "on ");
        rows_text(r, a->info.host_name);
    }
    if ((known(a->started_ns) && known(a->ended_ns)) || a->info.basis == MOMENT_NONE)
        add_window(r, a);
    if (known(a->snapshots)) {
        rows_between(r, ", ");
        rows_count(r, a->snapshots, "snapshot");
    }
    if (known(a->dumps) && a->dumps) {
        rows_between(r, ", ");
        rows_count(r, a->dumps, "dump");
    }
    rows_end_paragraph(r, "Seen: ");
}

static void write_not_seen(struct rows *r, const struct analysis *a)
{
    bool timed = known(a->started_ns) && a->info.basis != MOMENT_NONE;

    if (a->info.imported && !a->has_calls) {
        rows_printf(r, "who mapped what, and when: there is no call among the evidence");
        rows_end_paragraph(r, "Not seen: ");
        return;
    }

    if (timed) {
        rows_printf(r, "what was mapped before ");
        rows_time(r, a->started_ns);
    }
    if (known(a->preexisting_bytes)) {
        rows_printf(r, "%s(", timed ? " " : "what was mapped before ");
        rows_size(r, a->preexisting_bytes);
        rows_printf(r, ")");
    } else if (timed || a->info.imported) {
        rows_printf(r, timed ? ": no look tells how much" : "what was mapped before");
    }
    rows_between(r, "; ");
    if (known(a->lost_events)) {
        rows_count(r, a->lost_events, "event");
        rows_printf(r, " lost; ");
    }
    if (known(a->lost_stacks) && a->lost_stacks) {
        rows_count(r, a->lost_stacks, "stack");
        rows_printf(r, " lost; ");
    }
    if (!known(a->unexplained_bytes))
        rows_printf(r, "the books were not compared with the kernel's");
    else if (a->unexplained_bytes < 1024)
        rows_count(r, a->unexplained_bytes, "byte");
    else
        rows_size(r, a->unexplained_bytes);
    if (known(a->unexplained_bytes))
        rows_printf(r, " unexplained");
    if (!a->complete)
        rows_printf(r, "; the recording is not complete");
    if (a->info.reason) {
        rows_printf(r, "%s", a->complete ? "; " : ": ");
        rows_text(r, a->info.reason);
    }
    rows_end_paragraph(r, "Not seen: ");
}

/* TROUBLE, "FILE: why", is of a file that some call path of F would need; DOUBTED: that it has a name
 * from, which may be wrong. */
static bool is_missed(const struct finding *f, const char *trouble, bool doubted)
{
    for (size_t s = 0; s < f->stacks.count; s++)
        for (size_t i = 0; i < f->stacks.items[s].frames.count; i++) {
            const struct analysis_frame *frame = &f->stacks.items[s].frames.items[i];
            size_t len = frame->module ? strlen(frame->module) : 0;

            if (len && !frame->function == !doubted && strncmp(trouble, frame->module, len) == 0 &&
                trouble[len] == ':' &&
                (!doubted || strcmp(trouble + len, ": " SYMBOLS_UNVERIFIED) == 0))
                return true;
        }
    return false;
}

static void write_troubles(struct rows *r, const struct analysis *a, bool doubted)
{
    for (size_t t = 0; t < a->symbol_troubles.count; t++)
        for (size_t i = 0; i < a->findings.count; i++)
            if (a->findings.items[i].verdict != VERDICT_NOT_LEAK &&
                is_missed(&a->findings.items[i], a->symbol_troubles.items[t], doubted)) {
                rows_between(r, "; ");
                rows_text(r, a->symbol_troubles.items[t]);
                break;
            }
    rows_end_paragraph(r, doubted ? "Doubtful names: " : "Not named: ");
}

/* Whose functions have no names, or perhaps those of another file, and why; where a person would miss
 * them. */
static void write_not_named(struct rows *r, const struct analysis *a)
{
    write_troubles(r, a, false);
    write_troubles(r, a, true);
}

static void write_cost(struct rows *r, const struct analysis *a)
{
    struct units_text stopped;

    if (!known(a->duration_ns) || a->duration_ns == 0 ||
        (a->info.watcher_cpu_ns == 0 && a->info.target_stopped_ns == 0))
        rows_printf(r, "not recorded");
    else
        rows_printf(r, "%.1f%% of one core; target stopped for %s in all (%.2f%%)",
                    100 * (double)a->info.watcher_cpu_ns / (double)a->duration_ns,
                    units_format_duration(&stopped, a->info.target_stopped_ns),
                    100 * (double)a->info.target_stopped_ns / (double)a->duration_ns);
    rows_end_paragraph(r, "Cost of watching: ");
}

struct seep_error *report_text(const struct analysis *analysis,
                               const struct report_text_options *options, FILE *out)
{
    unsigned top = options->top ? options->top : DEFAULT_TOP;
    _cleanup_(rows_deinit) struct rows rows = {
        .width = options->width ? options->width : DEFAULT_WIDTH,
        .colour = options->colour,
        .day_ns = analysis->ended_ns,
        .basis = analysis->info.basis,
    };

    write_headline(&rows, analysis);
    write_findings(&rows, analysis, top);
    write_doubts(&rows, analysis);
    write_not_leaks(&rows, analysis, top);
    told_text(&rows, analysis, top);
    write_memory(&rows, analysis);
    write_seen(&rows, analysis);
    write_not_seen(&rows, analysis);
    write_not_named(&rows, analysis);
    told_text_limits(&rows, analysis);
    if (!analysis->info.imported)
        write_cost(&rows, analysis);
    if (rows.out.failed)
        return error_no_memory();
    if (fwrite(rows.out.bytes, 1, rows.out.len, out) != rows.out.len || fflush(out) != 0)
        return error_errno(errno, NULL, "cannot write the report");
    return NULL;
}
