/*
 * The framing of `events` and `snapshots`: append-only blocks, each with length and checksum, so
 * that a file cut at any byte is readable up to the cut, and says that it was cut.
 *
 *     offset 0   8 bytes   "SEEPBLK1"                              once, at the start of the file
 *     block      u32 magic "SBLK" | u8 type | u8 codec | u16 0 | u32 stored bytes | u32 raw bytes
 *                | u64 XXH64 | stored bytes                       (numbers little-endian)
 *
 * The checksum is that of the stored bytes, seeded with that of the 16 bytes of header before it.
 * Codec 0 is none, 1 zlib (RFC 1950). docs/FORMAT.md is normative. What a block's raw bytes mean is
 * not known here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { BLOCK_MAX_RAW_BYTES = 64 << 20, BLOCK_MARK_BYTES = 8 };

enum block_type {
    BLOCK_EVENTS = 1,        /* evidence/event_code.h */
    BLOCK_EVENTS_END = 2,    /* the events were written to their end */
    BLOCK_SNAPSHOT = 3,      /* one record of evidence/snapshot.h, or the last part of one */
    BLOCK_SNAPSHOT_PART = 4, /* an earlier part of the record that the next block goes on with */
    BLOCK_STACKS = 5,        /* call paths that later blocks of events name: stack_table.h */
};

/* Appends the file's mark; for a fresh file. */
struct seep_error *block_write_mark(int fd);

/* Appends one block holding LEN raw bytes (at most BLOCK_MAX_RAW_BYTES), compressed when that
 * helps, in a single write. On failure (a full disk) the file is cut back to the last whole block.
 * RET_WRITTEN (may be NULL): bytes added to the file. */
struct seep_error *block_write(int fd, uint8_t type, const void *raw, size_t len,
                               uint64_t *ret_written);

/* What the bytes are like, which tells how to compress them. */
enum block_texture {
    BLOCK_TEXT,    /* strings come again */
    BLOCK_NUMBERS, /* only the frequencies of bytes, and runs of one byte, help */
};

struct block_part {
    const void *bytes;
    size_t len;
    enum block_texture texture;
};

/* As block_write, of the parts one after the other. Each is compressed by its own frequencies: the
 * reader knows nothing of parts. */
struct seep_error *block_write_parts(int fd, uint8_t type, const struct block_part *parts,
                                     size_t count, uint64_t *ret_written);

/* Opens DIR_FD's file NAME to go on writing: a fresh one (mode 0600) gets the mark, from one that
 * ends inside a block that torn end is taken away. ERROR_CORRUPT: it is no file of blocks. */
struct seep_error *block_open_append(int dir_fd, const char *name, int *ret_fd);

enum block_step {
    BLOCK_MORE,
    BLOCK_END,
    BLOCK_CUT, /* the file ends inside a block, or a block's checksum is wrong: nothing follows */
};

struct block_reader {
    int fd;          /* the caller's */
    uint64_t offset; /* of the next block: all before it is whole */
    struct buffer stored, raw;
};

void block_reader_init(struct block_reader *r, int fd);
void block_reader_deinit(struct block_reader *r);

/* The next block's type and raw bytes (r->raw, valid until the next call; a caller that keeps them
 * takes r->raw.bytes and clears r->raw to {0}). ERROR_CORRUPT: not a file of blocks, or a whole
 * block that does not expand. */
struct seep_error *block_reader_next(struct block_reader *r, uint8_t *ret_type,
                                     enum block_step *ret_step);
