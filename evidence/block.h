/*
 * The framing of `events` and `snapshots`: append-only blocks, each with length and checksum, so
 * that a file cut at any byte is readable up to the cut, and says that it was cut.
 *
 *     offset 0   8 bytes   "SEEPBLK1"                              once, at the start of the file
 *     block      u32 magic | u8 type | u8 codec | u16 0 | u32 stored bytes | u32 raw bytes | u64
 * XXH64 stored bytes                                      (numbers little-endian)
 *
 * The checksum covers the header before it and the stored bytes. Codec 0 is none, 1 zlib (RFC
 * 1950). docs/FORMAT.md is normative.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { BLOCK_MAX_RAW_BYTES = 64 << 20 };

/* Appends the file's mark; for a fresh file. */
struct seep_error *block_write_mark(int fd);

/* Appends one block holding LEN raw bytes (at most BLOCK_MAX_RAW_BYTES), compressed when that
 * helps, in a single write. On failure (a full disk) the file is cut back to the last whole block.
 * RET_WRITTEN (may be NULL): bytes added to the file. */
struct seep_error *block_write(int fd, uint8_t type, const void *raw, size_t len,
                               uint64_t *ret_written);

enum block_step {
    BLOCK_MORE,
    BLOCK_END,
    BLOCK_CUT, /* the file ends inside a block, or a block's checksum is wrong: nothing follows */
};

struct block_reader {
    int fd; /* the caller's */
    uint64_t offset;
    struct buffer stored, raw;
};

void block_reader_init(struct block_reader *r, int fd);
void block_reader_deinit(struct block_reader *r);

/* The next block's type and raw bytes (r->raw, valid until the next call). */
struct seep_error *block_reader_next(struct block_reader *r, uint8_t *ret_type,
                                     enum block_step *ret_step);
