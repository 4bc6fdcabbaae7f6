#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/utf8.h"

static bool steers_a_terminal(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

void escape_append(struct buffer *out, const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;

    for (size_t at = 0; at < len;) {
        uint32_t point = 0;
        size_t step = utf8_decode(bytes + at, len - at, &point);

        if (step && bytes[at] == '\\')
            buffer_bytes(out, "\\\\", 2);
        else if (step && point == '\n')
            buffer_bytes(out, "\\n", 2);
        else if (step && point == '\t')
            buffer_bytes(out, "\\t", 2);
        else if (step && !steers_a_terminal(point))
            buffer_bytes(out, text + at, step);
        else
            for (size_t i = 0; i < (step ? step : 1); i++)
                buffer_printf(out, "\\x%02x", bytes[at + i]);
        at += step ? step : 1;
    }
}

char *escape_text(const char *text, size_t len)
{
    struct buffer out = {0};

    buffer_extend(&out, 0);
    escape_append(&out, text, len);
    if (out.failed) {
        buffer_deinit(&out);
        return NULL;
    }
    return out.bytes;
}
