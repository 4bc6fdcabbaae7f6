/*
 * Dates before a clock in which the month is a word, in one of two dozen languages.
 *
 *     2 mars 2021 08:29:13         02. März 2021 um 08:29        2 de marzo de 2021, 08:29:13
 *     2 марта 2021 г. 08:29:13     2021. március 2. 08:29:13     March 2, 2021 at 8:29:13 PM
 *     2021年3月2日 08:29:13         mar. 02 mars 08:29:13
 *
 * A month is known by how its name begins, in small or capital letters. Where the year lacks, the
 * month is a short word.
 */
#pragma once

#include "content/moment.h"

/* A date that ends before I: sets its day, month and year, -1 for a year that is not written.
 * RET_START: where it begins. Reads no further back than TIMESTAMPS_BEFORE_BYTES. */
bool timestamp_words_date(const struct timestamp_text *t, int i, struct moment *m, int *ret_start);
