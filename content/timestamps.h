/*
 * Points in time written in a stream of bytes, as text or in binary.
 *
 *     "1614644953220"  epoch milliseconds      "2021-03-02T08:29:13Z"  ISO 8601
 *     "Tue, 02 Mar 2021 08:29:13 +0800"        "02/Mar/2021:08:29:13 +0800"     "Mar  2 08:29:13"
 *     64-bit little-endian epoch milliseconds and nanoseconds, 8-byte aligned
 *
 * Only times within the plausible window given are reported: any other number is just a number. A
 * text number counts only when it is not part of a longer one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum timestamps_form {
    TIMESTAMPS_EPOCH_S,
    TIMESTAMPS_EPOCH_MS,
    TIMESTAMPS_EPOCH_US,
    TIMESTAMPS_EPOCH_NS,
    TIMESTAMPS_ISO8601,
    TIMESTAMPS_RFC2822, /* HTTP dates too */
    TIMESTAMPS_SYSLOG,
    TIMESTAMPS_COMMON_LOG,
    TIMESTAMPS_BINARY_MS,
    TIMESTAMPS_BINARY_NS,
    TIMESTAMPS_FORM_COUNT,
};

struct timestamps_found {
    uint64_t address;
    uint64_t epoch_ns;
    enum timestamps_form form;
};
