/*
 * The printable strings in a stream of bytes, as GNU strings finds them.
 *
 *     strings_scan_init(&scan, &options, found, context);
 *     strings_scan_push(&scan, 0x7f46d34e2000, block, len);      pieces in address order; a gap
 *     strings_scan_push(&scan, ..., ...);                        between pieces ends a string
 *     strings_scan_finish(&scan);
 *
 * ASCII: runs of bytes 0x20-0x7e and tab, as `strings -a -n N` prints them. UTF-8: runs of valid
 * sequences of printable characters. UTF-16LE: runs of code units of printable characters (-e l for
 * the ASCII ones), at either alignment. The minimum length counts characters. A string longer than
 * STRINGS_MAX_BYTES is delivered in pieces (`continued`).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum strings_encoding {
    STRINGS_ASCII = 1,
    STRINGS_UTF8 = 2,
    STRINGS_UTF16LE = 4,
    STRINGS_UTF16BE = 8,
    STRINGS_ALL = 15,
};

enum { STRINGS_MAX_BYTES = 64 * 1024, STRINGS_DEFAULT_MIN = 10 };

struct strings_found {
    uint64_t address;
    const char *text; /* UTF-8, LEN bytes, not NUL-terminated; valid during the call */
    size_t len;
    size_t raw_len; /* bytes it took in memory */
    enum strings_encoding encoding;
    bool continued; /* more of the same string follows */
};
