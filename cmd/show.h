/*
 * `seep show CASE TOPIC [options]`: what a case holds, one topic at a time. A topic is a file
 * cmd/show_X.c and one row in the table of show.c.
 *
 *     const struct show_topic show_bytes = {"bytes", "--from ADDR --len N", "memory as ...", NULL,
 *                                           &argp, run};
 *
 *     static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
 *     {
 *         struct options options = {0};
 *
 *         show_parse(topic, argc, argv, &options);        wrong usage ends here, before any work
 *         err = case_open(case_path, &c); ...
 *     }
 */
#pragma once

#include <argp.h>
#include <sys/types.h>

#include "base/error.h"
#include "cmd/command.h"

struct show_topic {
    const char *name;
    const char *arguments;   /* "--from ADDR --len N", for usage lines; NULL: options only */
    const char *summary;     /* one line, lower case, no full stop */
    const char *description; /* paragraphs, as a command's; NULL */
    const struct argp *argp; /* the option table with its parser */
    /* ARGV[0] is "seep show CASE NAME". Returns the exit status. */
    int (*run)(const struct show_topic *topic, const char *case_path, int argc, char **argv);
};

extern const struct show_topic *const show_topics[]; /* ends with NULL */

/* As command_parse, for a topic. */
void show_parse(const struct show_topic *topic, int argc, char **argv, void *input);

/* The pid or tid that TEXT, the value of OPTION, names; a mistake ends here. */
pid_t show_parse_id(const char *text, const char *option, const struct argp_state *state);

/* The N of --top: 1 to MOST; a mistake ends here. */
uint64_t show_parse_top(const char *text, uint64_t most, const struct argp_state *state);

/* Writes out what was printed, also when ERR tells that something went wrong before, which is returned
 * then. */
struct seep_error *show_end(struct seep_error *err);
