/*
 * The printable strings in a stream of bytes, as GNU strings finds them.
 *
 *     strings_scan_init(&scan, &options, found, context);
 *     strings_scan_push(&scan, 0x7f46d34e2000, block, len);      pieces in address order; a gap
 *     strings_scan_push(&scan, ..., ...);                        between pieces ends a string
 *     strings_scan_finish(&scan);
 *     strings_scan_deinit(&scan);
 *
 * ASCII: runs of bytes 0x20-0x7e and tab, as `strings -a -n N` prints them. UTF-8: runs of valid
 * sequences of printable characters. UTF-16LE: runs of code units of printable characters (-e l for
 * the ASCII ones), at either alignment. The minimum length counts characters. A string longer than
 * STRINGS_MAX_BYTES is delivered in pieces (`continued`).
 *
 * Strings come in the order of their addresses, and what cuts the stream into pieces makes no
 * difference. With UTF-8 on, an ASCII string is found once, as part of the UTF-8 string around it
 * or, alone, as ASCII. What is taken for UTF-16 is in content/wide_strings.h.
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

enum { STRINGS_MAX_BYTES = 64 * 1024, STRINGS_DEFAULT_MIN = 10, STRINGS_LARGEST_MIN = 8192 };

/* "ascii", "utf-8", "utf-16le", "utf-16be". */
const char *strings_encoding_name(enum strings_encoding encoding);

struct strings_options {
    unsigned encodings; /* enum strings_encoding, or-ed */
    size_t min_chars;   /* 1 to STRINGS_LARGEST_MIN */
};

struct strings_found {
    uint64_t address;
    const char *text; /* UTF-8, LEN bytes, not NUL-terminated; valid during the call */
    size_t len;
    size_t raw_len; /* bytes it took in memory */
    enum strings_encoding encoding;
    bool continued; /* more of the same string follows, as the next one delivered */
};

/* Told of each string; an error ends the scan and is handed on. */
typedef struct seep_error *(*strings_callback)(const struct strings_found *found, void *context);

struct strings_state;

struct strings_scan {
    struct strings_state *state;
};

/* ERROR_INVALID when the options are out of range. */
struct seep_error *strings_scan_init(struct strings_scan *scan,
                                     const struct strings_options *options, strings_callback found,
                                     void *context);
void strings_scan_deinit(struct strings_scan *scan);

/* BYTES are those at ADDRESS; any length. After a failure only deinit may follow. */
struct seep_error *strings_scan_push(struct strings_scan *scan, uint64_t address, const void *bytes,
                                     size_t len);

/* True when nothing is open and nothing waits to be told, so that of all bytes before the next one
 * only the last matters, if there is one: any other scan that is idle here would go on alike. */
bool strings_scan_is_idle(const struct strings_scan *scan);

/* Ends the string that is open; the next push begins afresh. */
struct seep_error *strings_scan_finish(struct strings_scan *scan);
