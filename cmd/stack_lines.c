#include "cmd/stack_lines.h"

#include <stdlib.h>

#include "analyzer/finding_paths.h"
#include "analyzer/recording.h"
#include "evidence/events_file.h"
#include "report/path_text.h"

struct stack_lines {
    const char *indent;
    struct stack_table *stacks;
    struct frame_names *names;
    struct call_paths *paths;
    char **texts; /* by number, as far as they were asked for */
};

static struct seep_error *read_events(int case_fd, struct stack_table *stacks,
                                      struct frame_uses *uses)
{
    _cleanup_(event_source_destroyp) struct event_source *source = NULL;
    enum event_source_step step = EVENT_SOURCE_MORE;
    struct events_reader *reader;
    struct event ev;
    struct seep_error *err = events_reader_create(case_fd, stacks, &reader);

    if (err)
        return err;
    source = &reader->source;
    while (!err && !(err = event_source_next(source, &ev, &step)) && step == EVENT_SOURCE_MORE)
        err = frame_uses_note(uses, ev.stack_id, ev.pid, ev.exit_ns);
    return err;
}

struct seep_error *stack_lines_read(const struct case_dir *c, const struct naming_options *naming,
                                    const char *indent, struct stack_lines **ret_lines)
{
    _cleanup_(stack_lines_destroyp) struct stack_lines *lines = calloc(1, sizeof(*lines));
    struct symbols_options symbols = {.debug_dirs = naming_dirs(naming),
                                      .progress = naming_progress(false)};
    struct case_info info;
    struct frame_uses uses = {0};
    struct seep_error *err;

    if (!lines)
        return error_no_memory();
    case_info(c, &info);
    symbols.recorded_ns = recording_ended_ns(&info);
    lines->indent = indent;
    err = stack_table_create(&lines->stacks);
    if (!err)
        err = read_events(c->fd, lines->stacks, &uses);
    if (!err)
        err = frame_names_create(
            lines->stacks, &uses,
            &(struct frame_names_options){.symbols = &symbols, .case_fd = c->fd}, &lines->names);
    naming_progress_clear();
    vector_deinit(&uses);
    if (!err)
        err = call_paths_create(lines->stacks, lines->names, &lines->paths);
    if (err)
        return err;
    lines->texts = calloc((size_t)stack_table_count(lines->stacks) + 1, sizeof(*lines->texts));
    if (!lines->texts)
        return error_no_memory();
    *ret_lines = take_ptr(lines);
    return NULL;
}

void stack_lines_destroy(struct stack_lines *lines)
{
    if (!lines)
        return;
    for (uint32_t i = 0; lines->texts && i <= stack_table_count(lines->stacks); i++)
        free(lines->texts[i]);
    free(lines->texts);
    call_paths_destroy(lines->paths);
    frame_names_destroy(lines->names);
    stack_table_destroy(lines->stacks);
    free(lines);
}

const char *stack_lines_of(struct stack_lines *lines, uint32_t stack_id)
{
    struct buffer text = {0};
    struct analysis_stack stack;
    struct seep_error *err;

    if (!stack_table_get(lines->stacks, stack_id))
        return "";
    if (lines->texts[stack_id])
        return lines->texts[stack_id];
    err = finding_paths_make(lines->paths, stack_id, 0, 0, &stack);
    if (err) {
        error_destroy(err);
        return NULL;
    }
    buffer_bytes(&text, "", 0);
    path_text_frames(&text, &stack, lines->indent);
    analysis_stack_deinit(&stack);
    if (text.failed)
        buffer_deinit(&text);
    lines->texts[stack_id] = text.bytes;
    return text.bytes;
}
