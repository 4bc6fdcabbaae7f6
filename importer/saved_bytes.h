/*
 * Memory that a file holds in pieces, read by address: what is behind raw dumps, hexdumps and cores.
 *
 *     file      |aaaaaaaa|bbbb|                saved_bytes_add(s, 0x1000, 8, at 0)
 *     memory    0x1000 aaaaaaaa 0x3000 bbbb    saved_bytes_add(s, 0x3000, 4, at 8)
 *               |  page   |     |  page   |    a page of which a part is there is zeros elsewhere,
 *                                              others are holes
 *
 *     saved_bytes_source(s, &source)           as often as needed; each keeps the whole alive
 *
 * Not for several threads at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "evidence/mem_source.h"

enum { SAVED_BYTES_PATTERN = 32, SAVED_BYTES_PAGE = 4096 };

struct saved_bytes;

/* FD: read with pread(2); taken over, also on failure. */
struct seep_error *saved_bytes_create(int fd, struct saved_bytes **ret_saved);

/* The creator's hold on it; sources that were made go on. */
void saved_bytes_destroy(struct saved_bytes *saved);
DEFINE_CLEANUP(struct saved_bytes *, saved_bytes_destroy);

/* LEN bytes at ADDR lie at FILE_AT of the file. Where pieces overlap, the one that begins later
 * holds. ADDR + LEN must not wrap. */
struct seep_error *saved_bytes_add(struct saved_bytes *saved, uint64_t addr, uint64_t len,
                                   uint64_t file_at);

/* LEN bytes at ADDR repeat the PATTERN_LEN ones of PATTERN. */
struct seep_error *saved_bytes_repeat(struct saved_bytes *saved, uint64_t addr, uint64_t len,
                                      const void *pattern, size_t pattern_len);

/* Sorts the pieces; call it when all were added. */
void saved_bytes_settle(struct saved_bytes *saved);

/* The pages from the first at or behind ADDR on, up to a gap of at least GAP_BYTES (whole pages)
 * without a byte. false: none are left. */
bool saved_bytes_run(const struct saved_bytes *saved, uint64_t addr, uint64_t gap_bytes,
                     uint64_t *ret_start, uint64_t *ret_end);

/* How many bytes there are. */
uint64_t saved_bytes_count(const struct saved_bytes *saved);

struct seep_error *saved_bytes_source(struct saved_bytes *saved, struct mem_source **ret_source);
