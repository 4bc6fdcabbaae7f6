/*
 * Events to the raw bytes of one block of the trace, and back. docs/FORMAT.md ("Events") is
 * normative; in short:
 *
 *     event   -> shape | thread | times | values          each in a column of its own
 *     shape   =  kind, abi, and how each of the 8 fields (6 arguments, result, stack) is coded:
 *                constant; as the thread's last event of that kind, or so many bytes or pages from
 *                it; equal to argument 0; start or length of an earlier mapping of the block
 *
 *     munmap(0x7f46d34e2000, 16781312) = 0   whose mmap was 3 mappings ago:
 *                shape 4 {munmap, START, LENGTH, 0, ...}, thread 2, +5,210 ns, 8,340 ns long, 3
 *
 * Shapes and threads are defined in the block where they first occur, and every prediction begins
 * anew with it: a block needs nothing but itself. The encoder chooses; the decoder knows no kinds
 * but those whose result is remembered as a mapping.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "evidence/block.h"
#include "evidence/event.h"

enum {
    EVENT_CODE_BLOCK_BYTES = 64 << 10, /* a block is closed when it has grown past this */
    EVENT_CODE_MAX_NAME_BYTES = 64 << 10,
    EVENT_CODE_PARTS = 10,
    EVENT_CODE_MAX_BLOCK_BYTES = 256 << 10, /* no block is longer */
};

struct event_encoder;

struct seep_error *event_encoder_create(struct event_encoder **ret_encoder);
void event_encoder_destroy(struct event_encoder *encoder);
DEFINE_CLEANUP(struct event_encoder *, event_encoder_destroy);

/* Adds one event; not to a full block. ERROR_INVALID: its name is too long. */
struct seep_error *event_encoder_put(struct event_encoder *encoder, const struct event *ev);

/* The block is to be taken before the next event. */
bool event_encoder_full(const struct event_encoder *encoder);

/* Events since the last block. */
uint64_t event_encoder_count(const struct event_encoder *encoder);

/* The block's raw bytes, in parts that the encoder keeps until it is used again. */
struct seep_error *event_encoder_take(struct event_encoder *encoder,
                                      struct block_part ret_parts[EVENT_CODE_PARTS]);

/* Begins the next block. */
void event_encoder_clear(struct event_encoder *encoder);

struct event_decoder;

struct seep_error *event_decoder_create(struct event_decoder **ret_decoder);
void event_decoder_destroy(struct event_decoder *decoder);
DEFINE_CLEANUP(struct event_decoder *, event_decoder_destroy);

/* Begins with a block's raw bytes (untrusted), which must stay until the last event. */
struct seep_error *event_decoder_begin(struct event_decoder *decoder, const void *raw, size_t len);

/* *RET_MORE false: the block is at its end. RET_EV->name is valid until the next call.
 * ERROR_CORRUPT: no encoder wrote this. */
struct seep_error *event_decoder_next(struct event_decoder *decoder, struct event *ret_ev,
                                      bool *ret_more);
