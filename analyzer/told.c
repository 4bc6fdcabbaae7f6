#include "analyzer/told.h"

#include <string.h>

void told_deinit(struct told *told)
{
    vector_deinit(&told->facts);
    vector_deinit(&told->imports);
}

static uint64_t number_of(const json_t *json, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(json, name));

    return number > 0 ? (uint64_t)number : 0;
}

static struct seep_error *read_imports(const json_t *array, struct told *told)
{
    const json_t *file;
    size_t index;
    struct seep_error *err = NULL;

    json_array_foreach (array, index, file) {
        if (err || !json_is_object(file))
            continue;
        err = vector_push(&told->imports,
                          (struct told_import){
                              .file = json_string_value(json_object_get(file, "file")),
                              .format = json_string_value(json_object_get(file, "format")),
                              .lines = number_of(file, "lines"),
                              .skipped = number_of(file, "skipped"),
                              .events = number_of(file, "events"),
                              .snapshots = number_of(file, "snapshots"),
                              .memory_bytes = number_of(file, "memory_bytes"),
                              .thread_dumps = number_of(file, "thread_dumps"),
                              .first_skipped = json_object_get(file, "first_skipped"),
                              .assumptions = json_object_get(file, "assumptions"),
                          });
    }
    return err;
}

struct seep_error *told_read(const struct case_dir *c, struct told *ret_told)
{
    struct told told = {.remarks = json_object_get(c->json, "remarks")};
    struct seep_error *err = read_imports(json_object_get(c->json, "imports"), &told);
    const json_t *array = json_object_get(c->json, "facts"), *item;
    size_t index;

    json_array_foreach (array, index, item) {
        struct fact fact;

        if (!err && told.facts.count < TOLD_MAX_FACTS && fact_from_json(item, &fact))
            err = vector_push(&told.facts, fact);
    }
    if (err)
        told_deinit(&told);
    else
        *ret_told = told;
    return err;
}

const struct fact *told_find(const struct told *told, enum fact_kind kind, pid_t pid,
                             const char *name)
{
    for (size_t i = told->facts.count; i > 0; i--) {
        const struct fact *fact = &told->facts.items[i - 1];

        if (fact->kind == kind && (pid == 0 || fact->pid == pid) &&
            (!name || (fact->name && strcmp(fact->name, name) == 0)))
            return fact;
    }
    return NULL;
}

uint64_t told_value(const struct told *told, enum fact_kind kind, pid_t pid, const char *name)
{
    for (size_t i = told->facts.count; i > 0; i--) {
        const struct fact *fact = &told->facts.items[i - 1];

        if (fact->kind == kind && fact->has_value && (pid == 0 || fact->pid == pid) &&
            (!name || (fact->name && strcmp(fact->name, name) == 0)))
            return fact->value;
    }
    return UINT64_MAX;
}

bool told_has(const struct told *told, const char *format)
{
    for (size_t i = 0; i < told->imports.count; i++)
        if (told->imports.items[i].format && strcmp(told->imports.items[i].format, format) == 0)
            return true;
    return false;
}
