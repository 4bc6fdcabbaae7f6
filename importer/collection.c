#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/io.h"
#include "importer/collection_state.h"

enum { SHOWN_LINE_BYTES = 120, MAX_REMARKS = 32 };

/* --- its life --- */

struct seep_error *collection_create(int temporary_fd, const struct collection_options *options,
                                     struct collection **ret_collection)
{
    _cleanup_(collection_destroyp) struct collection *c = calloc(1, sizeof(*c));
    struct seep_error *err;

    if (!c)
        return error_no_memory();
    c->options = options;
    c->temporary_fd = temporary_fd;
    c->spool_fd = -1;
    err = stack_table_create(&c->stacks);
    if (!err)
        *ret_collection = take_ptr(c);
    return err;
}

static void destroy_snapshots(struct collection *c)
{
    for (size_t i = 0; i < c->snapshots.count; i++) {
        struct kept_snapshot *snapshot = &c->snapshots.items[i];

        for (size_t s = 0; s < snapshot->sections.count; s++)
            free(snapshot->sections.items[s].name);
        vector_deinit(&snapshot->sections);
    }
    vector_deinit(&c->snapshots);
}

static void destroy_files(struct collection *c)
{
    for (size_t i = 0; i < c->files.count; i++) {
        struct collection_file *file = &c->files.items[i];

        for (size_t s = 0; s < ARRAY_SIZE(file->first_skipped); s++)
            free(file->first_skipped[s].text);
        for (size_t r = 0; r < file->remarks.count; r++)
            free(file->remarks.items[r]);
        vector_deinit(&file->remarks);
        vector_deinit(&file->window.processes);
        free((char *)file->path);
        free((char *)file->format);
    }
    vector_deinit(&c->files);
}

static void destroy_texts(struct collection *c)
{
    for (size_t i = 0; i < c->memories.count; i++) {
        mem_source_destroy(c->memories.items[i].bytes);
        free((char *)c->memories.items[i].memory.why);
        free((char *)c->memories.items[i].memory.name);
    }
    for (size_t i = 0; i < c->dumps.count; i++)
        free(c->dumps.items[i].kind);
    for (size_t i = 0; i < c->names.count; i++)
        free(c->names.items[i].name);
    for (size_t i = 0; i < c->facts.count; i++) {
        free((char *)c->facts.items[i].fact.name);
        free((char *)c->facts.items[i].fact.text);
        free((char *)c->facts.items[i].fact.file);
    }
    for (size_t i = 0; i < c->processes.count; i++) {
        free(c->processes.items[i].exe);
        free(c->processes.items[i].command);
        free(c->processes.items[i].runtime);
    }
    for (size_t i = 0; i < c->remarks.count; i++)
        free(c->remarks.items[i]);
}

void collection_destroy(struct collection *c)
{
    if (!c)
        return;
    event_pipe_destroy(c->pipe);
    for (size_t i = 0; i < WHEN_BASES; i++) {
        sorter_destroy(c->lanes[i].events);
        sorter_destroy(c->lanes[i].spans);
    }
    destroy_snapshots(c);
    destroy_files(c);
    destroy_texts(c);
    vector_deinit(&c->memories);
    vector_deinit(&c->dumps);
    vector_deinit(&c->names);
    vector_deinit(&c->facts);
    vector_deinit(&c->processes);
    vector_deinit(&c->remarks);
    for (size_t i = 0; i < c->aliases.count; i++)
        vector_deinit(&c->aliases.items[i].places);
    for (size_t i = 0; i < c->sets.count; i++)
        free(c->sets.items[i].name);
    vector_deinit(&c->sets);
    vector_deinit(&c->aliases);
    free(c->seen.slots);
    free(c->tids.slots);
    free(c->births.slots);
    stack_table_destroy(c->stacks);
    buffer_deinit(&c->record);
    cleanup_close(&c->spool_fd);
    free(c);
}

const struct collection_options *collection_options(const struct collection *c)
{
    return c->options;
}

struct seep_error *collection_spool(struct collection *c, const void *bytes, size_t len,
                                    uint64_t *ret_at)
{
    struct seep_error *err = NULL;

    if (c->spool_fd < 0)
        err = sorter_temporary(c->temporary_fd, &c->spool_fd);
    if (!err)
        err = error_prefix(io_write(c->spool_fd, bytes, len),
                           "a temporary file in the case's directory");
    if (err)
        return err;
    *ret_at = c->spool_bytes;
    c->spool_bytes += len;
    return NULL;
}

/* --- files --- */

struct seep_error *collection_begin(struct collection *c, struct input *in, const char *format)
{
    struct collection_file file = {
        .path = strdup(in->path), .format = strdup(format), .size_bytes = in->size_bytes};
    struct seep_error *err = file.path && file.format ? NULL : error_no_memory();

    if (!err)
        err = vector_push(&c->files, file);
    if (err) {
        free((char *)file.path);
        free((char *)file.format);
        return err;
    }
    c->input = in;
    c->file_time_said = false;
    c->set = ++c->set_count;
    collection_current(c)->set = c->set;
    return NULL;
}

struct seep_error *collection_end(struct collection *c)
{
    struct collection_file *file = collection_current(c);
    struct input *in = c->input;
    struct seep_error *err;

    if (!file)
        return NULL;
    err = input_sha256(in, file->sha256);
    file->lines = in->lines;
    c->input = NULL;
    if (!err && in->cut)
        err = collection_remark(c, "the gzip file is cut: what follows is missing");
    if (!err && in->long_lines)
        err =
            collection_remark(c, "%llu lines are longer than 1 MiB, of which the rest was left out",
                              (unsigned long long)in->long_lines);
    return err;
}

void collection_progress(struct collection *c)
{
    if (c->options->progress && c->input)
        c->options->progress(c->input->path, c->input->taken_bytes, c->input->size_bytes,
                             c->options->context);
}

struct seep_error *collection_skip(struct collection *c, uint64_t number, const char *text,
                                   size_t len)
{
    struct collection_file *file = collection_current(c);
    uint64_t place;

    if (!file)
        return NULL;
    place = file->skipped++;
    if (place >= ARRAY_SIZE(file->first_skipped))
        return NULL;
    file->first_skipped[place].number = number;
    file->first_skipped[place].text =
        escape_text(text, len < SHOWN_LINE_BYTES ? len : SHOWN_LINE_BYTES);
    return file->first_skipped[place].text ? NULL : error_no_memory();
}

/* Takes TEXT over. */
#define ADD_REMARK(remarks, text)                                                                  \
    ({                                                                                             \
        char *text_ = (text);                                                                      \
        struct seep_error *remark_err_ = text_ ? NULL : error_no_memory();                         \
        bool known_ = (remarks)->count >= MAX_REMARKS;                                             \
        for (size_t i_ = 0; text_ && i_ < (remarks)->count && !known_; i_++)                       \
            known_ = strcmp((remarks)->items[i_], text_) == 0;                                     \
        if (!remark_err_ && !known_)                                                               \
            remark_err_ = vector_push(remarks, text_);                                             \
        if (remark_err_ || known_)                                                                 \
            free(text_);                                                                           \
        remark_err_;                                                                               \
    })

struct seep_error *collection_remark(struct collection *c, const char *format, ...)
{
    struct collection_file *file = collection_current(c);
    va_list arguments;
    char *text;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    if (!file) {
        free(text);
        return NULL;
    }
    return ADD_REMARK(&file->remarks, text);
}

struct seep_error *collection_say(struct collection *c, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    return ADD_REMARK(&c->remarks, text);
}

size_t collection_remark_count(const struct collection *c)
{
    return c->remarks.count;
}

const char *collection_remark_text(const struct collection *c, size_t index)
{
    return c->remarks.items[index];
}

size_t collection_file_count(const struct collection *c)
{
    return c->files.count;
}

const struct collection_file *collection_file(const struct collection *c, size_t index)
{
    return &c->files.items[index];
}

/* --- processes --- */

pid_t collection_new_process(struct collection *c)
{
    struct seep_error *err = c->aliases.count < INT32_MAX
                                 ? vector_push(&c->aliases, (struct alias){.set = c->set})
                                 : error_no_memory();

    if (err) {
        error_destroy(err);
        return 0;
    }
    return -(pid_t)c->aliases.count;
}

pid_t collection_root(const struct collection *c, pid_t process)
{
    while (process < 0 && (size_t)-process <= c->aliases.count &&
           c->aliases.items[-process - 1].same_as)
        process = c->aliases.items[-process - 1].same_as;
    return process;
}

void collection_same_process(struct collection *c, pid_t process, pid_t pid)
{
    process = collection_root(c, process);
    pid = collection_root(c, pid);
    if (process < 0 && pid && process != pid)
        c->aliases.items[-process - 1].same_as = pid;
}

static size_t tid_slot(const struct tid_table *table, pid_t tid)
{
    size_t slot = (uint32_t)tid * 2654435761u & (table->room - 1);

    while (table->slots[slot].tid && table->slots[slot].tid != tid)
        slot = (slot + 1) & (table->room - 1);
    return slot;
}

/* false: out of memory. */
static bool grow_tids(struct tid_table *table)
{
    struct tid_table grown = {.room = table->room ? table->room * 2 : 64};

    if (table->count * 2 < table->room)
        return true;
    grown.slots = calloc(grown.room, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < table->room; i++)
        if (table->slots[i].tid)
            grown.slots[tid_slot(&grown, table->slots[i].tid)] = table->slots[i];
    grown.count = table->count;
    free(table->slots);
    *table = grown;
    return true;
}

pid_t collection_tid_get(const struct tid_table *table, pid_t tid)
{
    return table->room && tid > 0 ? table->slots[tid_slot(table, tid)].process : 0;
}

void collection_tid_set(struct tid_table *table, pid_t tid, pid_t process)
{
    size_t slot;

    if (tid <= 0 || !grow_tids(table))
        return;
    slot = tid_slot(table, tid);
    if (!table->slots[slot].tid)
        table->count++;
    table->slots[slot].tid = tid;
    table->slots[slot].process = process;
}

void collection_set_process_of(struct collection *c, pid_t tid, pid_t process)
{
    collection_tid_set(&c->tids, tid, process);
}

pid_t collection_process_of(struct collection *c, pid_t tid, bool make)
{
    pid_t process = collection_tid_get(&c->tids, tid);

    if (process || !make)
        return process;
    process = collection_new_process(c);
    collection_tid_set(&c->tids, tid, process);
    return process;
}

void collection_window(struct collection *c, enum when_basis basis, uint64_t first_ns,
                       uint64_t last_ns, bool whole)
{
    struct collection_file *file = collection_current(c);

    file->window.basis = basis;
    file->window.first_ns = first_ns;
    file->window.last_ns = last_ns;
    file->window.whole = whole;
}

struct seep_error *collection_window_of(struct collection *c, pid_t process)
{
    return vector_push(&collection_current(c)->window.processes, process);
}

/* One of a file's own processes may end and give its threads' numbers to the next. */
static size_t set_of(const struct collection *c, pid_t process)
{
    return process < 0 && (size_t)-process <= c->aliases.count ? c->aliases.items[-process - 1].set
                                                               : 0;
}

void collection_saw_thread(struct collection *c, pid_t process, pid_t tid)
{
    pid_t before = collection_tid_get(&c->seen, tid);

    if (!before)
        collection_tid_set(&c->seen, tid, process);
    else if (set_of(c, before) == set_of(c, process))
        return;
    else if (collection_root(c, process) < 0)
        collection_same_process(c, process, before);
    else
        collection_same_process(c, before, process);
}

bool collection_has_events(const struct collection *c, pid_t process)
{
    return process < 0 && (size_t)-process <= c->aliases.count &&
           c->aliases.items[-process - 1].has_events;
}

void collection_nameless(struct collection *c, pid_t process)
{
    if (process < 0 && (size_t)-process <= c->aliases.count)
        c->aliases.items[-process - 1].nameless = true;
}

struct seep_error *collection_file_set(struct collection *c, const char *name, size_t len)
{
    struct file_set set = {.set = c->set};
    struct seep_error *err;

    for (size_t i = c->sets.count; i > 0; i--)
        if (strlen(c->sets.items[i - 1].name) == len &&
            memcmp(c->sets.items[i - 1].name, name, len) == 0) {
            c->set = collection_current(c)->set = c->sets.items[i - 1].set;
            return NULL;
        }
    set.name = strndup(name, len);
    err = set.name ? vector_push(&c->sets, set) : error_no_memory();
    if (err)
        free(set.name);
    return err;
}

void collection_set_birth(struct collection *c, pid_t tid, uint64_t minutes)
{
    collection_tid_set(&c->births, tid, minutes <= INT32_MAX ? (pid_t)minutes : 0);
}

uint64_t collection_birth(const struct collection *c, pid_t tid)
{
    return (uint64_t)collection_tid_get(&c->births, tid);
}
