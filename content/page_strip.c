#include "content/page_strip.h"

#include <string.h>

void page_strip_begin(struct page_strip *strip, uint64_t start)
{
    memset(strip, 0, sizeof(*strip));
    strip->start = start & ~(uint64_t)(PAGE_KIND_BYTES - 1);
    strip->pages_per_cell = 1;
}

static void halve(struct page_strip *strip)
{
    for (size_t i = 0; i < PAGE_STRIP_CELLS / 2; i++)
        for (int kind = 0; kind < PAGE_KIND_COUNT; kind++)
            strip->cells[i][kind] = strip->cells[2 * i][kind] + strip->cells[2 * i + 1][kind];
    memset(strip->cells[PAGE_STRIP_CELLS / 2], 0, sizeof(strip->cells) / 2);
    strip->cell_count = (strip->cell_count + 1) / 2;
    strip->pages_per_cell *= 2;
}

void page_strip_add(struct page_strip *strip, uint64_t address, uint64_t count, enum page_kind kind)
{
    uint64_t page = (address - strip->start) / PAGE_KIND_BYTES;

    strip->totals[kind] += count;
    while (count) {
        while (page / strip->pages_per_cell >= PAGE_STRIP_CELLS)
            halve(strip);

        size_t cell = (size_t)(page / strip->pages_per_cell);
        uint64_t room = strip->pages_per_cell - page % strip->pages_per_cell;
        uint64_t now = count < room ? count : room;

        strip->cells[cell][kind] += now;
        if (strip->cell_count <= cell)
            strip->cell_count = cell + 1;
        page += now;
        count -= now;
    }
}

char page_strip_letter(const struct page_strip *strip, size_t cell)
{
    const uint64_t *counts = strip->cells[cell];
    int best = 0;

    for (int kind = 1; kind < PAGE_KIND_COUNT; kind++)
        if (counts[kind] > counts[best])
            best = kind;
    return counts[best] ? page_kind_letter((enum page_kind)best) : (char)PAGE_STRIP_NOTHING;
}

uint64_t page_strip_pages(const struct page_strip *strip)
{
    uint64_t pages = 0;

    for (int kind = 0; kind < PAGE_KIND_COUNT; kind++)
        pages += strip->totals[kind];
    return pages;
}
