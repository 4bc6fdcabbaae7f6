/* `seep check`: what this machine permits, before it matters. */
#include <stdio.h>

#include "cmd/command.h"
#include "cmd/pids.h"
#include "target/obstacle.h"

extern const struct seep_command command_check;

static const struct argp_option option_table[] = {
    {"pid", 'p', "PID[,PID...]", 0, "Also try whether PID can be traced: attaches and lets go", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    switch (key) {
    case 'p':
        pids_parse(state, text, state->input);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not expected here: name a process with -p PID", text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse,
    .doc = "Print what this machine permits seep to do, and what stands in the way.",
};

static int run(const struct seep_command *command, int argc, char **argv)
{
    _cleanup_(proc_pids_deinit) struct proc_pids pids = {0};
    int obstacles;

    command_parse(command, argc, argv, &pids);
    obstacles = obstacle_check_machine(stdout);
    for (size_t i = 0; i < pids.count; i++)
        obstacles += obstacle_check_process(pids.items[i], stdout);
    return obstacles ? COMMAND_FAILED : COMMAND_DONE;
}

const struct seep_command command_check = {
    "check",
    "[-p PID[,PID...]]",
    "print what this machine permits, and whether a process can be traced",
    "Prints one fact a line: rights, Yama, seccomp, and what an attach disturbs. With -p it "
    "attaches to the process and lets go at once. The exit status is 1 when something stands in "
    "the way.",
    &argp,
    run,
};
