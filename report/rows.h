/*
 * The text report's lines while they are being built: a row is added piece by piece, then ended.
 *
 *     rows_printf(&rows, "%s, explains ", vma);
 *     rows_share(&rows, explained, growth);
 *     rows_end(&rows, "where");              "   where   7f46...-7f46... rw-p, explains 99.9%"
 *
 * Rows with nothing added leave no trace. Out of memory is noted in `out` or `line`, to be looked
 * at once at the end. Whatever came from the target goes in by rows_text, which escapes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/moment.h"

struct rows {
    struct buffer out;  /* the report so far */
    struct buffer line; /* of the row being built */
    size_t width;       /* in columns */
    bool colour;
    uint64_t day_ns;         /* times of this day are told without a date; UINT64_MAX: none are */
    enum moment_basis basis; /* of the case's times */
};

enum rows_colour { ROWS_PLAIN, ROWS_RED, ROWS_YELLOW, ROWS_GREEN, ROWS_DIM };

void rows_deinit(struct rows *rows);

/* The terminal's sequence for COLOUR; "" when colour is off. ROWS_PLAIN ends the others. */
const char *rows_colour(const struct rows *rows, enum rows_colour colour);

void rows_printf(struct rows *rows, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text from the target or about it, escaped, at most 4,096 bytes of it. */
void rows_text(struct rows *rows, const char *text);

/* As rows_text, in quotes and cut to COLUMNS with an ellipsis. */
void rows_quote(struct rows *rows, const char *text, size_t columns);

void rows_size(struct rows *rows, uint64_t bytes);

/* "12,345 events"; "1 event". */
void rows_count(struct rows *rows, uint64_t count, const char *noun);

/* "08:22:40" or "2026-11-20 08:22:40"; of other bases as moment_text has it. */
void rows_time(struct rows *rows, uint64_t ns);

/* "99.9%", which is never more than that where it is not "all". */
void rows_share(struct rows *rows, uint64_t part, uint64_t whole);

/* "+8.1 MiB/min": in the first of s, min and h that gives 1 MiB or more, else in h. */
void rows_rate(struct rows *rows, double bytes_per_s);

/* TEXT, if anything was added to the row before. */
void rows_between(struct rows *rows, const char *text);

/* Ends the row: LABEL in its column, what was added wrapped beside it. */
void rows_end(struct rows *rows, const char *label);

/* As rows_end, but unbroken however long it is, so that it can be copied from a terminal. */
void rows_end_command(struct rows *rows, const char *label);

/* As rows_end, with a LABEL that takes LABEL_COLUMNS and may hold colours. */
void rows_end_labelled(struct rows *rows, const char *label, size_t label_columns);

/* Ends a row whose LABEL is not in the column of labels. */
void rows_end_paragraph(struct rows *rows, const char *label);
