/*
 * Work in a process of its own, so that what it leaves can be cleared away however it ends: by ^C, by a
 * signal, by the kernel for want of memory.
 *
 *     seep ── fork ──> child: work()           its exit status
 *       └── waits; on ^C or SIGTERM it kills the child        clean up, report
 *
 * The child dies with its parent.
 */
#pragma once

#include "base/error.h"

/* Runs WORK in a child, which prints its own errors, and gives what it returned. Ended by a signal, to us or
 * to it: an error that says so. Only where no threads run. */
struct seep_error *in_child(int (*work)(void *context), void *context, int *ret_status);
