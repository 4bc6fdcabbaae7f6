/*
 * One point in time out of text, at a place where one was noticed.
 *
 *     1614644953 1614644953.220 1614644953220 ...220123 ...220123456     a run of digits begins
 *     20210302T082913Z                                                  the same
 *     2021-03-02T08:29:13.220+08:00  2021/03/02 08:29                    hh:mm begins
 *     Tue, 02 Mar 2021 08:29:13 +0800  02-Mar-21 08:29:13 GMT            the same
 *     Tue Mar  2 08:29:13 2021  Tue Mar 02 08:29:13 CST 2021             the same (asctime, date(1))
 *     02/Mar/2021:08:29:13 +0800   Mar  2 08:29:13   02 Mar 08:29:13     the same
 *     2 mars 2021 08:29:13   Mar 2, 2021 8:29:13 AM   2021年3月2日 08:29:13   timestamp_words.h
 *     datetime.datetime(2021, 3, 2, 8, 29, 13, tzinfo=datetime.timezone.utc)   "dddd, " is noticed
 *     3b0a2f80-7aef-11eb-9439-0242ac130002     UUIDs of version 1 and 7, by their dashes
 *     1366532187451392000                      ids of 17 to 19 digits, which are doubtful
 *
 * A number counts when neither letter, digit nor underscore touches it; a dot may, but it is no
 * fraction of 0 ("0.1614644953") and no negative number. A zone's name other than UTC's is read as
 * RFC 5322 says in dates of that form, else as the local zone; without a zone the local one holds.
 * Where the year lacks, the latest within the window is taken. An hour may be followed by AM or PM.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/timestamps.h"

/* Characters of STRIDE bytes each: 1, or 2 (UTF-16: the character, then a zero). */
struct timestamp_text {
    const uint8_t *bytes;
    size_t len;
    size_t at; /* of the character noticed */
    unsigned stride;
};

/* A run of 8 digits or more begins at TEXT->at. RET_FOUND->address is an offset into the bytes. */
bool timestamp_text_number(const struct timestamp_text *text,
                           const struct timestamps_options *options,
                           struct timestamps_found *ret_found);

/* "dd:dd" begins at TEXT->at. RET_FOUND->address is an offset into the bytes. */
bool timestamp_text_clock(const struct timestamp_text *text,
                          const struct timestamps_options *options,
                          struct timestamps_found *ret_found);

/* "dddd, " begins at TEXT->at. */
bool timestamp_text_python(const struct timestamp_text *text,
                           const struct timestamps_options *options,
                           struct timestamps_found *ret_found);

/* Dashes stand where a UUID that begins at TEXT->at has them. */
bool timestamp_text_uuid(const struct timestamp_text *text,
                         const struct timestamps_options *options,
                         struct timestamps_found *ret_found);
