/* seep export: what a case says, in the formats of other tools. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/zone.h"
#include "cmd/command.h"
#include "cmd/naming.h"
#include "cmd/save_file.h"
#include "evidence/case.h"
#include "report/folded.h"

enum { KEY_TO = 0x2000 };

struct arguments {
    const char *case_path, *output; /* NULL: standard output */
    const struct format *format;
    struct naming_options naming;
};

struct format {
    const char *name, *summary;
    struct seep_error *(*write)(const struct case_dir *c, const struct naming_options *naming,
                                FILE *out);
};

static struct seep_error *write_folded(const struct case_dir *c,
                                       const struct naming_options *naming, FILE *out)
{
    _cleanup_(recording_deinit) struct recording recording = {0};
    struct case_info info;
    struct seep_error *err;

    case_info(c, &info);
    err = recording_read(c, &info, &recording);
    if (!err)
        err = recording_name_paths(&recording, c->fd,
                                   &(struct recording_naming){.debug_dirs = naming_dirs(naming),
                                                              .progress = naming_progress(false)});
    naming_progress_clear();
    return err ? err : folded_write(&recording, &info, out);
}

/* A format is a row here. */
static const struct format formats[] = {
    {"folded", "outstanding bytes by call path, for flame graphs", write_folded},
};

static const struct format *find_format(const char *name, const struct argp_state *state)
{
    _cleanup_buffer_ struct buffer known = {0};

    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
        buffer_printf(&known, "%s%s", i ? ", " : "", formats[i].name);
    }
    argp_error(state, "--to knows no '%s', but %s", name, known.failed ? "others" : known.bytes);
    return NULL;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->naming;
        return 0;
    case KEY_TO:
        arguments->format = find_format(argument, state);
        return 0;
    case 'o':
        arguments->output = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->case_path)
            argp_error(state, "one case at a time, please: '%s' is a second one", argument);
        arguments->case_path = argument;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->case_path)
            argp_error(state, "which case? Name the directory that was recorded");
        if (!arguments->format)
            argp_error(state, "--to FORMAT is needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *list_formats(int key, const char *text, void *input)
{
    struct buffer list = {0};

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)text;
    buffer_printf(&list, "Formats:\n");
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        buffer_printf(&list, "  %-10s %s\n", formats[i].name, formats[i].summary);
    return list.failed ? NULL : list.bytes;
}

static struct seep_error *export_to_file(const struct case_dir *c,
                                         const struct arguments *arguments)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);
    struct seep_error *err;

    if (!memory)
        return error_no_memory();
    err = arguments->format->write(c, &arguments->naming, memory);
    if (fclose(memory) != 0 && !err)
        err = error_no_memory();
    return err ? err : save_file(arguments->output, text, len);
}

static struct seep_error *export(const struct arguments *arguments)
{
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    struct seep_error *err = command_open_case(arguments->case_path, &c);

    if (err)
        return err;
    return arguments->output ? export_to_file(c, arguments)
                             : arguments->format->write(c, &arguments->naming, stdout);
}

static const struct argp_option options[] = {
    {"to", KEY_TO, "folded", 0, "The format", 0},
    {"output", 'o', "FILE", 0, "Write to FILE instead of standard output", 0},
    {0},
};

static const struct argp_child children[] = {{&naming_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "CASE",
    .doc = "Writes what a case says in a format of other tools.\v\n",
    .help_filter = list_formats,
    .children = children,
};

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct arguments arguments = {0};

    command_parse(command, argc, argv, &arguments);
    return command_report(export(&arguments), "exporting %s", arguments.case_path);
}

const struct seep_command command_export = {
    .name = "export",
    .arguments = "CASE --to FORMAT [-o FILE]",
    .summary = "write a case in a format of other tools",
    .description =
        "Writes what a recorded case says in a format that other tools read.\n"
        "folded: the bytes that recorded calls mapped and nobody has given back, by call path: one "
        "line a distinct path, its frames from the outermost to the innermost with semicolons "
        "between them, and the bytes. The first frame is the process and the thread. What has no "
        "call path is under [no stack].",
    .argp = &argp,
    .run = run,
};
