/*
 * Points in time written in a stream of bytes, as text or in binary.
 *
 *     "1614644953220"  epoch milliseconds      "2021-03-02T08:29:13Z"  ISO 8601
 *     "Tue, 02 Mar 2021 08:29:13 +0800"        "02/Mar/2021:08:29:13 +0800"     "Mar  2 08:29:13"
 *     64-bit little-endian epoch milliseconds and nanoseconds, 8-byte aligned
 *
 * Only times within the plausible window given are reported: any other number is just a number. A
 * text number counts only when it is not part of a longer one.
 *
 *     timestamps_scan_init(&scan, &options, found, context);
 *     timestamps_scan_push(&scan, address, bytes, len);      pieces in address order
 *     timestamps_scan_finish(&scan);                         nothing to free
 *
 * Text may be of one byte a character or UTF-16; content/timestamp_text.h has its forms.
 *
 * False finds: within a window of 30 days one of 3,800 random numbers of 10 or 13 digits looks like
 * a time, and so does one of 7 * 10^9 random 64-bit numbers taken as milliseconds (but a pair of
 * 32-bit ones whose upper is 375 may too, in 2021). As nanoseconds it would be one of 7,000: hash
 * tables, compressed and encrypted bytes would be full of times. So nanoseconds count only in
 * company, when another one within 64 KiB is no more than ten minutes apart, or all alone, between
 * two zeros.
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
    TIMESTAMPS_BINARY_MS,
    TIMESTAMPS_BINARY_NS,
    TIMESTAMPS_FORM_COUNT,
};

enum { TIMESTAMPS_ALL_FORMS = (1 << TIMESTAMPS_FORM_COUNT) - 1 };

/* "epoch-s", "epoch-ms", "epoch-us", "epoch-ns", "iso8601", "rfc2822", "syslog", "common-log",
 * "binary-ms", "binary-ns". */
const char *timestamps_form_name(enum timestamps_form form);

struct timestamps_found {
    uint64_t address; /* of the number, or of the date's first character */
    uint64_t epoch_ns;
    enum timestamps_form form;
};

typedef struct seep_error *(*timestamps_callback)(const struct timestamps_found *found,
                                                  void *context);

struct timestamps_options {
    uint64_t first_ns, last_ns; /* the plausible window, both ends included */
    int32_t utc_offset_s;       /* east of Greenwich: of times that name no zone */
    uint32_t forms;             /* 1 << enum timestamps_form, or-ed */
};

enum {
    TIMESTAMPS_BEFORE_BYTES = 64,  /* how far a form reaches back from where it is noticed */
    TIMESTAMPS_BEHIND_BYTES = 128, /* and forward */
    TIMESTAMPS_HELD_BYTES = TIMESTAMPS_BEFORE_BYTES + TIMESTAMPS_BEHIND_BYTES,
    TIMESTAMPS_RECENT = 8,
};

/* A 64-bit number that may be nanoseconds. */
struct timestamps_candidate {
    uint64_t address, epoch_ns;
    bool told;
};

struct timestamps_scan {
    struct timestamps_options options;
    timestamps_callback found;
    void *context;
    uint64_t address; /* of the next byte */
    /* The last bytes of the pieces before, and from which of them on nothing was judged yet. */
    uint8_t held[2 * TIMESTAMPS_HELD_BYTES];
    size_t held_len, judged;
    struct timestamps_candidate recent[TIMESTAMPS_RECENT]; /* a ring */
    size_t recent_count;
};

void timestamps_scan_init(struct timestamps_scan *scan, const struct timestamps_options *options,
                          timestamps_callback found, void *context);

/* BYTES are those at ADDRESS; any length. A gap ends what was open. Times are told in the order of
 * their addresses but for a few hundred bytes (text), or the length of a piece and 64 KiB (binary).
 */
struct seep_error *timestamps_scan_push(struct timestamps_scan *scan, uint64_t address,
                                        const void *bytes, size_t len);

/* Judges the last bytes; the next push begins afresh. */
struct seep_error *timestamps_scan_finish(struct timestamps_scan *scan);
