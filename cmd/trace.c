/* `seep trace`: attach to what runs, record, let go, answer. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cmd/command.h"
#include "cmd/pids.h"
#include "cmd/record.h"
#include "target/proc.h"

extern const struct seep_command command_trace;

struct options {
    struct record_options record;
    struct proc_pids pids;
};

static const struct argp_option option_table[] = {
    {"pid", 'p', "PID[,PID...]", 0, "The processes to attach to", 0},
    {"tree", 't', NULL, 0, "And all their descendants", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->record;
        return 0;
    case 'p':
        pids_parse(state, text, &options->pids);
        return 0;
    case 't':
        options->record.session.tree = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not expected here: name the process with -p PID", text);
        return 0;
    case ARGP_KEY_END:
        if (options->pids.count == 0)
            argp_error(state, "which process? -p PID");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&record_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = option_table,
    .parser = parse,
    .doc = "Attach to running processes, record their memory calls and regions, and say what "
           "leaked.",
    .children = children,
};

static bool is_named(const struct options *options, pid_t pid)
{
    for (size_t i = 0; i < options->pids.count; i++)
        if (options->pids.items[i] == pid)
            return true;
    return false;
}

/* Whoever names a shell, or timeout, may mean what it started. */
static void say_children(const struct options *options, pid_t pid)
{
    struct proc_pids found = {0};
    _cleanup_free_ char *command = NULL;
    struct seep_error *err = proc_descendants(pid, &found);

    if (!err && found.count && !is_named(options, found.items[0])) {
        error_destroy(proc_command(found.items[0], &command));
        fprintf(stderr,
                "seep: process %d has %zu descendant%s that no one watches (%d %.60s%s): "
                "use --tree to watch them too\n",
                (int)pid, found.count, found.count == 1 ? "" : "s", (int)found.items[0],
                command ? command : "", found.count > 1 ? ", ..." : "");
    }
    error_destroy(err);
    vector_deinit(&found);
}

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct options options = {0};
    struct session *session = NULL;
    struct seep_error *err;
    int status;

    record_defaults(&options.record, argc, argv);
    command_parse(command, argc, argv, &options);
    options.record.session.pids = options.pids.items;
    options.record.session.pid_count = options.pids.count;
    for (size_t i = 0; !options.record.session.tree && i < options.pids.count; i++)
        say_children(&options, options.pids.items[i]);
    err = record_start(&options.record, &session);
    status = err ? command_report(err, "tracing process %d", (int)options.pids.items[0])
                 : record_answer(&options.record, session, stdout, NULL);
    session_finish(session);
    vector_deinit(&options.pids);
    return status;
}

const struct seep_command command_trace = {
    "trace",
    "-p PID[,PID...] [--tree] [-o CASE] [OPTION...]",
    "attach to running processes, record until ^C, --for or their end, then analyse",
    "Attaches to every thread of the processes named by ptrace, records their memory system calls "
    "and looks at their regions, until it is interrupted, the time of --for is over or the last "
    "process has ended. Then it lets go and prints what leaked, by whom, since when, and what is "
    "in it. The target runs on unharmed, even if seep is killed.\n"
    "A process that may not be traced is watched by snapshots alone where /proc allows that.",
    &argp,
    run,
};
