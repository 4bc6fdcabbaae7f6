/*
 * Bytes as vi, cat -v and less show them, back to bytes.
 *
 *     ^@^@^@^GDATA^M        00 00 00 07 44 41 54 41 0d
 *     M-CM-)                c3 a9                        cat -v
 *     0xf3 as a letter      f3                           vi, in a terminal of UTF-8
 *
 * Of vi's line numbers (:set number) those at the beginning of a line are taken off when each line has
 * the next one. It cannot be told from text that happens to look so: a person copied this, and it is
 * evidence of what was written there, not of each byte. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Something that has control characters written so: at least one NUL. */
bool caret_text_is_one(const char *text, size_t len);

/* Appends the bytes that TEXT stands for. Out of memory is noted in OUT. */
void caret_text_bytes(const char *text, size_t len, struct buffer *out);
