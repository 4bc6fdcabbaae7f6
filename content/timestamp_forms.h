/*
 * The forms in which a point in time is written, and when it is plausible.
 *
 *     window  |--30 days--|recording|-1 day-|     2021-03-02T08:29:13Z lies in it: it counts
 *
 * The scan is in content/timestamps.h.
 */
#pragma once

#include <stdbool.h>
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
    TIMESTAMPS_WORDS,     /* a month's name in any of two dozen languages */
    TIMESTAMPS_PYTHON,    /* datetime.datetime(2021, 3, 2, 8, 29, 13) */
    TIMESTAMPS_UUID,      /* version 1 and 7, as text */
    TIMESTAMPS_SNOWFLAKE, /* decimal, since Twitter's or Discord's epoch */
    TIMESTAMPS_BINARY_MS, /* 64 bits, little-endian, aligned, as the next one */
    TIMESTAMPS_BINARY_NS,
    TIMESTAMPS_BINARY_BE_MS, /* big-endian, anywhere, as the next one */
    TIMESTAMPS_BINARY_BE_NS,
    TIMESTAMPS_BINARY_S_NS,     /* struct timespec and timeval; java.time.Instant: nanos, seconds */
    TIMESTAMPS_BINARY_FILETIME, /* 100 ns since 1601, 4-byte aligned */
    TIMESTAMPS_BINARY_UUID,     /* version 1 and 7, 16 bytes anywhere */
    TIMESTAMPS_BINARY_SNOWFLAKE,
    TIMESTAMPS_FORM_COUNT,
};

enum {
    TIMESTAMPS_FIRST_BINARY = TIMESTAMPS_BINARY_MS,
    TIMESTAMPS_TEXT_FORMS = (1 << TIMESTAMPS_FIRST_BINARY) - 1,
    TIMESTAMPS_ALL_FORMS = (1 << TIMESTAMPS_FORM_COUNT) - 1,
};

/* "epoch-s", "iso8601", "binary-ms" ...: the names above, in small letters. */
const char *timestamps_form_name(enum timestamps_form form);

struct timestamps_found {
    uint64_t address; /* of the number, or of the date's first character */
    uint64_t epoch_ns;
    enum timestamps_form form;
    bool doubtful; /* counts in company only; never set when a scan tells */
};

typedef struct seep_error *(*timestamps_callback)(const struct timestamps_found *found,
                                                  void *context);

struct timestamps_options {
    uint64_t first_ns, last_ns; /* the plausible window, both ends included */
    int32_t utc_offset_s;       /* east of Greenwich: of times that name no zone */
    uint32_t forms;             /* 1 << enum timestamps_form, or-ed */
};

/* Both ends included; none when FIRST > LAST. */
struct timestamp_window {
    uint64_t first, last;
};

enum { TIMESTAMPS_SNOWFLAKE_EPOCHS = 2 };

/* The plausible window in the units of each kind of number. */
struct timestamp_windows {
    struct timestamp_window s, ms, ns;
    struct timestamp_window filetime; /* 100 ns since 1601 */
    struct timestamp_window uuid1;    /* 100 ns since 1582 */
    struct timestamp_window snowflake[TIMESTAMPS_SNOWFLAKE_EPOCHS];
};

void timestamp_windows_init(struct timestamp_windows *ret_windows,
                            const struct timestamps_options *options);

static inline bool timestamp_window_has(const struct timestamp_window *window, uint64_t value)
{
    return value >= window->first && value <= window->last;
}

/* Nanoseconds since 1970 of numbers that lie in the window. */
uint64_t timestamp_of_filetime(uint64_t filetime);
uint64_t timestamp_of_uuid1(uint64_t time);
uint64_t timestamp_of_snowflake(uint64_t id, size_t epoch);
