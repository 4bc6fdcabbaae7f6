/*
 * Text from the target, made safe for a terminal, a log line or a table cell.
 *
 * Valid UTF-8 passes, printable ASCII passes; control characters, DEL, C1 controls, bidirectional
 * overrides and invalid bytes become \n, \t, \xHH (octets); a backslash becomes \\.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"

void escape_append(struct buffer *out, const char *text, size_t len);

/* As escape_append into a fresh string that the caller frees; NULL when out of memory. */
char *escape_text(const char *text, size_t len);
