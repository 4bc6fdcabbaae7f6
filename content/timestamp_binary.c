#include "content/timestamp_binary.h"

#include <endian.h>
#include <string.h>

#include "base/units.h"
#include "content/masks.h"

enum {
    WORD = 8,
    INSTANT_LEAST_NS = 1000, /* less before some seconds is a small number, and no fraction */
    MAX_WINDOWS = 8,
    CODE_PAIRS = 6, /* in TIMESTAMP_BINARY_AROUND bytes before and behind */
    PREFIX_RANGES = 4,
};

/* --- one word --- */

struct scan {
    const struct timestamp_view *v;
    const struct timestamp_windows *windows;
    uint32_t forms;
    timestamps_callback found;
    void *context;
    struct seep_error *err;
};

/* The word at AT, read with this machine's help; false: it does not lie in the view. */
static inline bool word_at(const struct timestamp_view *v, int64_t at, uint64_t *ret_word)
{
    uint64_t word;

    if (at < 0 || at + WORD > (int64_t)v->len)
        return false;
    memcpy(&word, v->bytes + at, sizeof(word));
    *ret_word = le64toh(word);
    return true;
}

static bool is_zero_or_none(const struct timestamp_view *v, int64_t at)
{
    uint64_t word = 0;

    return !word_at(v, at, &word) || word == 0;
}

/* How many whole blocks there are at AT in which something is to be told, up to MASKS_BLOCKS. */
static size_t blocks_at(const struct timestamp_view *v, size_t at)
{
    size_t there = (v->len - at) / MASKS_BLOCK_BYTES;
    size_t wanted = (v->to - at + MASKS_BLOCK_BYTES - 1) / MASKS_BLOCK_BYTES;
    size_t blocks = there < wanted ? there : wanted;

    return blocks < MASKS_BLOCKS ? blocks : MASKS_BLOCKS;
}

/* What bytes may be in pairs that are everywhere in x86-64 code: the first and the second of a REX
 * prefix with a move, lea, arithmetic, test or two-byte opcode; the same of VEX and EVEX prefixes. */
enum pair { REX = 1, REX_NEXT = 2, VEX = 4, VEX_NEXT = 8 };

static const uint8_t pair_bytes[256] = {
    [0x41] = REX | VEX_NEXT,
    [0x44] = REX,
    [0x45] = REX,
    [0x48] = REX,
    [0x49] = REX,
    [0x4c] = REX,
    [0x4d] = REX,
    [0x01] = REX_NEXT,
    [0x0f] = REX_NEXT,
    [0x29] = REX_NEXT,
    [0x31] = REX_NEXT,
    [0x39] = REX_NEXT,
    [0x3b] = REX_NEXT,
    [0x63] = REX_NEXT | VEX_NEXT,
    [0x81] = REX_NEXT,
    [0x83] = REX_NEXT,
    [0x85] = REX_NEXT,
    [0x89] = REX_NEXT,
    [0x8b] = REX_NEXT,
    [0x8d] = REX_NEXT,
    [0xc7] = REX_NEXT,
    [0xf7] = REX_NEXT,
    [0xff] = REX_NEXT,
    [0xc4] = VEX,
    [0xc5] = VEX,
    [0x62] = VEX,
    [0x42] = VEX_NEXT,
    [0x43] = VEX_NEXT,
    [0x61] = VEX_NEXT,
    [0x71] = VEX_NEXT,
    [0xc1] = VEX_NEXT,
    [0xc2] = VEX_NEXT,
    [0xc3] = VEX_NEXT,
    [0xd1] = VEX_NEXT,
    [0xd5] = VEX_NEXT,
    [0xdd] = VEX_NEXT,
    [0xe1] = VEX_NEXT,
    [0xe2] = VEX_NEXT,
    [0xe3] = VEX_NEXT,
    [0xe5] = VEX_NEXT,
    [0xed] = VEX_NEXT,
    [0xf1] = VEX_NEXT,
    [0xf2] = VEX_NEXT,
    [0xf3] = VEX_NEXT,
    [0xf5] = VEX_NEXT,
    [0xf8] = VEX_NEXT,
    [0xf9] = VEX_NEXT,
    [0xfa] = VEX_NEXT,
    [0xfb] = VEX_NEXT,
    [0xfc] = VEX_NEXT,
    [0xfd] = VEX_NEXT,
};

/* The upper bytes of the commonest instructions of aarch64. */
static const uint8_t upper_bytes[256] = {
    [0x0a] = 1, [0x0b] = 1, [0x11] = 1, [0x12] = 1, [0x14] = 1, [0x17] = 1, [0x2a] = 1, [0x34] = 1,
    [0x35] = 1, [0x36] = 1, [0x37] = 1, [0x39] = 1, [0x52] = 1, [0x54] = 1, [0x6b] = 1, [0x71] = 1,
    [0x72] = 1, [0x8b] = 1, [0x90] = 1, [0x91] = 1, [0x92] = 1, [0x94] = 1, [0x97] = 1, [0xa8] = 1,
    [0xa9] = 1, [0xaa] = 1, [0xb0] = 1, [0xb4] = 1, [0xb5] = 1, [0xb8] = 1, [0xb9] = 1, [0xcb] = 1,
    [0xd0] = 1, [0xd2] = 1, [0xd6] = 1, [0xeb] = 1, [0xf0] = 1, [0xf1] = 1, [0xf8] = 1, [0xf9] = 1,
};

/* Of machine code any eight bytes are a number, and those of one function are alike. */
static bool is_code(const struct timestamp_view *v, size_t at)
{
    size_t from = at > TIMESTAMP_BINARY_AROUND ? at - TIMESTAMP_BINARY_AROUND : 0;
    size_t to = v->len - at > TIMESTAMP_BINARY_AROUND ? at + TIMESTAMP_BINARY_AROUND : v->len;
    size_t pairs = 0, uppers = 0, words = 0;

    for (size_t i = from; i + 1 < to; i++)
        pairs += (pair_bytes[v->bytes[i]] << 1 & pair_bytes[v->bytes[i + 1]] &
                  (REX_NEXT | VEX_NEXT)) != 0;
    for (size_t i = from + (-(v->address + from) & 3); i + 3 < to; i += 4, words++)
        uppers += upper_bytes[v->bytes[i + 3]];
    return pairs >= CODE_PAIRS || (words >= TIMESTAMP_BINARY_AROUND / 4 && 3 * uppers > 2 * words);
}

static void tell(struct scan *s, size_t at, uint64_t epoch_ns, enum timestamps_form form,
                 bool doubtful)
{
    struct timestamps_found found = {s->v->address + at, epoch_ns, form, doubtful};

    if (!s->err && s->forms >> form & 1 && !is_code(s->v, at))
        s->err = s->found(&found, s->context);
}

static void judge_seconds(struct scan *s, size_t at, uint64_t seconds)
{
    uint64_t behind, before, ns = 0;

    if (word_at(s->v, (int64_t)at + WORD, &behind) && behind > 0 && behind < NS_PER_S)
        ns = behind < NS_PER_S / NS_PER_US ? behind * NS_PER_US : behind;
    else if (word_at(s->v, (int64_t)at - WORD, &before) && before >> 32 >= INSTANT_LEAST_NS &&
             before >> 32 < NS_PER_S)
        ns = before >> 32;
    if (ns)
        tell(s, at, seconds * NS_PER_S + ns, TIMESTAMPS_BINARY_S_NS, true);
}

/* The word at AT, at a multiple of 8. */
static void judge_aligned(struct scan *s, size_t at, uint64_t word)
{
    const struct timestamp_windows *w = s->windows;
    bool alone =
        is_zero_or_none(s->v, (int64_t)at - WORD) && is_zero_or_none(s->v, (int64_t)at + WORD);

    if (timestamp_window_has(&w->ms, word))
        tell(s, at, word * NS_PER_MS, TIMESTAMPS_BINARY_MS, !alone);
    if (timestamp_window_has(&w->ns, word))
        tell(s, at, word, TIMESTAMPS_BINARY_NS, !alone);
    if (timestamp_window_has(&w->s, word))
        judge_seconds(s, at, word);
    for (size_t i = 0; i < TIMESTAMPS_SNOWFLAKE_EPOCHS; i++)
        if (timestamp_window_has(&w->snowflake[i], word))
            tell(s, at, timestamp_of_snowflake(word, i), TIMESTAMPS_BINARY_SNOWFLAKE, true);
}

/* The word at AT, at a multiple of 4. */
static void judge_word(struct scan *s, size_t at)
{
    uint64_t word;

    if (!word_at(s->v, (int64_t)at, &word))
        return;
    if (timestamp_window_has(&s->windows->filetime, word))
        tell(s, at, timestamp_of_filetime(word), TIMESTAMPS_BINARY_FILETIME, true);
    if ((s->v->address + at) % WORD == 0)
        judge_aligned(s, at, word);
}

/* --- little-endian: words of 32 bits that may be the upper half of a time --- */

static void add_window(struct mask_window *windows, size_t *count,
                       const struct timestamp_window *window, unsigned shift)
{
    uint64_t last = window->last >> shift;

    if (window->first > window->last || window->first >> shift > UINT32_MAX)
        return;
    windows[(*count)++] = (struct mask_window){(uint32_t)(window->first >> shift),
                                               last > UINT32_MAX ? UINT32_MAX : (uint32_t)last};
}

static size_t upper_windows(const struct scan *s, struct mask_window ret_windows[MAX_WINDOWS])
{
    const struct timestamp_windows *w = s->windows;
    size_t count = 0;

    if (s->forms >> TIMESTAMPS_BINARY_MS & 1)
        add_window(ret_windows, &count, &w->ms, 32);
    if (s->forms >> TIMESTAMPS_BINARY_NS & 1)
        add_window(ret_windows, &count, &w->ns, 32);
    if (s->forms >> TIMESTAMPS_BINARY_FILETIME & 1)
        add_window(ret_windows, &count, &w->filetime, 32);
    for (size_t i = 0; i < TIMESTAMPS_SNOWFLAKE_EPOCHS; i++)
        if (s->forms >> TIMESTAMPS_BINARY_SNOWFLAKE & 1)
            add_window(ret_windows, &count, &w->snowflake[i], 32);
    return count;
}

static size_t lower_windows(const struct scan *s, struct mask_window ret_windows[MAX_WINDOWS])
{
    size_t count = 0;

    if (s->forms >> TIMESTAMPS_BINARY_S_NS & 1)
        add_window(ret_windows, &count, &s->windows->s, 0);
    return count;
}

/* The words of 32 bits in the block at AT at which a word of 64 is to be judged. */
static void judge_block(struct scan *s, size_t at, uint32_t starts)
{
    for (; starts && !s->err; starts &= starts - 1) {
        size_t word = at + 4 * (size_t)__builtin_ctz(starts);

        if (word >= s->v->from && word < s->v->to)
            judge_word(s, word);
    }
}

/* In multiples of 4 bytes; the last incomplete block is judged word by word. */
static void scan_little(struct scan *s)
{
    const struct timestamp_view *v = s->v;
    struct mask_window upper[MAX_WINDOWS], lower[MAX_WINDOWS];
    size_t upper_count = upper_windows(s, upper), lower_count = lower_windows(s, lower);
    size_t at = v->from + (-(v->address + v->from) & 3);
    uint32_t carried = 0; /* the last word of the blocks before is a lower half that may count */

    if (upper_count + lower_count == 0)
        return;
    while (at < v->to && at + MASKS_BLOCK_BYTES <= v->len && !s->err) {
        uint16_t ups[MASKS_BLOCKS], lows[MASKS_BLOCKS] = {0};
        size_t blocks = blocks_at(v, at);

        masks_words(v->bytes + at, blocks, upper, upper_count, ups);
        if (lower_count)
            masks_words(v->bytes + at, blocks, lower, lower_count, lows);
        for (size_t b = 0; b < blocks && !s->err; b++, at += MASKS_BLOCK_BYTES) {
            /* An upper half's word begins one word before it, perhaps in the block before. */
            if (ups[b] & 1 && at >= 4 && at - 4 >= v->from)
                judge_block(s, at - 4, 1 & ~carried);
            judge_block(s, at, ups[b] >> 1 | lows[b]);
            carried = lows[b] >> 15;
        }
    }
    if (at >= 4 && at - 4 >= v->from && at - 4 < v->to && !carried && !s->err)
        judge_word(s, at - 4);
    for (; at < v->to && !s->err; at += 4)
        judge_word(s, at);
}

/* --- big-endian: bytes that may be the first of a time --- */

/* A number of which some bytes tell that it may be a time: the first is AT bytes behind where it
 * begins. */
struct pattern {
    size_t at, count;
    struct mask_range ranges[PREFIX_RANGES];
};

/* The first bytes of the numbers in WINDOW, up to the first that may vary. */
static struct pattern prefix(struct timestamp_window window)
{
    struct pattern pattern = {0};

    while (window.first <= window.last && pattern.count < PREFIX_RANGES) {
        unsigned shift = 56 - 8 * (unsigned)pattern.count;
        uint8_t low = (uint8_t)(window.first >> shift), high = (uint8_t)(window.last >> shift);

        pattern.ranges[pattern.count++] = (struct mask_range){low, high};
        if (low != high)
            break;
    }
    return pattern;
}

/* Version 1 has the upper bits of its time in the bytes 6 and 7, behind the version. */
static struct pattern uuid1_pattern(const struct timestamp_window *window)
{
    uint64_t first = window->first >> 48, last = window->last >> 48;
    struct pattern pattern = {.at = 6};

    if (window->first > window->last || last > 0xfff)
        return pattern;
    pattern.count = 1;
    pattern.ranges[0] =
        (struct mask_range){(uint8_t)(0x10 | first >> 8), (uint8_t)(0x10 | last >> 8)};
    if (first >> 8 == last >> 8)
        pattern.ranges[pattern.count++] = (struct mask_range){(uint8_t)first, (uint8_t)last};
    return pattern;
}

/* Where it may begin in block B of COUNT. What lies behind the last is not known and allowed. */
static uint64_t starts(const struct pattern *pattern, uint64_t (*in)[MASKS_BLOCKS], size_t b,
                       size_t count)
{
    uint64_t mask = pattern->count ? UINT64_MAX : 0;

    for (size_t i = 0; i < pattern->count; i++) {
        size_t ahead = pattern->at + i;
        uint64_t next = b + 1 < count ? in[i][b + 1] : UINT64_MAX;

        mask &= ahead ? in[i][b] >> ahead | next << (64 - ahead) : in[i][b];
    }
    return mask;
}

static void judge_uuid(struct scan *s, size_t at, uint64_t most)
{
    uint64_t least, time = (most & 0xfff) << 48 | (most >> 16 & 0xffff) << 32 | most >> 32;

    if (!word_at(s->v, (int64_t)at + WORD, &least) || (least >> 6 & 3) != 2)
        return;
    if ((most >> 12 & 15) == 7 && timestamp_window_has(&s->windows->ms, most >> 16))
        tell(s, at, (most >> 16) * NS_PER_MS, TIMESTAMPS_BINARY_UUID, true);
    else if ((most >> 12 & 15) == 1 && timestamp_window_has(&s->windows->uuid1, time))
        tell(s, at, timestamp_of_uuid1(time), TIMESTAMPS_BINARY_UUID, true);
}

static void judge_big(struct scan *s, size_t at, enum timestamps_form form)
{
    uint64_t word;

    if (!word_at(s->v, (int64_t)at, &word))
        return;
    word = __builtin_bswap64(word);
    if (form == TIMESTAMPS_BINARY_UUID)
        judge_uuid(s, at, word);
    else if (form == TIMESTAMPS_BINARY_BE_MS && timestamp_window_has(&s->windows->ms, word))
        tell(s, at, word * NS_PER_MS, form, true);
    else if (form == TIMESTAMPS_BINARY_BE_NS && timestamp_window_has(&s->windows->ns, word))
        tell(s, at, word, form, true);
}

static void judge_places(struct scan *s, size_t at, uint64_t places, enum timestamps_form form)
{
    for (; places && !s->err; places &= places - 1) {
        size_t place = at + (size_t)__builtin_ctzll(places);

        if (place >= s->v->to)
            break;
        judge_big(s, place, form);
    }
}

/* Numbers that have either pattern. */
static void scan_big(struct scan *s, const struct pattern *one, const struct pattern *other,
                     enum timestamps_form form)
{
    const struct timestamp_view *v = s->v;
    uint64_t in[2][PREFIX_RANGES][MASKS_BLOCKS];
    size_t at = v->from;

    if (one->count + other->count == 0 || !(s->forms >> form & 1))
        return;
    while (at < v->to && at + MASKS_BLOCK_BYTES <= v->len && !s->err) {
        size_t blocks = blocks_at(v, at);

        masks_bytes(v->bytes + at, blocks, one->ranges, one->count, in[0]);
        masks_bytes(v->bytes + at, blocks, other->ranges, other->count, in[1]);
        for (size_t b = 0; b < blocks && !s->err; b++, at += MASKS_BLOCK_BYTES)
            judge_places(s, at, starts(one, in[0], b, blocks) | starts(other, in[1], b, blocks),
                         form);
    }
    for (; at < v->to && !s->err; at++)
        judge_big(s, at, form);
}

/* --- all --- */

struct seep_error *timestamp_binary_scan(const struct timestamp_view *view,
                                         const struct timestamp_windows *windows, uint32_t forms,
                                         timestamps_callback found, void *context)
{
    struct scan s = {view, windows, forms, found, context, NULL};
    struct timestamp_window uuid7 = windows->ms;
    struct pattern none = {0}, ms = prefix(windows->ms), ns = prefix(windows->ns);

    if (uuid7.last >> 48)
        uuid7.last = (UINT64_C(1) << 48) - 1;
    uuid7.first <<= 16;
    uuid7.last = uuid7.last << 16 | 0xffff;

    struct pattern time_first = prefix(uuid7), time_last = uuid1_pattern(&windows->uuid1);

    scan_little(&s);
    scan_big(&s, &ms, &none, TIMESTAMPS_BINARY_BE_MS);
    scan_big(&s, &ns, &none, TIMESTAMPS_BINARY_BE_NS);
    scan_big(&s, &time_first, &time_last, TIMESTAMPS_BINARY_UUID);
    return s.err;
}
