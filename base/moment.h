/*
 * A time of a case, as far as one can tell what it means: evidence of other tools often has times
 * without a date, or none.
 *
 *     basis                     for a person              for a program
 *     MOMENT_ABSOLUTE           "2021-03-02 08:22:40"     "2021-03-02T00:22:40.071076000Z"
 *     MOMENT_LOCAL              "2021-03-02 08:22:40"     "2021-03-02T08:22:40.071076000"
 *     MOMENT_TIME_OF_DAY        "08:22:40 (day +1)"       "08:22:40.071076000+1d"
 *     MOMENT_RELATIVE           "+12.3 s"                 "+12.300000000s"
 *     MOMENT_NONE               ""                        nothing: only the order is known
 *
 * Times that are not absolute count from a day after 0 (docs/FORMAT.md, clock.basis). None of them is
 * ever shown with a date that it does not have.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

enum moment_basis {
    MOMENT_ABSOLUTE, /* nanoseconds since the epoch */
    MOMENT_LOCAL,    /* likewise, as if the time zone were UTC: which one it is, is not known */
    MOMENT_TIME_OF_DAY,
    MOMENT_RELATIVE,
    MOMENT_NONE,
};

/* The word of case.json: "time-of-day". NULL and what is not known: absolute. */
enum moment_basis moment_basis_of(const char *word);

/* The word of the report's time_basis, which takes a local time for a time of day. */
const char *moment_basis_name(enum moment_basis basis);

/* For a person, whole seconds. DATED: with the date, where there is one. Returns BUF's text. */
const char *moment_text(struct units_text *buf, enum moment_basis basis, uint64_t ns, bool dated);

/* For a program; NULL: there is no time to tell. */
const char *moment_json(struct units_text *buf, enum moment_basis basis, uint64_t ns);
