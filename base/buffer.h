/*
 * A growing run of bytes that is written front to back: what cursor.h reads.
 *
 *     struct buffer b = {0};
 *     buffer_varint(&b, count);
 *     buffer_text(&b, name, strlen(name));
 *     if (b.failed)                       // out of memory, once, at the end
 *         return error_no_memory();
 *     buffer_deinit(&b);
 *
 * After a failed growth later writes do nothing. `bytes` is always followed by one NUL that is not
 * counted in `len`, so that text can be used as a string; it is NULL while nothing was written.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct buffer {
    char *bytes;
    size_t len;
    size_t capacity;
    bool failed;
};

void buffer_deinit(struct buffer *b);
#define _cleanup_buffer_ _cleanup_(buffer_deinit)

/* Forgets the contents, keeps the room. */
static inline void buffer_clear(struct buffer *b)
{
    b->len = 0;
    b->failed = false;
}

/* LEN uninitialised bytes at the end, already counted; NULL when out of memory. */
void *buffer_extend(struct buffer *b, size_t len);

void buffer_bytes(struct buffer *b, const void *bytes, size_t len);

/* Of these two there are millions a second. */
static inline void buffer_u8(struct buffer *b, uint8_t value)
{
    if (b->failed || b->len + 1 >= b->capacity) {
        buffer_bytes(b, &value, sizeof(value));
        return;
    }
    b->bytes[b->len++] = (char)value;
    b->bytes[b->len] = '\0';
}

void buffer_varint_long(struct buffer *b, uint64_t value);

static inline void buffer_varint(struct buffer *b, uint64_t value)
{
    if (value < 0x80)
        buffer_u8(b, (uint8_t)value);
    else
        buffer_varint_long(b, value);
}

void buffer_u32(struct buffer *b, uint32_t value);
void buffer_u64(struct buffer *b, uint64_t value);
void buffer_svarint(struct buffer *b, int64_t value);
void buffer_text(struct buffer *b, const char *text, size_t len);

void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *b, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
