/*
 * A call of a strace log: its arguments and result back to numbers.
 *
 *     mmap ( NULL, 16781312, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f46d34e2000 <0.001>
 *            args {0, 16781312, 3, 0x22, -1, 0}                                      result           duration
 *
 * Reads what strace prints with any of its options on how to print: words or numbers (-X), descriptors
 * with their paths (-y, -yy), comments behind numbers it has no word for. A line may end anywhere, and
 * another record may follow on it: `rest`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evidence/syscalls.h"

enum strace_outcome {
    STRACE_BROKEN,      /* the arguments end too early, or cannot be read */
    STRACE_UNKNOWN,     /* the arguments are there, the result is not */
    STRACE_RETURNED,    /* `result` is there, perhaps an error */
    STRACE_INTERRUPTED, /* ERESTART*: it will be made again */
};

struct strace_call {
    enum strace_outcome outcome;
    uint64_t args[6];
    int64_t result;
    bool has_duration;
    uint64_t duration_ns;
    bool has_name; /* a memfd's; with "..." at its end where strace cut it */
    char name[256];
    const char *strange; /* a word that no table has, which counts as 0; NULL: none */
    size_t strange_len;
    const char *rest; /* behind the call */
    size_t rest_len;
};

/* TEXT begins behind the '(' of a call of ROW. */
void strace_call_parse(const struct syscall_row *row, const char *text, size_t len,
                       struct strace_call *ret_call);

/* What a call of another meaning returned, wherever its arguments end; result, duration and rest. */
void strace_call_parse_result(const char *text, size_t len, struct strace_call *ret_call);

/* Where " <unfinished ...>" begins, if the record ends with it, or with the "strace: Process 123 attached"
 * that took its place on the terminal; NULL: with neither. RET_REST: behind it; of the second, at it. */
const char *strace_call_unfinished(const char *text, size_t len, const char **ret_rest);

/* Reads a string in quotes at TEXT, at most SIZE - 1 bytes of it. Returns how many bytes of TEXT it took;
 * 0: there is none. */
size_t strace_call_string(const char *text, size_t len, char *ret_string, size_t size);
