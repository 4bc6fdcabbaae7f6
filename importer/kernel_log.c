#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "importer/importer.h"
#include "importer/log_clock.h"
#include "importer/oom_report.h"

enum { MAX_REPORTS = 64, MAX_PROCESSES = 64, MAX_TEXT_BYTES = 16 << 10, PROGRESS_LINES = 4096 };

struct reader {
    struct collection *c;
    struct log_clock clock;
    struct oom_report report;
    struct buffer text;
    struct when when;
    uint64_t line, reports;
};

static struct seep_error *put(struct reader *r, struct fact fact)
{
    fact.line = r->line;
    return collection_fact(r->c, r->when, &fact);
}

static int compare_tasks(const void *a, const void *b)
{
    const struct oom_report_task *first = a, *second = b;

    return first->rss_bytes > second->rss_bytes ? -1 : first->rss_bytes < second->rss_bytes;
}

/* The largest of the table of tasks: who else had the memory. */
static struct seep_error *tell_tasks(struct reader *r)
{
    struct oom_report *report = &r->report;
    struct seep_error *err = NULL;

    if (report->tasks.count)
        qsort(report->tasks.items, report->tasks.count, sizeof(report->tasks.items[0]),
              compare_tasks);
    for (size_t i = 0; !err && i < report->tasks.count && i < MAX_PROCESSES; i++) {
        const struct oom_report_task *task = &report->tasks.items[i];

        err = put(r, (struct fact){.kind = FACT_PROCESS,
                                   .pid = task->pid,
                                   .name = task->name,
                                   .has_value = true,
                                   .value = task->rss_bytes});
    }
    return err;
}

static struct seep_error *tell(struct reader *r)
{
    const struct oom_report *report = &r->report;
    char whose[OOM_REPORT_PATH_BYTES + 8] = "system";
    struct seep_error *err;

    if (++r->reports > MAX_REPORTS)
        return NULL;
    if (r->text.failed)
        return error_no_memory();
    err = put(r, (struct fact){.kind = FACT_OOM_KILLED,
                               .pid = report->killed,
                               .name = report->name,
                               .has_value = report->anon_bytes != OOM_REPORT_UNKNOWN,
                               .value = report->anon_bytes});
    if (report->in_cgroup)
        snprintf(whose, sizeof(whose), "cgroup%s%s", report->cgroup[0] ? " " : "", report->cgroup);
    if (!err)
        err = put(r, (struct fact){.kind = FACT_OOM_LIMIT,
                                   .name = whose,
                                   .has_value = report->limit_bytes != OOM_REPORT_UNKNOWN,
                                   .value = report->limit_bytes});
    if (!err)
        err = put(r, (struct fact){
                         .kind = FACT_OOM_REPORT, .pid = report->killed, .text = r->text.bytes});
    return err ? err : tell_tasks(r);
}

static struct when time_of(const struct reader *r, struct span line)
{
    struct when when = log_clock_now(&r->clock);
    int64_t ns;

    if (when.basis == WHEN_NONE && oom_report_uptime(line, &ns))
        when = (struct when){WHEN_RELATIVE, ns};
    return when;
}

static struct seep_error *take_line(struct reader *r, struct span line)
{
    struct span message = oom_report_message(line);
    enum oom_report_said said;
    struct seep_error *err = oom_report_line(&r->report, message, &said);

    if (err || said == OOM_REPORT_NOTHING)
        return err;
    if (said == OOM_REPORT_BEGINS)
        buffer_clear(&r->text);
    if (said == OOM_REPORT_TABLE)
        return NULL;
    log_clock_line(&r->clock, line);
    if (r->text.len + message.len < MAX_TEXT_BYTES) {
        if (r->text.len)
            buffer_bytes(&r->text, "\n", 1);
        buffer_bytes(&r->text, message.text, message.len);
    }
    if (said != OOM_REPORT_KILLED)
        return NULL;
    r->when = time_of(r, line);
    err = tell(r);
    oom_report_deinit(&r->report);
    buffer_clear(&r->text);
    return err;
}

static struct seep_error *import_kernel_log(struct input *in, struct collection *c)
{
    struct reader r = {.c = c};
    struct input_line line;
    struct seep_error *err = NULL;

    oom_report_init(&r.report);
    log_clock_init(&r.clock, in);
    while (!err && !(err = input_next_line(in, &line)) && line.text) {
        r.line = line.number;
        if (line.number % PROGRESS_LINES == 0)
            collection_progress(c);
        err = take_line(&r, span_of(line.text, line.len));
    }
    if (!err && !r.reports)
        err = error_create(ERROR_INVALID,
                           "%s has no line of the OOM killer's that names whom it "
                           "killed",
                           in->path);
    if (!err && r.reports > MAX_REPORTS)
        err = collection_remark(c, "of %llu reports of the OOM killer the first %d are kept",
                                (unsigned long long)r.reports, MAX_REPORTS);
    oom_report_deinit(&r.report);
    buffer_deinit(&r.text);
    return err;
}

static int recognise(const char *head, size_t len)
{
    struct span rest = span_of(head, len), line;
    int score = IMPORTER_NEVER;

    while (span_next_line(&rest, &line)) {
        struct span message = span_trim(oom_report_message(line));
        struct span trigger;
        int64_t ns;

        if (oom_report_begins(message, &trigger) || span_starts(message, "oom-kill:constraint=") ||
            span_starts(message, "Out of memory: Kill") ||
            span_starts(message, "Memory cgroup out of memory: Kill"))
            return IMPORTER_CERTAIN;
        if (span_starts(message, "Killed process "))
            score = IMPORTER_LIKELY;
        else if (score == IMPORTER_NEVER &&
                 (span_has(span_first(line, 160), " kernel: ") || oom_report_uptime(line, &ns)))
            score = IMPORTER_PERHAPS;
    }
    return score;
}

extern const struct importer importer_kernel_log;

const struct importer importer_kernel_log = {
    .name = "kernel-log",
    .option = "kernel-log",
    .argument = "F",
    .doc = "the kernel's log (dmesg, journalctl -k, syslog) with what the OOM killer did",
    .expected = "kernel logs with OOM reports",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise,
    .import = import_kernel_log,
};
