/*
 * The limits that a JVM was started with, or chose: options on a command line, jcmd VM.flags,
 * VM.command_line, ps, hs_err.
 *
 *     -Xmx256m -XX:MaxDirectMemorySize=2g -Dio.netty.maxDirectMemory=2147483648
 *     -XX:MaxHeapSize=134217728 -XX:NativeMemoryTracking=detail
 *
 * Of an option that is given twice the last holds, as it does for the JVM. UINT64_MAX: not said.
 */
#pragma once

#include "base/span.h"

#define JAVA_OPTIONS_UNKNOWN UINT64_MAX

struct java_options {
    uint64_t max_heap_bytes;
    uint64_t max_direct_bytes; /* 0: as much as the heap */
    uint64_t netty_max_direct_bytes;
    uint64_t max_metaspace_bytes, code_cache_bytes, thread_stack_bytes;
    enum { JAVA_NMT_UNKNOWN, JAVA_NMT_OFF, JAVA_NMT_SUMMARY, JAVA_NMT_DETAIL } nmt;
};

void java_options_init(struct java_options *options);

/* Takes every option that it knows out of TEXT, words parted by blanks; how many there were. */
size_t java_options_take(struct java_options *options, struct span text);
