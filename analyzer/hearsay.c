#include "analyzer/hearsay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

enum {
    MAX_INCIDENTS = 64,
    MAX_ASSUMPTIONS = 256,
    LEAST_GAP = 100, /* of the logs' time: a shorter one between them is none */
};

/* --- incidents --- */

static bool is_incident(const struct fact *fact)
{
    switch (fact->kind) {
    case FACT_OUT_OF_MEMORY:
    case FACT_OOM_KILLED:
    case FACT_OOM_LIMIT:
    case FACT_OOM_REPORT:
    case FACT_CRASH:
        return true;
    default:
        return false;
    }
}

static struct seep_error *copy(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? error_no_memory() : NULL;
}

static struct seep_error *add_incident(const struct fact *fact, struct analysis *a)
{
    struct analysis_incident incident = {
        .kind = fact_kind_name(fact->kind),
        .pid = fact->pid,
        .bytes = fact->has_value ? fact->value : ANALYSIS_UNKNOWN,
        .time_ns = fact->time_ns ? fact->time_ns + a->info.wall_offset_ns : ANALYSIS_UNKNOWN,
        .line = fact->line,
    };
    struct seep_error *err = copy(fact->name, &incident.name);

    if (!err)
        err = copy(fact->text, &incident.text);
    if (!err)
        err = copy(fact->file, &incident.file);
    if (!err)
        err = vector_push(&a->incidents, incident);
    if (err) {
        free(incident.name);
        free(incident.text);
        free(incident.file);
    }
    return err;
}

/* --- what was assumed --- */

static struct seep_error *assume(struct analysis *a, const char *file, const char *sentence)
{
    struct seep_error *err;
    char *text;

    if (!sentence || a->assumptions.count >= MAX_ASSUMPTIONS)
        return NULL;
    err = conclusions_text(&text, "%s%s%s", file ? file : "", file ? ": " : "", sentence);
    if (err)
        return err;
    err = vector_push(&a->assumptions, text);
    if (err)
        free(text);
    return err;
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash && slash[1] ? slash + 1 : path;
}

static struct seep_error *add_import(const struct told_import *import, struct analysis *a)
{
    struct analysis_import copied = {.lines = import->lines, .skipped = import->skipped};
    const json_t *sentence, *line;
    size_t index;
    struct seep_error *err = copy(import->file, &copied.file);

    if (!err)
        err = copy(import->format, &copied.format);
    if (!err)
        err = vector_push(&a->imports, copied);
    if (err) {
        free(copied.file);
        free(copied.format);
        return err;
    }
    json_array_foreach (import->assumptions, index, sentence)
        if (!err)
            err = assume(a, base_name(import->file), json_string_value(sentence));
    if (!err && import->skipped) {
        struct units_text skipped, lines;
        _cleanup_free_ char *text = NULL;

        line = json_array_get(import->first_skipped, 0);
        err = conclusions_text(&text, "%s of %s lines could not be read, the first is line %lld",
                               units_format_count(&skipped, import->skipped),
                               units_format_count(&lines, import->lines),
                               (long long)json_integer_value(json_object_get(line, "line")));
        if (!err)
            err = assume(a, base_name(import->file), text);
    }
    return err;
}

/* --- what was not seen --- */

/* What is called between two logs of one process nobody knows. */
static struct seep_error *tell_gaps(const struct history_process *p, struct analysis *a)
{
    uint64_t least_ns = (p->log_last_ns - p->log_first_ns) / LEAST_GAP;
    uint64_t until_ns = p->logs.count ? p->logs.items[0].last_ns : 0;
    struct seep_error *err = NULL;

    if (a->info.basis >= MOMENT_RELATIVE)
        return NULL;
    least_ns = least_ns > (uint64_t)NS_PER_S ? least_ns : (uint64_t)NS_PER_S;
    for (size_t i = 1; i < p->logs.count && !err; i++) {
        const struct history_log *log = &p->logs.items[i];

        if (log->first_ns > until_ns && log->first_ns - until_ns >= least_ns) {
            struct units_text from, to, length;
            _cleanup_free_ char *text = NULL;

            err = conclusions_text(
                &text,
                "no log of process %d between %s and %s, for %s: what it mapped and gave back then "
                "is not known",
                (int)p->pid,
                moment_text(&from, a->info.basis, until_ns + a->info.wall_offset_ns, true),
                moment_text(&to, a->info.basis, log->first_ns + a->info.wall_offset_ns, true),
                units_format_duration(&length, log->first_ns - until_ns));
            if (!err)
                err = assume(a, NULL, text);
        }
        until_ns = log->last_ns > until_ns ? log->last_ns : until_ns;
    }
    return err;
}

/* A core shows what is mapped, and an older pmap beside it what was resident then. */
static struct seep_error *tell_stale(const struct history_process *p, struct analysis *a)
{
    _cleanup_free_ char *text = NULL;
    struct units_text age;
    struct seep_error *err;

    if (!history_rss_is_stale(p))
        return NULL;
    err = conclusions_text(&text,
                           "what is resident of process %d is told by a look that is %s older than "
                           "the last one, which does not tell it: RSS and sizes are of different "
                           "moments",
                           (int)p->pid,
                           units_format_duration(&age, p->growth.last_ns - p->rss_told_ns));
    return err ? err : assume(a, NULL, text);
}

/* --- what is missing --- */

static struct seep_error *miss(struct analysis *a, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static struct seep_error *miss(struct analysis *a, const char *what, const char *format, ...)
{
    struct analysis_missing missing = {0};
    va_list arguments;
    struct seep_error *err = copy(what, &missing.what);
    int len;

    if (err)
        return err;
    va_start(arguments, format);
    len = vasprintf(&missing.command, format, arguments);
    va_end(arguments);
    if (len < 0)
        missing.command = NULL;
    err = missing.command ? vector_push(&a->missing, missing) : error_no_memory();
    if (err) {
        free(missing.what);
        free(missing.command);
    }
    return err;
}

struct evidence {
    uint64_t events, unplaced, looks, moments, memory_bytes, thread_dumps;
    bool has_split, java, thinned;
    pid_t pid; /* to be looked at next; 0 unknown */
};

/* The one that the gravest finding is about; else the case's own. */
static pid_t whom_to_watch(const struct conclusions_input *in, const struct analysis *a)
{
    pid_t pid = a->info.pid;
    const struct history_process *p;

    if (a->findings.count && a->findings.items[0].verdict != VERDICT_NOT_LEAK &&
        a->findings.items[0].culprit.pid > 0)
        pid = a->findings.items[0].culprit.pid;
    p = history_find(in->history, pid);
    return (p && p->made_up) || (pid == a->info.pid && a->info.pid_made_up) ? 0 : pid;
}

static struct evidence survey(const struct conclusions_input *in, const struct analysis *a)
{
    struct evidence e = {.pid = whom_to_watch(in, a)};

    for (size_t i = 0; i < in->told->imports.count; i++) {
        const struct told_import *import = &in->told->imports.items[i];

        e.events += import->events;
        e.memory_bytes += import->memory_bytes;
        /* A core has threads too, of whatever it is of. */
        if (!import->format || strcmp(import->format, "core") != 0)
            e.thread_dumps += import->thread_dumps;
    }
    for (size_t i = 0; i < in->history->processes.count; i++) {
        const struct history_process *p = in->history->processes.items[i];
        uint64_t apart = p->growth.last_ns - p->growth.first_ns;

        e.unplaced += p->unplaced.count + p->unplaced_skipped;
        e.thinned |= p->log_last_ns && p->events && !p->log_whole;
        e.looks += p->growth.looks;
        e.has_split |= p->residence.detail == RESIDENCE_SPLIT && !p->residence.partial;
        if (p->growth.looks > 1 && apart >= (uint64_t)NS_PER_S)
            e.moments = 2;
    }
    e.java = a->java.count > 0 || (a->info.runtime && strcmp(a->info.runtime, "java") == 0) ||
             e.thread_dumps;
    return e;
}

static struct seep_error *list_missing(const struct conclusions_input *in, struct analysis *a)
{
    struct evidence e = survey(in, a);
    struct seep_error *err = NULL;
    char pid[16] = "PID";

    if (e.pid > 0)
        snprintf(pid, sizeof(pid), "%d", (int)e.pid);

    if (!e.events)
        err = miss(a, "who maps memory: no call was seen",
                   "strace -f -ttt -T -e trace=%%memory,%%process -o trace.txt -p %s", pid);
    else if (a->info.basis == MOMENT_NONE || a->info.basis == MOMENT_RELATIVE)
        err = miss(a,
                   a->info.basis == MOMENT_NONE ? "when calls were made"
                                                : "the date and the time of day of the calls",
                   "strace -f -ttt -T -e trace=%%memory,%%process -o trace.txt -p %s", pid);
    else if (a->info.basis != MOMENT_ABSOLUTE)
        err = miss(a, "the date and the zone of the calls' times",
                   "strace -f -ttt -T -e trace=%%memory,%%process -o trace.txt -p %s   (of this "
                   "log: seep import --date DATE --tz ZONE)",
                   pid);
    if (!err && e.events && (e.unplaced || e.thinned))
        err = miss(a,
                   !e.thinned ? "results of calls: the log was thinned out, or ends within them"
                   : e.unplaced
                       ? "munmap and the results of all calls: the log was thinned out"
                       : "munmap: the log holds mmap and brk alone, traced so or thinned out",
                   "keep the whole log: gzip trace.txt, and seep import -o CASE trace.txt.gz");
    if (!err && !e.has_split)
        err = miss(a, "what is resident, shared and private, of every region",
                   "cat /proc/%s/smaps >smaps-1.txt", pid);
    if (!err && e.moments < 2)
        err = miss(a, "a second look at the regions: one moment shows no growth",
                   "sleep 600; cat /proc/%s/smaps >smaps-2.txt", pid);
    if (!err && !e.memory_bytes)
        err = miss(a, "what is written in the memory",
                   "gcore -o core %s   (or seep dump -p %s "
                   "--growing)",
                   pid, pid);
    if (!err && e.java && !e.thread_dumps)
        err = miss(a, "Java thread dumps: names and stacks of threads, with times",
                   "while sleep 5; do jcmd %s Thread.print; done >threads.txt", pid);
    if (!err && e.java && told_value(in->told, FACT_NMT_COMMITTED, 0, NULL) == UINT64_MAX)
        err = miss(a, "the JVM's own account (started with -XX:NativeMemoryTracking=summary)",
                   "jcmd %s VM.native_memory summary >nmt.txt", pid);
    return err;
}

struct seep_error *hearsay_conclude(const struct conclusions_input *in, struct analysis *a)
{
    struct seep_error *err = NULL;
    const json_t *remark;
    size_t index;

    for (size_t i = 0; i < in->told->facts.count && !err; i++)
        if (is_incident(&in->told->facts.items[i]) && a->incidents.count < MAX_INCIDENTS)
            err = add_incident(&in->told->facts.items[i], a);
    json_array_foreach (in->told->remarks, index, remark)
        if (!err)
            err = assume(a, NULL, json_string_value(remark));
    for (size_t i = 0; i < in->told->imports.count && !err; i++)
        err = add_import(&in->told->imports.items[i], a);
    if (err || !a->info.imported)
        return err;
    for (size_t i = 0; i < in->history->processes.count && !err; i++) {
        err = tell_gaps(in->history->processes.items[i], a);
        if (!err)
            err = tell_stale(in->history->processes.items[i], a);
    }
    return err ? err : list_missing(in, a);
}
