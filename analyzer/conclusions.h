/*
 * What is concluded from imported looks, listings and texts, beside the books: the second half of an
 * analysis of evidence that other tools left.
 *
 *     family.c    processes side by side, what of each is resident, zones that all of them map
 *     jvm.c       the Java runtime's own account
 *     hearsay.c   incidents of logs, what was assumed, what is missing and how to get it
 *
 * A recording has none of it, unless files were imported into it.
 */
#pragma once

#include "analyzer/history.h"
#include "analyzer/told.h"

struct conclusions_input {
    const struct told *told;
    const struct history *history;
    const char *case_path; /* as the user named it */
};

/* Adds to ANALYSIS, whose findings are there already. */
struct seep_error *conclusions_draw(const struct conclusions_input *input,
                                    struct analysis *analysis);

/* A finding of which nothing is known but what it is. */
struct finding conclusions_finding(enum verdict verdict, enum region region, enum cause cause);

/* Takes FINDING over: behind those of its verdict, so that the ranks of graver ones stay. */
struct seep_error *conclusions_add(struct analysis *analysis, struct finding *finding);

/* Formatted text that the caller frees. */
struct seep_error *conclusions_text(char **ret_text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends a step to FINDING's next. */
struct seep_error *conclusions_next(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Looks that are less than a second apart are of one moment: they tell no rate. */
bool conclusions_is_one_moment(const struct analysis *analysis);

/* One moment shows no growth; but who holds so little of its own has lost little. *RET_BYTES: how much. */
bool conclusions_is_small(const struct analysis *analysis, uint64_t *ret_bytes);
