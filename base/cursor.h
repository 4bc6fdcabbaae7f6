/*
 * Reads little-endian numbers, varints and strings from untrusted bytes without ever leaving them.
 *
 *     struct cursor c = cursor_of(bytes, len);
 *     uint64_t count = cursor_varint(&c);
 *     const char *name = cursor_text(&c, &name_len);
 *     if (c.failed)                      // one check at the end is enough
 *         corrupt at offset c.at;
 *
 * The first read past the end, or the first malformed varint, sets `failed`, leaves `at` where the
 * broken item began, and makes this and every later read give 0 or NULL.
 *
 * A varint is LEB128: 7 bits a byte, lowest first, at most 10 bytes; signed ones are zigzag coded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *bytes;
    size_t len;
    size_t at;
    bool failed;
};

static inline struct cursor cursor_of(const void *bytes, size_t len)
{
    return (struct cursor){.bytes = bytes, .len = len};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return c->failed ? 0 : c->len - c->at;
}

/* The next LEN bytes, in place; NULL when fewer are left. */
const uint8_t *cursor_bytes(struct cursor *c, size_t len);

uint8_t cursor_u8(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_svarint(struct cursor *c);

/* A varint length and as many bytes, in place, not NUL-terminated. */
const char *cursor_text(struct cursor *c, size_t *ret_len);
