/*
 * Strings of ASCII or UTF-8 in one contiguous stream of bytes: the part of content/strings.h that
 * knows no addresses' order and no other encodings.
 *
 *     bytes     ...\0 G r \303 \274 n e r  T e e \0...
 *     runs            |<------ superset -------->|        64 bytes at a time; most end here
 *     strings         |<------ decoded --------->|        only what is long enough is looked at
 *
 * A run of possible bytes shorter than the minimum holds no string and is dropped unseen: only
 * that many bytes are ever kept from one piece to the next.
 */
#pragma once

#include "base/buffer.h"
#include "content/strings.h"

struct byte_strings {
    bool utf8;         /* else ASCII alone */
    bool ascii_apart;  /* UTF-8: a string of ASCII alone is called ASCII */
    bool without_tabs; /* UTF-8: a tab ends a string */
    size_t min_chars;
    size_t min_bytes; /* in UTF-8, no less than min_chars */
    strings_callback found;
    void *context;

    uint64_t address;   /* of the next byte pushed */
    struct buffer head; /* bytes of the open run while it is shorter than min_bytes */
    size_t run_len;     /* bytes of the open run from earlier pieces */

    struct buffer text; /* of the open string, not yet delivered */
    uint64_t start;     /* address of text */
    size_t chars;       /* of text and of what was delivered of the same string */
    size_t raw_len;     /* bytes of the string so far */
    bool wide;          /* some character is not ASCII */
    uint8_t cut[4];     /* a sequence that the piece's end cut */
    size_t cut_len;
};

void byte_strings_deinit(struct byte_strings *lane);

/* The next LEN bytes of the stream. */
struct seep_error *byte_strings_push(struct byte_strings *lane, const uint8_t *bytes, size_t len);

/* Ends the stream; the next begins at ADDRESS. */
struct seep_error *byte_strings_restart(struct byte_strings *lane, uint64_t address);

/* No string will be delivered that begins before this address, but for the pieces that continue
 * one. */
uint64_t byte_strings_settled(const struct byte_strings *lane);

/* True when a string that is long enough is open; RET_END: where it stands, undecided bytes left
 * out. */
bool byte_strings_is_open(const struct byte_strings *lane, uint64_t *ret_end);
