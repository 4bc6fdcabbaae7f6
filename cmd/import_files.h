/*
 * The files of an import: what each is, told before anything is written.
 *
 *     import_files_look(files)      opens each, recognises it, closes it again; all that cannot be
 *                                   imported are named at once
 *     import_file_open(file)        when its turn has come
 *
 * So however many there are, one is open at a time. What can be read only once (a pipe, the standard input)
 * stays open.
 */
#pragma once

#include "base/vector.h"
#include "importer/importer.h"

struct case_dir;

struct import_file {
    const char *text; /* as on the command line */
    const struct importer
        *importer;       /* NULL: by its content; left out when that is of no known kind */
    struct input *input; /* NULL: not open */
    uint64_t size_bytes;
    char sha256[65]; /* "": not asked for yet */
};

VECTOR_TYPE(import_files, struct import_file);

void import_files_deinit(struct import_files *files);

/* SKIP_UNKNOWN: files of no known kind are left without an importer, instead of refused. */
struct seep_error *import_files_look(struct import_files *files, bool skip_unknown);

/* The same file twice would count everything twice. Only files of the same size are read for it. */
struct seep_error *import_files_refuse_twice(struct import_files *files, const struct case_dir *c);

struct seep_error *import_file_open(struct import_file *file);
void import_file_close(struct import_file *file);
