/*
 * A subcommand: its options in one table, from which parsing, --help, the man page's option list
 * and the shell completions come.
 *
 *     const struct seep_command command_snap = {"snap", "-p PID", "one look at ...", &argp, run};
 */
#pragma once

#include <argp.h>
#include <stdbool.h>

#include "base/error.h"

enum command_status { /* seep run has its own: see cmd/run.c */
                      COMMAND_DONE = 0,
                      COMMAND_FAILED = 1,
                      COMMAND_USAGE = 2,
};

struct seep_command {
    const char *name;
    const char *arguments;   /* "-p PID [--tree]", for usage lines */
    const char *summary;     /* one line, lower case, no full stop; NULL: no list shows it */
    const char *description; /* paragraphs for the man page, one a line; " ...": example */
    const struct argp *argp; /* the option table with its parser */
    /* ARGV[0] is "seep NAME". Returns the exit status. */
    int (*run)(const struct seep_command *command, int argc, char **argv);
};

extern const struct seep_command *const commands[]; /* ends with NULL */

/* Parses ARGV by COMMAND's table into INPUT; a mistake prints usage and exits with COMMAND_USAGE.
 */
void command_parse(const struct seep_command *command, int argc, char **argv, void *input);

struct case_dir;

/* As case_open, to read; says on stderr when an import into the case did not end. */
struct seep_error *command_open_case(const char *path, struct case_dir **ret_case);

/* Prints "seep: WHAT failed: WHY (what to do)", destroys ERR and returns COMMAND_FAILED; NULL,
 * and EPIPE, print nothing and return COMMAND_DONE. */
int command_report(struct seep_error *err, const char *what, ...)
    __attribute__((format(printf, 2, 3)));
