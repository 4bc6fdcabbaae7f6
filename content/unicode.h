/*
 * Which characters are text, and of which writing system: enough to tell a string from noise.
 *
 *     'a' U+00E9 U+2026  COMMON     U+0416  CYRILLIC     U+4E2D U+3042  HAN     U+0007 U+E000  NONE
 *
 * COMMON goes with every script: Latin letters, digits, punctuation, symbols, emoji. RARE is text
 * too, but of blocks so seldom used that in doubt the bytes are something else. Whole blocks are
 * classified, as in Unicode 15's Blocks.txt; single unassigned code points within one are not told
 * apart.
 */
#pragma once

#include <stdint.h>

enum unicode_script {
    UNICODE_NONE, /* controls, line separators, surrogates, private use, noncharacters, unassigned
                   */
    UNICODE_COMMON,
    UNICODE_RARE,
    UNICODE_GREEK,
    UNICODE_CYRILLIC,
    UNICODE_ARMENIAN,
    UNICODE_HEBREW,
    UNICODE_ARABIC,
    UNICODE_INDIC,
    UNICODE_THAI,
    UNICODE_TIBETAN,
    UNICODE_MYANMAR,
    UNICODE_GEORGIAN,
    UNICODE_ETHIOPIC,
    UNICODE_KHMER,
    UNICODE_MONGOLIAN,
    UNICODE_HANGUL,
    UNICODE_HAN, /* ideographs and kana, as Chinese and Japanese use them */
};

enum unicode_script unicode_script(uint32_t point);

/* unicode_script of every code point below UNICODE_BMP, for those who ask often. */
enum { UNICODE_BMP = 0x10000 };
void unicode_fill(uint8_t ret_scripts[UNICODE_BMP]);
