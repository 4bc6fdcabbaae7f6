/*
 * One record of a strace log, taken apart as far as its kind.
 *
 *     [pid 25900] 22:48:40.293407 mmap(NULL, 16781312, ...) = 0x7f46d34e2000 <0.001026>
 *          tid    time            name  rest
 *
 *     25900 <... mmap resumed>) = 0x7f46d34e2000        RESUMED
 *     25900 --- SIGSEGV {si_signo=SIGSEGV, ...} ---     SIGNAL
 *     25900 +++ exited with 0 +++                       ENDED
 *     > /usr/lib/libc.so.6(__mmap+0x17) [0x10f1b7]      FRAME (of -k; it belongs to the call before)
 *     [ Process PID=25900 runs in 32 bit mode. ]        MODE
 *
 * A pure parser of untrusted bytes, quick at telling what is of no interest. What is behind a call's
 * name is strace_call.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "importer/when.h"

enum strace_record {
    STRACE_STRANGE, /* nothing that strace prints */
    STRACE_CALL,
    STRACE_RESUMED,
    STRACE_SIGNAL,
    STRACE_ENDED,
    STRACE_FRAME,
    STRACE_MODE,
    STRACE_NOTE, /* of strace about itself */
};

struct strace_line {
    enum strace_record record;
    pid_t tid;        /* 0: the line does not say */
    const char *comm; /* of --decode-pids=comm; NULL */
    size_t comm_len;
    enum when_basis basis;
    bool is_delta;    /* of -r: `ns` counts from the line before */
    uint64_t ns;      /* 0 for WHEN_NONE */
    const char *name; /* of the call */
    size_t name_len;
    const char *rest; /* CALL: behind '('; RESUMED: behind '>'; SIGNAL, ENDED: behind the blank;
                            FRAME: behind "> "; MODE: "PID=..."; NOTE: "Process 123 attached" */
    size_t rest_len;
};

void strace_line_parse(const char *text, size_t len, struct strace_line *ret_line);
