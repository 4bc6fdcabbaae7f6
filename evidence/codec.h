/*
 * Compression as a stream of pieces: begin, push, finish. One codec so far: gzip members (RFC 1952)
 * by zlib, which every tool can read.
 *
 *     codec_gzip.begin(level) -> state;  push(state, in, len, out);  finish(state, out)
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

extern const struct codec codec_gzip;

/* Expands one gzip member of STORED_LEN bytes to exactly RAW_LEN bytes; else ERROR_CORRUPT. */
struct seep_error *codec_gzip_expand(const void *stored, size_t stored_len, void *raw,
                                     size_t raw_len);
