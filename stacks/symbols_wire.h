/*
 * What the child that reads symbols says to seep, through a pipe:
 *
 *     [length u32][kind u8][payload]
 *
 *     BEGIN    index of the module                               what follows is about it
 *     WAIT     text, a debuginfod server is asked: "fetching ..."
 *     READ     text, files are read
 *     PLACE    index of the offset, lines                        replaces what was said of it before
 *     TROUBLE  text
 *     END      1: more may be had by fetching it, 0: no more
 *
 * The child reads files that may have taken it over: seep believes nothing but what fits this form and
 * these bounds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "stacks/symbols.h"

enum symbols_wire_kind {
    SYMBOLS_WIRE_BEGIN = 1,
    SYMBOLS_WIRE_WAIT,
    SYMBOLS_WIRE_READ,
    SYMBOLS_WIRE_PLACE,
    SYMBOLS_WIRE_TROUBLE,
    SYMBOLS_WIRE_END,
};

enum { SYMBOLS_WIRE_MAX_BYTES = 8 << 20 }; /* one message without its length */

struct symbols_message {
    enum symbols_wire_kind kind;
    uint64_t index;             /* BEGIN, PLACE; END's flag */
    char *text;                 /* WAIT, READ, TROUBLE; one string, never NULL there */
    struct symbols_lines lines; /* PLACE */
};

void symbols_message_deinit(struct symbols_message *message);

/* Append one whole message. Texts too long are cut, lines beyond the bounds left off. */
void symbols_wire_number(struct buffer *out, enum symbols_wire_kind kind, uint64_t index);
void symbols_wire_text(struct buffer *out, enum symbols_wire_kind kind, const char *text);
void symbols_wire_place(struct buffer *out, uint64_t index, const struct symbols_lines *lines);

/* How many bytes the message at the beginning of BYTES takes: 0, it is not whole yet; SIZE_MAX, it can
 * never be one. */
size_t symbols_wire_length(const void *bytes, size_t len);

/* Reads the whole message of LEN bytes; ERROR_CORRUPT when it is none. The caller does
 * symbols_message_deinit. */
struct seep_error *symbols_wire_decode(const void *bytes, size_t len,
                                       struct symbols_message *ret_message);
