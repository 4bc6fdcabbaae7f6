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

struct naming_options {
    const char *debug_dir; /* NULL: /usr/lib/debug */
};

/* --debug-dir DIR, as an argp child; its input is a struct naming_options. */
extern const struct argp naming_argp;

/* For the progress of struct recording_naming and struct analysis_options; NULL, nothing to show, when
 * QUIET or when standard error is no terminal. */
void (*naming_progress(bool quiet))(const char *text, void *context);

/* Takes the line away, if there is one. */
void naming_progress_clear(void);
