#include "content/byte_strings.h"

#include <string.h>

#include "base/utf8.h"
#include "content/masks.h"
#include "content/unicode.h"

void byte_strings_deinit(struct byte_strings *lane)
{
    buffer_deinit(&lane->head);
    buffer_deinit(&lane->text);
}

/* --- strings, out of runs that are long enough --- */

static struct seep_error *deliver(struct byte_strings *lane, const char *text, size_t len,
                                  bool continued)
{
    struct strings_found found = {
        .address = lane->start,
        .text = text,
        .len = len,
        .raw_len = len,
        .encoding = lane->utf8 && (lane->wide || !lane->ascii_apart) ? STRINGS_UTF8 : STRINGS_ASCII,
        .continued = continued,
    };

    lane->start += len;
    return lane->found(&found, lane->context);
}

static struct seep_error *end_string(struct byte_strings *lane)
{
    struct seep_error *err = NULL;

    if (lane->text.len && lane->chars >= lane->min_chars && lane->raw_len >= lane->min_bytes)
        err = deliver(lane, lane->text.bytes, lane->text.len, false);
    buffer_clear(&lane->text);
    lane->chars = lane->raw_len = 0;
    lane->wide = false;
    return err;
}

/* Room for LEN more bytes: what is full goes out, now that more follows. */
static struct seep_error *make_room(struct byte_strings *lane, size_t len)
{
    if (lane->text.len + len <= STRINGS_MAX_BYTES)
        return NULL;

    struct seep_error *err = deliver(lane, lane->text.bytes, lane->text.len, true);

    buffer_clear(&lane->text);
    return err;
}

/* CHARS characters at ADDRESS, contiguous with the open string if there is one. */
static struct seep_error *append(struct byte_strings *lane, uint64_t address, const uint8_t *bytes,
                                 size_t len, size_t chars)
{
    if (lane->chars == 0)
        lane->start = address;
    lane->chars += chars;
    lane->raw_len += len;
    buffer_bytes(&lane->text, bytes, len);
    return lane->text.failed ? error_no_memory() : NULL;
}

static struct seep_error *append_ascii(struct byte_strings *lane, uint64_t address,
                                       const uint8_t *bytes, size_t len)
{
    struct seep_error *err = NULL;

    while (len && !err) {
        err = make_room(lane, 1);
        if (err)
            break;

        size_t room = STRINGS_MAX_BYTES - lane->text.len;
        size_t step = len < room ? len : room;

        err = append(lane, address, bytes, step, step);
        address += step;
        bytes += step;
        len -= step;
    }
    return err;
}

static size_t ascii_prefix(const struct byte_strings *lane, const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len &&
           ((bytes[n] >= 0x20 && bytes[n] < 0x7f) || (bytes[n] == '\t' && !lane->without_tabs)))
        n++;
    return n;
}

/* True when LEN bytes may be the beginning of a longer sequence. */
static bool is_cut(const uint8_t *bytes, size_t len)
{
    size_t need = utf8_length(bytes[0]);

    if (need <= len)
        return false;
    for (size_t i = 1; i < len; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return false;
    return true;
}

/* One character that is not printable ASCII, or none, at the front of BYTES; RET_STEP: how many
 * bytes are done with, 0 when more are needed to tell. */
static struct seep_error *take_wide(struct byte_strings *lane, uint64_t address,
                                    const uint8_t *bytes, size_t len, size_t *ret_step)
{
    uint32_t point = 0;
    size_t step = utf8_decode(bytes, len, &point);
    struct seep_error *err;

    if (step == 0 && is_cut(bytes, len)) {
        *ret_step = 0;
        return NULL;
    }
    if (step && unicode_script(point) != UNICODE_NONE && point != '\t') {
        err = make_room(lane, step);
        if (!err)
            err = append(lane, address, bytes, step, 1);
        lane->wide = true;
    } else {
        err = end_string(lane);
        step = 1;
    }
    *ret_step = step;
    return err;
}

/* Bytes of a long enough run, contiguous with the ones before. */
static struct seep_error *feed(struct byte_strings *lane, uint64_t address, const uint8_t *bytes,
                               size_t len)
{
    if (!lane->utf8)
        return append_ascii(lane, address, bytes, len);

    size_t at = 0;
    struct seep_error *err = NULL;

    while (lane->cut_len && at < len && !err) {
        size_t step;

        lane->cut[lane->cut_len++] = bytes[at++];
        err = take_wide(lane, address + at - lane->cut_len, lane->cut, lane->cut_len, &step);
        if (err || step == 0)
            continue;
        /* A sequence that was not completed holds only continuations, with which none begins:
         * but the last byte may begin anything. */
        if (step < lane->cut_len)
            at--;
        lane->cut_len = 0;
    }
    while (at < len && !err) {
        size_t step = ascii_prefix(lane, bytes + at, len - at);

        if (step) {
            err = append_ascii(lane, address + at, bytes + at, step);
            at += step;
            continue;
        }
        err = take_wide(lane, address + at, bytes + at, len - at, &step);
        if (!err && step == 0) {
            lane->cut_len = len - at;
            memcpy(lane->cut, bytes + at, lane->cut_len);
            break;
        }
        at += step;
    }
    return err;
}

/* --- runs --- */

/* The open run gets the LEN bytes at BYTES and ends there, or (OPEN) with the piece. */
static struct seep_error *close_run(struct byte_strings *lane, uint64_t address,
                                    const uint8_t *bytes, size_t len, bool open)
{
    size_t total = lane->run_len + len;
    struct seep_error *err = NULL;

    if (total < lane->min_bytes) {
        if (open)
            buffer_bytes(&lane->head, bytes, len);
        if (lane->head.failed)
            return error_no_memory();
    } else {
        if (lane->head.len)
            err = feed(lane, address - lane->head.len, (const uint8_t *)lane->head.bytes,
                       lane->head.len);
        if (!err)
            err = feed(lane, address, bytes, len);
        buffer_clear(&lane->head);
        if (!err && !open) {
            err = end_string(lane);
            lane->cut_len = 0;
        }
    }
    if (!open)
        buffer_clear(&lane->head);
    lane->run_len = open ? total : 0;
    return err;
}

/* True when a run is one string: no byte of it is part of a longer character or ends the string. */
static inline bool is_one_string(const struct byte_strings *lane, const uint8_t *bytes, size_t len)
{
    uint64_t all = 0, word;
    size_t at = 0;

    if (!lane->utf8)
        return true;
    for (; at + sizeof(word) <= len; at += sizeof(word)) {
        memcpy(&word, bytes + at, sizeof(word));
        all |= word;
    }
    for (; at < len; at++)
        all |= bytes[at];
    return !(all & UINT64_C(0x8080808080808080)) &&
           !(lane->without_tabs && memchr(bytes, '\t', len));
}

/* A whole run inside one piece. */
static inline struct seep_error *whole_run(struct byte_strings *lane, uint64_t address,
                                           const uint8_t *bytes, size_t len)
{
    if (len < lane->min_bytes)
        return NULL;
    if (len > STRINGS_MAX_BYTES || !is_one_string(lane, bytes, len))
        return close_run(lane, address, bytes, len, false);
    lane->start = address;
    return deliver(lane, (const char *)bytes, len, false);
}

/* The runs in COUNT (up to 64) bytes at offset AT of the piece, of which MASK tells. *FROM is where
 * the open run begins, SIZE_MAX when none is. */
static struct seep_error *walk(struct byte_strings *lane, const uint8_t *bytes, size_t at,
                               unsigned count, uint64_t mask, size_t *from)
{
    uint64_t all = count == 64 ? UINT64_MAX : (1ULL << count) - 1;
    struct seep_error *err = NULL;

    mask &= all;
    if (*from != SIZE_MAX) {
        if (mask == all)
            return NULL;

        unsigned lead = (unsigned)__builtin_ctzll(~mask);

        err = lane->run_len
                  ? close_run(lane, lane->address + *from, bytes + *from, at + lead - *from, false)
                  : whole_run(lane, lane->address + *from, bytes + *from, at + lead - *from);
        *from = SIZE_MAX;
        mask = mask >> lead << lead;
    }
    if (mask >> (count - 1)) {
        unsigned tail = mask == all ? count : (unsigned)__builtin_clzll(~(mask << (64 - count)));

        *from = at + count - tail;
        mask &= tail == 64 ? 0 : all >> tail;
    }
    if (lane->min_bytes > 62 || masks_runs(mask, (unsigned)lane->min_bytes) == 0)
        return err;
    while (mask && !err) {
        unsigned start = (unsigned)__builtin_ctzll(mask);
        unsigned len = (unsigned)__builtin_ctzll(~(mask >> start));

        err = whole_run(lane, lane->address + at + start, bytes + at + start, len);
        mask = mask >> (start + len) << (start + len);
    }
    return err;
}

/* Bits of the bytes of BLOCKS blocks that may be text. ASCII: what `strings` calls printable,
 * isprint(3) in the C locale and tab. UTF-8: a superset of the bytes that well-formed text is made
 * of, each lead byte with a continuation after it, each continuation with a lead or continuation
 * before it; what lies over a block's edges is not known and allowed. */
static void possible(const struct byte_strings *lane, const uint8_t *bytes, size_t blocks,
                     uint64_t ret_masks[MASKS_BLOCKS])
{
    static const struct mask_range ranges[] = {
        {0x20, 0x7e}, {'\t', '\t'}, {0xc2, 0xf4}, {0x80, 0xbf}};
    uint64_t in[ARRAY_SIZE(ranges)][MASKS_BLOCKS];

    masks_bytes(bytes, blocks, ranges, lane->utf8 ? 4 : 2, in);
    for (size_t b = 0; b < blocks; b++)
        ret_masks[b] = in[0][b] | in[1][b];
    for (size_t b = 0; b < blocks && lane->utf8; b++) {
        uint64_t lead = in[2][b], more = in[3][b];

        ret_masks[b] |= (lead & (more >> 1 | 1ULL << 63)) | (more & ((lead | more) << 1 | 1));
    }
}

struct seep_error *byte_strings_push(struct byte_strings *lane, const uint8_t *bytes, size_t len)
{
    uint64_t masks[MASKS_BLOCKS];
    size_t from = lane->run_len ? 0 : SIZE_MAX;
    size_t at = 0;
    struct seep_error *err = NULL;

    while (len - at >= MASKS_BLOCK_BYTES && !err) {
        size_t blocks = (len - at) / MASKS_BLOCK_BYTES;

        if (blocks > MASKS_BLOCKS)
            blocks = MASKS_BLOCKS;
        possible(lane, bytes + at, blocks, masks);
        for (size_t b = 0; b < blocks && !err; b++, at += MASKS_BLOCK_BYTES)
            if (masks[b] || from != SIZE_MAX)
                err = walk(lane, bytes, at, MASKS_BLOCK_BYTES, masks[b], &from);
    }
    if (!err && at < len) {
        uint8_t room[MASKS_BLOCK_BYTES];

        possible(lane, masks_pad(room, bytes + at, len - at), 1, masks);
        /* What follows is not known: a lead byte at the end may have its continuation. */
        if (lane->utf8 && bytes[len - 1] >= 0xc2)
            masks[0] |= 1ULL << (len - at - 1);
        err = walk(lane, bytes, at, (unsigned)(len - at), masks[0], &from);
    }
    if (!err && from != SIZE_MAX)
        err = close_run(lane, lane->address + from, bytes + from, len - from, true);
    lane->address += len;
    return err;
}

struct seep_error *byte_strings_restart(struct byte_strings *lane, uint64_t address)
{
    struct seep_error *err = NULL;

    if (lane->run_len)
        err = close_run(lane, lane->address, NULL, 0, false);
    lane->address = address;
    return err;
}

uint64_t byte_strings_settled(const struct byte_strings *lane)
{
    if (lane->chars)
        return lane->start;
    return lane->address - (lane->head.len ? lane->head.len : lane->cut_len);
}

bool byte_strings_is_open(const struct byte_strings *lane, uint64_t *ret_end)
{
    if (lane->chars < lane->min_chars || lane->raw_len < lane->min_bytes)
        return false;
    *ret_end = lane->address - lane->cut_len;
    return true;
}
