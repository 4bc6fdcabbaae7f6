/*
 * Points in time out of binary numbers.
 *
 *     64 bits, little-endian, at multiples of 8    milliseconds, nanoseconds, snowflakes
 *     64 bits, big-endian, anywhere                milliseconds, nanoseconds
 *     s:64 ns:64 or s:64 us:64                     struct timespec, struct timeval
 *     ns:32 s:64, the latter at a multiple of 8    java.time.Instant
 *     FILETIME at multiples of 4                   UUID of version 1 or 7, anywhere
 *
 * All are doubtful but milliseconds and nanoseconds that stand alone between zeros; those amid
 * machine code are none at all.
 */
#pragma once

#include "content/timestamp_forms.h"

/* Bytes with what surrounds them: what begins at positions [from, to) is to be told. */
struct timestamp_view {
    const uint8_t *bytes;
    size_t len;
    uint64_t address; /* of bytes[0] */
    size_t from, to;
};

enum { TIMESTAMP_BINARY_AROUND = 128 }; /* what is looked at before and behind a position */

/* In the order of their addresses, as far as each form is concerned. FORMS: or-ed 1 << form. */
struct seep_error *timestamp_binary_scan(const struct timestamp_view *view,
                                         const struct timestamp_windows *windows, uint32_t forms,
                                         timestamps_callback found, void *context);
