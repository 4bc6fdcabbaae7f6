/*
 * A stretch of memory at a glance: a letter for each page, or for each so many pages, and how many
 * pages there are of each kind.
 *
 *     page_strip_begin(&strip, 0x7f46a0000000);
 *     page_strip_add(&strip, address, count, PAGE_KIND_MAIL);       by address; gaps may lie between
 *     page_strip_letter(&strip, cell)      MMMMMMtttttt....##ZMMMM
 *
 * It has PAGE_STRIP_CELLS places, whatever the length: when they do not suffice, each two become one.
 */
#pragma once

#include <stdint.h>

#include "content/page_kind.h"

enum { PAGE_STRIP_CELLS = 512, PAGE_STRIP_NOTHING = ' ' };

struct page_strip {
    uint64_t start;          /* of the page that the strip begins with */
    uint64_t pages_per_cell; /* a power of two */
    size_t cell_count;       /* up to the last page added */
    uint64_t cells[PAGE_STRIP_CELLS][PAGE_KIND_COUNT];
    uint64_t totals[PAGE_KIND_COUNT]; /* pages */
};

/* START: any address in the first page. */
void page_strip_begin(struct page_strip *strip, uint64_t start);

/* COUNT pages of KIND, the first at ADDRESS, not below the strip's start. */
void page_strip_add(struct page_strip *strip, uint64_t address, uint64_t count,
                    enum page_kind kind);

/* The letter of the commonest kind in CELL; PAGE_STRIP_NOTHING: no page of it was added. */
char page_strip_letter(const struct page_strip *strip, size_t cell);

/* All pages added. */
uint64_t page_strip_pages(const struct page_strip *strip);
