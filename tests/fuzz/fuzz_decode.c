/* Any bytes through every decoder. The first byte is what stood in the buffer before. */
#include <stdlib.h>

#include "content/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const bodies[])(const char *, size_t, struct buffer *) = {
        decode_base64, decode_hex, decode_quoted_printable, decode_url};

    if (size < 1)
        return 0;

    const char *text = (const char *)data + 1;
    _cleanup_buffer_ struct buffer out = {0};
    unsigned kinds = 0;

    size--;
    buffer_u8(&out, data[0]);
    if (!decode_for_display(text, size, &out, &kinds) && out.len != 1)
        abort();
    if (out.len > 1 + 4 * size)
        abort();
    if (kinds >> DECODE_KIND_COUNT)
        abort();
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        size_t before = out.len;

        if (!bodies[i](text, size, &out) && out.len != before)
            abort();
        if (out.len - before > size || (uint8_t)out.bytes[0] != data[0])
            abort();
    }
    return 0;
}
