/*
 * The case that is meant when none is named: the last one of a process in the working directory,
 * so that the command a report ends with can be typed as it stands.
 *
 *     seep trace -p 16067                        wrote java-16067-20261120T093428Z.seep
 *     seep dump -p 16067 --finding 1             means that one
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* RET_PATH is the caller's to free; ERROR_NOT_FOUND when there is none. */
struct seep_error *find_case_of(pid_t pid, char **ret_path);
