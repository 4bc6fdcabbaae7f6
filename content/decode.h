/*
 * What encoded text says, for showing: each encoding taken off once.
 *
 *     Subject: =?UTF-8?B?5rWL6K+V6YKu5Lu2?=          Subject: 测试邮件
 *     VGhpcyBpcyBhIHRlc3QgZW1haWwh                   This is a test email!
 *     q=caf%C3%A9                                    q=café
 *     caf=C3=A9                                      café
 *     54686973206973206120746573742e                 This is a test.
 *
 *     if (decode_for_display(text, len, &out, &kinds))
 *         ... out.bytes, to be escaped like all text from the target; 1 << DECODE_WORD is in kinds
 *
 * Bytes are replaced only where what comes out is text: UTF-8 of printable characters, tabs and line
 * ends. Nothing decoded is decoded again. Output is at most four times as long as the input, and
 * time is linear in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum decode_kind {
    DECODE_WORD, /* RFC 2047, B and Q */
    DECODE_BASE64,
    DECODE_HEX,
    DECODE_URL,
    DECODE_QUOTED_PRINTABLE,
    DECODE_KIND_COUNT,
};

/* "encoded-word", "base64", "hex", "url", "quoted-printable". */
const char *decode_kind_name(enum decode_kind kind);

/* Appends TEXT with all that is encoded in it decoded, whatever the kind. False: nothing is, and
 * nothing was appended. RET_KINDS: 1 << enum decode_kind, or-ed. OUT's `failed` says that memory
 * ran out. */
bool decode_for_display(const char *text, size_t len, struct buffer *out, unsigned *ret_kinds);

/* Whole bodies: append what all of TEXT is decoded to. False, and nothing appended, when it is not
 * of that form. Line ends are passed over in the first two. */

/* Both alphabets, with or without padding; a last group that is cut gives what it can. */
bool decode_base64(const char *text, size_t len, struct buffer *out);
/* Pairs of digits. */
bool decode_hex(const char *text, size_t len, struct buffer *out);
/* =XX and soft line breaks; what is no such escape stays. */
bool decode_quoted_printable(const char *text, size_t len, struct buffer *out);
/* %XX; what is no such escape stays. */
bool decode_url(const char *text, size_t len, struct buffer *out);

/* True when all of it is UTF-8 of printable characters, tabs and line ends. */
bool decode_is_text(const char *text, size_t len);
