/*
 * Files from debuginfod servers (debuginfod(8)), by build-id, within a limit of time.
 *
 * Asked only when DEBUGINFOD_URLS is set and not empty. The client library, which brings an HTTP stack
 * and what that needs, is loaded when the first file is wanted, so that no other command pays for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct debug_fetch;

/* Whether the user wants servers to be asked. */
bool debug_fetch_wanted(void);

/* NULL when memory is short. DEADLINE_NS is of CLOCK_MONOTONIC. WAITING is told what is being fetched. */
struct debug_fetch *debug_fetch_create(uint64_t deadline_ns,
                                       void (*waiting)(const char *text, void *context),
                                       void *context);
void debug_fetch_destroy(struct debug_fetch *fetch);
DEFINE_CLEANUP(struct debug_fetch *, debug_fetch_destroy);

/* A descriptor of the debug information or the code of BUILD_ID, -1 when it is not to be had. NAME is
 * for whoever waits. */
int debug_fetch_debug(struct debug_fetch *fetch, const uint8_t *build_id, size_t len,
                      const char *name);
int debug_fetch_code(struct debug_fetch *fetch, const uint8_t *build_id, size_t len,
                     const char *name);

/* What went wrong since the last time, but that servers do not have a file; NULL: nothing. The caller
 * frees it. */
char *debug_fetch_trouble(struct debug_fetch *fetch);
