/*
 * Naming call paths for a command, with a line on a terminal that says what is being read or fetched.
 *
 *     err = recording_name_paths(&recording, c->fd, &(struct recording_naming){
 *                                .progress = naming_progress(quiet)});
 *     naming_progress_clear();
 */
#pragma once

#include <stdbool.h>

/* For the progress of struct recording_naming and struct analysis_options; NULL, nothing to show, when
 * QUIET or when standard error is no terminal. */
void (*naming_progress(bool quiet))(const char *text, void *context);

/* Takes the line away, if there is one. */
void naming_progress_clear(void);
