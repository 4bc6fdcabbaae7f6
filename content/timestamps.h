/*
 * Points in time written in a stream of bytes, as text or in binary.
 *
 *     "1614644953220"  epoch milliseconds      "2021-03-02T08:29:13Z"  ISO 8601
 *     "Tue, 02 Mar 2021 08:29:13 +0800"        "02/Mar/2021:08:29:13 +0800"     "Mar  2 08:29:13"
 *     64-bit milliseconds, nanoseconds, seconds with nanoseconds, FILETIME ... (timestamp_binary.h)
 *
 * Only times within the plausible window given are reported: any other number is just a number. A
 * text number counts only when it is not part of a longer one.
 *
 *     timestamps_scan_init(&scan, &options, found, context);
 *     timestamps_scan_push(&scan, address, bytes, len);      pieces in address order
 *     timestamps_scan_finish(&scan);                         nothing to free
 *
 * Text may be of one byte a character, UTF-8 or UTF-16LE; content/timestamp_text.h has its forms.
 *
 * False finds: within a window of 30 days one of 3,800 random numbers of 10 or 13 digits looks like
 * a time. Binary numbers would be full of times (one of 7,000 random 64-bit ones lies in those 30
 * days when taken as nanoseconds), and so are ids of which nothing else is known: what is not beyond
 * doubt counts in company only (content/timestamp_judge.h).
 */
#pragma once

#include "content/timestamp_forms.h"
#include "content/timestamp_judge.h"

enum {
    TIMESTAMPS_BEFORE_BYTES = 128, /* how far a form reaches back from where it is noticed */
    TIMESTAMPS_BEHIND_BYTES = 192, /* and forward */
    TIMESTAMPS_HELD_BYTES = TIMESTAMPS_BEFORE_BYTES + TIMESTAMPS_BEHIND_BYTES,
};

/* A scan that tells all that may be a time, doubtful or not: for those who have a judge of their
 * own. */
struct timestamps_reader {
    struct timestamps_options options;
    struct timestamp_windows windows;
    timestamps_callback found;
    void *context;
    uint64_t address; /* of the next byte */
    size_t skip;      /* bytes at the front of the next piece in which nothing is to be told */
    /* The last bytes of the pieces before, and from which of them on nothing was judged yet. */
    uint8_t held[2 * TIMESTAMPS_HELD_BYTES];
    size_t held_len, judged;
};

void timestamps_reader_init(struct timestamps_reader *reader,
                            const struct timestamps_options *options, timestamps_callback found,
                            void *context);

/* BYTES are those at ADDRESS; any length. A gap ends what was open. Times are told in the order of
 * the places where they are noticed, text and binary ones each, piece by piece. */
struct seep_error *timestamps_reader_push(struct timestamps_reader *reader, uint64_t address,
                                          const void *bytes, size_t len);

/* Reads the last bytes; the next push begins afresh. */
struct seep_error *timestamps_reader_finish(struct timestamps_reader *reader);

struct timestamps_scan {
    struct timestamps_reader reader;
    struct timestamp_judge judge;
};

void timestamps_scan_init(struct timestamps_scan *scan, const struct timestamps_options *options,
                          timestamps_callback found, void *context);

/* As the reader's; a time that was doubtful is told when enough of its company has come. */
struct seep_error *timestamps_scan_push(struct timestamps_scan *scan, uint64_t address,
                                        const void *bytes, size_t len);
struct seep_error *timestamps_scan_finish(struct timestamps_scan *scan);
