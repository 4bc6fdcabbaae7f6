/*
 * Known formats, by how they begin or by what their text is full of: a row each.
 *
 *     1f 8b 08 00 ... 03       gzip          GET /index.html HTTP/1.1      HTTP
 *     89 P N G \r \n 1a \n     PNG           Message-ID: <...>             mail
 *
 * A few bytes are soon found by chance in a gigabyte: each row holds what follows them to its format
 * too.
 */
#pragma once

#include "content/page_kind.h"

/* A format that begins in the first half of these bytes, so that they may be mostly of it, at an offset
 * divisible by 8; or PAGE_KIND_BINARY. */
enum page_kind page_formats_find(const uint8_t *bytes, size_t len);

/* Of bytes that are mostly text: what text, or PAGE_KIND_TEXT. */
enum page_kind page_formats_of_text(const uint8_t *bytes, size_t len);

/* True when all of it can be read as fields of protobuf messages, their borders unknown. */
bool page_formats_is_protobuf(const uint8_t *bytes, size_t len);
