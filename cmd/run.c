/*
 * `seep run`: start a program under the tracer, answer when it ends.
 *
 * Exit status: the program's own (128+N for signal N); 99 when it succeeded and a --fail-if rule
 * holds; 125 when seep itself failed; 126 and 127 when the program cannot be run, as in a shell.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "cmd/command.h"
#include "cmd/record.h"

extern const struct seep_command command_run;

enum run_status {
    RUN_RULE_HOLDS = 99,
    RUN_FAILED = 125,
    RUN_CANNOT_EXEC = 126,
    RUN_NOT_FOUND = 127
};

struct options {
    struct record_options record;
    struct fail_if_rules rules;
    char **program;
};

enum { OPTION_FAIL_IF = 0x100 };

static const struct argp_option option_table[] = {
    {"fail-if", OPTION_FAIL_IF, "RULE", 0,
     "Exit with status 99 when RULE holds: leak, leak>1MiB, suspect, growth>10MiB; repeatable", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    struct seep_error *err;

    switch (key) {
    case ARGP_KEY_INIT:
        argp_err_exit_status = RUN_FAILED;
        state->child_inputs[0] = &options->record;
        return 0;
    case OPTION_FAIL_IF:
        err = fail_if_add(&options->rules, text);
        if (err)
            argp_error(state, "%s (%s)", err->message, err->remedy ? err->remedy : "");
        error_destroy(err);
        return 0;
    case ARGP_KEY_ARGS:
        options->program = state->argv + state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which program? -- CMD [ARG...]");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&record_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = option_table,
    .parser = parse,
    .args_doc = "-- CMD [ARG...]",
    .doc = "Start CMD under the tracer, record its memory calls and regions, and say what leaked "
           "when it ends.",
    .children = children,
};

static int shell_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static int judge(const struct options *options, const struct analysis *analysis)
{
    _cleanup_buffer_ struct buffer said = {0};
    enum fail_if_verdict verdict = fail_if_judge(&options->rules, analysis, &said);

    if (said.len)
        fputs(said.bytes, stderr);
    return verdict == FAIL_IF_HOLDS ? RUN_RULE_HOLDS : 0;
}

static int answer(struct options *options, struct session *session)
{
    const struct session_result *result = session_result(session);
    struct analysis *analysis = NULL;
    int failed, verdict = 0, program;

    if (result->exec_errno) {
        int errnum = result->exec_errno;

        case_discard(result->c);
        session_finish(session);
        fprintf(stderr, "seep: running %s failed: %s\n", options->program[0],
                strerrordesc_np(errnum));
        return errnum == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_EXEC;
    }
    failed = record_answer(&options->record, session, stderr, &analysis);
    if (analysis)
        verdict = judge(options, analysis);
    analysis_destroy(analysis);
    program = shell_status(session_finish(session));
    return failed ? RUN_FAILED : program ? program : verdict;
}

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct options options = {0};
    struct session *session = NULL;
    struct seep_error *err;
    int status;

    record_defaults(&options.record, argc, argv);
    argp_err_exit_status = RUN_FAILED;
    argp_parse(command->argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
    options.record.session.argv = options.program;
    err = record_start(&options.record, &session);
    if (err) {
        command_report(err, "running %s", options.program[0]);
        status = RUN_FAILED;
    } else {
        status = answer(&options, session);
    }
    vector_deinit(&options.rules);
    return status;
}

const struct seep_command command_run = {
    "run",
    "[-o CASE] [OPTION...] -- CMD [ARG...]",
    "start a program under the tracer, analyse when it ends",
    "Starts CMD with its standard input, output and error left alone, records the memory system "
    "calls of it and its children, and prints the report to standard error, or to the files named, "
    "when the last of them has ended. Only memory calls stop the program, by a seccomp filter, "
    "where the kernel permits one. Such a program cannot be let go of: ^C is passed on to it, and "
    "it is killed if seep is killed.\n"
    "The exit status is that of CMD (128+N for signal N), 99 when CMD succeeded and a rule of "
    "--fail-if holds, 125 when seep itself failed, 126 or 127 when CMD cannot be run.",
    &argp,
    run,
};
