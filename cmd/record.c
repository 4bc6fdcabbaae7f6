#include "cmd/record.h"

#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/units.h"
#include "cmd/command.h"
#include "cmd/save_memory.h"
#include "evidence/stack.h"

enum {
    OPTION_FOR = 0x200,
    OPTION_SNAP_EVERY,
    OPTION_NO_FOLLOW,
    OPTION_DUMP,
    OPTION_MAX_SIZE,
    OPTION_MAX_SLOWDOWN,
    OPTION_BACKEND,
    OPTION_NO_STACKS,
    OPTION_STACK_FROM,
    OPTION_STACK_BYTES,
    OPTION_MAX_FRAMES,
};

enum {
    DEFAULT_SNAP_EVERY_S = 10,
    DEFAULT_MAX_SLOWDOWN = 50,
    DEFAULT_STACK_BYTES = 64 << 10,
    MIN_STACK_BYTES = 256,
    MAX_STACK_BYTES = 1 << 20,
    DEFAULT_MAX_FRAMES = 128,
};

static const struct argp_option option_table[] = {
    {"output", 'o', "CASE", 0, "Write the case to the directory CASE (EXE-PID-TIME.seep)", 0},
    {"for", OPTION_FOR, "TIME", 0, "End the recording after TIME: 300ms, 10s, 5m, 2h", 0},
    {"snap-every", OPTION_SNAP_EVERY, "TIME", 0,
     "Look at the regions every TIME (10s, and less often where reading them costs more than 1% of "
     "the time; an interval named here is kept)",
     0},
    {"no-follow", OPTION_NO_FOLLOW, NULL, 0, "Leave forked children alone", 0},
    {"dump", OPTION_DUMP, "none|growing|all", 0, "Save memory at the end (none)", 0},
    {"max-size", OPTION_MAX_SIZE, "SIZE", 0, "End the recording when the case reaches SIZE: 2GiB",
     0},
    {"max-slowdown", OPTION_MAX_SLOWDOWN, "PERCENT", 0,
     "Fall back to snapshots when the target stands still for more than PERCENT of the time (50)",
     0},
    {"no-stacks", OPTION_NO_STACKS, NULL, 0, "Record no call paths", 0},
    {"stack-from", OPTION_STACK_FROM, "SIZE", 0,
     "Record call paths only of calls that ask for SIZE and more", 0},
    {"stack-bytes", OPTION_STACK_BYTES, "SIZE", 0,
     "Copy at most SIZE of each stack, 256 to 1MiB (64KiB)", 0},
    {"max-frames", OPTION_MAX_FRAMES, "N", 0, "Keep at most N frames of a call path, to 1024 (128)",
     0},
    {"backend", OPTION_BACKEND, "auto|ptrace", 0, "Where events come from (auto)", 0},
    {0},
};

static void need_duration(const struct argp_state *state, const char *name, const char *text,
                          uint64_t *ret_ns)
{
    if (!units_parse_duration(text, ret_ns) || *ret_ns == 0)
        argp_error(state, "%s takes a duration such as 300ms, 10s, 5m or 2h, not '%s'", name, text);
}

static enum record_dump need_dump(const struct argp_state *state, const char *text)
{
    static const char *const names[] = {"none", "growing", "all"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i], text) == 0)
            return (enum record_dump)i;
    argp_error(state, "--dump takes none, growing or all, not '%s'", text);
    return RECORD_DUMP_NONE;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct record_options *options = state->input;
    struct session_options *session = &options->session;
    uint64_t number;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->answer;
        return 0;
    case 'o':
        session->case_path = text;
        return 0;
    case OPTION_FOR:
        need_duration(state, "--for", text, &session->for_ns);
        return 0;
    case OPTION_SNAP_EVERY:
        need_duration(state, "--snap-every", text, &session->snap_every_ns);
        session->snap_every_named = true;
        return 0;
    case OPTION_NO_FOLLOW:
        session->follow = false;
        return 0;
    case OPTION_DUMP:
        options->dump = need_dump(state, text);
        return 0;
    case OPTION_MAX_SIZE:
        if (!units_parse_size(text, &session->max_bytes) || session->max_bytes == 0)
            argp_error(state, "--max-size takes a size such as 500MiB or 2GiB, not '%s'", text);
        return 0;
    case OPTION_MAX_SLOWDOWN:
        if (!units_parse_number(text, 100, &number))
            argp_error(state, "--max-slowdown takes a percentage from 0 to 100, not '%s'", text);
        session->max_slowdown = (unsigned)number;
        return 0;
    case OPTION_NO_STACKS:
        session->stacks = false;
        return 0;
    case OPTION_STACK_FROM:
        if (!units_parse_size(text, &session->stack_from_bytes))
            argp_error(state, "--stack-from takes a size such as 64KiB or 1MiB, not '%s'", text);
        return 0;
    case OPTION_STACK_BYTES:
        if (!units_parse_size(text, &number) || number < MIN_STACK_BYTES ||
            number > MAX_STACK_BYTES)
            argp_error(state, "--stack-bytes takes a size from 256 to 1MiB, not '%s'", text);
        session->stack_bytes = number;
        return 0;
    case OPTION_MAX_FRAMES:
        if (!units_parse_number(text, STACK_MAX_FRAMES, &number) || number == 0)
            argp_error(state, "--max-frames takes a number from 1 to %d, not '%s'",
                       STACK_MAX_FRAMES, text);
        session->max_frames = (unsigned)number;
        return 0;
    case OPTION_BACKEND:
        if (strcmp(text, "auto") != 0 && strcmp(text, "ptrace") != 0)
            argp_error(state, "--backend takes auto or ptrace, not '%s'", text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&answer_argp, 0, NULL, 0}, {0}};

const struct argp record_argp = {.options = option_table, .parser = parse, .children = children};

static void say(const char *text)
{
    fprintf(stderr, "seep: %s\n", text);
}

static void say_nothing(const char *text)
{
    (void)text;
}

/* A process whose memory cannot be saved does not end the recording; a full disk does. */
static struct seep_error *dump_one(void *context, int case_fd, pid_t pid)
{
    struct record_options *options = context;
    struct seep_error *err = options->dump == RECORD_DUMP_ALL
                                 ? save_memory_all(case_fd, pid, !options->answer.quiet)
                                 : save_memory_growing(case_fd, pid, !options->answer.quiet);

    if (!err || err->code == ERROR_FULL)
        return err;
    command_report(err, "saving memory of process %d", (int)pid);
    options->dump_failed = true;
    return NULL;
}

void record_defaults(struct record_options *options, int argc, char **argv)
{
    static struct buffer text;

    *options = (struct record_options){
        .session =
            {
                .follow = true,
                .snap_every_ns = (uint64_t)DEFAULT_SNAP_EVERY_S * NS_PER_S,
                .max_slowdown = DEFAULT_MAX_SLOWDOWN,
                .stacks = true,
                .stack_bytes = DEFAULT_STACK_BYTES,
                .max_frames = DEFAULT_MAX_FRAMES,
                .show_progress = isatty(STDERR_FILENO),
            },
    };
    buffer_clear(&text);
    for (int i = 0; i < argc; i++)
        buffer_printf(&text, "%s%s", i ? " " : "", argv[i]);
    options->session.options_text = text.bytes;
}

struct seep_error *record_start(struct record_options *options, struct session **ret_session)
{
    options->session.say = options->answer.quiet ? say_nothing : say;
    options->session.show_progress = options->session.show_progress && !options->answer.quiet;
    if (options->dump != RECORD_DUMP_NONE) {
        options->session.dump = dump_one;
        options->session.dump_context = options;
    }
    return session_record(&options->session, ret_session);
}

/* What ended the recording before its time; the case is there all the same. */
static int say_troubles(const struct session_result *result)
{
    if (result->state != CASE_INTERRUPTED)
        return COMMAND_DONE;
    fprintf(stderr, "seep: recording failed: %s%s%s (what was recorded until then is in %s)\n",
            result->reason ? result->reason : "interrupted", result->err ? ": " : "",
            result->err ? result->err->message : "", result->c->path);
    return COMMAND_FAILED;
}

static struct seep_error *dump_the_living(struct record_options *options,
                                          const struct session_result *result)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; !err && options->dump != RECORD_DUMP_NONE && i < result->alive.count; i++)
        err = dump_one(options, result->c->fd, result->alive.items[i]);
    return err;
}

int record_answer(struct record_options *options, struct session *session, FILE *out,
                  struct analysis **ret_analysis)
{
    const struct session_result *result = session_result(session);
    int status = say_troubles(result);
    struct seep_error *err;

    if (status == COMMAND_DONE && command_report(dump_the_living(options, result), "saving memory"))
        status = COMMAND_FAILED;
    if (options->dump_failed)
        status = COMMAND_FAILED;
    err = case_save(result->c, result->state, result->reason);
    if (command_report(err, "finishing the case %s", result->c->path))
        status = COMMAND_FAILED;
    if (!options->session.argv)
        session_end_signals(session);
    err = answer_print(result->c, &options->answer, out, ret_analysis);
    if (command_report(err, "the analysis of %s", result->c->path))
        return COMMAND_FAILED;
    if (!options->answer.quiet)
        fprintf(stderr, "seep: the case is in %s\n", result->c->path);
    return status;
}
