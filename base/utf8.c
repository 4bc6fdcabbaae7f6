#include "base/utf8.h"

size_t utf8_decode(const void *text, size_t len, uint32_t *ret_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *bytes = text;
    size_t need = utf8_length(bytes[0]);

    if (need == 0 || need > len)
        return 0;

    uint32_t point = need == 1 ? bytes[0] : bytes[0] & (0x7fU >> need);
    for (size_t i = 1; i < need; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (bytes[i] & 0x3f);
    }
    if (point < smallest[need] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    *ret_point = point;
    return need;
}

size_t utf8_encode(uint32_t point, char ret_text[4])
{
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    for (size_t i = len - 1; i > 0; i--) {
        ret_text[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    ret_text[0] = (char)(leads[len] | point);
    return len;
}
