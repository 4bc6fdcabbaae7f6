/* seep analyze: what a case says, told again from what was recorded. */
#include "cmd/answer.h"
#include "cmd/command.h"
#include "cmd/naming.h"
#include "evidence/case.h"

enum { KEY_JSON = 0x2000, KEY_TOP };

struct arguments {
    const char *case_path;
    struct answer_options answer;
    struct naming_options naming;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->naming;
        return 0;
    case KEY_JSON:
        arguments->answer.json = true;
        return 0;
    case KEY_TOP:
        arguments->answer.top = answer_parse_top(argument, state);
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->case_path)
            argp_error(state, "one case at a time, please: '%s' is a second one", argument);
        arguments->case_path = argument;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->case_path)
            argp_error(state, "which case? Name the directory that was recorded");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "Print one object of schema seep-report/1 instead of text", 0},
    {"top", KEY_TOP, "N", 0, "Tell the first N findings in full (default 10)", 0},
    {0},
};

static const struct argp_child children[] = {{&naming_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "CASE",
    .doc = "Tells who leaked what, since when, and what is in it, from a recorded CASE.",
    .children = children,
};

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct arguments arguments = {0};
    _cleanup_(case_destroyp) struct case_dir *c = NULL;

    command_parse(command, argc, argv, &arguments);

    arguments.answer.debug_dirs = naming_dirs(&arguments.naming);

    struct seep_error *err = case_open(arguments.case_path, &c);

    if (!err)
        err = answer_print(c, &arguments.answer, stdout, NULL);
    return command_report(err, "the analysis of %s", arguments.case_path);
}

const struct seep_command command_analyze = {
    .name = "analyze",
    .arguments = "CASE",
    .summary = "tell who leaked what, from a recorded case",
    .description =
        "Reads a case that seep recorded, on this machine or another, and prints the answer first: "
        "whether the process leaks, then each finding with where the bytes live, who asked for "
        "them, what is written in them, when, and why it is judged so; then what is no leak, what "
        "was not seen, and what the watching cost the target.\n"
        "The verdict is the gravest of the findings': leak, suspect, inconclusive or not-leak. A "
        "case that was cut short is read as far as it goes, and the report says so.\n"
        "Nothing of the live process is needed. Times are told in the time zone of the recording.",
    .argp = &argp,
    .run = run,
};
