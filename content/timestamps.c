#include "content/timestamps.h"

#include <string.h>

#include "content/masks.h"
#include "content/timestamp_binary.h"
#include "content/timestamp_text.h"

void timestamps_reader_init(struct timestamps_reader *reader,
                            const struct timestamps_options *options, timestamps_callback found,
                            void *context)
{
    *reader = (struct timestamps_reader){.options = *options, .found = found, .context = context};
    timestamp_windows_init(&reader->windows, options);
}

/* --- text --- */

static struct seep_error *tell(struct timestamps_reader *r, const struct timestamp_view *v,
                               struct timestamps_found *found)
{
    if (!(r->options.forms >> found->form & 1))
        return NULL;
    found->address += v->address;
    return r->found(found, r->context);
}

/* Places in 64 bytes at which something was noticed. */
struct noticed {
    uint64_t numbers; /* 8 digits or more begin */
    uint64_t clocks;  /* "dd:dd" begins */
    uint64_t tuples;  /* "dddd," begins */
    uint64_t uuids;   /* dashes stand where a UUID that begins here has them */
};

static bool find(const struct timestamp_text *text, const struct noticed *n, unsigned bit,
                 const struct timestamps_options *options, struct timestamps_found *ret_found)
{
    return (n->numbers >> bit & 1 && timestamp_text_number(text, options, ret_found)) ||
           (n->clocks >> bit & 1 && timestamp_text_clock(text, options, ret_found)) ||
           (n->tuples >> bit & 1 && timestamp_text_python(text, options, ret_found)) ||
           (n->uuids >> bit & 1 && timestamp_text_uuid(text, options, ret_found));
}

static struct seep_error *judge_text(struct timestamps_reader *r, const struct timestamp_view *v,
                                     size_t at, unsigned stride, const struct noticed *n)
{
    struct seep_error *err = NULL;

    for (uint64_t bits = n->numbers | n->clocks | n->tuples | n->uuids; bits && !err;
         bits &= bits - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(bits);
        struct timestamp_text text = {v->bytes, v->len, at + bit, stride};
        struct timestamps_found found;

        if (text.at >= v->to)
            break;
        if (find(&text, n, bit, &r->options, &found))
            err = tell(r, v, &found);
    }
    return err;
}

enum { DIGITS, COLONS, ZEROS, COMMAS, DASHES, MASKS };

static const struct mask_range ranges[MASKS] = {
    [DIGITS] = {'0', '9'}, [COLONS] = {':', ':'}, [ZEROS] = {0, 0},
    [COMMAS] = {',', ','}, [DASHES] = {'-', '-'},
};

/* Masks of the blocks from FIRST on. */
struct masked {
    const struct timestamp_view *v;
    size_t first, blocks;
    uint64_t in[MASKS][MASKS_BLOCKS];
};

/* The masks of the block at AT, in RET_MASKS. Behind the view's end all bytes are zeros. */
static void masks_at(struct masked *m, size_t at, uint64_t ret_masks[MASKS])
{
    const struct timestamp_view *v = m->v;
    size_t b = (at - m->first) / MASKS_BLOCK_BYTES;

    if (at >= v->len) {
        memset(ret_masks, 0, MASKS * sizeof(*ret_masks));
        ret_masks[ZEROS] = UINT64_MAX;
        return;
    }
    if (b >= m->blocks) {
        uint8_t room[MASKS_BLOCK_BYTES];
        size_t there = (v->len - at) / MASKS_BLOCK_BYTES;

        m->first = at;
        m->blocks = there == 0 ? 1 : there < MASKS_BLOCKS ? there : MASKS_BLOCKS;
        masks_bytes(there ? v->bytes + at : masks_pad(room, v->bytes + at, v->len - at), m->blocks,
                    ranges, MASKS, m->in);
        b = 0;
    }
    for (size_t i = 0; i < MASKS; i++)
        ret_masks[i] = m->in[i][b];
}

typedef unsigned __int128 wide_mask;

static inline wide_mask join(uint64_t low, uint64_t high)
{
    return (wide_mask)high << 64 | low;
}

/* BEFORE: the digits of the 64 bytes before. */
static inline struct noticed notice(const wide_mask in[MASKS], uint64_t before, unsigned stride)
{
    wide_mask digits = in[DIGITS], two = digits & digits >> stride;
    wide_mask four = two & two >> 2 * stride, dashes = in[DASHES];
    uint64_t goes_on = (uint64_t)digits << stride | before >> (64 - stride);

    return (struct noticed){
        .numbers = (uint64_t)(four & four >> 4 * stride) & ~goes_on,
        .clocks = (uint64_t)(two & in[COLONS] >> 2 * stride & two >> 3 * stride),
        .tuples = (uint64_t)(four & in[COMMAS] >> 4 * stride) & ~goes_on,
        .uuids = (uint64_t)(dashes >> 8 * stride & dashes >> 13 * stride & dashes >> 18 * stride &
                            dashes >> 23 * stride),
    };
}

static struct seep_error *scan_text(struct timestamps_reader *r, const struct timestamp_view *v)
{
    struct masked masked = {.v = v};
    uint64_t now[MASKS], next[MASKS], before = 0, before_wide = 0;
    struct seep_error *err = NULL;

    masks_at(&masked, v->from, next);
    for (size_t at = v->from; at < v->to && !err; at += MASKS_BLOCK_BYTES) {
        wide_mask in[MASKS];

        memcpy(now, next, sizeof(now));
        masks_at(&masked, at + MASKS_BLOCK_BYTES, next);
        /* A UUID may have its digits behind the block. */
        if ((now[DIGITS] | now[DASHES] | next[DASHES]) == 0) {
            before = before_wide = 0;
            continue;
        }
        for (size_t i = 0; i < MASKS; i++)
            in[i] = join(now[i], next[i]);

        struct noticed plain = notice(in, before, 1);
        wide_mask zeros = in[ZEROS] >> 1 | (wide_mask)1 << 127;

        before = now[DIGITS];
        for (size_t i = 0; i < MASKS; i++)
            in[i] &= zeros;

        struct noticed wide = notice(in, before_wide, 2);

        before_wide = (uint64_t)in[DIGITS];
        err = judge_text(r, v, at, 1, &plain);
        if (!err)
            err = judge_text(r, v, at, 2, &wide);
    }
    return err;
}

/* --- pieces --- */

static struct seep_error *judge(struct timestamps_reader *r, const struct timestamp_view *v)
{
    struct seep_error *err = NULL;

    if (v->from >= v->to || r->options.first_ns > r->options.last_ns)
        return NULL;
    if (r->options.forms & TIMESTAMPS_TEXT_FORMS)
        err = scan_text(r, v);
    if (!err && r->options.forms & ~(uint32_t)TIMESTAMPS_TEXT_FORMS)
        err = timestamp_binary_scan(v, &r->windows, r->options.forms, r->found, r->context);
    return err;
}

/* Judges the held bytes but for the last LEAVE. */
static struct seep_error *judge_held(struct timestamps_reader *r, size_t leave)
{
    struct timestamp_view v = {
        .bytes = r->held,
        .len = r->held_len,
        .address = r->address - r->held_len,
        .from = r->judged,
        .to = r->held_len > leave ? r->held_len - leave : 0,
    };

    if (v.to > r->judged)
        r->judged = v.to;
    return judge(r, &v);
}

static void hold(struct timestamps_reader *r, const uint8_t *bytes, size_t len)
{
    memcpy(r->held + r->held_len, bytes, len);
    r->held_len += len;
    r->address += len;
}

/* A piece too short to be judged by itself. */
static struct seep_error *push_short(struct timestamps_reader *r, const uint8_t *bytes, size_t len)
{
    hold(r, bytes, len);

    struct seep_error *err = judge_held(r, TIMESTAMPS_BEHIND_BYTES);

    if (r->judged > TIMESTAMPS_BEFORE_BYTES) {
        size_t drop = r->judged - TIMESTAMPS_BEFORE_BYTES;

        memmove(r->held, r->held + drop, r->held_len - drop);
        r->held_len -= drop;
        r->judged -= drop;
    }
    return err;
}

struct seep_error *timestamps_reader_push(struct timestamps_reader *r, uint64_t address,
                                          const void *bytes, size_t len)
{
    struct seep_error *err = address == r->address ? NULL : timestamps_reader_finish(r);

    r->address = address;
    if (err || len < TIMESTAMPS_HELD_BYTES)
        return err ? err : push_short(r, bytes, len);

    struct timestamp_view v = {
        .bytes = bytes, .len = len, .address = address, .to = len - TIMESTAMPS_BEHIND_BYTES};

    v.from = r->skip;
    r->skip = 0;
    if (r->held_len) {
        hold(r, bytes, TIMESTAMPS_HELD_BYTES);
        err = judge_held(r, TIMESTAMPS_BEHIND_BYTES);
        v.from = TIMESTAMPS_BEFORE_BYTES;
    }
    if (!err)
        err = judge(r, &v);
    r->held_len = 0;
    r->address = address + len - TIMESTAMPS_HELD_BYTES;
    hold(r, (const uint8_t *)bytes + len - TIMESTAMPS_HELD_BYTES, TIMESTAMPS_HELD_BYTES);
    r->judged = TIMESTAMPS_BEFORE_BYTES;
    return err;
}

struct seep_error *timestamps_reader_finish(struct timestamps_reader *r)
{
    struct seep_error *err = judge_held(r, 0);

    r->held_len = r->judged = 0;
    return err;
}

/* --- with a judge --- */

static struct seep_error *take(const struct timestamps_found *found, void *context)
{
    return timestamp_judge_take(context, found);
}

void timestamps_scan_init(struct timestamps_scan *scan, const struct timestamps_options *options,
                          timestamps_callback found, void *context)
{
    timestamps_reader_init(&scan->reader, options, take, &scan->judge);
    timestamp_judge_init(&scan->judge, &scan->reader.windows, found, context);
}

struct seep_error *timestamps_scan_push(struct timestamps_scan *scan, uint64_t address,
                                        const void *bytes, size_t len)
{
    return timestamps_reader_push(&scan->reader, address, bytes, len);
}

struct seep_error *timestamps_scan_finish(struct timestamps_scan *scan)
{
    return timestamps_reader_finish(&scan->reader);
}
