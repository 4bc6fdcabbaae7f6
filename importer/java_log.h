/*
 * What a Java application's log says of memory that ran out, line by line.
 *
 *     io.netty.util.internal.OutOfDirectMemoryError: failed to allocate 16777216 byte(s) of direct
 *         memory (used: 2130706439, max: 2147483648)
 *     java.lang.OutOfMemoryError: Cannot reserve 65536 bytes of direct buffer memory (allocated: ...
 *     java.lang.OutOfMemoryError: Java heap space
 *     ... DirectMemoryReporter|netty_direct_memory:2032MB(2130706439B)
 *
 * Recognised by the class's own name, whatever stands before it.
 */
#pragma once

#include "base/span.h"

#define JAVA_LOG_UNKNOWN UINT64_MAX

struct java_log_error {
    struct span message;                          /* from the class's name to the line's end */
    bool direct;                                  /* of direct memory, not of the heap or others */
    uint64_t wanted_bytes, used_bytes, max_bytes; /* JAVA_LOG_UNKNOWN */
};

bool java_log_error(struct span line, struct java_log_error *ret_error);

/* LINE belongs to the stack of the exception before it. */
bool java_log_is_stack(struct span line);

/* A line of a reporter of Netty's counter of direct memory. */
bool java_log_direct_memory(struct span line, uint64_t *ret_used_bytes);
