#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/units.h"
#include "evidence/codec.h"
#include "importer/collection_state.h"

enum { DUMP_CODEC_LEVEL = 1 };

/* --- events --- */

/* Where it had memory, for who asks whether a look can be of the same process. */
static struct seep_error *note_place(struct alias *alias, const struct event *ev)
{
    enum { MAX_PLACES = 64 };
    uint32_t place = (uint32_t)((uint64_t)ev->result >> PLACE_SHIFT);

    if ((ev->kind != EVENT_MMAP && ev->kind != EVENT_MREMAP && ev->kind != EVENT_BRK) ||
        ev->result == EVENT_RESULT_UNKNOWN || event_failed(ev) || alias->places.count == MAX_PLACES)
        return NULL;
    for (size_t i = alias->places.count; i > 0; i--)
        if (alias->places.items[i - 1] == place)
            return NULL;
    return vector_push(&alias->places, place);
}

static struct seep_error *note_process(struct collection *c, enum when_basis basis,
                                       const struct event *ev)
{
    struct alias *alias = ev->pid < 0 && (size_t)-ev->pid <= c->aliases.count
                              ? &c->aliases.items[-ev->pid - 1]
                              : NULL;
    pid_t *smallest = alias ? &alias->smallest_tid : &c->smallest_unknown_tid;

    if (ev->pid <= 0 && ev->tid > 0 && (!*smallest || ev->tid < *smallest))
        *smallest = ev->tid;
    if (!alias)
        return NULL;
    if (!alias->has_events || ev->enter_ns < alias->first_ns)
        alias->first_ns = ev->enter_ns;
    if (!alias->has_events || ev->exit_ns > alias->last_ns)
        alias->last_ns = ev->exit_ns;
    alias->basis = basis;
    alias->has_events = true;
    return note_place(alias, ev);
}

/* How an event travels: what its pending_ns is used for until it is known. */
enum { ALONE = 1, BASIS_SHIFT = 1 };

/* The sink at the pipe's other end. What it touches is its thread's until the pipe is flushed: the lanes
 * and the record. */
static struct seep_error *sort_in(struct event_sink *sink, const struct event *ev)
{
    struct collection *c = (struct collection *)((char *)sink - offsetof(struct collection, sink));
    struct lane *lane = &c->lanes[ev->pending_ns >> BASIS_SHIFT];
    struct buffer *record = &c->record;
    struct seep_error *err = NULL;

    if (!lane->events) {
        err = sorter_create(c->temporary_fd, 0, &lane->events);
        if (!err && !lane->spans)
            err = sorter_create(c->temporary_fd, 0, &lane->spans);
        lane->first_ns = UINT64_MAX;
    }
    if (err)
        return err;
    buffer_clear(record);
    event_record_put(record, ev);
    if (record->failed)
        return error_no_memory();
    err = sorter_add(lane->events, ev->exit_ns, record->bytes, record->len);
    if (!err && !(ev->pending_ns & ALONE) && ev->enter_ns < ev->exit_ns)
        err = sorter_add(lane->spans, ev->enter_ns, &ev->exit_ns, sizeof(ev->exit_ns));
    lane->first_ns = ev->enter_ns < lane->first_ns ? ev->enter_ns : lane->first_ns;
    lane->last_ns = ev->exit_ns > lane->last_ns ? ev->exit_ns : lane->last_ns;
    return err;
}

static struct seep_error *add_event(struct collection *c, enum when_basis basis,
                                    const struct event *ev, bool alone)
{
    struct event sent = *ev;
    struct seep_error *err = NULL;

    sent.pending_ns = (uint64_t)basis << BASIS_SHIFT | (alone ? ALONE : 0);
    if (!c->pipe) {
        c->sink.put = sort_in;
        err = event_pipe_create(&c->sink, &c->pipe);
    }
    if (!err)
        err = event_pipe_put(c->pipe, &sent);
    if (err)
        return err;
    err = note_process(c, basis, ev);
    if (err)
        return err;
    c->first_pid = c->first_pid ? c->first_pid : ev->pid;
    if (c->input)
        collection_current(c)->events++;
    return NULL;
}

struct seep_error *collection_events_added(struct collection *c)
{
    return c->pipe ? event_pipe_flush(c->pipe) : NULL;
}

struct seep_error *collection_event(struct collection *c, enum when_basis basis,
                                    const struct event *ev)
{
    return add_event(c, basis, ev, false);
}

struct seep_error *collection_event_alone(struct collection *c, enum when_basis basis,
                                          const struct event *ev)
{
    return add_event(c, basis, ev, true);
}

struct seep_error *collection_stack(struct collection *c, const struct stack_path *path,
                                    uint32_t *ret_id)
{
    return stack_table_add(c->stacks, path, ret_id);
}

struct seep_error *collection_thread_name(struct collection *c, struct when when, pid_t pid,
                                          pid_t tid, const char *name, size_t len)
{
    struct kept_name kept = {when_place(when, &c->options->when), pid, tid, strndup(name, len)};
    struct seep_error *err = kept.name ? vector_push(&c->names, kept) : error_no_memory();

    if (err) {
        free(kept.name);
        return err;
    }
    if (c->input)
        collection_current(c)->thread_names++;
    return NULL;
}

/* --- snapshots --- */

static struct seep_error *keep_section(struct collection *c, struct kept_sections *sections,
                                       const struct snapshot_section *section)
{
    struct kept_section kept = {.name = strdup(section->name), .len = section->len};
    struct seep_error *err =
        kept.name ? collection_spool(c, section->text, section->len, &kept.at) : error_no_memory();

    if (!err)
        err = vector_push(sections, kept);
    if (err)
        free(kept.name);
    return err;
}

struct seep_error *collection_snapshot(struct collection *c, struct when when,
                                       const struct snapshot_record *record)
{
    struct kept_snapshot kept = {.when = when,
                                 .number = c->snapshots.count,
                                 .record = {.pid = record->pid,
                                            .start_ticks = record->start_ticks,
                                            .reason = SNAPSHOT_SINGLE,
                                            .stopped = record->stopped}};
    struct seep_error *err = NULL;

    for (size_t i = 0; i < record->sections.count && !err; i++)
        err = keep_section(c, &kept.sections, &record->sections.items[i]);
    if (!err)
        err = vector_push(&c->snapshots, kept);
    if (err) {
        for (size_t i = 0; i < kept.sections.count; i++)
            free(kept.sections.items[i].name);
        vector_deinit(&kept.sections);
        return err;
    }
    if (c->input)
        collection_current(c)->snapshots++;
    return NULL;
}

struct seep_error *collection_file_time(struct collection *c, struct when *ret_when)
{
    const struct input *in = c->input;
    struct units_text text;
    struct when when = {0};

    if (in && in->suffix) {
        struct seep_error *err = input_suffix_time(in, &when);

        if (err)
            return err;
        *ret_when = when_place(when, &c->options->when);
        return NULL;
    }
    if (!in || !in->mtime_ns) {
        *ret_when = (struct when){0};
        return NULL;
    }
    *ret_when = (struct when){WHEN_ABSOLUTE, (int64_t)in->mtime_ns};
    if (c->file_time_said)
        return NULL;
    c->file_time_said = true;
    return collection_remark(c, "taken when the file was last written, at %s (FILE@TIME says else)",
                             units_format_time(&text, in->mtime_ns, false));
}

static bool has_section(const struct kept_snapshot *kept, const char *name)
{
    for (size_t i = 0; i < kept->sections.count; i++)
        if (strcmp(kept->sections.items[i].name, name) == 0)
            return true;
    return false;
}

/* A status or a list of files is a look too; of an excerpt nothing is to be had that a whole one lacks. */
static bool is_better(const struct kept_snapshot *kept, const struct kept_snapshot *than)
{
    if (!has_section(kept, "smaps") && !has_section(kept, "maps"))
        return false;
    return !than || !has_section(kept, "partial") || has_section(than, "partial");
}

struct seep_error *collection_last_snapshot(struct collection *c, pid_t pid,
                                            struct snapshot *ret_snapshot, bool *ret_found)
{
    _cleanup_(snapshot_record_deinit) struct snapshot_record record = {0};
    const struct kept_snapshot *last = NULL;
    struct seep_error *err = NULL;
    pid_t only = 0;

    for (size_t i = 0; i < c->snapshots.count; i++) {
        const struct kept_snapshot *kept = &c->snapshots.items[i];
        pid_t of = kept->record.pid;

        if (pid && of && of != pid)
            continue;
        if (!is_better(kept, last))
            continue;
        if (!pid && only && of && of != only) {
            *ret_found = false;
            return NULL;
        }
        only = of ? of : only;
        last = kept;
    }
    if (!last) {
        *ret_found = false;
        return NULL;
    }
    err = kept_snapshot_load(c, last, &record);
    if (!err)
        err = snapshot_parse(&record, ret_snapshot);
    if (!err)
        *ret_found = true;
    return err;
}

/* --- memory, dumps of threads, facts --- */

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

struct seep_error *collection_memory(struct collection *c, const struct collection_memory *memory,
                                     struct mem_source *bytes)
{
    struct kept_memory kept = {.memory = *memory, .bytes = bytes};
    struct seep_error *err;

    kept.memory.why = copy(memory->why);
    kept.memory.name = copy(memory->name);
    err = vector_push(&c->memories, kept);
    if (err) {
        free((char *)kept.memory.why);
        free((char *)kept.memory.name);
        mem_source_destroy(bytes);
        return err;
    }
    if (c->input)
        collection_current(c)->memory_bytes += memory->end - memory->start;
    return NULL;
}

struct seep_error *collection_thread_dump(struct collection *c, struct when when, pid_t pid,
                                          const char *kind, const char *text, size_t len)
{
    struct kept_dump kept = {
        .when = when_place(when, &c->options->when), .pid = pid, .kind = strdup(kind)};
    _cleanup_buffer_ struct buffer pressed = {0};
    struct codec_state *state = NULL;
    struct seep_error *err = kept.kind ? NULL : error_no_memory();

    if (!err)
        err = codec_isal.begin(DUMP_CODEC_LEVEL, &state);
    if (!err)
        err = codec_isal.push(state, text, len, &pressed);
    if (!err)
        err = codec_isal.finish(state, &pressed);
    if (state)
        codec_isal.destroy(state);
    kept.len = pressed.len;
    if (!err)
        err = collection_spool(c, pressed.bytes, pressed.len, &kept.at);
    if (!err)
        err = vector_push(&c->dumps, kept);
    if (err) {
        free(kept.kind);
        return err;
    }
    if (c->input)
        collection_current(c)->thread_dumps++;
    return NULL;
}

struct seep_error *collection_fact(struct collection *c, struct when when, const struct fact *fact)
{
    const struct collection_file *file = collection_current(c);
    struct kept_fact kept = {.when = when_place(when, &c->options->when), .fact = *fact};
    struct seep_error *err;

    kept.fact.name = copy(fact->name);
    kept.fact.text = copy(fact->text);
    kept.fact.file = copy(file ? file->path : fact->file);
    err = vector_push(&c->facts, kept);
    if (err) {
        free((char *)kept.fact.name);
        free((char *)kept.fact.text);
        free((char *)kept.fact.file);
        return err;
    }
    if (c->input)
        collection_current(c)->facts++;
    return NULL;
}

struct seep_error *collection_process(struct collection *c, pid_t pid, const char *exe,
                                      const char *command, const char *runtime)
{
    struct kept_process *known = NULL;

    for (size_t i = 0; i < c->processes.count && !known; i++)
        if (c->processes.items[i].pid == pid)
            known = &c->processes.items[i];
    if (!known) {
        struct seep_error *err = vector_push(&c->processes, (struct kept_process){.pid = pid});

        if (err)
            return err;
        known = &c->processes.items[c->processes.count - 1];
    }
    if (!known->exe)
        known->exe = copy(exe);
    if (!known->command)
        known->command = copy(command);
    if (!known->runtime)
        known->runtime = copy(runtime);
    return NULL;
}
