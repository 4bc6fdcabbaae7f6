/*
 * Writes an index piece by piece while its memory is being saved, so that a range of any size needs
 * no more than a member's worth of it in memory. dump_index_parse (dump.h) reads it.
 *
 *     "SEEPIDX1" start            dump_index_begin
 *     stored pages runs hashes    dump_index_member, once for each member of the .gz
 *     0 end flags checksum        dump_index_end
 *
 * Knows the bytes only; who writes them where, and keeps the checksum's state, is dump_writer.c.
 */
#pragma once

#include "evidence/dump.h"

enum { DUMP_MEMBER_PAGES = DUMP_MEMBER_BYTES / DUMP_PAGE_BYTES };

void dump_index_begin(uint64_t start, struct buffer *out);

/* One member of PAGE_COUNT pages (DUMP_MEMBER_PAGES, fewer only in the last) that takes
 * STORED_BYTES in the .gz. */
void dump_index_member(uint64_t stored_bytes, const uint8_t *pages, const uint64_t *hashes,
                       size_t page_count, struct buffer *out);

/* All of the end but the checksum over what comes before it: 8 bytes, little-endian. */
void dump_index_end(uint64_t end, bool truncated, struct buffer *out);
