/*
 * Prints events as `strace -f -ttt -T -o FILE -e trace=...` writes them (strace 6.1, default
 * options otherwise), so that what reads strace's output can read seep's:
 *
 *     25900 1614644560.118204 mmap(NULL, 16781312, PROT_READ|PROT_WRITE, ... <unfinished ...>
 *     25901 1614644560.118215 munmap(0x7f46d2000000, 4096) = 0 <0.000009>
 *     25900 1614644560.118230 <... mmap resumed>) = 0x7f46d34e2000 <0.000022>
 *     25900 1614644561.500000 +++ exited with 0 +++
 *
 * Takes events in the order of exit_ns, as a trace holds them, and looks as far ahead as their
 * pending_ns says it must to know which lines fall between a call's two ends. Signals have no
 * lines: they are not recorded. See call_text.h for what differs inside the parentheses.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/error.h"
#include "evidence/event_source.h"

struct strace_format {
    struct event_sink sink; /* finish() prints what was held back */
    /* Appends the lines of EV's call path, which come after the call's last line; NULL: none are
     * printed, as without -k. For whoever created it to set. */
    void (*put_stack)(struct buffer *out, const struct event *ev, void *context);
    void *context;
};

/* OUT stays the caller's. WALL_OFFSET_NS: wall clock minus monotonic. */
struct seep_error *strace_format_create(FILE *out, uint64_t wall_offset_ns,
                                        struct strace_format **ret_format);
void strace_format_destroy(struct strace_format *format);
DEFINE_CLEANUP(struct strace_format *, strace_format_destroy);
