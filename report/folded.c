#include "report/folded.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/finding_paths.h"
#include "base/escape.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct line {
    uint64_t bytes;
    UT_hash_handle hh;
    char text[];
};

struct folding {
    const struct recording *recording;
    const struct case_info *info;
    struct line *lines; /* a uthash table */
    struct seep_error *err;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* Lines end at a newline, frames at a semicolon. */
static void put_text(struct buffer *out, const char *text)
{
    size_t start = out->len;

    escape_append(out, text, strlen(text));
    for (size_t i = start; i < out->len && !out->failed; i++)
        if (out->bytes[i] == ';')
            out->bytes[i] = ':';
}

static void put_frame(struct buffer *out, const struct analysis_frame *frame)
{
    buffer_printf(out, ";");
    if (frame->kind == STACK_FRAME_GAP) {
        buffer_printf(out, "[frames are missing]");
        return;
    }
    if (frame->function && frame->function[0]) {
        put_text(out, frame->function);
    } else if (frame->module) {
        put_text(out, base_name(frame->module));
        buffer_printf(out, "+0x%" PRIx64, frame->offset);
    } else {
        buffer_printf(out, "0x%" PRIx64, frame->address);
    }
    if (frame->inlined)
        buffer_printf(out, "_[i]");
    else if (frame->kind == STACK_FRAME_JIT || frame->kind == STACK_FRAME_JAVA)
        buffer_printf(out, "_[j]");
}

static void put_who(const struct folding *f, const struct ledger_group *group, struct buffer *out)
{
    const struct history *history = f->recording->history;
    const struct history_process *p = history_find(history, group->pid);
    const char *exe = p && p->exe ? p->exe : group->pid == f->info->pid ? f->info->exe : NULL;
    const char *thread = history_thread_name_at(history, group->tid, group->last_ns);

    if (exe)
        put_text(out, base_name(exe));
    else
        buffer_printf(out, "%d", (int)group->pid);
    buffer_printf(out, "/");
    if (thread)
        put_text(out, thread);
    else
        buffer_printf(out, "%d", (int)group->tid);
}

static struct seep_error *put_stack(const struct folding *f, uint32_t stack_id, struct buffer *out)
{
    struct analysis_stack stack = {0};
    struct seep_error *err = stack_id && f->recording->paths
                                 ? finding_paths_make(f->recording->paths, stack_id, 0, 0, &stack)
                                 : NULL;

    if (err)
        return err;
    if (stack.frames.count == 0)
        buffer_printf(out, ";[no stack]");
    else if (stack.end) {
        buffer_printf(out, ";[");
        put_text(out, stack.end);
        buffer_printf(out, "]");
    }
    for (size_t i = stack.frames.count; i-- > 0;)
        put_frame(out, &stack.frames.items[i]);
    analysis_stack_deinit(&stack);
    return NULL;
}

static struct seep_error *add_line(struct folding *f, const struct buffer *text, uint64_t bytes)
{
    struct line *line;

    if (text->failed)
        return error_no_memory();
    HASH_FIND(hh, f->lines, text->bytes, text->len, line);
    if (!line) {
        line = malloc(sizeof(*line) + text->len + 1);
        if (!line)
            return error_no_memory();
        line->bytes = 0;
        memcpy(line->text, text->bytes, text->len + 1);
        HASH_ADD_KEYPTR(hh, f->lines, line->text, text->len, line);
        if (!line->hh.tbl) {
            free(line);
            return error_no_memory();
        }
    }
    if (__builtin_add_overflow(line->bytes, bytes, &line->bytes))
        line->bytes = UINT64_MAX;
    return NULL;
}

static bool take_group(const struct ledger_group *group, void *context)
{
    struct folding *f = context;
    _cleanup_buffer_ struct buffer text = {0};

    if (group->live_bytes == 0)
        return true;
    put_who(f, group, &text);
    f->err = put_stack(f, group->stack_id, &text);
    if (!f->err)
        f->err = add_line(f, &text, group->live_bytes);
    return !f->err;
}

static int compare_lines(const struct line *a, const struct line *b)
{
    return strcmp(a->text, b->text);
}

struct seep_error *folded_write(const struct recording *recording, const struct case_info *info,
                                FILE *out)
{
    struct folding f = {.recording = recording, .info = info};
    struct line *line, *next;

    ledger_each_group(recording->ledger, take_group, &f);
    HASH_SORT(f.lines, compare_lines);
    HASH_ITER(hh, f.lines, line, next)
    {
        if (!f.err)
            fprintf(out, "%s %" PRIu64 "\n", line->text, line->bytes);
        HASH_DEL(f.lines, line);
        free(line);
    }
    if (!f.err && (ferror(out) || fflush(out) != 0))
        f.err = error_errno(errno, NULL, "cannot write");
    return f.err;
}
