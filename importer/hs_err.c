/*
 * What HotSpot writes when it dies (hs_err_pidN.log), and jcmd VM.info of a living one: JDK 8 to 25.
 *
 *     # Native memory allocation (mmap) failed to map 16777216 bytes for ...      the headline
 *     Command Line: -Xmx128m ... Main        jvm_args: ... / java_command: Main   (8)
 *     Time: Fri Nov 20 08:22:40 2026 UTC     time: ... / timezone: UTC            (8)
 *     JavaThread "main" [_thread_blocked, id=11933, stack(0x...,0x...)]
 *     Heap:  Native Memory Tracking:  Dynamic libraries:  /proc/meminfo:          a section each
 */

#include <limits.h>

#include "base/buffer.h"
#include "evidence/nmt.h"
#include "importer/importer.h"
#include "importer/java_facts.h"
#include "importer/log_clock.h"

enum {
    MAX_HEADLINE_BYTES = 8 << 10,
    MAX_SECTION_BYTES = 24 << 20, /* 65,530 mappings of 350 bytes */
    PROGRESS_LINES = 4096,
};

struct name {
    pid_t tid;
    char *text;
};

struct reader {
    struct input *in;
    struct collection *c;
    pid_t pid;
    struct civil_time time;
    bool has_time;
    enum { NONE, HEAP, NMT, MAPS, MEMINFO } section;
    struct buffer headline, maps, meminfo, nmt, status;
    uint64_t nmt_line, heap_line, options_line;
    struct java_heap heap;
    struct java_options options;
    bool has_options;
    char *command, *version;
    VECTOR(struct name) names;
};

static void append(struct buffer *text, struct span line, size_t max)
{
    if (text->len + line.len + 1 > max)
        return;
    buffer_bytes(text, line.text, line.len);
    buffer_bytes(text, "\n", 1);
}

static struct seep_error *set_text(char **text, struct span s)
{
    if (*text)
        return NULL;
    *text = strndup(s.text, s.len);
    return *text ? NULL : error_no_memory();
}

static void take_pid(struct reader *r, struct span line)
{
    uint64_t pid;

    if (!r->pid && span_take_through(&line, "pid=", NULL) && span_take_number(&line, &pid) &&
        pid <= INT_MAX)
        r->pid = (pid_t)pid;
}

/* "# ..." */
static struct seep_error *take_headline(struct reader *r, struct span line)
{
    struct span text = span_trim(span_from(line, 1));

    take_pid(r, text);
    if (text.len)
        append(&r->headline, text, MAX_HEADLINE_BYTES);
    return span_take(&text, "Java VM: ") ? set_text(&r->version, text) : NULL;
}

/* "JavaThread \"main\" [_thread_blocked, id=11933, stack(...)]", "VMThread \"VM Thread\" [stack: 0x1,
 * 0x2] [id=11939]". */
static struct seep_error *take_thread(struct reader *r, struct span line)
{
    struct span name, rest = line, behind;
    size_t quote;
    uint64_t tid;

    if (!span_take_through(&rest, "Thread \"", NULL) || !span_find_last(rest, "\"", &quote))
        return NULL;
    name = span_first(rest, quote);
    behind = span_from(rest, quote + 1);
    if ((!span_take_through(&behind, "[id=", NULL) && !span_take_through(&behind, " id=", NULL)) ||
        !span_take_number(&behind, &tid) || tid == 0 || tid > INT_MAX || !name.len)
        return NULL;

    struct name entry = {(pid_t)tid, strndup(name.text, name.len)};
    struct seep_error *err = entry.text ? vector_push(&r->names, entry) : error_no_memory();

    if (err)
        free(entry.text);
    return err;
}

static bool take_section(struct reader *r, struct span line, uint64_t number)
{
    if (nmt_begins(line) && !r->nmt.len) {
        r->section = NMT;
        r->nmt_line = number;
        append(&r->nmt, line, MAX_SECTION_BYTES);
    } else if (span_starts(line, "Heap:") || span_is(line, "Heap")) {
        r->section = HEAP;
        r->heap_line = number;
    } else if (span_starts(line, "Dynamic libraries:")) {
        r->section = MAPS;
    } else if (span_starts(line, "/proc/meminfo:")) {
        r->section = MEMINFO;
    } else {
        return false;
    }
    return true;
}

static bool section_goes_on(struct reader *r, struct span line)
{
    struct span trimmed = span_trim(line);

    switch (r->section) {
    case NONE:
        return false;
    case HEAP:
        java_heap_line(&r->heap, line);
        return trimmed.len > 0;
    case NMT:
        if (trimmed.len && !memchr("-([:Tm", trimmed.text[0], 6))
            return false;
        append(&r->nmt, line, MAX_SECTION_BYTES);
        return !span_starts(trimmed, "------");
    case MAPS:
        append(&r->maps, trimmed, MAX_SECTION_BYTES);
        return trimmed.len > 0;
    case MEMINFO:
        append(&r->meminfo, trimmed, MAX_SECTION_BYTES);
        return trimmed.len > 0;
    }
    return false;
}

/* "Resident Set Size: 41236K (peak: 41236K) (anon: ...)" as the line of status that says the same. */
static void take_process_memory(struct reader *r, struct span line)
{
    static const struct {
        const char *start, *key;
    } figures[] = {{"Resident Set Size: ", "VmRSS"},
                   {"Virtual Size: ", "VmSize"},
                   {"Swapped out: ", "VmSwap"}};

    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        struct span at = line;
        uint64_t bytes;

        if (span_take(&at, figures[i].start) && span_take_size(&at, &bytes) &&
            r->status.len < MAX_HEADLINE_BYTES)
            buffer_printf(&r->status, "%s:\t%llu kB\n", figures[i].key,
                          (unsigned long long)(bytes >> 10));
    }
}

static struct seep_error *take_line(struct reader *r, struct span line, uint64_t number)
{
    struct span at = line;
    uint64_t pid;

    if (section_goes_on(r, line))
        return NULL;
    r->section = NONE;
    if (line.len == 0)
        return NULL;
    if (line.text[0] == '#')
        return take_headline(r, line);
    if (span_take(&at, "Command Line: ") || span_take(&at, "jvm_args: ")) {
        if (!r->has_options) {
            r->has_options = java_options_take(&r->options, at) > 0;
            r->options_line = number;
        }
        return span_starts(line, "Command") ? set_text(&r->command, at) : NULL;
    }
    if (span_take(&at, "java_command: "))
        return set_text(&r->command, at);
    if (span_take(&at, "Time: ") || span_take(&at, "time: ")) {
        r->has_time |= civil_time_take(&at, &r->time);
        return NULL;
    }
    if (span_take(&at, "timezone: ")) {
        r->time.has_zone |= span_is(at, "UTC") || span_is(at, "GMT");
        return NULL;
    }
    if (number <= 2 && span_take_number(&at, &pid) && span_is(at, ":") && pid <= INT_MAX)
        r->pid = (pid_t)pid;
    if (take_section(r, line, number))
        return NULL;
    take_process_memory(r, line);
    return take_thread(r, line);
}

/* --- handing over --- */

static struct seep_error *tell_snapshot(const struct reader *r, struct when when)
{
    struct snapshot_record record = {.pid = r->pid};
    struct seep_error *err = NULL;

    if (r->maps.len)
        err = snapshot_record_add(&record, "maps", r->maps.bytes, r->maps.len);
    if (!err && r->meminfo.len)
        err = snapshot_record_add(&record, "meminfo", r->meminfo.bytes, r->meminfo.len);
    if (!err && r->status.len)
        err = snapshot_record_add(&record, "status", r->status.bytes, r->status.len);
    if (!err && r->maps.len)
        err = collection_snapshot(r->c, when, &record);
    snapshot_record_deinit(&record);
    return err;
}

static struct seep_error *tell_nmt(const struct reader *r, struct java_facts_place place)
{
    struct nmt nmt;
    struct seep_error *err;

    if (!r->nmt.len)
        return NULL;
    err = nmt_parse(span_of(r->nmt.bytes, r->nmt.len), &nmt);
    if (err)
        return err;
    place.line = r->nmt_line;
    err = java_facts_nmt(&place, &nmt);
    nmt_deinit(&nmt);
    return err;
}

static struct seep_error *tell(struct reader *r)
{
    struct java_facts_place place = {.collection = r->c, .pid = r->pid, .line = 1};
    struct seep_error *err = NULL;

    if (r->headline.failed || r->maps.failed || r->meminfo.failed || r->nmt.failed ||
        r->status.failed)
        return error_no_memory();
    if (r->has_time)
        place.when = log_clock_when(&r->time, r->in->mtime_ns);
    else if (r->in->suffix)
        err = collection_file_time(r->c, &place.when);
    if (!err)
        err = collection_process(r->c, r->pid, NULL, r->command, "java");
    if (!err && r->headline.len)
        err = java_facts_text(&place, FACT_CRASH,
                              span_trim(span_of(r->headline.bytes, r->headline.len)));
    if (!err && r->version)
        err = java_facts_text(&place, FACT_JAVA_VERSION, span_text(r->version));
    for (size_t i = 0; !err && i < r->names.count; i++) {
        if (r->pid)
            collection_set_process_of(r->c, r->names.items[i].tid, r->pid);
        err = collection_thread_name(r->c, place.when, r->pid, r->names.items[i].tid,
                                     r->names.items[i].text, strlen(r->names.items[i].text));
    }
    if (!err)
        err = tell_nmt(r, place);
    if (!err)
        err = tell_snapshot(r, place.when);
    place.line = r->options_line;
    if (!err && r->has_options)
        err = java_facts_options(&place, &r->options);
    place.line = r->heap_line;
    return err ? err : java_facts_heap(&place, &r->heap);
}

static void reader_deinit(struct reader *r)
{
    buffer_deinit(&r->headline);
    buffer_deinit(&r->maps);
    buffer_deinit(&r->meminfo);
    buffer_deinit(&r->nmt);
    buffer_deinit(&r->status);
    free(r->command);
    free(r->version);
    for (size_t i = 0; i < r->names.count; i++)
        free(r->names.items[i].text);
    vector_deinit(&r->names);
}

static struct seep_error *import_hs_err(struct input *in, struct collection *c)
{
    struct reader r = {.in = in, .c = c};
    struct input_line line;
    struct seep_error *err = NULL;

    java_heap_init(&r.heap);
    java_options_init(&r.options);
    while (!err && !(err = input_next_line(in, &line)) && line.text) {
        if (line.number % PROGRESS_LINES == 0)
            collection_progress(c);
        err = take_line(&r, span_of(line.text, line.len), line.number);
    }
    if (!err && !r.headline.len)
        err = error_create(ERROR_INVALID, "%s does not begin as an hs_err file of HotSpot does",
                           in->path);
    if (!err)
        err = tell(&r);
    reader_deinit(&r);
    return err;
}

static int recognise(const char *head, size_t len)
{
    struct span rest = span_of(head, len), line;

    /* A pid's line of jcmd's, then comments. */
    for (int i = 0; i < 40 && span_next_line(&rest, &line); i++) {
        if (span_starts(line, "# JRE version: ") || span_starts(line, "# Java VM: ") ||
            span_starts(line, "# A fatal error has been detected by the Java Runtime") ||
            span_starts(line, "# There is insufficient memory for the Java Runtime"))
            return IMPORTER_CERTAIN;
        if (line.len && line.text[0] != '#' && i > 1)
            break;
    }
    return IMPORTER_NEVER;
}

extern const struct importer importer_hs_err;

const struct importer importer_hs_err = {
    .name = "hs-err",
    .option = "hs-err",
    .argument = "F",
    .doc = "what HotSpot wrote when it died, hs_err_pidN.log, or jcmd PID VM.info",
    .expected = "hs_err files of HotSpot",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise,
    .import = import_hs_err,
};
