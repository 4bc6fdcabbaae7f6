#include "base/cursor.h"

#include <endian.h>
#include <string.h>

const uint8_t *cursor_bytes(struct cursor *c, size_t len)
{
    if (c->failed || len > c->len - c->at) {
        c->failed = true;
        return NULL;
    }

    const uint8_t *bytes = c->bytes + c->at;

    c->at += len;
    return bytes;
}

uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *bytes = cursor_bytes(c, 1);

    return bytes ? bytes[0] : 0;
}

uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *bytes = cursor_bytes(c, 4);
    uint32_t value = 0;

    if (bytes)
        memcpy(&value, bytes, sizeof(value));
    return le32toh(value);
}

uint64_t cursor_u64(struct cursor *c)
{
    const uint8_t *bytes = cursor_bytes(c, 8);
    uint64_t value = 0;

    if (bytes)
        memcpy(&value, bytes, sizeof(value));
    return le64toh(value);
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t value = 0;
    size_t at = c->at;

    if (c->failed)
        return 0;
    for (unsigned shift = 0; at < c->len && shift < 64; shift += 7) {
        uint8_t byte = c->bytes[at++];

        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            c->at = at;
            return value;
        }
    }
    c->failed = true;
    return 0;
}

int64_t cursor_svarint(struct cursor *c)
{
    uint64_t value = cursor_varint(c);

    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

const char *cursor_text(struct cursor *c, size_t *ret_len)
{
    size_t start = c->at;
    uint64_t len = cursor_varint(c);
    const uint8_t *bytes = len <= SIZE_MAX ? cursor_bytes(c, (size_t)len) : NULL;

    if (!bytes)
        c->at = start;
    *ret_len = bytes ? (size_t)len : 0;
    return (const char *)bytes;
}
