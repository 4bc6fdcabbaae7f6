/*
 * Which of many bytes, or 32-bit words, lie in which ranges: the widest vectors that the machine
 * has, chosen when it is asked for the first time.
 *
 *     bytes   "id=1614644953 ok"... 64 bytes a block
 *     digit   ...1111111111....     bit i of a block's mask tells of its byte i
 *
 *     struct mask_range ranges[] = {{'0', '9'}, {':', ':'}};
 *     masks_bytes(bytes, blocks, ranges, 2, masks);            masks[0][b], masks[1][b]
 *
 * SSE2, AVX2 and AVX-512 on x86-64, NEON on aarch64, and plain C. All say the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    MASKS_BLOCK_BYTES = 64,
    MASKS_BLOCKS = 64, /* at once */
};

/* Both ends included. */
struct mask_range {
    uint8_t low, high;
};

struct mask_window {
    uint32_t first, last;
};

/* BLOCKS: up to MASKS_BLOCKS. */
void masks_bytes(const uint8_t *bytes, size_t blocks, const struct mask_range *ranges, size_t count,
                 uint64_t (*ret_masks)[MASKS_BLOCKS]);

/* Bit i of a block's mask: its i-th little-endian word lies in any of the windows. */
void masks_words(const uint8_t *bytes, size_t blocks, const struct mask_window *windows,
                 size_t count, uint16_t *ret_masks);

/* "plain", "sse2", "avx2", "avx512", "neon": uses that from here on, in all threads; false when this
 * machine has it not. NULL: the best again. */
bool masks_use(const char *name);
const char *masks_name(void);

/* Bits at which N (1 to 64) set bits of MASK in a row begin. */
static inline uint64_t masks_runs(uint64_t mask, unsigned n)
{
    for (unsigned have = 1; have < n && mask;) {
        unsigned step = have < n - have ? have : n - have;

        mask &= mask >> step;
        have += step;
    }
    return mask;
}

/* The LEN (< 64) bytes, and zeros behind them. */
static inline const uint8_t *masks_pad(uint8_t room[MASKS_BLOCK_BYTES], const uint8_t *bytes,
                                       size_t len)
{
    memset(room, 0, MASKS_BLOCK_BYTES);
    memcpy(room, bytes, len);
    return room;
}
