#include "cmd/import_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "evidence/case.h"
#include "importer/compressed.h"

enum { NAMED = 20 }; /* of the files that cannot be imported */

void import_files_deinit(struct import_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        import_file_close(&files->items[i]);
    vector_deinit(files);
}

struct seep_error *import_file_open(struct import_file *file)
{
    return file->input ? NULL : input_open(file->text, &file->input);
}

void import_file_close(struct import_file *file)
{
    input_destroy(file->input);
    file->input = NULL;
}

/* Closes it if it can be opened again from its beginning. */
static void set_aside(struct import_file *file)
{
    if (file->size_bytes && strcmp(file->text, "-") != 0)
        import_file_close(file);
}

/* --- what it is --- */

static struct seep_error *refuse_encoded(const struct import_file *file, const char *head,
                                         size_t len)
{
    const char *tool = NULL, *kind = compressed_kind(head, len, &tool), *path = file->input->path;

    /* What an option calls a dump of memory may begin with anything. */
    if (file->importer && strcmp(file->importer->name, "raw") == 0)
        return NULL;
    if (kind)
        return error_remedy(error_create(ERROR_UNSUPPORTED, "%s is compressed with %s", path, kind),
                            "expand it first, with %s", tool);
    /* A byte order mark, as PowerShell's > writes it. */
    if (len >= 2 && (memcmp(head, "\xff\xfe", 2) == 0 || memcmp(head, "\xfe\xff", 2) == 0))
        return error_remedy(error_create(ERROR_UNSUPPORTED, "%s is text in UTF-16", path),
                            "convert it first, with iconv -f UTF-16 -t UTF-8");
    return NULL;
}

/* Leaves it open only if it cannot be opened again. *RET_UNKNOWN: it is of no known kind. */
static struct seep_error *look(struct import_file *file, bool *ret_unknown)
{
    const char *head;
    struct when when;
    size_t len;
    struct seep_error *err = import_file_open(file);

    if (!err)
        err = input_head(file->input, &head, &len);
    if (!err)
        err = refuse_encoded(file, head, len);
    if (err)
        return err;
    if (!file->importer)
        file->importer = importer_recognise(head, len);
    /* FILE@TIME, but for what needs an address more. */
    if (file->importer && file->input->suffix && file->importer->stage != IMPORTER_MEMORY)
        err = input_suffix_time(file->input, &when);
    if (err)
        return err;
    *ret_unknown = !file->importer;
    file->size_bytes = file->input->size_bytes;
    set_aside(file);
    return NULL;
}

struct refusals {
    struct buffer text;
    size_t count;
    struct seep_error *first; /* whose remedy is shown */
    bool unknown;
};

static void refuse(struct refusals *r, struct seep_error *err)
{
    if (++r->count <= NAMED)
        buffer_printf(&r->text, "%s%s", r->text.len ? "; " : "", err->message);
    if (r->first)
        error_destroy(err);
    else
        r->first = err;
}

static struct seep_error *refuse_all(struct refusals *r, size_t files)
{
    _cleanup_error_ struct seep_error *first = r->first;
    struct seep_error *err;

    if (r->count == 1 || r->text.failed)
        return take_ptr(first);
    if (r->count > NAMED)
        buffer_printf(&r->text, "; and %zu more", r->count - NAMED);
    err = error_create(ERROR_INVALID, "%zu of %zu files cannot be imported: %s", r->count, files,
                       r->text.failed ? "?" : r->text.bytes);
    return first->remedy ? error_remedy(err, "%s", first->remedy) : err;
}

static struct seep_error *unknown_kind(const char *path)
{
    struct seep_error *err = error_create(ERROR_INVALID, "%s is of no known kind", path);
    _cleanup_buffer_ struct buffer known = {0};

    for (size_t i = 0; importers[i]; i++)
        buffer_printf(&known, "%s%s", i ? ", " : "", importers[i]->expected);
    return error_remedy(err,
                        "known are %s; an option such as --%s says what a file is, --skip-unknown "
                        "leaves it out",
                        known.failed ? "?" : known.bytes, importers[0]->option);
}

struct seep_error *import_files_look(struct import_files *files, bool skip_unknown)
{
    struct refusals refusals = {.first = NULL};
    size_t skipped = 0;
    struct seep_error *err;

    for (size_t i = 0; i < files->count; i++) {
        struct import_file *file = &files->items[i];
        bool unknown = false;

        err = look(file, &unknown);
        skipped += unknown;
        if (!err && unknown && (!skip_unknown || skipped == files->count))
            err = unknown_kind(file->text);
        if (err)
            refuse(&refusals, err);
    }
    err = refusals.count ? refuse_all(&refusals, files->count) : NULL;
    buffer_deinit(&refusals.text);
    return err;
}

/* --- the same twice --- */

/* The name under which the case has the same bytes already; NULL. */
static const char *find_import(const struct case_dir *c, uint64_t size_bytes, const char *sha256)
{
    const json_t *imports = json_object_get(c->json, "imports");

    for (size_t i = 0; i < json_array_size(imports); i++) {
        const json_t *import = json_array_get(imports, i);
        const char *sum = json_string_value(json_object_get(import, "sha256"));

        if ((uint64_t)json_integer_value(json_object_get(import, "size_bytes")) != size_bytes)
            continue;
        if (!sha256 || (sum && strcmp(sum, sha256) == 0))
            return json_string_value(json_object_get(import, "file"));
    }
    return NULL;
}

static struct seep_error *know_sum(struct import_file *file)
{
    struct seep_error *err;

    if (file->sha256[0])
        return NULL;
    err = import_file_open(file);
    if (!err)
        err = input_sha256(file->input, file->sha256);
    set_aside(file);
    return err;
}

static struct seep_error *refuse_twice(struct import_files *files, const struct case_dir *c,
                                       size_t at)
{
    struct import_file *file = &files->items[at];
    const char *before = find_import(c, file->size_bytes, NULL);
    struct seep_error *err = NULL;

    if (before) {
        err = know_sum(file);
        before = err ? NULL : find_import(c, file->size_bytes, file->sha256);
    }
    for (size_t i = 0; i < at && !err && !before; i++) {
        struct import_file *earlier = &files->items[i];

        if (earlier->size_bytes != file->size_bytes)
            continue;
        err = know_sum(file);
        if (!err)
            err = know_sum(earlier);
        if (!err && strcmp(file->sha256, earlier->sha256) == 0)
            before = earlier->text;
    }
    if (err || !before)
        return err;
    return error_remedy(error_create(ERROR_INVALID,
                                     "%s has the same bytes as %s, which is there already",
                                     file->text, before),
                        "leave it out, or make a new case of it");
}

struct seep_error *import_files_refuse_twice(struct import_files *files, const struct case_dir *c)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < files->count && !err; i++) {
        const struct import_file *file = &files->items[i];

        if (file->size_bytes && file->importer && !file->importer->repeatable)
            err = refuse_twice(files, c, i);
    }
    return err;
}
