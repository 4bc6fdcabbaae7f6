/*
 * Compression as a stream of pieces: begin, push, finish. What comes out are gzip members (RFC 1952),
 * which every tool can read.
 *
 *     codec_isal.begin(level) -> state;  push(state, in, len, out);  finish(state, out)
 *
 *     codec_gzip    zlib, level 1 to 9: presses harder
 *     codec_isal    ISA-L, level 0 to 3: five times as fast as zlib's level 1, and no larger
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

struct codec_state;

struct codec {
    const char *name;
    struct seep_error *(*begin)(int level, struct codec_state **ret_state);
    /* Appends what compressing LEN bytes gives to OUT. */
    struct seep_error *(*push)(struct codec_state *state, const void *bytes, size_t len,
                               struct buffer *out);
    /* Ends the member; the state can take the next one. */
    struct seep_error *(*finish)(struct codec_state *state, struct buffer *out);
    void (*destroy)(struct codec_state *state);
};

extern const struct codec codec_gzip, codec_isal;

/* Expands one gzip member of STORED_LEN bytes to exactly RAW_LEN bytes; else ERROR_CORRUPT. */
struct seep_error *codec_gzip_expand(const void *stored, size_t stored_len, void *raw,
                                     size_t raw_len);
