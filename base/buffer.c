#include "base/buffer.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/vector.h"

void buffer_deinit(struct buffer *b)
{
    free(b->bytes);
    *b = (struct buffer){0};
}

static bool reserve(struct buffer *b, size_t more)
{
    if (b->failed || more > SIZE_MAX - b->len - 1) {
        b->failed = true;
        return false;
    }
    if (b->len + more < b->capacity)
        return true;
    if (vector_reserve_bytes((void **)&b->bytes, &b->capacity, b->len + more + 1, 1))
        b->failed = true;
    return !b->failed;
}

void *buffer_extend(struct buffer *b, size_t len)
{
    if (!reserve(b, len))
        return NULL;

    char *start = b->bytes + b->len;

    b->len += len;
    b->bytes[b->len] = '\0';
    return start;
}

void buffer_bytes(struct buffer *b, const void *bytes, size_t len)
{
    void *start = buffer_extend(b, len);

    if (start && len)
        memcpy(start, bytes, len);
}

void buffer_u32(struct buffer *b, uint32_t value)
{
    value = htole32(value);
    buffer_bytes(b, &value, sizeof(value));
}

void buffer_u64(struct buffer *b, uint64_t value)
{
    value = htole64(value);
    buffer_bytes(b, &value, sizeof(value));
}

void buffer_varint_long(struct buffer *b, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;

    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    buffer_bytes(b, bytes, len);
}

void buffer_svarint(struct buffer *b, int64_t value)
{
    buffer_varint(b, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void buffer_text(struct buffer *b, const char *text, size_t len)
{
    buffer_varint(b, len);
    buffer_bytes(b, text, len);
}

void buffer_vprintf(struct buffer *b, const char *format, va_list arguments)
{
    va_list again;

    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0 || !reserve(b, (size_t)len)) {
        b->failed = true;
        return;
    }
    vsnprintf(b->bytes + b->len, (size_t)len + 1, format, arguments);
    b->len += (size_t)len;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    buffer_vprintf(b, format, arguments);
    va_end(arguments);
}
