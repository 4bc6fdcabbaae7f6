/*
 * Saving a process's memory into a case that is being recorded: what --dump means.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* The regions of PID that grew between the case's snapshots of it. */
struct seep_error *save_memory_growing(int case_fd, pid_t pid);

/* All of it but what its files hold. */
struct seep_error *save_memory_all(int case_fd, pid_t pid);
