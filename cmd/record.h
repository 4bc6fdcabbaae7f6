/*
 * What `seep run` and `seep trace` share: the options of a recording, and what follows it: dump,
 * analysis, report.
 */
#pragma once

#include <argp.h>

#include "cmd/answer.h"
#include "cmd/fail_if.h"
#include "tracer/session.h"

enum record_dump { RECORD_DUMP_NONE, RECORD_DUMP_GROWING, RECORD_DUMP_ALL };

struct record_options {
    struct session_options session;
    struct answer_options answer;
    enum record_dump dump;
    bool dump_failed; /* of some process, said already */
};

/* -o, --for, --snap-every, --no-follow, --dump, --max-size, --max-slowdown and, as a child, the
 * options of answer.h; its input is a struct record_options set up by record_defaults. */
extern const struct argp record_argp;

void record_defaults(struct record_options *options, int argc, char **argv);

/* Records; see session_record. */
struct seep_error *record_start(struct record_options *options, struct session **ret_session);

/* Says SESSION's troubles, dumps what goes on living, saves the case, and prints the answer to OUT.
 * RET_ANALYSIS (NULL: not wanted) borrows from the session. Returns an exit status. */
int record_answer(struct record_options *options, struct session *session, FILE *out,
                  struct analysis **ret_analysis);
