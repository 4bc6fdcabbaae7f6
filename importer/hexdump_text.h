/*
 * One line of what hexdump -C, xxd, od -A x -t x1z or gdb's x/16xb print.
 *
 *     00219460 73 61 67 65 2d 49 44 3a 20 3c 31 33 38 38 32 34 |sage-ID: <138824|
 *     00219460: 7361 6765 2d49 443a 203c 3133 3838 3234  sage-ID: <138824
 *     0x7f4674483000 <buf+16>:  0x73  0x61  0x67
 *     *                                     the line before, again and again up to the next
 *     00219470                              the end
 *
 * Pure. Does not know what the offsets are counted from, nor what stands between lines that a person
 * left out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEXDUMP_MAX_BYTES = 256 };

enum hexdump_line {
    HEXDUMP_BAD,
    HEXDUMP_EMPTY,
    HEXDUMP_BYTES,
    HEXDUMP_REPEAT,
    HEXDUMP_END,
};

struct hexdump_row {
    uint64_t offset; /* of BYTES and END */
    size_t count;
    uint8_t bytes[HEXDUMP_MAX_BYTES];
    bool address; /* gdb's: OFFSET is an address of the process */
};

enum hexdump_line hexdump_text_line(const char *line, size_t len, struct hexdump_row *ret_row);
