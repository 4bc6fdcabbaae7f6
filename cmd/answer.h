/*
 * The answer at the end of a recording and of `seep analyze`: analyse the case, print what it says.
 *
 *     struct answer_options options = {.report_path = "report.txt"};    // else the text goes to
 * OUT struct analysis *analysis = NULL; err = answer_print(case, &options, stderr, &analysis);
 *     ... fail_if_judge(&rules, analysis, ...)                          // the figures, for the
 * exit
 *
 * A command that records puts answer_argp among its argp children, the child's input being its
 * struct answer_options, and thereby has --report, --json, --top and --quiet.
 */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "analyzer/analysis.h"
#include "evidence/case.h"

struct answer_options {
    const char *report_path;       /* the text goes to this file instead of OUT; NULL: none */
    const char *json_path;         /* JSON goes to this file as well; NULL: none */
    const char *const *debug_dirs; /* as symbols_options has them */
    bool json;                     /* OUT gets JSON instead of text */
    bool quiet;                    /* OUT gets nothing; the files named are written all the same */
    unsigned top;                  /* findings told in full; 0: the report's default */
};

/* --report FILE, --json FILE, --top N, --quiet; its input is a struct answer_options. */
extern const struct argp answer_argp;

/* Parses the N of --top: 1 to 1,000,000; 0 and prints usage (exits) for anything else. */
unsigned answer_parse_top(const char *text, const struct argp_state *state);

/* Analyses C and prints. Colour and width follow OUT when it is a terminal. RET_ANALYSIS (NULL: not
 * wanted) borrows from C, which must outlive it. Files are made with mode 0600, complete or not at
 * all. */
struct seep_error *answer_print(struct case_dir *c, const struct answer_options *options, FILE *out,
                                struct analysis **ret_analysis);
