/*
 * Starts a program under the tracer.
 *
 *     seep                         child
 *     fork  ---------------------> waits
 *     PTRACE_SEIZE, spawn_start -> loads the seccomp filter, execs
 *     spawn_result <-------------- close-on-exec pipe: nothing, or why the exec failed
 *
 * The filter makes only the rows of the syscall table stop (SECCOMP_RET_TRACE). Every descendant
 * inherits it, and where its tracer is gone those calls fail with ENOSYS: hence a filtered program
 * is served until its last descendant ends, and is killed if seep dies (PTRACE_O_EXITKILL).
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct spawn_options {
    char *const *argv;
    bool follow;               /* trace descendants too: only then can it be filtered */
    const sigset_t *mask;      /* the signal mask that the program is to have */
    const sigset_t *ignored;   /* and the signals it is to ignore */
    const char *oom_score_adj; /* to be put back in the child; NULL: left alone */
};

struct spawned {
    pid_t pid;
    bool filtered;
    int start_fd;
    int result_fd;
};

/* Forks and seizes; the child waits for spawn_start. From the thread that is to be the tracer. */
struct seep_error *spawn_prepare(const struct spawn_options *options, struct spawned *ret_spawned);

void spawn_start(struct spawned *spawned);

/* 0, or the errno of the failed exec. Blocks until the child has done one or the other. */
int spawn_result(struct spawned *spawned);
