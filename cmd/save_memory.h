/*
 * Saving a process's memory into a case that is being recorded: what --dump means, and what
 * `seep dump` is made of.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "dumper/dumper.h"
#include "evidence/growing.h"

/* The regions of PID that grew since the case's first snapshot of it (of the program it runs now).
 * *RET_FOUND false: the case has no snapshot of PID. */
struct seep_error *save_memory_find_growing(int case_fd, pid_t pid,
                                            struct growing_ranges *ret_ranges, bool *ret_found);

/* Saves RANGES; none of them: nothing. OPTIONS: the rest of what to do. */
struct seep_error *save_memory_ranges(int case_fd, pid_t pid, const struct growing_ranges *ranges,
                                      const struct dumper_options *options,
                                      struct dumper_result *ret_result);

/* The regions of PID that grew between the case's snapshots of it. */
struct seep_error *save_memory_growing(int case_fd, pid_t pid, bool show_progress);

/* All of it but what its files hold. */
struct seep_error *save_memory_all(int case_fd, pid_t pid, bool show_progress);
