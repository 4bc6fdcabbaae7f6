/*
 * Naming call paths for a command, with a line on a terminal that says what is being read or fetched.
 *
 *     err = recording_name_paths(&recording, c->fd, &(struct recording_naming){
 *                                .progress = naming_progress(quiet)});
 *     naming_progress_clear();
 */
#pragma once

#include <argp.h>
#include <stdbool.h>

enum { NAMING_MAX_DIRS = 16 };

/* All zeros: no directory was given. */
struct naming_options {
    const char *dirs[NAMING_MAX_DIRS + 2]; /* as struct symbols_options has them */
    size_t count;                          /* of those given */
};

/* --debug-dir DIR, which may be given again, as an argp child; its input is a struct naming_options. */
extern const struct argp naming_argp;

/* For the debug_dirs of other options: those given and then the usual one; NULL: none was given. */
const char *const *naming_dirs(const struct naming_options *options);

/* For the progress of struct recording_naming and struct analysis_options; NULL, nothing to show, when
 * QUIET or when standard error is no terminal. */
void (*naming_progress(bool quiet))(const char *text, void *context);

/* Takes the line away, if there is one. */
void naming_progress_clear(void);
