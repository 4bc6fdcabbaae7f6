/*
 * Bytes as lines of hexadecimal and text, as hexdump -C has them.
 *
 *     7f46a0001f40  4b 69 6e 64 3a 41 .. ..  00 00 00 00 00 00 00 00  |Kind:A..........|
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* SHOWN[i] false: byte i stands for any, as `..`; NULL: all are shown. INDENT blanks before each. */
void hex_lines_print(FILE *out, unsigned indent, uint64_t address, const uint8_t *bytes,
                     const bool *shown, size_t len);
