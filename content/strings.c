#include "content/strings.h"

#include <string.h>

#include "base/vector.h"
#include "content/byte_strings.h"
#include "content/unicode.h"
#include "content/wide_strings.h"

enum {
    BLOCK_BYTES = 64 * 1024,
    WIDE_LANES = 4,
    /* So much text in a row is no UTF-16: wide_strings.h, rule 4. */
    CLAIM_BYTES = 16,
    ZERO_STEP = 64,
    /* Between texts so close together units are soon looked at one by one. */
    FILTER_BYTES = 256,
};

struct span {
    uint64_t start, end;
};

/* A string waiting for its turn. */
struct waiting {
    uint64_t address;
    size_t len, raw_len;
    size_t text_at; /* in texts */
    uint8_t encoding;
    bool continued;
};

VECTOR_TYPE(strings_waiting, struct waiting);

struct strings_state {
    strings_callback found;
    void *context;
    uint64_t address; /* of the next byte */
    bool has_bytes;   /* ASCII or UTF-8 is asked for */
    size_t wide_count;

    struct byte_strings bytes;

    /* Only with UTF-16: */
    struct byte_strings claims; /* what reads as text already */
    VECTOR(struct span) claimed;
    struct wide_strings wide[WIDE_LANES];
    struct wide_filter filter;
    uint8_t scripts[UNICODE_BMP];
    uint64_t wide_address; /* of the next byte for them: they wait for the claims */
    uint8_t late[8 * CLAIM_BYTES];
    size_t late_len; /* the bytes at wide_address that came with earlier blocks */

    struct strings_waiting candidates; /* of UTF-16, which may overlap */
    struct strings_waiting ready;
    struct buffer texts;
};

const char *strings_encoding_name(enum strings_encoding encoding)
{
    switch (encoding) {
    case STRINGS_ASCII:
        return "ascii";
    case STRINGS_UTF8:
        return "utf-8";
    case STRINGS_UTF16LE:
        return "utf-16le";
    case STRINGS_UTF16BE:
        return "utf-16be";
    default:
        return "all";
    }
}

/* --- order: with UTF-16, strings of several readings wait until nothing can come before them ---
 */

static struct seep_error *wait_in(struct strings_state *s, struct strings_waiting *queue,
                                  const struct strings_found *found)
{
    struct waiting item = {
        .address = found->address,
        .len = found->len,
        .raw_len = found->raw_len,
        .text_at = s->texts.len,
        .encoding = (uint8_t)found->encoding,
        .continued = found->continued,
    };

    buffer_bytes(&s->texts, found->text, found->len);
    if (s->texts.failed)
        return error_no_memory();
    return vector_push(queue, item);
}

static struct seep_error *on_bytes(const struct strings_found *found, void *context)
{
    struct strings_state *s = context;

    return wait_in(s, &s->ready, found);
}

static struct seep_error *on_wide(const struct strings_found *found, void *context)
{
    struct strings_state *s = context;

    return wait_in(s, &s->candidates, found);
}

static struct seep_error *on_claim(const struct strings_found *found, void *context)
{
    struct strings_state *s = context;

    return vector_push(&s->claimed, (struct span){found->address, found->address + found->raw_len});
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int by_address(const void *left, const void *right)
{
    const struct waiting *a = left, *b = right;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return a->encoding - b->encoding;
}

/* Which of two overlapping readings holds: wide_strings.h, rule 5. */
static bool is_preferred(const struct waiting *a, const struct waiting *b)
{
    bool a_odd = a->address & 1, b_odd = b->address & 1;

    if (a_odd != b_odd)
        return a_odd ? a->raw_len > 2 * b->raw_len : b->raw_len <= 2 * a->raw_len;
    if (a->raw_len != b->raw_len)
        return a->raw_len > b->raw_len;
    return a->encoding < b->encoding;
}

static inline uint64_t end_of(const struct waiting *item)
{
    return item->address + item->raw_len;
}

/* Settles which candidates hold, given that none is to come that begins before SETTLED. RET_FIRST:
 * none that holds will begin before it. */
static struct seep_error *choose(struct strings_state *s, uint64_t settled, uint64_t *ret_first)
{
    struct waiting *items = s->candidates.items;
    size_t count = s->candidates.count, best = 0, next = 1;
    struct seep_error *err = NULL;

    *ret_first = settled;
    if (count == 0)
        return NULL;
    qsort(items, count, sizeof(*items), by_address);
    for (; next < count && items[next].address < settled && !err; next++) {
        if (items[next].address >= end_of(&items[best])) {
            err = vector_push(&s->ready, items[best]);
            best = next;
        } else if (is_preferred(&items[next], &items[best])) {
            best = next;
        }
    }
    if (err)
        return err;
    if (end_of(&items[best]) <= settled) {
        err = vector_push(&s->ready, items[best]);
    } else {
        *ret_first = least(settled, items[best].address);
        items[--next] = items[best];
    }
    s->candidates.count = count - next;
    memmove(items, items + next, s->candidates.count * sizeof(*items));
    return err;
}

/* Texts of what still waits move to the front. */
static void compact_texts(struct strings_state *s)
{
    struct strings_waiting *queues[] = {&s->candidates, &s->ready};
    struct buffer kept = {0};

    if (s->candidates.count + s->ready.count == 0) {
        buffer_clear(&s->texts);
        return;
    }
    if (s->texts.len < 4 * BLOCK_BYTES)
        return;
    for (size_t q = 0; q < ARRAY_SIZE(queues); q++)
        for (size_t i = 0; i < queues[q]->count; i++) {
            struct waiting *item = &queues[q]->items[i];
            size_t at = kept.len;

            buffer_bytes(&kept, s->texts.bytes + item->text_at, item->len);
            item->text_at = at;
        }
    kept.failed |= s->texts.failed;
    buffer_deinit(&s->texts);
    s->texts = kept;
}

/* Delivers what nothing can come before any more; ALL: everything. */
static struct seep_error *settle(struct strings_state *s, bool all)
{
    uint64_t settled = UINT64_MAX, first;
    size_t done = 0;
    struct seep_error *err;

    if (!all) {
        settled = s->wide_address;
        for (size_t i = 0; i < s->wide_count; i++)
            settled = least(settled, wide_strings_settled(&s->wide[i]));
    }
    err = choose(s, settled, &first);
    if (err)
        return err;
    if (!all && s->has_bytes)
        first = least(first, byte_strings_settled(&s->bytes));
    if (s->ready.count > 1)
        qsort(s->ready.items, s->ready.count, sizeof(*s->ready.items), by_address);
    for (; done < s->ready.count && s->ready.items[done].address < first && !err; done++) {
        const struct waiting *item = &s->ready.items[done];
        struct strings_found found = {
            .address = item->address,
            .text = s->texts.bytes + item->text_at,
            .len = item->len,
            .raw_len = item->raw_len,
            .encoding = item->encoding,
            .continued = item->continued,
        };

        err = s->found(&found, s->context);
    }
    if (done) {
        s->ready.count -= done;
        memmove(s->ready.items, s->ready.items + done, s->ready.count * sizeof(*s->ready.items));
    }
    if (!err) {
        compact_texts(s);
        if (s->texts.failed)
            err = error_no_memory();
    }
    return err;
}

/* --- UTF-16, in what is not text already --- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static bool all_idle(const struct strings_state *s)
{
    for (size_t i = 0; i < s->wide_count; i++)
        if (!wide_strings_idle(&s->wide[i]))
            return false;
    return true;
}

/* Up to WIDE_FILTER_BYTES; AHEAD more can be read behind them. */
static struct seep_error *push_lanes(struct strings_state *s, const uint8_t *bytes, size_t len,
                                     size_t ahead)
{
    struct wide_places little, big;
    bool has_little = !s->wide[0].big_endian, has_big = s->wide[s->wide_count - 1].big_endian;
    struct seep_error *err = NULL;

    if (len < FILTER_BYTES) {
        wide_filter_pass(len, &little);
        wide_filter_pass(len, &big);
    } else {
        wide_filter_fill(&s->filter, bytes, len, ahead, s->wide[0].min_chars,
                         has_little ? &little : NULL, has_big ? &big : NULL);
    }
    for (size_t i = 0; i < s->wide_count && !err; i++)
        err = wide_strings_push(&s->wide[i], bytes, len, s->wide[i].big_endian ? &big : &little);
    s->wide_address += len;
    return err;
}

static struct seep_error *push_wide(struct strings_state *s, const uint8_t *bytes, size_t len)
{
    struct seep_error *err = NULL;

    while (len && !err) {
        size_t step = 0;

        while (step < len && !(len - step >= ZERO_STEP && is_zero(bytes + step, ZERO_STEP)))
            step += least(len - step, ZERO_STEP);
        /* Two more, so that the unit before the zeros ends. */
        step = least(len, step + 2);
        while (step && !err) {
            size_t part = least(step, WIDE_FILTER_BYTES);

            err = push_lanes(s, bytes, part, len - part);
            bytes += part;
            len -= part;
            step -= part;
        }

        size_t zeros = 0;

        while (len - zeros >= ZERO_STEP && is_zero(bytes + zeros, ZERO_STEP))
            zeros += ZERO_STEP;
        if (err || !zeros || !all_idle(s))
            continue;
        bytes += zeros;
        len -= zeros;
        s->wide_address += zeros;
        for (size_t i = 0; i < s->wide_count; i++)
            s->wide[i].address += zeros;
    }
    return err;
}

static struct seep_error *restart_wide(struct strings_state *s, uint64_t address)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < s->wide_count && !err; i++)
        err = wide_strings_restart(&s->wide[i], address);
    s->wide_address = address;
    return err;
}

/* Hands bytes up to END to the UTF-16 lanes: the late ones, then those of the block at ADDRESS. */
static struct seep_error *push_wide_upto(struct strings_state *s, uint64_t end, uint64_t address,
                                         const uint8_t *block)
{
    struct seep_error *err = NULL;

    if (s->wide_address < address && s->wide_address < end) {
        size_t len = (size_t)(least(end, address) - s->wide_address);
        const uint8_t *late = s->late + s->late_len - (address - s->wide_address);

        err = push_wide(s, late, len);
    }
    if (!err && s->wide_address < end)
        err = push_wide(s, block + (s->wide_address - address), (size_t)(end - s->wide_address));
    return err;
}

/* The block has been through the claims; what they leave goes through the UTF-16 lanes. */
static struct seep_error *scan_wide(struct strings_state *s, uint64_t address, const uint8_t *block,
                                    size_t len)
{
    uint64_t settled = byte_strings_settled(&s->claims), open_end = 0;
    struct seep_error *err = NULL;

    if (byte_strings_is_open(&s->claims, &open_end)) {
        err = vector_push(&s->claimed, (struct span){settled, open_end});
        settled = open_end;
    }
    for (size_t i = 0; i < s->claimed.count && !err; i++) {
        const struct span *claim = &s->claimed.items[i];

        if (claim->end <= s->wide_address)
            continue;
        if (claim->start > s->wide_address)
            err = push_wide_upto(s, claim->start, address, block);
        if (!err)
            err = restart_wide(s, claim->end);
    }
    s->claimed.count = 0;
    if (!err)
        err = push_wide_upto(s, settled, address, block);

    /* At most an open run too short to be claimed, and a cut character. */
    uint64_t end = address + len;
    uint64_t from = s->wide_address < address ? address : s->wide_address;
    size_t old = s->wide_address < address ? (size_t)(address - s->wide_address) : 0;

    if (old)
        memmove(s->late, s->late + s->late_len - old, old);
    memcpy(s->late + old, block + (from - address), (size_t)(end - from));
    s->late_len = old + (size_t)(end - from);
    return err;
}

/* --- the scan --- */

static struct seep_error *init_wide(struct strings_state *s, const struct strings_options *options)
{
    static const enum strings_encoding encodings[] = {STRINGS_UTF16LE, STRINGS_UTF16BE};
    struct seep_error *err = NULL;

    unicode_fill(s->scripts);
    wide_filter_init(&s->filter, s->scripts);
    for (size_t e = 0; e < ARRAY_SIZE(encodings); e++)
        for (unsigned parity = 0; parity < 2 && !err; parity++)
            if (options->encodings & encodings[e])
                err = wide_strings_init(&s->wide[s->wide_count++], encodings[e], parity,
                                        options->min_chars, s->scripts, on_wide, s);
    s->claims = (struct byte_strings){
        .utf8 = true,
        .without_tabs = true,
        .min_chars = 1,
        .min_bytes = least(CLAIM_BYTES, 2 * options->min_chars),
        .found = on_claim,
        .context = s,
    };
    return err;
}

struct seep_error *strings_scan_init(struct strings_scan *scan,
                                     const struct strings_options *options, strings_callback found,
                                     void *context)
{
    bool utf8 = options->encodings & STRINGS_UTF8;
    struct strings_state *s;

    *scan = (struct strings_scan){0};
    if (options->min_chars < 1 || options->min_chars > STRINGS_LARGEST_MIN)
        return error_create(ERROR_INVALID, "a string's least length is 1 to %d characters",
                            STRINGS_LARGEST_MIN);
    if (options->encodings == 0 || options->encodings & ~(unsigned)STRINGS_ALL)
        return error_create(ERROR_INVALID, "no such string encoding");
    s = calloc(1, sizeof(*s));
    if (!s)
        return error_no_memory();
    scan->state = s;
    s->found = found;
    s->context = context;
    s->has_bytes = options->encodings & (STRINGS_ASCII | STRINGS_UTF8);

    bool has_wide = options->encodings & (STRINGS_UTF16LE | STRINGS_UTF16BE);

    s->bytes = (struct byte_strings){
        .utf8 = utf8,
        .ascii_apart = options->encodings & STRINGS_ASCII,
        .min_chars = options->min_chars,
        .min_bytes = options->min_chars,
        .found = has_wide ? on_bytes : found,
        .context = has_wide ? s : context,
    };
    return has_wide ? init_wide(s, options) : NULL;
}

void strings_scan_deinit(struct strings_scan *scan)
{
    struct strings_state *s = scan->state;

    if (!s)
        return;
    byte_strings_deinit(&s->bytes);
    byte_strings_deinit(&s->claims);
    for (size_t i = 0; i < s->wide_count; i++)
        wide_strings_deinit(&s->wide[i]);
    vector_deinit(&s->claimed);
    vector_deinit(&s->candidates);
    vector_deinit(&s->ready);
    buffer_deinit(&s->texts);
    free(s);
    scan->state = NULL;
}

static struct seep_error *restart(struct strings_state *s, uint64_t address)
{
    struct seep_error *err = byte_strings_restart(&s->bytes, address);

    if (!err && s->wide_count) {
        err = byte_strings_restart(&s->claims, s->claims.address);
        if (!err)
            err = scan_wide(s, s->address, s->late, 0);
        if (!err)
            err = byte_strings_restart(&s->claims, address);
        if (!err)
            err = restart_wide(s, address);
        s->late_len = 0;
        if (!err)
            err = settle(s, true);
    }
    s->address = address;
    return err;
}

struct seep_error *strings_scan_push(struct strings_scan *scan, uint64_t address, const void *bytes,
                                     size_t len)
{
    struct strings_state *s = scan->state;
    const uint8_t *block = bytes;
    struct seep_error *err = address == s->address ? NULL : restart(s, address);

    while (len && !err) {
        size_t step = s->wide_count ? least(len, BLOCK_BYTES) : len;

        if (s->has_bytes)
            err = byte_strings_push(&s->bytes, block, step);
        if (!err && s->wide_count) {
            err = byte_strings_push(&s->claims, block, step);
            if (!err)
                err = scan_wide(s, s->address, block, step);
            if (!err)
                err = settle(s, false);
        }
        s->address += step;
        block += step;
        len -= step;
    }
    return err;
}

bool strings_scan_is_idle(const struct strings_scan *scan)
{
    const struct strings_state *s = scan->state;

    if (s->bytes.run_len)
        return false;
    if (s->wide_count == 0)
        return true;
    if (s->claims.run_len || s->claimed.count || s->candidates.count || s->ready.count ||
        s->wide_address != s->address)
        return false;
    for (size_t i = 0; i < s->wide_count; i++)
        if (s->wide[i].unit_count || s->wide[i].high)
            return false;
    return true;
}

struct seep_error *strings_scan_finish(struct strings_scan *scan)
{
    return restart(scan->state, scan->state->address);
}
