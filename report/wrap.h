/*
 * Text in columns: wraps words under a label with a hanging indent, as a terminal shows them.
 *
 *     wrap_append(&out, 80, "   where   ", 11, "7f4674483000-7f46d46e3000 rw-p, explains ...");
 *
 *        where   7f4674483000-7f46d46e3000 rw-p, explains
 *                99.9% of its growth
 *
 * Expects text that is escaped already (base/escape.h): valid UTF-8 without control characters. A
 * number stays with its unit; a word longer than a line is cut. It knows nothing of colours: a
 * label may hold them, and its width is what the caller says.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"

/* Columns that LEN bytes of UTF-8 take: East Asian wide characters take two. */
size_t wrap_columns(const char *text, size_t len);

/* The longest prefix of TEXT, in bytes, that takes at most COLUMNS. */
size_t wrap_fit(const char *text, size_t len, size_t columns);

/* Appends LABEL (LABEL_COLUMNS wide), TEXT in lines of at most WIDTH columns, and a newline; later
 * lines are indented by LABEL_COLUMNS. At least 20 columns are left to the text. */
void wrap_append(struct buffer *out, size_t width, const char *label, size_t label_columns,
                 const char *text);
