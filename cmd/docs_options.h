/*
 * An argp table with its children as one flat list, for what is printed of it: man pages and shell
 * completions. Parsing and --help go by the same table, so that the three cannot differ.
 *
 *     {"pid", 'p', "PID", 0, "Watch the process PID", 0}      names {"-p", "--pid"}, argument "PID"
 */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/vector.h"

enum { DOCS_NAMES = 6, DOCS_NAME_BYTES = 40 };

/* What an option's argument may be, told by its name in the table. */
enum docs_argument {
    DOCS_NONE,  /* no argument */
    DOCS_FILE,  /* FILE, PATH, F, F@ADDR */
    DOCS_CASE,  /* CASE, DIR */
    DOCS_PID,   /* PID, PID[,PID...] */
    DOCS_WORDS, /* auto|ptrace|tracepoint */
    DOCS_OTHER,
};

struct docs_option {
    char names[DOCS_NAMES][DOCS_NAME_BYTES]; /* "-p", "--pid"; short ones first; "" ends */
    const char *argument;                    /* NULL: none */
    bool optional;                           /* the argument is */
    const char *doc;
};

VECTOR_TYPE(docs_options, struct docs_option);

/* Appends the options of ARGP (NULL: none) and its children, without the hidden ones, and --help. */
struct seep_error *docs_collect(const struct argp *argp, struct docs_options *ret_options);

enum docs_argument docs_argument_kind(const char *argument);

/* Appends the words of a DOCS_WORDS argument, separated by blanks. */
void docs_words(struct buffer *out, const char *argument);
