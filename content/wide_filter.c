#include "content/wide_filter.h"

#include <string.h>

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

/* Rows of masks, done four at a time. Behind those that are told all bits are set, up to the end of
 * the next four, so that each has a next one. */
enum { AT_ONCE = 4 };

struct row {
    uint64_t masks[MASKS_BLOCKS + 2 * AT_ONCE];
};

typedef uint64_t four_masks __attribute__((vector_size(8 * AT_ONCE), aligned(8), may_alias));

static inline four_masks *four_at(struct row *row, size_t b)
{
    return (four_masks *)(row->masks + b);
}

static void copy_row(const uint64_t *masks, size_t blocks, struct row *row)
{
    memcpy(row->masks, masks, blocks * sizeof(*masks));
    memset(row->masks + blocks, 0xff, 2 * AT_ONCE * sizeof(*masks));
}

/* Bit i of TO becomes bit i + BY, of 1 to 63, of ROW. */
static inline void shift_row(struct row *row, size_t blocks, unsigned by, struct row *to)
{
    for (size_t b = 0; b < blocks; b += AT_ONCE)
        *four_at(to, b) = *four_at(row, b) >> by | *four_at(row, b + 1) << (64 - by);
    memset(to->masks + blocks, 0xff, AT_ONCE * sizeof(*to->masks));
}

static inline void and_row(struct row *row, size_t blocks, struct row *other)
{
    for (size_t b = 0; b < blocks; b += AT_ONCE)
        *four_at(row, b) &= *four_at(other, b);
}

static inline void or_row(struct row *row, size_t blocks, struct row *other)
{
    for (size_t b = 0; b < blocks; b += AT_ONCE)
        *four_at(row, b) |= *four_at(other, b);
}

/* BLOCKS of those told are wanted. */
static void find_places(const struct bytes_told *told, size_t blocks, unsigned run, bool big,
                        struct wide_places *places)
{
    struct row zero, low, with_zero, upper, alive, shifted, any, starts;
    size_t all = told->blocks;

    copy_row(told->zero, all, &zero);
    copy_row(told->low, all, &low);
    /* A unit's other byte is the next one. */
    shift_row(big ? &low : &zero, all, 1, &with_zero);
    and_row(&with_zero, all, big ? &zero : &low);
    memset(any.masks, 0, (all + AT_ONCE) * sizeof(*any.masks));
    memset(starts.masks, 0, (all + AT_ONCE) * sizeof(*starts.masks));
    for (size_t g = 0; g < WIDE_FILTER_GROUPS; g++) {
        copy_row(told->upper[g], all, big ? &alive : &upper);
        if (!big)
            shift_row(&upper, all, 1, &alive);
        or_row(&alive, all, &with_zero);
        or_row(&any, all, &alive);
        for (unsigned have = 1; have < run;) {
            unsigned step = have < run - have ? have : run - have;

            shift_row(&alive, all, 2 * step, &shifted);
            and_row(&alive, all, &shifted);
            have += step;
        }
        or_row(&starts, all, &alive);
    }
    memcpy(places->alive, any.masks, blocks * sizeof(*any.masks));
    memcpy(places->starts, starts.masks, blocks * sizeof(*starts.masks));
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

void wide_filter_pass(size_t len, struct wide_places *ret_places)
{
    size_t blocks = (len + MASKS_BLOCK_BYTES - 1) / MASKS_BLOCK_BYTES;

    memset(ret_places->starts, 0xff, blocks * sizeof(*ret_places->starts));
    memset(ret_places->alive, 0xff, blocks * sizeof(*ret_places->alive));
}
