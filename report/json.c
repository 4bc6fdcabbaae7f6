#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/units.h"
#include "report/json_parts.h"
#include "report/report.h"
#include "report/told_json.h"

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

/* Content has dates, whatever the calls have. */
static json_t *date_or_null(uint64_t epoch_ns)
{
    struct units_text text;

    return epoch_ns == ANALYSIS_UNKNOWN ? json_null()
                                        : json_string(units_format_time(&text, epoch_ns, false));
}

static json_t *time_or_null(enum moment_basis basis, uint64_t ns)
{
    struct units_text buf;
    const char *text = ns == ANALYSIS_UNKNOWN ? NULL : moment_json(&buf, basis, ns);

    return text ? json_string(text) : json_null();
}

json_t *report_json_vma(const struct analysis_vma *vma)
{
    return JSON_OBJECT({"pid", json_parts_id(vma->pid)}, {"start", json_parts_address(vma->start)},
                       {"end", json_parts_address(vma->end)},
                       {"perms", json_parts_text(vma->perms)}, {"name", json_parts_text(vma->name)},
                       {"region", json_string(region_name(vma->region))},
                       {"size_bytes", json_parts_number(vma->size_bytes)},
                       {"rss_bytes", json_parts_number(vma->rss_bytes)},
                       {"growth_bytes", json_integer(vma->growth_bytes)},
                       {"explained_bytes", json_parts_number(vma->explained_bytes)},
                       {"preexisting_bytes", json_parts_number(vma->preexisting_bytes)});
}

static json_t *thread_json(const struct analysis_thread *thread)
{
    return JSON_OBJECT({"pid", json_parts_id(thread->pid)}, {"tid", json_parts_id(thread->tid)},
                       {"name", json_parts_text(thread->name)},
                       {"count", json_parts_number(thread->count)},
                       {"bytes", json_parts_number(thread->bytes)});
}

static json_t *process_json(const struct analysis_process *process)
{
    return JSON_OBJECT({"pid", json_parts_id(process->pid)}, {"ppid", json_parts_id(process->ppid)},
                       {"exe", json_parts_text(process->exe)},
                       {"rss_bytes", json_parts_number(process->rss_bytes)},
                       {"pss_bytes", json_parts_number(process->pss_bytes)},
                       {"command", json_parts_text(process->command)},
                       {"virtual_bytes", json_parts_number(process->virtual_bytes)},
                       {"shared_bytes", json_parts_number(process->shared_bytes)},
                       {"private_clean_bytes", json_parts_number(process->private_clean_bytes)},
                       {"private_dirty_bytes", json_parts_number(process->private_dirty_bytes)},
                       {"dirty_bytes", json_parts_number(process->dirty_bytes)},
                       {"anon_huge_pages_bytes", json_parts_number(process->huge_bytes)});
}

static json_t *string_json(const struct analysis_string *string)
{
    return JSON_OBJECT({"text", json_parts_text(string->text)},
                       {"count", json_parts_number(string->count)},
                       {"bytes", json_parts_number(string->bytes)});
}

static json_t *frame_json(const struct analysis_frame *frame)
{
    static const char *const kinds[] = {
        [STACK_FRAME_NATIVE] = "native",
        [STACK_FRAME_JIT] = "jit",
        [STACK_FRAME_JAVA] = "java",
        [STACK_FRAME_GAP] = "gap",
    };
    bool known = frame->kind < ARRAY_SIZE(kinds) && kinds[frame->kind];

    return JSON_OBJECT(
        {"kind", known ? json_string(kinds[frame->kind]) : json_null()},
        {"address", frame->address ? json_parts_address(frame->address) : json_null()},
        {"function", json_parts_text(frame->function)}, {"inlined", json_boolean(frame->inlined)},
        {"module", json_parts_text(frame->module)}, {"build_id", json_parts_text(frame->build_id)},
        {"offset",
         frame->offset == ANALYSIS_UNKNOWN ? json_null() : json_parts_address(frame->offset)},
        {"file", json_parts_text(frame->file)},
        {"line", frame->line ? json_integer(frame->line) : json_null()});
}

json_t *report_json_stack(const struct analysis_stack *stack)
{
    return JSON_OBJECT(
        {"count", json_parts_number(stack->count)}, {"bytes", json_parts_number(stack->bytes)},
        {"end", json_parts_text(stack->end)}, {"frames", ARRAY(&stack->frames, frame_json)});
}

static json_t *culprit_json(const struct analysis_culprit *culprit)
{
    return JSON_OBJECT(
        {"pid", json_parts_id(culprit->pid)}, {"process", json_parts_text(culprit->process)},
        {"tid", json_parts_id(culprit->tid)}, {"thread", json_parts_text(culprit->thread)},
        {"module", json_parts_text(culprit->module)},
        {"function", json_parts_text(culprit->function)});
}

static json_t *text_json(char *const *text)
{
    return json_parts_text(*text);
}

static json_t *template_json(const struct analysis_template *template)
{
    json_t *examples = json_array();

    for (size_t i = 0; i < ANALYSIS_EXAMPLES && template->examples[i]; i++)
        if (json_array_append_new(examples, json_parts_text(template->examples[i]))) {
            json_decref(examples);
            return NULL;
        }
    return JSON_OBJECT(
        {"text", json_parts_text(template->text)}, {"count", json_parts_number(template->count)},
        {"bytes", json_parts_number(template->bytes)},
        {"block_bytes", json_parts_number(template->block_bytes)}, {"examples", examples});
}

static json_t *content_json(const struct finding *f)
{
    return JSON_OBJECT({"strings", ARRAY(&f->strings, string_json)},
                       {"templates", ARRAY(&f->templates, template_json)},
                       {"times", JSON_OBJECT({"first", date_or_null(f->times_first_ns)},
                                             {"last", date_or_null(f->times_last_ns)},
                                             {"count", json_parts_number(f->times_count)})});
}

static json_t *finding_json(const struct finding *f, enum moment_basis basis)
{
    return JSON_OBJECT(
        {"rank", json_integer(f->rank)}, {"verdict", json_string(verdict_name(f->verdict))},
        {"region", json_string(region_name(f->region))},
        {"cause", json_string(cause_name(f->cause))}, {"title", json_parts_text(f->title)},
        {"bytes", json_parts_number(f->bytes)},
        {"resident_bytes", json_parts_number(f->resident_bytes)},
        {"count", json_parts_number(f->count)}, {"placed", json_parts_number(f->placed)},
        {"unit_bytes", json_parts_number(f->unit_bytes)},
        {"first", time_or_null(basis, f->first_ns)}, {"last", time_or_null(basis, f->last_ns)},
        {"bytes_per_s", json_parts_real(f->bytes_per_s)},
        {"confidence", json_parts_real(f->confidence)}, {"culprit", culprit_json(&f->culprit)},
        {"vmas", ARRAY(&f->vmas, report_json_vma)}, {"threads", ARRAY(&f->threads, thread_json)},
        {"stacks", ARRAY(&f->stacks, report_json_stack)}, {"content", content_json(f)},
        {"reason", json_parts_text(f->reason)}, {"next", ARRAY(&f->next, text_json)});
}

static json_t *findings_json(const struct analysis *a)
{
    json_t *array = json_array();
    bool failed = false;

    for (size_t i = 0; i < a->findings.count; i++)
        failed |=
            json_array_append_new(array, finding_json(&a->findings.items[i], a->info.basis)) < 0;
    if (failed) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *target_json(const struct analysis *a)
{
    return JSON_OBJECT({"pid", json_parts_id(a->info.pid_made_up ? 0 : a->info.pid)},
                       {"exe", json_parts_text(a->info.exe)},
                       {"command", json_parts_text(a->command)},
                       {"runtime", json_parts_text(a->info.runtime)});
}

static json_t *evidence_json(const struct analysis *a)
{
    return JSON_OBJECT(
        {"backend", json_parts_text(a->info.backend)},
        {"started", time_or_null(a->info.basis, a->started_ns)},
        {"ended", time_or_null(a->info.basis, a->ended_ns)},
        {"duration_s", a->duration_ns == ANALYSIS_UNKNOWN
                           ? json_null()
                           : json_real((double)a->duration_ns / NS_PER_S)},
        {"time_basis", json_parts_text(a->time_basis)}, {"events", json_parts_number(a->events)},
        {"lost_events", json_parts_number(a->lost_events)},
        {"lost_stacks", json_parts_number(a->lost_stacks)}, {"complete", json_boolean(a->complete)},
        {"symbol_troubles", ARRAY(&a->symbol_troubles, text_json)},
        {"snapshots", json_parts_number(a->snapshots)}, {"dumps", json_parts_number(a->dumps)},
        {"unexplained_bytes", json_parts_number(a->unexplained_bytes)},
        {"imports", told_json_imports(a)}, {"assumptions", ARRAY(&a->assumptions, text_json)},
        {"missing", told_json_missing(a)});
}

static json_t *memory_json(const struct analysis *a)
{
    return JSON_OBJECT({"rss_first_bytes", json_parts_number(a->rss_first_bytes)},
                       {"rss_last_bytes", json_parts_number(a->rss_last_bytes)},
                       {"virtual_first_bytes", json_parts_number(a->virtual_first_bytes)},
                       {"virtual_last_bytes", json_parts_number(a->virtual_last_bytes)},
                       {"growth_bytes_per_s", json_parts_real(a->growth_bytes_per_s)},
                       {"limit_bytes", json_parts_number(a->limit_bytes)},
                       {"limit_source", json_parts_text(a->limit_source)},
                       {"exhaustion_s", json_parts_real(a->exhaustion_s)},
                       {"thp", json_parts_text(a->thp)});
}

static json_t *analysis_json(const struct analysis *a)
{
    return JSON_OBJECT(
        {"schema", json_string("seep-report/1")},
        {"case_id", json_parts_text(a->info.case_id[0] ? a->info.case_id : NULL)},
        {"host", JSON_OBJECT({"name", json_parts_text(a->info.host_name)},
                             {"boot_id", json_parts_text(a->info.boot_id)})},
        {"target", target_json(a)}, {"evidence", evidence_json(a)}, {"memory", memory_json(a)},
        {"verdict", json_string(verdict_name(a->verdict))}, {"findings", findings_json(a)},
        {"vmas", ARRAY(&a->vmas, report_json_vma)}, {"threads", ARRAY(&a->threads, thread_json)},
        {"processes", ARRAY(&a->processes, process_json)}, {"residents", told_json_residents(a)},
        {"differences", told_json_differences(a)}, {"java", told_json_java(a)},
        {"incidents", told_json_incidents(a)}, {"contents", told_json_contents(a)});
}

struct seep_error *report_json(const struct analysis *analysis, FILE *out)
{
    struct seep_error *err =
        json_parts_write(analysis_json(analysis), JSON_INDENT(2) | JSON_REAL_PRECISION(15), out);

    if (!err && (fputc('\n', out) == EOF || fflush(out) != 0))
        err = error_errno(errno, NULL, "cannot write JSON");
    return error_prefix(err, "the report");
}
