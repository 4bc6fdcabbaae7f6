#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/units.h"
#include "report/report.h"

/* jansson returns NULL for want of memory, and refuses NULL as a value: what holds it fails in
 * turn, so that one check at the end is enough. */
struct member {
    const char *name;
    json_t *value;
};

static json_t *object_of(const struct member *members)
{
    json_t *object = json_object();
    bool failed = false;

    for (; members->name; members++)
        failed |= json_object_set_new(object, members->name, members->value) < 0;
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

#define OBJECT(...) object_of((const struct member[]){__VA_ARGS__, {NULL, NULL}})

/* An array of what MAKE makes of each item of VECTOR. */
#define ARRAY(vector, make)                                                                        \
    ({                                                                                             \
        json_t *array_ = json_array();                                                             \
        bool failed_ = false;                                                                      \
        for (size_t i_ = 0; i_ < (vector)->count; i_++)                                            \
            failed_ |= json_array_append_new(array_, make(&(vector)->items[i_])) < 0;              \
        if (failed_) {                                                                             \
            json_decref(array_);                                                                   \
            array_ = NULL;                                                                         \
        }                                                                                          \
        array_;                                                                                    \
    })

static json_t *bytes_or_null(uint64_t value)
{
    return value > INT64_MAX ? json_null() : json_integer((json_int_t)value);
}

static json_t *id_or_null(pid_t id)
{
    return id > 0 ? json_integer(id) : json_null();
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *address(uint64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "0x%" PRIx64, value);
    return json_string(text);
}

static json_t *time_or_null(uint64_t epoch_ns)
{
    struct units_text text;

    return epoch_ns == ANALYSIS_UNKNOWN ? json_null()
                                        : json_string(units_format_time(&text, epoch_ns, false));
}

/* A name may hold any bytes, JSON holds Unicode: what is not UTF-8 is escaped as \xHH. */
static json_t *text_or_null(const char *text)
{
    if (!text)
        return json_null();

    json_t *json = json_string(text);

    if (!json) {
        _cleanup_free_ char *escaped = escape_text(text, strlen(text));

        json = escaped ? json_string(escaped) : NULL;
    }
    return json;
}

static json_t *vma_json(const struct analysis_vma *vma)
{
    return OBJECT({"pid", id_or_null(vma->pid)}, {"start", address(vma->start)},
                  {"end", address(vma->end)}, {"perms", text_or_null(vma->perms)},
                  {"name", text_or_null(vma->name)},
                  {"region", json_string(region_name(vma->region))},
                  {"size_bytes", bytes_or_null(vma->size_bytes)},
                  {"rss_bytes", bytes_or_null(vma->rss_bytes)},
                  {"growth_bytes", json_integer(vma->growth_bytes)},
                  {"explained_bytes", bytes_or_null(vma->explained_bytes)},
                  {"preexisting_bytes", bytes_or_null(vma->preexisting_bytes)});
}

static json_t *thread_json(const struct analysis_thread *thread)
{
    return OBJECT({"pid", id_or_null(thread->pid)}, {"tid", id_or_null(thread->tid)},
                  {"name", text_or_null(thread->name)}, {"count", bytes_or_null(thread->count)},
                  {"bytes", bytes_or_null(thread->bytes)});
}

static json_t *process_json(const struct analysis_process *process)
{
    return OBJECT({"pid", id_or_null(process->pid)}, {"ppid", id_or_null(process->ppid)},
                  {"exe", text_or_null(process->exe)},
                  {"rss_bytes", bytes_or_null(process->rss_bytes)},
                  {"pss_bytes", bytes_or_null(process->pss_bytes)});
}

static json_t *string_json(const struct analysis_string *string)
{
    return OBJECT({"text", text_or_null(string->text)}, {"count", bytes_or_null(string->count)},
                  {"bytes", bytes_or_null(string->bytes)});
}

static json_t *culprit_json(const struct analysis_culprit *culprit)
{
    return OBJECT({"pid", id_or_null(culprit->pid)}, {"process", text_or_null(culprit->process)},
                  {"tid", id_or_null(culprit->tid)}, {"thread", text_or_null(culprit->thread)},
                  {"module", text_or_null(culprit->module)},
                  {"function", text_or_null(culprit->function)});
}

static json_t *next_json(char *const *command)
{
    return text_or_null(*command);
}

static json_t *content_json(const struct finding *f)
{
    return OBJECT({"strings", ARRAY(&f->strings, string_json)}, {"templates", json_array()},
                  {"times", OBJECT({"first", time_or_null(f->times_first_ns)},
                                   {"last", time_or_null(f->times_last_ns)},
                                   {"count", bytes_or_null(f->times_count)})});
}

static json_t *finding_json(const struct finding *f)
{
    return OBJECT(
        {"rank", json_integer(f->rank)}, {"verdict", json_string(verdict_name(f->verdict))},
        {"region", json_string(region_name(f->region))},
        {"cause", json_string(cause_name(f->cause))}, {"title", text_or_null(f->title)},
        {"bytes", bytes_or_null(f->bytes)}, {"resident_bytes", bytes_or_null(f->resident_bytes)},
        {"count", bytes_or_null(f->count)}, {"unit_bytes", bytes_or_null(f->unit_bytes)},
        {"first", time_or_null(f->first_ns)}, {"last", time_or_null(f->last_ns)},
        {"bytes_per_s", real_or_null(f->bytes_per_s)}, {"confidence", real_or_null(f->confidence)},
        {"culprit", culprit_json(&f->culprit)}, {"vmas", ARRAY(&f->vmas, vma_json)},
        {"threads", ARRAY(&f->threads, thread_json)}, {"stacks", json_array()},
        {"content", content_json(f)}, {"reason", text_or_null(f->reason)},
        {"next", ARRAY(&f->next, next_json)});
}

static json_t *target_json(const struct analysis *a)
{
    return OBJECT({"pid", id_or_null(a->info.pid)}, {"exe", text_or_null(a->info.exe)},
                  {"command", text_or_null(a->command)},
                  {"runtime", text_or_null(a->info.runtime)});
}

static json_t *evidence_json(const struct analysis *a)
{
    return OBJECT({"backend", text_or_null(a->info.backend)},
                  {"started", time_or_null(a->started_ns)}, {"ended", time_or_null(a->ended_ns)},
                  {"duration_s", a->duration_ns == ANALYSIS_UNKNOWN
                                     ? json_null()
                                     : json_real((double)a->duration_ns / NS_PER_S)},
                  {"time_basis", text_or_null(a->time_basis)}, {"events", bytes_or_null(a->events)},
                  {"lost_events", bytes_or_null(a->lost_events)},
                  {"lost_stacks", bytes_or_null(a->lost_stacks)},
                  {"complete", json_boolean(a->complete)},
                  {"snapshots", bytes_or_null(a->snapshots)}, {"dumps", bytes_or_null(a->dumps)},
                  {"unexplained_bytes", bytes_or_null(a->unexplained_bytes)});
}

static json_t *memory_json(const struct analysis *a)
{
    return OBJECT({"rss_first_bytes", bytes_or_null(a->rss_first_bytes)},
                  {"rss_last_bytes", bytes_or_null(a->rss_last_bytes)},
                  {"virtual_first_bytes", bytes_or_null(a->virtual_first_bytes)},
                  {"virtual_last_bytes", bytes_or_null(a->virtual_last_bytes)},
                  {"growth_bytes_per_s", real_or_null(a->growth_bytes_per_s)},
                  {"limit_bytes", bytes_or_null(a->limit_bytes)},
                  {"limit_source", text_or_null(a->limit_source)},
                  {"exhaustion_s", real_or_null(a->exhaustion_s)});
}

static json_t *analysis_json(const struct analysis *a)
{
    return OBJECT({"schema", json_string("seep-report/1")},
                  {"case_id", text_or_null(a->info.case_id[0] ? a->info.case_id : NULL)},
                  {"host", OBJECT({"name", text_or_null(a->info.host_name)},
                                  {"boot_id", text_or_null(a->info.boot_id)})},
                  {"target", target_json(a)}, {"evidence", evidence_json(a)},
                  {"memory", memory_json(a)}, {"verdict", json_string(verdict_name(a->verdict))},
                  {"findings", ARRAY(&a->findings, finding_json)},
                  {"vmas", ARRAY(&a->vmas, vma_json)}, {"threads", ARRAY(&a->threads, thread_json)},
                  {"processes", ARRAY(&a->processes, process_json)});
}

/* jansson leaves DEL as it is, which some terminals obey. */
static int write_chunk(const char *bytes, size_t len, void *out)
{
    for (size_t at = 0; at < len;) {
        const char *del = memchr(bytes + at, 0x7f, len - at);
        size_t plain = (del ? (size_t)(del - bytes) : len) - at;

        if (fwrite(bytes + at, 1, plain, out) != plain || (del && fputs("\\u007f", out) < 0))
            return -1;
        at += plain + (del ? 1 : 0);
    }
    return 0;
}

struct seep_error *report_json(const struct analysis *analysis, FILE *out)
{
    json_t *json = analysis_json(analysis);

    if (!json)
        return error_no_memory();

    /* ASCII only: the escapes of U+0080 to U+009F must not reach a terminal raw either. */
    int status = json_dump_callback(json, write_chunk, out,
                                    JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));

    json_decref(json);
    if (status < 0 || fputc('\n', out) == EOF || fflush(out) != 0)
        return error_errno(errno, NULL, "cannot write the report");
    return NULL;
}
