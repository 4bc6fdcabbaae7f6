#include "content/wide_filter.h"

#include "base/cleanup.h"
#include "content/unicode.h"

enum { PAGE_POINTS = 256, SURROGATES = 0xd8, SURROGATES_END = 0xe0 };

/* The masks behind those of the groups. */
enum { LOW_TAB, LOW_ASCII, LOW_LATIN, ZERO };

static const struct mask_range others[WIDE_FILTER_OTHERS] = {
    [LOW_TAB] = {'\t', '\t'},
    [LOW_ASCII] = {0x20, 0x7e},
    [LOW_LATIN] = {0xa0, 0xff},
    [ZERO] = {0, 0},
};

static bool belongs(enum unicode_script script, size_t group)
{
    switch (script) {
    case UNICODE_NONE:
    case UNICODE_RARE:
        return false;
    case UNICODE_COMMON:
        return true;
    case UNICODE_HAN:
        return group == 0;
    case UNICODE_HANGUL:
        return group == 1;
    default:
        return group == 2;
    }
}

/* True when a character of the group has this upper byte. */
static bool has(const uint8_t *scripts, size_t group, unsigned upper)
{
    if (upper >= SURROGATES && upper < SURROGATES_END)
        return true;
    for (unsigned low = 0; low < PAGE_POINTS; low++)
        if (belongs((enum unicode_script)scripts[upper << 8 | low], group))
            return true;
    return false;
}

/* Joins the two ranges with the fewest bytes between them. */
static void join_nearest(struct mask_range *ranges, size_t *count)
{
    size_t nearest = 0;

    for (size_t i = 1; i + 1 < *count; i++)
        if (ranges[i + 1].low - ranges[i].high < ranges[nearest + 1].low - ranges[nearest].high)
            nearest = i;
    ranges[nearest].high = ranges[nearest + 1].high;
    --*count;
    for (size_t i = nearest + 1; i < *count; i++)
        ranges[i] = ranges[i + 1];
}

void wide_filter_init(struct wide_filter *filter, const uint8_t *scripts)
{
    *filter = (struct wide_filter){0};
    for (size_t g = 0; g < WIDE_FILTER_GROUPS; g++) {
        struct mask_range ranges[PAGE_POINTS / 2 + 1];
        size_t count = 0;

        /* Of an upper byte of zero the lower one tells: see others. */
        for (unsigned upper = 1; upper < PAGE_POINTS; upper++) {
            if (!has(scripts, g, upper))
                continue;
            if (count && ranges[count - 1].high + 1U == upper)
                ranges[count - 1].high = (uint8_t)upper;
            else
                ranges[count++] = (struct mask_range){(uint8_t)upper, (uint8_t)upper};
        }
        while (count > WIDE_FILTER_RANGES)
            join_nearest(ranges, &count);
        filter->counts[g] = count;
        for (size_t i = 0; i < count; i++)
            filter->ranges[filter->count++] = ranges[i];
    }
    for (size_t i = 0; i < WIDE_FILTER_OTHERS; i++)
        filter->ranges[filter->count++] = others[i];
}

/* What is asked of each byte: may it be the upper one of a group's character; is it zero; may it be
 * the lower one where the upper is zero. */
struct bytes_told {
    uint64_t upper[WIDE_FILTER_GROUPS][MASKS_BLOCKS];
    uint64_t zero[MASKS_BLOCKS], low[MASKS_BLOCKS];
    size_t blocks;
};

static void tell_blocks(const struct wide_filter *filter, const uint8_t *bytes, size_t blocks,
                        struct bytes_told *told)
{
    uint64_t in[WIDE_FILTER_GROUPS * WIDE_FILTER_RANGES + WIDE_FILTER_OTHERS][MASKS_BLOCKS];
    size_t first = told->blocks;

    masks_bytes(bytes, blocks, filter->ranges, filter->count, in);
    for (size_t b = 0; b < blocks; b++) {
        size_t range = 0;

        for (size_t g = 0; g < WIDE_FILTER_GROUPS; g++) {
            uint64_t mask = 0;

            for (size_t i = 0; i < filter->counts[g]; i++)
                mask |= in[range++][b];
            told->upper[g][first + b] = mask;
        }
        told->zero[first + b] = in[range + ZERO][b];
        told->low[first + b] =
            in[range + LOW_TAB][b] | in[range + LOW_ASCII][b] | in[range + LOW_LATIN][b];
    }
    told->blocks += blocks;
}

/* The LEN bytes, and all set behind them. */
static void tell_bytes(const struct wide_filter *filter, const uint8_t *bytes, size_t len,
                       struct bytes_told *told)
{
    size_t whole = len / MASKS_BLOCK_BYTES, rest = len % MASKS_BLOCK_BYTES;

    told->blocks = 0;
    if (whole)
        tell_blocks(filter, bytes, whole, told);
    if (rest) {
        uint8_t room[MASKS_BLOCK_BYTES];
        uint64_t unknown = ~0ULL << rest;

        tell_blocks(filter, masks_pad(room, bytes + whole * MASKS_BLOCK_BYTES, rest), 1, told);
        for (size_t g = 0; g < WIDE_FILTER_GROUPS; g++)
            told->upper[g][whole] |= unknown;
        told->zero[whole] |= unknown;
        told->low[whole] |= unknown;
    }
}

/* Bits of MASKS one byte on, from block B. */
static inline uint64_t next_byte(const uint64_t *masks, size_t b, size_t blocks)
{
    return masks[b] >> 1 | (b + 1 < blocks ? masks[b + 1] << 63 : 1ULL << 63);
}

static inline uint64_t units_alive(const struct bytes_told *told, size_t group, size_t b, bool big)
{
    const uint64_t *upper = told->upper[group];

    if (big)
        return upper[b] | (told->zero[b] & next_byte(told->low, b, told->blocks));
    return next_byte(upper, b, told->blocks) |
           (next_byte(told->zero, b, told->blocks) & told->low[b]);
}

static void find_places(const struct bytes_told *told, size_t blocks, unsigned run, bool big,
                        struct wide_places *places)
{
    uint64_t alive[WIDE_FILTER_GROUPS], next[WIDE_FILTER_GROUPS];

    for (size_t g = 0; g < WIDE_FILTER_GROUPS; g++)
        next[g] = units_alive(told, g, 0, big);
    for (size_t b = 0; b < blocks; b++) {
        places->starts[b] = places->alive[b] = 0;
        for (size_t g = 0; g < WIDE_FILTER_GROUPS; g++) {
            alive[g] = next[g];
            next[g] = b + 1 < told->blocks ? units_alive(told, g, b + 1, big) : UINT64_MAX;
            places->alive[b] |= alive[g];

            unsigned __int128 rows = (unsigned __int128)next[g] << 64 | alive[g];

            for (unsigned have = 1; have < run && (uint64_t)rows;) {
                unsigned step = have < run - have ? have : run - have;

                rows &= rows >> 2 * step;
                have += step;
            }
            places->starts[b] |= (uint64_t)rows;
        }
    }
}

void wide_filter_fill(const struct wide_filter *filter, const uint8_t *bytes, size_t len,
                      size_t ahead, size_t min_chars, struct wide_places *ret_little,
                      struct wide_places *ret_big)
{
    struct bytes_told told;
    size_t blocks = (len + MASKS_BLOCK_BYTES - 1) / MASKS_BLOCK_BYTES;
    size_t most = (blocks + 1) * MASKS_BLOCK_BYTES;
    unsigned run = min_chars < WIDE_FILTER_RUN ? (unsigned)min_chars : WIDE_FILTER_RUN;

    tell_bytes(filter, bytes, ahead < most - len ? len + ahead : most, &told);
    if (ret_little)
        find_places(&told, blocks, run, false, ret_little);
    if (ret_big)
        find_places(&told, blocks, run, true, ret_big);
}
