#include "importer/java_text.h"

#include <inttypes.h>
#include <limits.h>

#include "base/buffer.h"
#include "evidence/thread_dump.h"
#include "importer/java_facts.h"
#include "importer/java_log.h"
#include "importer/java_names.h"
#include "importer/log_clock.h"

enum {
    MAX_TEXT_BYTES = 48 << 20,  /* of one dump or report: 10,000 threads with deep stacks */
    MAX_ERROR_BYTES = 32 << 10, /* of one exception and its stack */
    MAX_ERRORS = 32,            /* that are kept of one file */
    SAMPLES = 512,              /* of Netty's counter */
    PROGRESS_LINES = 4096,
};

struct sample {
    struct when when;
    uint64_t value, line;
};

struct reader {
    struct input *in;
    struct collection *c;
    uint64_t line;
    pid_t pid; /* of the last line that named one; 0: none */
    struct when file_time;
    struct log_clock clock;

    struct thread_dump_splitter splitter;
    struct buffer text; /* of the dump, or of the NMT report, that is being read */
    uint64_t text_line;
    bool in_nmt, text_cut;
    struct java_names names;
    uint64_t dumps, strange, cut_texts;

    struct java_heap heap;
    uint64_t heap_line; /* 0: none is being read */
    struct when heap_when;

    bool in_error;
    struct java_log_error error; /* its message is not kept */
    struct buffer error_text;
    struct when error_when;
    uint64_t error_line, errors;

    struct sample samples[SAMPLES], peak, last;
    size_t sample_count;
    uint64_t sample_stride, sample_number;

    uint64_t understood;
};

static struct java_facts_place place_of(const struct reader *r, struct when when, uint64_t line)
{
    return (struct java_facts_place){
        .collection = r->c,
        .when = when.basis == WHEN_NONE ? r->file_time : when,
        .pid = r->pid,
        .line = line,
    };
}

static void append_line(struct reader *r, struct span line)
{
    if (r->text.len + line.len + 1 > MAX_TEXT_BYTES) {
        r->text_cut = true;
        return;
    }
    buffer_bytes(&r->text, line.text, line.len);
    buffer_bytes(&r->text, "\n", 1);
}

static void begin_text(struct reader *r, struct span line)
{
    buffer_clear(&r->text);
    r->text_cut = false;
    r->text_line = r->line;
    append_line(r, line);
}

/* --- thread dumps --- */

static struct seep_error *tell_names(struct reader *r, const struct thread_dump *dump, pid_t pid,
                                     struct when when)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; !err && i < dump->threads.count; i++) {
        const struct thread_dump_thread *thread = &dump->threads.items[i];
        bool changed;

        if (thread->nid == 0 || thread->nid > INT_MAX || thread->is_virtual || !thread->name.len)
            continue;
        err = java_names_note(&r->names, pid, (pid_t)thread->nid, thread->name, &changed);
        if (err || !changed)
            continue;
        if (pid)
            collection_set_process_of(r->c, (pid_t)thread->nid, pid);
        err = collection_thread_name(r->c, when, pid, (pid_t)thread->nid, thread->name.text,
                                     thread->name.len);
    }
    return err;
}

static struct seep_error *finish_dump(struct reader *r)
{
    struct thread_dump dump;
    struct seep_error *err;

    if (r->text.failed)
        return error_no_memory();
    err = thread_dump_parse(span_of(r->text.bytes, r->text.len), &dump);
    if (err)
        return err;

    pid_t pid = dump.pid ? (pid_t)dump.pid : r->pid;
    struct when when =
        dump.has_time ? log_clock_when(&dump.time, r->in->mtime_ns) : log_clock_now(&r->clock);

    if (when.basis == WHEN_NONE)
        when = r->file_time;
    if (dump.threads.count) {
        r->dumps++;
        r->understood++;
        r->strange += dump.strange;
        r->cut_texts += r->text_cut;
        err = collection_thread_dump(r->c, when, pid, "jstack", r->text.bytes, r->text.len);
        if (!err)
            err = tell_names(r, &dump, pid, when);
    }
    if (!err && r->dumps == 1 && dump.vm.len) {
        struct java_facts_place place = {r->c, when, pid, r->text_line};

        err = java_facts_text(&place, FACT_JAVA_VERSION, dump.vm);
        if (!err)
            err = collection_process(r->c, pid, NULL, NULL, "java");
    }
    thread_dump_deinit(&dump);
    return err;
}

/* --- reports --- */

static struct seep_error *finish_nmt(struct reader *r)
{
    struct nmt nmt;
    struct seep_error *err;

    if (!r->in_nmt)
        return NULL;
    r->in_nmt = false;
    if (r->text.failed)
        return error_no_memory();
    err = nmt_parse(span_of(r->text.bytes, r->text.len), &nmt);
    if (err)
        return err;

    struct java_facts_place place = place_of(r, log_clock_now(&r->clock), r->text_line);

    r->strange += nmt.strange;
    r->cut_texts += r->text_cut;
    r->understood += nmt.total.committed.known || nmt.categories.count > 0;
    err = java_facts_nmt(&place, &nmt);
    nmt_deinit(&nmt);
    return err;
}

static struct seep_error *finish_heap(struct reader *r)
{
    struct java_facts_place place = place_of(r, r->heap_when, r->heap_line);
    struct seep_error *err = NULL;

    if (java_heap_known(&r->heap)) {
        r->understood++;
        err = java_facts_heap(&place, &r->heap);
    }
    java_heap_init(&r->heap);
    r->heap_line = 0;
    return err;
}

static bool take_heap(struct reader *r, struct span line)
{
    if (!java_heap_line(&r->heap, line))
        return false;
    if (!r->heap_line) {
        r->heap_line = r->line;
        r->heap_when = log_clock_now(&r->clock);
    }
    return true;
}

static struct seep_error *finish_error(struct reader *r)
{
    struct java_facts_place place = place_of(r, r->error_when, r->error_line);

    if (!r->in_error)
        return NULL;
    r->in_error = false;
    if (r->error_text.failed)
        return error_no_memory();
    if (++r->errors > MAX_ERRORS)
        return NULL;
    return java_facts_error(&place, &r->error,
                            span_trim(span_of(r->error_text.bytes, r->error_text.len)));
}

/* What was under way has ended: another text begins. */
static struct seep_error *finish_all(struct reader *r)
{
    struct seep_error *err = finish_nmt(r);

    if (!err)
        err = finish_heap(r);
    return err ? err : finish_error(r);
}

/* --- Netty's counter --- */

/* Every value of the first 512, then every second, every fourth ...: of a line a second for weeks there
 * are enough to see how it grew. The peak and the last are told whatever their number. */
static void note_direct_memory(struct reader *r, uint64_t bytes)
{
    struct sample now = {log_clock_now(&r->clock), bytes, r->line};

    r->understood++;
    r->last = now;
    if (r->peak.line == 0 || bytes > r->peak.value)
        r->peak = now;
    if (r->sample_number++ % r->sample_stride != 0)
        return;
    if (r->sample_count == SAMPLES) {
        for (size_t i = 0; i < SAMPLES / 2; i++)
            r->samples[i] = r->samples[2 * i];
        r->sample_count = SAMPLES / 2;
        r->sample_stride *= 2;
        if ((r->sample_number - 1) % r->sample_stride != 0)
            return;
    }
    r->samples[r->sample_count++] = now;
}

static struct seep_error *tell_sample(struct reader *r, const struct sample *sample)
{
    struct java_facts_place place = place_of(r, sample->when, sample->line);

    return java_facts_value(&place, FACT_DIRECT_MEMORY_USED, sample->value);
}

static struct seep_error *tell_samples(struct reader *r)
{
    struct seep_error *err = NULL;
    bool peak = false, last = false;

    for (size_t i = 0; !err && i < r->sample_count; i++) {
        peak |= r->samples[i].line == r->peak.line;
        last |= r->samples[i].line == r->last.line;
        err = tell_sample(r, &r->samples[i]);
    }
    if (!err && r->sample_count && !peak)
        err = tell_sample(r, &r->peak);
    if (!err && r->sample_count && !last && r->last.line != r->peak.line)
        err = tell_sample(r, &r->last);
    return err;
}

/* --- lines --- */

/* "17667:" alone, jmap's "Attaching to process ID 17667, please wait...". */
static bool find_pid(struct span line, pid_t *ret_pid)
{
    uint64_t pid;

    if (!span_take(&line, "Attaching to process ID ") || !span_take_number(&line, &pid)) {
        if (line.len > 11 || !span_take_number(&line, &pid) || !span_is(line, ":"))
            return false;
    }
    if (pid == 0 || pid > INT_MAX)
        return false;
    *ret_pid = (pid_t)pid;
    return true;
}

static struct seep_error *take_version(struct reader *r, struct span line)
{
    static const char *const starts[] = {"JVM version is ", "OpenJDK 64-Bit Server VM version ",
                                         "Java HotSpot(TM) 64-Bit Server VM version "};
    struct java_facts_place place = place_of(r, log_clock_now(&r->clock), r->line);

    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        struct span version = line;

        if (!span_starts(line, starts[i]))
            continue;
        if (i == 0)
            span_take(&version, starts[i]);
        r->understood++;
        return java_facts_text(&place, FACT_JAVA_VERSION, version);
    }
    return NULL;
}

/* jcmd VM.flags and VM.command_line. */
static struct seep_error *take_options(struct reader *r, struct span line)
{
    struct java_facts_place place = place_of(r, log_clock_now(&r->clock), r->line);
    struct java_options options;
    bool command = span_take(&line, "java_command: ");

    if (command) {
        _cleanup_free_ char *text = strndup(line.text, line.len);

        r->understood++;
        return text ? collection_process(r->c, r->pid, NULL, text, "java") : error_no_memory();
    }
    if (!span_take(&line, "jvm_args: ") && !span_starts(line, "-XX:"))
        return NULL;
    java_options_init(&options);
    if (java_options_take(&options, line) == 0)
        return NULL;
    r->understood++;
    return java_facts_options(&place, &options);
}

static bool is_of_nmt(struct span line)
{
    static const char *const starts[] = {
        "-", "[", "(", ":", "Total:", "malloc:", "mmap:", "Virtual memory map:", "Details:"};

    line = span_trim(line);
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        if (span_starts(line, starts[i]))
            return true;
    return line.len == 0;
}

static struct seep_error *take_error(struct reader *r, struct span line, bool *ret_taken)
{
    struct java_log_error error;
    struct seep_error *err;

    *ret_taken = true;
    /* An error that another one caused is part of that one's stack. */
    if (r->in_error && java_log_is_stack(line)) {
        if (r->error_text.len + line.len + 1 <= MAX_ERROR_BYTES) {
            buffer_bytes(&r->error_text, line.text, line.len);
            buffer_bytes(&r->error_text, "\n", 1);
        }
        return NULL;
    }
    err = finish_error(r);
    if (err || !java_log_error(line, &error)) {
        *ret_taken = false;
        return err;
    }
    r->understood++;
    r->in_error = true;
    r->error = error;
    r->error.message = (struct span){0};
    r->error_line = r->line;
    r->error_when = log_clock_now(&r->clock);
    buffer_clear(&r->error_text);
    buffer_bytes(&r->error_text, error.message.text,
                 error.message.len < MAX_ERROR_BYTES ? error.message.len : MAX_ERROR_BYTES);
    buffer_bytes(&r->error_text, "\n", 1);
    return NULL;
}

static struct seep_error *take_other(struct reader *r, struct span line)
{
    struct seep_error *err = NULL;
    uint64_t bytes;
    pid_t pid;
    bool taken;

    if (nmt_begins(line)) {
        err = finish_all(r);
        r->in_nmt = true;
        begin_text(r, line);
        return err;
    }
    if (r->in_nmt && is_of_nmt(line)) {
        append_line(r, line);
        return NULL;
    }
    err = finish_nmt(r);
    if (err || span_trim(line).len == 0)
        return err;
    if (find_pid(line, &pid)) {
        err = finish_all(r);
        r->pid = pid;
        return err;
    }
    if (nmt_is_disabled(line)) {
        r->understood++;
        return collection_remark(r->c, "the JVM was started without -XX:NativeMemoryTracking, so "
                                       "that it could not say how it uses memory");
    }
    log_clock_line(&r->clock, line);
    if (take_heap(r, line))
        return NULL;
    err = take_error(r, line, &taken);
    if (err || taken)
        return err;
    if (java_log_direct_memory(line, &bytes)) {
        note_direct_memory(r, bytes);
        return NULL;
    }
    err = take_version(r, line);
    return err ? err : take_options(r, line);
}

/* What a line within a dump tells beyond it. */
static void look_at_dump_line(struct reader *r, struct span line)
{
    struct civil_time time;

    if (r->splitter.place == THREAD_DUMP_TAIL)
        take_heap(r, line);
    else if (r->splitter.place == THREAD_DUMP_MAYBE && !find_pid(line, &r->pid) &&
             civil_time_take(&line, &time) && time.has_date)
        log_clock_set(&r->clock, &time);
}

static struct seep_error *take_line(struct reader *r, struct span line)
{
    bool was_dump = thread_dump_is_one(&r->splitter);
    enum thread_dump_line what = thread_dump_split(&r->splitter, line);
    struct seep_error *err = NULL;

    if (what == THREAD_DUMP_GOES_ON) {
        append_line(r, line);
        look_at_dump_line(r, line);
        return NULL;
    }
    if (was_dump)
        err = finish_dump(r);
    if (err || what == THREAD_DUMP_OTHER)
        return err ? err : take_other(r, line);
    err = finish_all(r);
    if (err)
        return err;
    begin_text(r, line);
    look_at_dump_line(r, line);
    return NULL;
}

static struct seep_error *finish(struct reader *r)
{
    struct seep_error *err = thread_dump_is_one(&r->splitter) ? finish_dump(r) : NULL;

    if (!err)
        err = finish_all(r);
    if (!err)
        err = tell_samples(r);
    if (!err && r->errors > MAX_ERRORS)
        err = collection_remark(r->c, "of %" PRIu64 " OutOfMemoryErrors the first %d are kept",
                                r->errors, MAX_ERRORS);
    if (!err && r->strange)
        err = collection_remark(
            r->c, "%" PRIu64 " lines of thread dumps and reports could not be read", r->strange);
    if (!err && r->cut_texts)
        err = collection_remark(r->c, "%" PRIu64 " thread dumps or reports are cut at %d MiB",
                                r->cut_texts, MAX_TEXT_BYTES >> 20);
    if (!err && !r->understood)
        err = error_create(ERROR_INVALID,
                           "%s has no thread dump, native memory report, heap figures or "
                           "OutOfMemoryError of Java",
                           r->in->path);
    return err;
}

struct seep_error *java_text_import(struct input *in, struct collection *c)
{
    struct reader r = {.in = in, .c = c, .sample_stride = 1};
    struct input_line line;
    struct seep_error *err = in->suffix ? collection_file_time(c, &r.file_time) : NULL;

    java_heap_init(&r.heap);
    log_clock_init(&r.clock, in);
    while (!err && !(err = input_next_line(in, &line)) && line.text) {
        r.line = line.number;
        if (line.number % PROGRESS_LINES == 0)
            collection_progress(c);
        err = take_line(&r, span_of(line.text, line.len));
    }
    if (!err)
        err = finish(&r);
    buffer_deinit(&r.text);
    buffer_deinit(&r.error_text);
    java_names_deinit(&r.names);
    return err;
}
