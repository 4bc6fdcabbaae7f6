/*
 * Imports files into a case of its own and gives back what came of it.
 *
 *     struct importing i;
 *     importing_init(&i);
 *     importing_file(&i, &importer_pmap, "unit/data/kong-pmap-1360.txt");
 *     importing_write(&i);                       i.snaps, importing_fact(&i, "virtual", 1147)
 *     importing_deinit(&i);
 *
 * Included after cmocka.h.
 */
#pragma once

#include "evidence/case.h"
#include "evidence/dump.h"
#include "evidence/snapshot.h"
#include "importer/collection.h"
#include "importer/importer.h"
#include "temporary.h"

extern const struct importer importer_core, importer_pmap, importer_smaps, importer_status,
    importer_smem, importer_lsof, importer_ps, importer_machine, importer_hexdump, importer_raw;

struct importing {
    struct temporary t;
    struct collection_options options;
    struct collection *collection;
    struct case_dir *into;
    VECTOR(struct snapshot_record) records;
    VECTOR(struct snapshot) snaps;
    struct dumps dumps;
};

static inline void importing_init(struct importing *i)
{
    *i = (struct importing){.options = {.pid = 0}};
    temporary_init(&i->t);
    must(collection_create(i->t.fd, &i->options, &i->collection));
}

static inline struct seep_error *importing_try(struct importing *i, const struct importer *format,
                                               const char *path)
{
    struct input *in = NULL;
    struct seep_error *err;
    const char *head;
    size_t len;

    must(input_open(path, &in));
    must(input_head(in, &head, &len));
    must(collection_begin(i->collection, in, format->name));
    err = format->import(in, i->collection);
    if (!err)
        err = collection_end(i->collection);
    input_destroy(in);
    return err;
}

static inline void importing_file(struct importing *i, const struct importer *format,
                                  const char *path)
{
    must(importing_try(i, format, path));
}

static inline void importing_write(struct importing *i)
{
    struct snapshots_reader *reader = NULL;
    struct snapshot_record record;
    char path[128];
    bool more = true;

    snprintf(path, sizeof(path), "%s/case", i->t.path);
    must(case_create(path, NULL, 0, &i->into));
    must(collection_write(i->collection, i->into));
    if (faccessat(i->into->fd, "snapshots", R_OK, 0) == 0) {
        must(snapshots_reader_create(i->into->fd, &reader));
        must(snapshots_reader_sort(reader));
        while (must(snapshots_reader_next(reader, &record, &more)), more) {
            struct snapshot snap;

            must(snapshot_parse(&record, &snap));
            must(vector_push(&i->records, record));
            must(vector_push(&i->snaps, snap));
        }
        snapshots_reader_destroy(reader);
    }
    must(dumps_open(i->into->fd, &i->dumps));
    assert_int_equal(i->dumps.damaged, 0);
}

/* The last look at PID that has regions. */
static inline const struct snapshot *importing_snap(const struct importing *i, pid_t pid)
{
    const struct snapshot *found = NULL;

    for (size_t n = 0; n < i->snaps.count; n++)
        if (i->snaps.items[n].pid == pid && i->snaps.items[n].maps.count)
            found = &i->snaps.items[n];
    assert_non_null(found);
    return found;
}

static inline size_t importing_fact_count(const struct importing *i, const char *kind, pid_t pid)
{
    json_t *facts = json_object_get(i->into->json, "facts"), *fact;
    size_t index, count = 0;

    json_array_foreach (facts, index, fact)
        count += strcmp(json_string_value(json_object_get(fact, "kind")), kind) == 0 &&
                 json_integer_value(json_object_get(fact, "pid")) == pid;
    return count;
}

/* The first such fact; PID 0: of the machine. */
static inline const json_t *importing_fact(const struct importing *i, const char *kind, pid_t pid)
{
    json_t *facts = json_object_get(i->into->json, "facts"), *fact;
    size_t index;

    json_array_foreach (facts, index, fact)
        if (strcmp(json_string_value(json_object_get(fact, "kind")), kind) == 0 &&
            json_integer_value(json_object_get(fact, "pid")) == pid)
            return fact;
    print_error("no %s of pid %d\n", kind, (int)pid);
    fail();
    return NULL;
}

static inline uint64_t importing_value(const struct importing *i, const char *kind, pid_t pid)
{
    const json_t *value = json_object_get(importing_fact(i, kind, pid), "value");

    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static inline const char *importing_text(const struct importing *i, const char *kind, pid_t pid)
{
    return json_string_value(json_object_get(importing_fact(i, kind, pid), "text"));
}

/* Whether a remark of the file number INDEX says TEXT. */
static inline bool importing_says(const struct importing *i, size_t index, const char *text)
{
    const struct collection_file *file = collection_file(i->collection, index);

    for (size_t n = 0; n < file->remarks.count; n++)
        if (strstr(file->remarks.items[n], text))
            return true;
    return false;
}

static inline void importing_deinit(struct importing *i)
{
    for (size_t n = 0; n < i->snaps.count; n++) {
        snapshot_deinit(&i->snaps.items[n]);
        snapshot_record_deinit(&i->records.items[n]);
    }
    vector_deinit(&i->snaps);
    vector_deinit(&i->records);
    dumps_deinit(&i->dumps);
    case_destroy(i->into);
    collection_destroy(i->collection);
    temporary_deinit(&i->t);
}
