/*
 * A collection that keeps what an importer hands over as lines of text, so that a test can say what
 * it expects:
 *
 *     recorded = import_text(&importer_nmt, text, len, "x.txt");
 *     fact nmt-committed pid=17667 line=2 when=none:0 name=Internal value=5010096128
 *     name when=local:1614673360000000000 pid=0 tid=25897 nioEventLoopGroup-3-5
 *
 * It stands in for importer/collection.c: a test that includes this must not use that.
 */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "importer/importer.h"

struct collection {
    struct buffer lines;
    size_t dumps, dump_bytes, remarks;
};

static const char *recorded_when(struct when when)
{
    static const char *const names[] = {"none", "relative", "clock", "local", "absolute"};
    static char text[64];

    snprintf(text, sizeof(text), "%s:%" PRId64, names[when.basis], when.ns);
    return text;
}

const struct collection_options *collection_options(const struct collection *c)
{
    static const struct collection_options none;

    (void)c;
    return &none;
}

void collection_progress(struct collection *c)
{
    (void)c;
}

struct seep_error *collection_skip(struct collection *c, uint64_t number, const char *text,
                                   size_t len)
{
    buffer_printf(&c->lines, "skip %" PRIu64 " %.*s\n", number, (int)len, text);
    return NULL;
}

struct seep_error *collection_remark(struct collection *c, const char *format, ...)
{
    va_list arguments;

    c->remarks++;
    buffer_printf(&c->lines, "remark ");
    va_start(arguments, format);
    buffer_vprintf(&c->lines, format, arguments);
    va_end(arguments);
    buffer_printf(&c->lines, "\n");
    return NULL;
}

void collection_set_process_of(struct collection *c, pid_t tid, pid_t process)
{
    buffer_printf(&c->lines, "thread %d of %d\n", (int)tid, (int)process);
}

struct seep_error *collection_thread_name(struct collection *c, struct when when, pid_t pid,
                                          pid_t tid, const char *name, size_t len)
{
    buffer_printf(&c->lines, "name when=%s pid=%d tid=%d %.*s\n", recorded_when(when), (int)pid,
                  (int)tid, (int)len, name);
    return NULL;
}

struct seep_error *collection_snapshot(struct collection *c, struct when when,
                                       const struct snapshot_record *record)
{
    buffer_printf(&c->lines, "snapshot when=%s pid=%d\n", recorded_when(when), (int)record->pid);
    for (size_t i = 0; i < record->sections.count; i++)
        buffer_printf(&c->lines, "section %s %.*s\n", record->sections.items[i].name,
                      (int)record->sections.items[i].len, record->sections.items[i].text);
    return NULL;
}

struct seep_error *collection_file_time(struct collection *c, struct when *ret_when)
{
    (void)c;
    *ret_when = (struct when){WHEN_ABSOLUTE, 7};
    return NULL;
}

struct seep_error *collection_thread_dump(struct collection *c, struct when when, pid_t pid,
                                          const char *kind, const char *text, size_t len)
{
    (void)text;
    c->dumps++;
    c->dump_bytes += len;
    buffer_printf(&c->lines, "dump when=%s pid=%d %s\n", recorded_when(when), (int)pid, kind);
    return NULL;
}

struct seep_error *collection_fact(struct collection *c, struct when when, const struct fact *fact)
{
    buffer_printf(&c->lines, "fact %s pid=%d line=%" PRIu64 " when=%s", fact_kind_name(fact->kind),
                  (int)fact->pid, fact->line, recorded_when(when));
    if (fact->name)
        buffer_printf(&c->lines, " name=%s", fact->name);
    if (fact->has_value)
        buffer_printf(&c->lines, " value=%" PRIu64, fact->value);
    if (fact->text)
        buffer_printf(&c->lines, " text=%s", fact->text);
    buffer_printf(&c->lines, "\n");
    return NULL;
}

struct seep_error *collection_process(struct collection *c, pid_t pid, const char *exe,
                                      const char *command, const char *runtime)
{
    buffer_printf(&c->lines, "process %d exe=%s command=%s runtime=%s\n", (int)pid, exe ? exe : "",
                  command ? command : "", runtime ? runtime : "");
    return NULL;
}

/* --- importing --- */

static struct collection recorded_import(const struct importer *importer, const char *path,
                                         struct seep_error **ret_err)
{
    struct collection c = {0};
    struct input *in;
    struct seep_error *err = input_open(path, &in);

    if (!err) {
        err = importer->import(in, &c);
        input_destroy(in);
    }
    *ret_err = err;
    return c;
}

/* Imports LEN bytes, from a file that is gone afterwards. */
static inline struct collection recorded_import_text(const struct importer *importer,
                                                     const char *text, size_t len,
                                                     struct seep_error **ret_err)
{
    char path[] = "/tmp/seep-import-XXXXXX";
    int fd = mkstemp(path);
    struct collection c;

    if (fd < 0 || write(fd, text, len) != (ssize_t)len)
        abort();
    close(fd);
    c = recorded_import(importer, path, ret_err);
    unlink(path);
    return c;
}

static inline bool recorded_has(const struct collection *c, const char *line)
{
    return c->lines.bytes && strstr(c->lines.bytes, line) != NULL;
}

static inline void recorded_deinit(struct collection *c)
{
    buffer_deinit(&c->lines);
    *c = (struct collection){0};
}
