/*
 * Files made into a case by an importer, and the events of that case:
 *
 *     struct imports t;
 *     imports_init(&t);
 *     imports_text(&t, &importer_strace, "trace.4242", "22:48:40 brk(NULL) = 0x1000\n");
 *     imports_write(&t);                                    // t.c, and t.events in their order
 *     imports_deinit(&t);
 *
 * Included after cmocka.h; a failure here fails the test.
 */
#pragma once

#include "evidence/case.h"
#include "evidence/events_file.h"
#include "evidence/stack_table.h"
#include "importer/importer.h"
#include "tests/unit/temporary.h"

struct imports {
    struct temporary files;
    char case_path[96];
    struct collection_options options; /* to be set before imports_text */
    struct case_dir *c;
    struct collection *collection;
    VECTOR(struct event) events; /* with names of their own */
    struct stack_table *stacks;
};

static inline void imports_init(struct imports *t)
{
    memset(t, 0, sizeof(*t));
    temporary_init(&t->files);
    snprintf(t->case_path, sizeof(t->case_path), "%s/case", t->files.path);
    must(case_create(t->case_path, NULL, 0, &t->c));
    must(collection_create(t->c->fd, &t->options, &t->collection));
}

/* From another collection on: as a second seep import. */
static inline void imports_again(struct imports *t)
{
    collection_destroy(t->collection);
    must(collection_create(t->c->fd, &t->options, &t->collection));
}

static inline struct seep_error *imports_try(struct imports *t, const struct importer *importer,
                                             const char *path)
{
    struct input *in = NULL;
    struct seep_error *err = input_open(path, &in);

    if (!err)
        err = collection_begin(t->collection, in, importer->name);
    if (!err)
        err = importer->import(in, t->collection);
    if (!err)
        err = collection_end(t->collection);
    input_destroy(in);
    return err;
}

static inline void imports_bytes(struct imports *t, const struct importer *importer,
                                 const char *name, const void *bytes, size_t len)
{
    char path[160];

    temporary_put(&t->files, name, bytes, len);
    snprintf(path, sizeof(path), "%s/%s", t->files.path, name);
    must(imports_try(t, importer, path));
}

static inline void imports_text(struct imports *t, const struct importer *importer,
                                const char *name, const char *text)
{
    imports_bytes(t, importer, name, text, strlen(text));
}

static inline void imports_forget(struct imports *t)
{
    for (size_t i = 0; i < t->events.count; i++)
        free(t->events.items[i].name);
    vector_deinit(&t->events);
    stack_table_destroy(t->stacks);
    t->stacks = NULL;
}

static inline void imports_read(struct imports *t)
{
    struct events_reader *reader;
    enum event_source_step step;
    struct event ev;

    imports_forget(t);
    must(stack_table_create(&t->stacks));
    must(events_reader_create(t->c->fd, t->stacks, &reader));
    for (;;) {
        must(event_source_next(&reader->source, &ev, &step));
        if (step == EVENT_SOURCE_END)
            break;
        ev.name = ev.name ? strdup(ev.name) : NULL;
        must(vector_push(&t->events, ev));
    }
    assert_false(reader->cut);
    event_source_destroy(&reader->source);
}

static inline void imports_write(struct imports *t)
{
    must(collection_write(t->collection, t->c));
    must(case_save(t->c, CASE_COMPLETE, NULL));
    imports_read(t);
}

static inline void imports_deinit(struct imports *t)
{
    imports_forget(t);
    collection_destroy(t->collection);
    case_destroy(t->c);
    temporary_deinit(&t->files);
}

/* The Nth event that is a call. */
static inline const struct event *imports_call(const struct imports *t, size_t n)
{
    for (size_t i = 0; i < t->events.count; i++)
        if (event_is_syscall(&t->events.items[i]) && n-- == 0)
            return &t->events.items[i];
    fail_msg("there are not so many calls");
    return NULL;
}

static inline size_t imports_count(const struct imports *t, enum event_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < t->events.count; i++)
        count += t->events.items[i].kind == kind;
    return count;
}

static inline const struct event *imports_find(const struct imports *t, enum event_kind kind,
                                               size_t n)
{
    for (size_t i = 0; i < t->events.count; i++)
        if (t->events.items[i].kind == kind && n-- == 0)
            return &t->events.items[i];
    fail_msg("there are not so many events of that kind");
    return NULL;
}

/* Whether a remark on the last file or on all of them has WORDS in it. */
static inline bool imports_says(const struct imports *t, const char *words)
{
    const struct collection_file *file =
        collection_file(t->collection, collection_file_count(t->collection) - 1);

    for (size_t i = 0; i < file->remarks.count; i++)
        if (strstr(file->remarks.items[i], words))
            return true;
    for (size_t i = 0; i < collection_remark_count(t->collection); i++)
        if (strstr(collection_remark_text(t->collection, i), words))
            return true;
    return false;
}

static inline const struct collection_file *imports_file(const struct imports *t)
{
    return collection_file(t->collection, collection_file_count(t->collection) - 1);
}
