#include "content/timestamps.h"

#include <endian.h>
#include <string.h>

#include "base/units.h"
#include "content/bytemask.h"
#include "content/timestamp_text.h"

enum { COMPANY_BYTES = 64 * 1024 };

#define COMPANY_NS (UINT64_C(600) * NS_PER_S)

/* Bytes with what surrounds them: positions [from, to) are to be judged. */
struct view {
    const uint8_t *bytes;
    size_t len;
    uint64_t address; /* of bytes[0] */
    size_t from, to;
};

const char *timestamps_form_name(enum timestamps_form form)
{
    static const char *const names[] = {
        [TIMESTAMPS_EPOCH_S] = "epoch-s",     [TIMESTAMPS_EPOCH_MS] = "epoch-ms",
        [TIMESTAMPS_EPOCH_US] = "epoch-us",   [TIMESTAMPS_EPOCH_NS] = "epoch-ns",
        [TIMESTAMPS_ISO8601] = "iso8601",     [TIMESTAMPS_RFC2822] = "rfc2822",
        [TIMESTAMPS_SYSLOG] = "syslog",       [TIMESTAMPS_COMMON_LOG] = "common-log",
        [TIMESTAMPS_BINARY_MS] = "binary-ms", [TIMESTAMPS_BINARY_NS] = "binary-ns",
    };

    return form < TIMESTAMPS_FORM_COUNT ? names[form] : "unknown";
}

void timestamps_scan_init(struct timestamps_scan *scan, const struct timestamps_options *options,
                          timestamps_callback found, void *context)
{
    *scan = (struct timestamps_scan){.options = *options, .found = found, .context = context};
}

/* --- text --- */

static struct seep_error *tell(struct timestamps_scan *scan, const struct view *v,
                               struct timestamps_found *found)
{
    if (!(scan->options.forms >> found->form & 1))
        return NULL;
    found->address += v->address;
    return scan->found(found, scan->context);
}

/* The characters noticed in the 64 bytes at AT: runs of 8 digits and more, and "dd:dd". */
static struct seep_error *judge_text(struct timestamps_scan *scan, const struct view *v, size_t at,
                                     unsigned stride, uint64_t numbers, uint64_t clocks)
{
    struct seep_error *err = NULL;

    for (uint64_t bits = numbers | clocks; bits && !err; bits &= bits - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(bits);
        struct timestamp_text text = {v->bytes, v->len, at + bit, stride};
        struct timestamps_found found;

        if (text.at >= v->to)
            break;
        if (numbers >> bit & 1 ? timestamp_text_number(&text, &scan->options, &found)
                               : timestamp_text_clock(&text, &scan->options, &found))
            err = tell(scan, v, &found);
    }
    return err;
}

struct masks {
    uint64_t digits, colons, zeros;
};

static struct masks masks_at(const struct view *v, size_t at)
{
    uint8_t room[BYTEMASK_BYTES];
    const uint8_t *bytes = v->bytes + at;

    if (at >= v->len)
        return (struct masks){0};
    if (v->len - at < BYTEMASK_BYTES)
        bytes = bytemask_pad(room, bytes, v->len - at);

    struct masks m = {.digits = bytemask_range(bytes, '0', '9')};

    if (m.digits) {
        m.colons = bytemask_equal(bytes, ':');
        m.zeros = bytemask_equal(bytes, 0);
    }
    return m;
}

typedef unsigned __int128 wide_mask;

static inline wide_mask join(uint64_t low, uint64_t high)
{
    return (wide_mask)high << 64 | low;
}

/* Where runs of 8 digits begin. BEFORE: the digits of the 64 bytes before. */
static inline uint64_t number_starts(wide_mask digits, uint64_t before, unsigned stride)
{
    wide_mask runs = digits;

    for (unsigned step = stride; step <= 4 * stride; step *= 2)
        runs &= runs >> step;
    return (uint64_t)runs & ~((uint64_t)digits << stride | before >> (64 - stride));
}

static inline uint64_t clock_starts(wide_mask digits, wide_mask colons, unsigned stride)
{
    return (uint64_t)(digits & digits >> stride & colons >> 2 * stride & digits >> 3 * stride &
                      digits >> 4 * stride);
}

static struct seep_error *scan_text(struct timestamps_scan *scan, const struct view *v)
{
    struct masks next = masks_at(v, v->from);
    uint64_t before = 0, before_wide = 0;
    struct seep_error *err = NULL;

    for (size_t at = v->from; at < v->to && !err; at += BYTEMASK_BYTES) {
        struct masks now = next;

        next = masks_at(v, at + BYTEMASK_BYTES);
        if (now.digits) {
            wide_mask digits = join(now.digits, next.digits);
            wide_mask colons = join(now.colons, next.colons);

            err = judge_text(scan, v, at, 1, number_starts(digits, before, 1),
                             clock_starts(digits, colons, 1));
        }

        /* UTF-16: of the byte behind these 64 the zero counts even where no digits follow. */
        bool zero_behind = at + BYTEMASK_BYTES >= v->len || v->bytes[at + BYTEMASK_BYTES] == 0;
        wide_mask zeros = join(now.zeros, next.zeros | zero_behind) >> 1;
        wide_mask wide = join(now.digits, next.digits) & zeros;

        if ((uint64_t)wide && !err)
            err = judge_text(scan, v, at, 2, number_starts(wide, before_wide, 2),
                             clock_starts(wide, join(now.colons, next.colons) & zeros, 2));
        before = now.digits;
        before_wide = (uint64_t)wide;
    }
    return err;
}

/* --- binary --- */

static inline uint64_t word_at(const struct view *v, size_t at)
{
    uint64_t word;

    memcpy(&word, v->bytes + at, sizeof(word));
    return le64toh(word);
}

static inline bool in_window(uint64_t value, uint64_t first, uint64_t last)
{
    return value - first <= last - first;
}

static bool is_zero_or_none(const struct view *v, int64_t at)
{
    return at < 0 || at + 8 > (int64_t)v->len || word_at(v, (size_t)at) == 0;
}

static struct seep_error *tell_candidate(struct timestamps_scan *scan,
                                         struct timestamps_candidate *candidate)
{
    struct timestamps_found found = {candidate->address, candidate->epoch_ns, TIMESTAMPS_BINARY_NS};

    if (candidate->told)
        return NULL;
    candidate->told = true;
    return scan->found(&found, scan->context);
}

/* Nanoseconds need company, which may come later: see the header. */
static struct seep_error *judge_ns(struct timestamps_scan *scan, const struct view *v, size_t at,
                                   uint64_t epoch_ns)
{
    struct timestamps_candidate now = {.address = v->address + at, .epoch_ns = epoch_ns};
    bool counts = is_zero_or_none(v, (int64_t)at - 8) && is_zero_or_none(v, (int64_t)at + 8);
    size_t count = scan->recent_count < TIMESTAMPS_RECENT ? scan->recent_count : TIMESTAMPS_RECENT;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < count && !err; i++) {
        struct timestamps_candidate *before = &scan->recent[i];
        uint64_t apart =
            epoch_ns > before->epoch_ns ? epoch_ns - before->epoch_ns : before->epoch_ns - epoch_ns;

        if (now.address - before->address > COMPANY_BYTES || apart > COMPANY_NS)
            continue;
        counts = true;
        err = tell_candidate(scan, before);
    }
    if (!err && counts)
        err = tell_candidate(scan, &now);
    scan->recent[scan->recent_count++ % TIMESTAMPS_RECENT] = now;
    return err;
}

static struct seep_error *judge_word(struct timestamps_scan *scan, const struct view *v, size_t at,
                                     uint64_t word)
{
    struct timestamps_found found = {at, word * NS_PER_MS, TIMESTAMPS_BINARY_MS};

    if (!in_window(word, scan->options.first_ns, scan->options.last_ns))
        return tell(scan, v, &found);
    if (!(scan->options.forms >> TIMESTAMPS_BINARY_NS & 1))
        return NULL;
    return judge_ns(scan, v, at, word);
}

static struct seep_error *scan_binary(struct timestamps_scan *scan, const struct view *v)
{
    uint64_t first_ns = scan->options.first_ns, last_ns = scan->options.last_ns;
    uint64_t first_ms = first_ns / NS_PER_MS + (first_ns % NS_PER_MS != 0);
    uint64_t last_ms = last_ns / NS_PER_MS;
    size_t at = v->from + (-(v->address + v->from) & 7);
    struct seep_error *err = NULL;

    /* A window shorter than a millisecond may hold none. */
    if (first_ms > last_ms)
        first_ms = last_ms = UINT64_MAX;
    for (; at < v->to && at + 8 <= v->len && !err; at += 8) {
        uint64_t word = word_at(v, at);

        if (in_window(word, first_ms, last_ms) || in_window(word, first_ns, last_ns))
            err = judge_word(scan, v, at, word);
    }
    return err;
}

/* --- pieces --- */

static struct seep_error *judge(struct timestamps_scan *scan, const struct view *v)
{
    uint32_t binary = 1 << TIMESTAMPS_BINARY_MS | 1 << TIMESTAMPS_BINARY_NS;
    struct seep_error *err = NULL;

    if (v->from >= v->to || scan->options.first_ns > scan->options.last_ns)
        return NULL;
    if (scan->options.forms & ~binary)
        err = scan_text(scan, v);
    if (!err && scan->options.forms & binary)
        err = scan_binary(scan, v);
    return err;
}

/* Judges the held bytes but for the last LEAVE. */
static struct seep_error *judge_held(struct timestamps_scan *scan, size_t leave)
{
    struct view v = {
        .bytes = scan->held,
        .len = scan->held_len,
        .address = scan->address - scan->held_len,
        .from = scan->judged,
        .to = scan->held_len > leave ? scan->held_len - leave : 0,
    };

    if (v.to > scan->judged)
        scan->judged = v.to;
    return judge(scan, &v);
}

static void hold(struct timestamps_scan *scan, const uint8_t *bytes, size_t len)
{
    memcpy(scan->held + scan->held_len, bytes, len);
    scan->held_len += len;
    scan->address += len;
}

/* A piece too short to be judged by itself. */
static struct seep_error *push_short(struct timestamps_scan *scan, const uint8_t *bytes, size_t len)
{
    hold(scan, bytes, len);

    struct seep_error *err = judge_held(scan, TIMESTAMPS_BEHIND_BYTES);

    if (scan->judged > TIMESTAMPS_BEFORE_BYTES) {
        size_t drop = scan->judged - TIMESTAMPS_BEFORE_BYTES;

        memmove(scan->held, scan->held + drop, scan->held_len - drop);
        scan->held_len -= drop;
        scan->judged -= drop;
    }
    return err;
}

struct seep_error *timestamps_scan_push(struct timestamps_scan *scan, uint64_t address,
                                        const void *bytes, size_t len)
{
    struct seep_error *err = address == scan->address ? NULL : timestamps_scan_finish(scan);

    scan->address = address;
    if (err || len < TIMESTAMPS_HELD_BYTES)
        return err ? err : push_short(scan, bytes, len);

    struct view v = {
        .bytes = bytes, .len = len, .address = address, .to = len - TIMESTAMPS_BEHIND_BYTES};

    if (scan->held_len) {
        hold(scan, bytes, TIMESTAMPS_HELD_BYTES);
        err = judge_held(scan, TIMESTAMPS_BEHIND_BYTES);
        v.from = TIMESTAMPS_BEFORE_BYTES;
    }
    if (!err)
        err = judge(scan, &v);
    scan->held_len = 0;
    scan->address = address + len - TIMESTAMPS_HELD_BYTES;
    hold(scan, (const uint8_t *)bytes + len - TIMESTAMPS_HELD_BYTES, TIMESTAMPS_HELD_BYTES);
    scan->judged = TIMESTAMPS_BEFORE_BYTES;
    return err;
}

struct seep_error *timestamps_scan_finish(struct timestamps_scan *scan)
{
    struct seep_error *err = judge_held(scan, 0);

    scan->held_len = scan->judged = 0;
    return err;
}
