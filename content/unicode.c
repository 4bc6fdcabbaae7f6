#include "content/unicode.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

/* Each range goes up to where the next one begins. */
static const struct {
    uint32_t start;
    uint8_t script;
} ranges[] = {
    {0x0000, UNICODE_NONE},      {0x0009, UNICODE_COMMON},   {0x000a, UNICODE_NONE},
    {0x0020, UNICODE_COMMON},    {0x007f, UNICODE_NONE},     {0x00a0, UNICODE_COMMON},
    {0x0370, UNICODE_GREEK},     {0x0400, UNICODE_CYRILLIC}, {0x0530, UNICODE_ARMENIAN},
    {0x0590, UNICODE_HEBREW},    {0x0600, UNICODE_ARABIC},   {0x0700, UNICODE_RARE},
    {0x0750, UNICODE_ARABIC},    {0x0780, UNICODE_RARE},     {0x08a0, UNICODE_ARABIC},
    {0x0900, UNICODE_INDIC},     {0x0e00, UNICODE_THAI},     {0x0f00, UNICODE_TIBETAN},
    {0x1000, UNICODE_MYANMAR},   {0x10a0, UNICODE_GEORGIAN}, {0x1100, UNICODE_HANGUL},
    {0x1200, UNICODE_ETHIOPIC},  {0x13a0, UNICODE_RARE},     {0x1780, UNICODE_KHMER},
    {0x1800, UNICODE_MONGOLIAN}, {0x18b0, UNICODE_RARE},     {0x1c80, UNICODE_CYRILLIC},
    {0x1c90, UNICODE_RARE},      {0x1e00, UNICODE_COMMON},   {0x1f00, UNICODE_GREEK},
    {0x2000, UNICODE_COMMON},    {0x2028, UNICODE_NONE},     {0x202a, UNICODE_COMMON},
    {0x2440, UNICODE_RARE},      {0x2460, UNICODE_COMMON},   {0x27c0, UNICODE_RARE},
    {0x2b00, UNICODE_COMMON},    {0x2c00, UNICODE_RARE},     {0x2de0, UNICODE_CYRILLIC},
    {0x2e00, UNICODE_COMMON},    {0x2e80, UNICODE_RARE},     {0x3000, UNICODE_COMMON},
    {0x3040, UNICODE_HAN},       {0x3130, UNICODE_HANGUL},   {0x3190, UNICODE_RARE},
    {0x4e00, UNICODE_HAN},       {0xa000, UNICODE_RARE},     {0xa640, UNICODE_CYRILLIC},
    {0xa6a0, UNICODE_RARE},      {0xac00, UNICODE_HANGUL},   {0xd7a4, UNICODE_RARE},
    {0xd800, UNICODE_NONE},      {0xf900, UNICODE_RARE},     {0xfb00, UNICODE_COMMON},
    {0xfb13, UNICODE_ARMENIAN},  {0xfb18, UNICODE_NONE},     {0xfb1d, UNICODE_HEBREW},
    {0xfb50, UNICODE_ARABIC},    {0xfdd0, UNICODE_NONE},     {0xfdf0, UNICODE_ARABIC},
    {0xfe00, UNICODE_COMMON},    {0xfe70, UNICODE_ARABIC},   {0xfeff, UNICODE_NONE},
    {0xff01, UNICODE_COMMON},    {0xfff0, UNICODE_NONE},     {0xfffc, UNICODE_COMMON},
    {0xfffe, UNICODE_NONE},      {0x10000, UNICODE_RARE},    {0x1d400, UNICODE_COMMON},
    {0x1d800, UNICODE_RARE},     {0x1f000, UNICODE_COMMON},  {0x1fb00, UNICODE_RARE},
    {0x1fc00, UNICODE_NONE},     {0x20000, UNICODE_HAN},     {0x2fa20, UNICODE_NONE},
    {0x30000, UNICODE_HAN},      {0x323b0, UNICODE_NONE},    {0xe0100, UNICODE_COMMON},
    {0xe01f0, UNICODE_NONE},
};

enum unicode_script unicode_script(uint32_t point)
{
    size_t low = 0, high = ARRAY_SIZE(ranges);

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (ranges[middle].start <= point)
            low = middle;
        else
            high = middle;
    }
    return ranges[low].script;
}

void unicode_fill(uint8_t ret_scripts[UNICODE_BMP])
{
    for (size_t i = 0; i < ARRAY_SIZE(ranges) && ranges[i].start < UNICODE_BMP; i++) {
        uint32_t end = i + 1 < ARRAY_SIZE(ranges) && ranges[i + 1].start < UNICODE_BMP
                           ? ranges[i + 1].start
                           : UNICODE_BMP;

        memset(ret_scripts + ranges[i].start, ranges[i].script, end - ranges[i].start);
    }
}
