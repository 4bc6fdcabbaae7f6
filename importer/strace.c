#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "importer/importer.h"
#include "importer/strace_log.h"

enum {
    MAX_OPEN_BYTES = 4096,
    MAX_JOINED = 64, /* records on one line */
    PROGRESS_LINES = 1 << 16,
    PAGE_BYTES = 4096,
    HEAD_LINES = 200,
};

/* --- calls --- */

struct seep_error *strace_log_flush(struct strace_log *log)
{
    struct seep_error *err;

    if (!log->has_event)
        return NULL;
    log->has_event = false;
    err = strace_stacks_end(log->stacks, log->c, &log->event.stack_id);
    if (err)
        return err;
    return log->event_alone ? collection_event_alone(log->c, log->basis, &log->event)
                            : collection_event(log->c, log->basis, &log->event);
}

/* What the kernel maps for shmat is the size that shmget asked for, in pages. */
static void know_segment(struct strace_log *log, struct event *ev)
{
    uint64_t id = ev->kind == EVENT_SHMGET ? (uint64_t)ev->result : ev->args[0];
    size_t at = id % STRACE_SHM_KNOWN;

    if (event_failed(ev))
        return;
    if (ev->kind == EVENT_SHMGET) {
        if (!ev->args[1])
            return; /* of a segment that is there */
        log->shm[at].id = id + 1;
        log->shm[at].bytes = (ev->args[1] + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    } else if (ev->kind == EVENT_SHMAT && log->shm[at].id == id + 1) {
        ev->args[3] = log->shm[at].bytes;
    }
}

static enum event_abi abi_of(const struct strace_thread *thread, const struct syscall_row *row)
{
    if (row->flags & SYSCALL_OLD_MMAP)
        return EVENT_ABI_I386_OLD;
    if (row->flags & SYSCALL_PAGE_OFFSET)
        return EVENT_ABI_I386;
    if (row->kind == EVENT_MMAP && thread->process->abi == EVENT_ABI_I386)
        return EVENT_ABI_I386_OLD; /* strace names both "mmap" and "mmap2" */
    return thread->process->abi;
}

/* A call that was interrupted and made again is one. */
static uint64_t first_enter(struct strace_thread *thread, const struct syscall_row *row,
                            const struct strace_call *call, uint64_t enter_ns)
{
    if (thread->interrupted == row &&
        memcmp(thread->interrupted_args, call->args, sizeof(call->args)) == 0)
        enter_ns = thread->interrupted_ns;
    thread->interrupted = NULL;
    if (call->outcome == STRACE_INTERRUPTED) {
        thread->interrupted = row;
        thread->interrupted_ns = enter_ns;
        memcpy(thread->interrupted_args, call->args, sizeof(call->args));
    }
    return enter_ns;
}

/* How long CALL took, on the log's clock. Where the order alone is known there is no clock on which it
 * could be told. */
static uint64_t took_ns(const struct strace_log *log, const struct strace_call *call)
{
    return call->has_duration && log->basis != WHEN_NONE ? call->duration_ns : 0;
}

/* Keeps the call as an event until the next line shows that its frames are complete. ALONE: it has a line
 * of its own. */
static struct seep_error *put_call(struct strace_log *log, struct strace_thread *thread,
                                   const struct syscall_row *row, const struct strace_call *call,
                                   uint64_t enter_ns, bool alone)
{
    struct event *ev = &log->event;
    uint64_t exit_ns = alone ? enter_ns + took_ns(log, call) : log->now_ns;
    struct seep_error *err = strace_log_flush(log);

    if (err)
        return err;
    if (call->strange && !log->strange_words++)
        err = collection_remark(log->c, "%.*s is no word that is known here: it was left out",
                                (int)(call->strange_len < 64 ? call->strange_len : 64),
                                call->strange);
    enter_ns = first_enter(thread, row, call, enter_ns);
    if (err || call->outcome == STRACE_INTERRUPTED)
        return err;
    *ev = (struct event){.enter_ns = enter_ns,
                         .exit_ns = enter_ns,
                         .result = EVENT_RESULT_UNKNOWN,
                         .pid = thread->process->handle,
                         .tid = thread->tid,
                         .kind = row->kind,
                         .abi = abi_of(thread, row)};
    memcpy(ev->args, call->args, sizeof(ev->args));
    if (call->outcome == STRACE_RETURNED) {
        ev->exit_ns = strace_times_in_order(log, exit_ns > enter_ns ? exit_ns : enter_ns);
        /* Both ends were rounded down to a microsecond, and so was the time between them. */
        if (!alone && call->has_duration && ev->exit_ns - enter_ns == call->duration_ns + NS_PER_US)
            ev->enter_ns = enter_ns + NS_PER_US - 1;
        ev->result = call->result;
    } else {
        log->without_result++;
    }
    if (call->has_name) {
        snprintf(log->event_name, sizeof(log->event_name), "%s", call->name);
        ev->name = log->event_name;
    }
    if (row->kind == EVENT_SHMGET || row->kind == EVENT_SHMAT)
        know_segment(log, ev);
    log->has_event = true;
    log->event_alone = alone && !log->file_tid;
    strace_stacks_begin(log->stacks);
    return NULL;
}

/* The thread went on without the log saying how its call ended. */
static struct seep_error *abandon(struct strace_log *log, struct strace_thread *thread)
{
    static const char unfinished[] = " <unfinished ...>";
    struct strace_open *open = &thread->open;
    enum strace_meaning meaning = open->meaning;
    struct strace_call call;
    struct seep_error *err;

    open->meaning = STRACE_OTHER;
    log->clones_open -= meaning == STRACE_CLONE;
    if (meaning != STRACE_MEMORY)
        return NULL;
    buffer_bytes(&open->text, unfinished, sizeof(unfinished) - 1);
    if (open->text.failed)
        return error_no_memory();
    strace_call_parse(open->row, open->text.bytes, open->text.len, &call);
    if (call.outcome == STRACE_BROKEN)
        return NULL;
    call.outcome = STRACE_UNKNOWN;
    err = put_call(log, thread, open->row, &call, open->enter_ns, false);
    return err ? err : strace_log_flush(log);
}

static struct seep_error *begin_call(struct strace_log *log, struct strace_thread *thread,
                                     enum strace_meaning meaning, const struct syscall_row *row,
                                     const char *text, size_t len)
{
    struct strace_open *open = &thread->open;

    if (len > MAX_OPEN_BYTES)
        len = MAX_OPEN_BYTES;
    open->meaning = meaning;
    open->row = row;
    open->enter_ns = log->now_ns;
    log->clones_open += meaning == STRACE_CLONE;
    buffer_clear(&open->text);
    buffer_bytes(&open->text, text, len);
    return open->text.failed ? error_no_memory() : NULL;
}

/* A record that begins with a call's name. RET_REST: what follows it on the line. */
static struct seep_error *take_call(struct strace_log *log, struct strace_thread *thread,
                                    const struct strace_line *line, const char **ret_rest,
                                    size_t *ret_rest_len, bool *ret_broken)
{
    const struct syscall_row *row;
    enum strace_meaning meaning = strace_names_find(line->name, line->name_len, &row);
    const char *unfinished, *rest;
    struct strace_call call;
    struct seep_error *err;

    if (meaning == STRACE_OTHER)
        return NULL;
    if (meaning == STRACE_MEMORY) {
        strace_call_parse(row, line->rest, line->rest_len, &call);
        if (call.outcome == STRACE_RETURNED || call.outcome == STRACE_INTERRUPTED) {
            *ret_rest = call.rest;
            *ret_rest_len = call.rest_len;
            return put_call(log, thread, row, &call, log->now_ns, true);
        }
    }
    unfinished = strace_call_unfinished(line->rest, line->rest_len, &rest);
    if (unfinished) {
        *ret_rest = rest;
        *ret_rest_len = log->cut ? 0 : (size_t)(line->rest + line->rest_len - rest);
        err = begin_call(log, thread, meaning, row, line->rest, (size_t)(unfinished - line->rest));
        /* "<unfinished ...>) = ?": nobody will say how it ended. */
        if (!err && *ret_rest_len && *rest == ')') {
            *ret_rest_len = 0;
            err = abandon(log, thread);
        }
        return err;
    }
    if (meaning == STRACE_MEMORY && call.outcome == STRACE_BROKEN) {
        *ret_broken = true;
        return NULL;
    }
    if (meaning == STRACE_MEMORY) {
        *ret_rest = call.rest;
        *ret_rest_len = call.rest_len;
        return put_call(log, thread, row, &call, log->now_ns, true);
    }
    return strace_lives_call(log, thread, meaning, line->name, line->name_len, line->rest,
                             line->rest_len, log->now_ns, ret_rest, ret_rest_len);
}

/* The end of a call of which the log has no beginning: what its result alone tells. */
static struct seep_error *take_orphan(struct strace_log *log, struct strace_thread *thread,
                                      const struct strace_line *line, enum strace_meaning meaning,
                                      const struct syscall_row *row)
{
    struct strace_call call;
    const char *rest;
    size_t rest_len;

    if (meaning != STRACE_MEMORY)
        return strace_lives_call(log, thread, meaning, line->name, line->name_len, line->rest,
                                 line->rest_len, log->now_ns, &rest, &rest_len);
    log->without_call++;
    strace_call_parse_result(line->rest, line->rest_len, &call);
    if (row->kind != EVENT_BRK || call.outcome != STRACE_RETURNED)
        return NULL;
    call.args[0] = (uint64_t)call.result;

    uint64_t took = took_ns(log, &call);

    return put_call(log, thread, row, &call, log->now_ns - (took < log->now_ns ? took : 0), false);
}

/* The rest of the call that THREAD has begun: LINE->rest. */
static struct seep_error *end_call(struct strace_log *log, struct strace_thread *thread,
                                   const struct strace_line *line, const char **ret_rest,
                                   size_t *ret_rest_len)
{
    struct strace_open *open = &thread->open;
    const enum strace_meaning meaning = open->meaning;
    const struct syscall_row *row = open->row;
    struct strace_call call;
    struct seep_error *err;
    size_t joined_len;

    open->meaning = STRACE_OTHER;
    log->clones_open -= meaning == STRACE_CLONE;
    joined_len = line->rest_len < MAX_OPEN_BYTES ? line->rest_len : MAX_OPEN_BYTES;
    buffer_bytes(&open->text, line->rest, joined_len);
    if (open->text.failed)
        return error_no_memory();
    if (meaning != STRACE_MEMORY)
        return strace_lives_call(log, thread, meaning, line->name, line->name_len, open->text.bytes,
                                 open->text.len, open->enter_ns, ret_rest, ret_rest_len);
    strace_call_parse(row, open->text.bytes, open->text.len, &call);
    if (call.outcome == STRACE_BROKEN)
        return collection_skip(log->c, log->line_number, line->rest, line->rest_len);
    err = put_call(log, thread, row, &call, open->enter_ns, false);
    /* Within the line, for who reads on. */
    *ret_rest_len = call.rest_len < joined_len ? call.rest_len : 0;
    *ret_rest = line->rest + line->rest_len - *ret_rest_len;
    return err;
}

static struct seep_error *take_resumed(struct strace_log *log, struct strace_thread *thread,
                                       const struct strace_line *line, const char **ret_rest,
                                       size_t *ret_rest_len)
{
    const struct syscall_row *row;
    enum strace_meaning meaning = strace_names_find(line->name, line->name_len, &row);

    if (meaning == STRACE_OTHER)
        return NULL;
    if (thread->open.meaning != meaning || thread->open.row != row)
        return take_orphan(log, thread, line, meaning, row);
    return end_call(log, thread, line, ret_rest, ret_rest_len);
}

/* The second half of a line that "strace: Process 123 attached" cut in two, as on a terminal. */
static struct seep_error *take_half(struct strace_log *log, const char *text, size_t len)
{
    struct strace_thread *thread = strace_threads_find(&log->threads, log->cut_tid);
    const struct strace_line line = {.rest = text, .rest_len = len, .name = "", .name_len = 0};
    const char *rest;
    size_t rest_len;

    log->cut = false;
    if (!thread || thread->open.meaning == STRACE_OTHER)
        return NULL;
    return end_call(log, thread, &line, &rest, &rest_len);
}

static bool ends_cut(const char *text, size_t len)
{
    static const char note[] = " attached";

    return len > sizeof(note) && memcmp(text + len - sizeof(note) + 1, note, sizeof(note) - 1) == 0;
}

/* --- lines --- */

/* "mmap" is what people look for, and brk, the other one that adds memory, along with it. Who looked for
 * these two alone has no munmap in what is left. */
static bool is_kept_by_search(const struct strace_line *line)
{
    static const char *const kept[] = {"mmap", "mmap2", "brk"};

    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (strlen(kept[i]) == line->name_len && memcmp(kept[i], line->name, line->name_len) == 0)
            return true;
    return false;
}

/* One record. RET_REST_LEN: more than 0 when something follows it on the line. */
static struct seep_error *take_record(struct strace_log *log, const char *text, size_t len,
                                      const char **ret_rest, size_t *ret_rest_len)
{
    struct strace_thread *thread;
    struct strace_line line;
    struct seep_error *err;
    bool broken = false;

    strace_line_parse(text, len, &line);
    *ret_rest_len = 0;
    if (line.record == STRACE_FRAME) {
        if (log->has_event)
            strace_stacks_add(log->stacks, line.rest, line.rest_len);
        return NULL;
    }
    err = strace_log_flush(log);
    if (err)
        return err;
    if (line.record == STRACE_STRANGE && log->cut)
        return take_half(log, text, len);
    log->cut &= line.record == STRACE_NOTE;
    if (line.record == STRACE_STRANGE)
        return len ? collection_skip(log->c, log->line_number, text, len) : NULL;
    log->records++;
    if (line.record == STRACE_NOTE) {
        strace_lives_note(log, line.rest, line.rest_len);
        return NULL;
    }
    strace_times_set(log, &line);
    log->names_threads |= line.tid > 0;
    if (!log->whole && (line.record == STRACE_CALL || line.record == STRACE_RESUMED))
        log->whole = !is_kept_by_search(&line);
    if (line.record == STRACE_MODE)
        return strace_lives_mode(log, line.rest, line.rest_len);
    err = strace_lives_thread(log, &line, &thread);
    if (err || !thread)
        return err ? err : collection_skip(log->c, log->line_number, text, len);
    if (line.record == STRACE_CALL && ends_cut(text, len)) {
        log->cut = true;
        log->cut_tid = thread->tid;
        strace_lives_note(log, text, len);
    }
    if (thread->open.meaning != STRACE_OTHER && line.record == STRACE_CALL)
        err = abandon(log, thread);
    if (err)
        return err;
    switch (line.record) {
    case STRACE_CALL:
        err = take_call(log, thread, &line, ret_rest, ret_rest_len, &broken);
        break;
    case STRACE_RESUMED:
        err = take_resumed(log, thread, &line, ret_rest, ret_rest_len);
        break;
    case STRACE_ENDED:
        if (thread->open.meaning == STRACE_MEMORY)
            err = abandon(log, thread);
        if (!err)
            err = strace_lives_ended(log, thread, line.rest, line.rest_len);
        break;
    default:
        break;
    }
    return !err && broken ? collection_skip(log->c, log->line_number, text, len) : err;
}

static struct seep_error *take_line(struct strace_log *log, const struct input_line *line)
{
    const char *text = line->text;
    size_t len = line->len;
    struct seep_error *err = NULL;

    log->line_number = line->number;
    for (int i = 0; i < MAX_JOINED && !err; i++) {
        const char *rest = NULL;
        size_t rest_len = 0;

        err = take_record(log, text, len, &rest, &rest_len);
        if (!rest_len)
            break;
        text = rest;
        len = rest_len;
    }
    return err;
}

/* --- whole logs --- */

/* The N of "trace.N", which is the tid that strace -ff gave the file. */
static pid_t tid_in_name(const char *path, size_t *ret_prefix_len)
{
    _cleanup_free_ char *name = strdup(path);
    size_t len = name ? strlen(name) : 0;
    uint64_t tid;
    char *dot;

    if (len > 3 && strcmp(name + len - 3, ".gz") == 0)
        name[len - 3] = '\0';
    dot = name ? strrchr(name, '.') : NULL;
    if (!dot || !units_parse_number(dot + 1, 1 << 22, &tid) || !tid)
        return 0;
    *ret_prefix_len = (size_t)(dot - name);
    return (pid_t)tid;
}

/* Whether the first record names its thread: then the file is of all threads, whatever its name. */
static bool names_threads(const char *head, size_t len)
{
    struct strace_line line;

    for (const char *at = head, *end; at < head + len; at = end + 1) {
        end = memchr(at, '\n', (size_t)(head + len - at));
        if (!end)
            break;
        strace_line_parse(at, (size_t)(end - at), &line);
        if (line.record != STRACE_STRANGE && line.record != STRACE_NOTE && line.tid)
            return true;
    }
    return false;
}

static struct seep_error *say_what_is_missing(struct strace_log *log)
{
    const struct strace_process *unknown = &log->unknown;
    struct seep_error *err = NULL;

    if (log->without_result)
        err = collection_remark(log->c, "%" PRIu64 " calls whose result the log does not have",
                                log->without_result);
    if (!err && log->without_call)
        err = collection_remark(log->c,
                                "%" PRIu64 " returns of calls whose beginning the log does not "
                                "have: what they asked for is unknown",
                                log->without_call);
    if (!err && !log->timed && log->records)
        err = collection_remark(log->c, "the log has no times: only the order of calls is known");
    if (!err && log->timed && log->first_basis == WHEN_RELATIVE)
        err = collection_remark(log->c, "the log has times since its first line only");
    if (!err && unknown->threads > 1 && !unknown->begun)
        err = collection_remark(log->c, "no line says of which process its threads are: they were "
                                        "taken to be of one");
    return err;
}

static struct seep_error *tell_window(struct strace_log *log)
{
    enum { MAX_PROCESSES = 4096 };
    struct seep_error *err = collection_window_of(log->c, log->unknown.handle);

    for (size_t i = 0; i < log->processes.count && i < MAX_PROCESSES && !err; i++)
        err = collection_window_of(log->c, log->processes.items[i]->handle);
    if (!err && log->windowed)
        collection_window(log->c, log->window_basis, log->window_first_ns, log->window_last_ns,
                          log->whole);
    return err;
}

/* A log of one thread alone and one from which the numbers were cut look the same. */
static struct seep_error *tell_threads(struct strace_log *log)
{
    if (log->names_threads || log->file_tid || log->plain_tid)
        return NULL;
    collection_nameless(log->c, log->unknown.handle);
    for (size_t i = 0; i < log->processes.count; i++)
        collection_nameless(log->c, log->processes.items[i]->handle);
    return collection_remark(log->c, "no line names a thread (strace -f does): which one called is "
                                     "not known");
}

static struct seep_error *finish(struct strace_log *log)
{
    struct seep_error *err = strace_log_flush(log);

    for (size_t i = 0; i < log->threads.room && !err; i++)
        if (log->threads.slots[i])
            err = abandon(log, log->threads.slots[i]);
    if (!err && !log->records)
        return error_remedy(
            error_create(ERROR_CORRUPT, "%s: no line is strace's", log->in->path),
            "strace -f -tt -T -o FILE -e trace=%%memory,%%process -p PID makes such a log");
    if (!err)
        err = tell_window(log);
    if (!err)
        err = tell_threads(log);
    return err ? err : say_what_is_missing(log);
}

static void log_destroy(struct strace_log *log)
{
    if (!log)
        return;
    for (size_t i = 0; i < log->processes.count; i++)
        free(log->processes.items[i]);
    vector_deinit(&log->processes);
    strace_threads_deinit(&log->threads);
    strace_stacks_destroy(log->stacks);
    free(log);
}
DEFINE_CLEANUP(struct strace_log *, log_destroy);

static struct seep_error *import(struct input *in, struct collection *c)
{
    _cleanup_(log_destroyp) struct strace_log *log = calloc(1, sizeof(*log));
    struct input_line line;
    const char *head;
    size_t head_len, prefix_len = 0;
    struct seep_error *err;

    if (!log)
        return error_no_memory();
    log->c = c;
    log->in = in;
    err = strace_stacks_create(&log->stacks);
    if (!err)
        err = input_head(in, &head, &head_len);
    if (!err && !names_threads(head, head_len))
        log->file_tid = tid_in_name(in->path, &prefix_len);
    if (!err && log->file_tid)
        err = collection_file_set(c, in->path, prefix_len);
    log->unknown.handle = collection_new_process(c);
    while (!err && !(err = input_next_line(in, &line)) && line.text) {
        err = take_line(log, &line);
        if (line.number % PROGRESS_LINES == 0)
            collection_progress(c);
    }
    return err ? err : finish(log);
}

/* A call with its '=', or what only strace prints. */
static bool is_ours(const char *text, size_t len)
{
    struct strace_line line;

    strace_line_parse(text, len, &line);
    switch (line.record) {
    case STRACE_CALL:
        return memmem(line.rest, line.rest_len, ") = ", 4) ||
               memmem(line.rest, line.rest_len, ")  ", 3) ||
               memmem(line.rest, line.rest_len, "<unfinished", 11);
    case STRACE_STRANGE:
        return false;
    case STRACE_FRAME:
    case STRACE_NOTE:
        return true;
    default:
        return true;
    }
}

static int recognise(const char *head, size_t len)
{
    size_t lines = 0, ours = 0;

    for (const char *at = head, *end; at < head + len && lines < HEAD_LINES; at = end + 1) {
        end = memchr(at, '\n', (size_t)(head + len - at));
        if (!end)
            end = head + len;
        if (end > at && at[0] != '\r') {
            lines++;
            ours += is_ours(at, (size_t)(end - at));
        }
    }
    if (ours * 2 < lines || !ours)
        return ours ? IMPORTER_PERHAPS : IMPORTER_NEVER;
    return ours * 10 >= lines * 9 ? IMPORTER_CERTAIN : IMPORTER_LIKELY;
}

const struct importer importer_strace = {
    .name = "strace",
    .option = "strace",
    .argument = "F",
    .doc = "A log of strace, with any of its options",
    .expected = "strace logs",
    .stage = IMPORTER_EVENTS,
    .recognise = recognise,
    .import = import,
};
