#include "content/wide_strings.h"

#include "base/utf8.h"
#include "content/unicode.h"

struct seep_error *wide_strings_init(struct wide_strings *lane, enum strings_encoding encoding,
                                     unsigned parity, size_t min_chars, const uint8_t *scripts,
                                     strings_callback found, void *context)
{
    *lane = (struct wide_strings){
        .big_endian = encoding == STRINGS_UTF16BE,
        .parity = parity,
        .min_chars = min_chars,
        .scripts = scripts,
        .found = found,
        .context = context,
        .units = calloc(WIDE_STRINGS_MAX_UNITS, sizeof(*lane->units)),
    };
    return lane->units ? NULL : error_no_memory();
}

void wide_strings_deinit(struct wide_strings *lane)
{
    free(lane->units);
    buffer_deinit(&lane->text);
}

static struct seep_error *deliver(struct wide_strings *lane)
{
    buffer_clear(&lane->text);
    for (size_t i = 0; i < lane->unit_count; i++) {
        uint32_t point = lane->units[i];
        char bytes[4];

        if (point >= 0xd800 && point < 0xdc00)
            point = 0x10000 + ((point - 0xd800) << 10) + (lane->units[++i] - 0xdc00U);
        buffer_bytes(&lane->text, bytes, utf8_encode(point, bytes));
    }
    if (lane->text.failed)
        return error_no_memory();

    struct strings_found found = {
        .address = lane->start,
        .text = lane->text.bytes,
        .len = lane->text.len,
        .raw_len = 2 * lane->unit_count,
        .encoding = lane->big_endian ? STRINGS_UTF16BE : STRINGS_UTF16LE,
    };

    return lane->found(&found, lane->context);
}

static inline bool is_high(uint16_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static inline bool is_low(uint16_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

static inline bool is_ascii(unsigned byte)
{
    return byte >= 0x20 && byte < 0x7f;
}

bool wide_strings_is_text(const uint16_t *units, size_t count, const uint8_t *scripts)
{
    size_t syllables = 0, alike = 0, small = 0, letters = 0, again = 0, odd = 0;
    unsigned last = UINT16_MAX;

    for (size_t i = 0; i < count; i++) {
        uint8_t script = scripts[units[i]];
        unsigned low = units[i] & 0xff;

        again += i >= 4 && units[i] == units[i - 4];
        odd += script == UNICODE_COMMON && units[i] >= 0x7f;
        if (script != UNICODE_HAN && script != UNICODE_HANGUL)
            continue;
        syllables++;
        alike += low == last;
        small += low < 0x10;
        letters += is_ascii(low) && is_ascii(units[i] >> 8);
        last = low;
    }
    if (5 * odd > 2 * count)
        return false;
    return syllables == 0 ||
           (2 * alike <= syllables && 2 * small <= syllables && 3 * letters <= 2 * syllables &&
            (count <= 4 || 10 * again < 3 * (count - 4)));
}

static struct seep_error *end_string(struct wide_strings *lane)
{
    struct seep_error *err = NULL;

    if (lane->chars >= lane->min_chars &&
        wide_strings_is_text(lane->units, lane->unit_count, lane->scripts))
        err = deliver(lane);
    lane->unit_count = lane->chars = 0;
    lane->script = UNICODE_COMMON;
    return err;
}

static inline bool goes_with(uint8_t script, uint8_t other)
{
    return script == UNICODE_COMMON || other == UNICODE_COMMON || script == other;
}

static inline bool is_wanted(uint8_t script)
{
    return script != UNICODE_NONE && script != UNICODE_RARE;
}

/* One character of COUNT units. */
static inline struct seep_error *take(struct wide_strings *lane, uint64_t address, uint8_t script,
                                      const uint16_t *units, size_t count)
{
    struct seep_error *err = NULL;

    if (!is_wanted(script))
        return lane->unit_count ? end_string(lane) : NULL;
    if (!goes_with(script, lane->script) || lane->unit_count + count > WIDE_STRINGS_MAX_UNITS)
        err = end_string(lane);
    if (lane->unit_count == 0) {
        lane->start = address;
        lane->script = UNICODE_COMMON;
    }
    if (script != UNICODE_COMMON)
        lane->script = script;
    for (size_t i = 0; i < count; i++)
        lane->units[lane->unit_count++] = units[i];
    lane->chars++;
    return err;
}

static inline struct seep_error *take_unit(struct wide_strings *lane, uint64_t address,
                                           uint16_t unit)
{
    uint16_t high = lane->high;

    lane->high = 0;
    if (is_low(unit) && high) {
        uint16_t pair[2] = {high, unit};
        uint32_t point = 0x10000 + ((high - 0xd800U) << 10) + (unit - 0xdc00U);

        return take(lane, address - 2, (uint8_t)unicode_script(point), pair, 2);
    }
    /* Half a pair is no character. */
    if (high && lane->unit_count) {
        struct seep_error *err = end_string(lane);

        if (err)
            return err;
    }
    if (is_high(unit)) {
        lane->high = unit;
        return NULL;
    }
    return take(lane, address, lane->scripts[unit], &unit, 1);
}

static inline uint16_t unit_of(const struct wide_strings *lane, uint8_t first, uint8_t second)
{
    return (uint16_t)(lane->big_endian ? first << 8 | second : second << 8 | first);
}

/* The first unit from AT on, LEN when there is none, at which a bit of STARTS is set. Units begin at
 * every other byte. */
static size_t next_start(const uint64_t *starts, size_t at, size_t len)
{
    uint64_t every_other = at % 2 ? 0xaaaaaaaaaaaaaaaaULL : 0x5555555555555555ULL;

    if (at >= len)
        return len;

    size_t b = at / 64;
    uint64_t bits = starts[b] & every_other & ~0ULL << at % 64;

    while (!bits) {
        if (++b * 64 >= len)
            return len;
        bits = starts[b] & every_other;
    }
    at = b * 64 + (size_t)__builtin_ctzll(bits);
    return at < len ? at : len;
}

/* While no string is open: from where on units are to be taken. A string may begin no earlier than
 * at a start, or at units before it that are as alive: they decide where it does. So may one that
 * the bytes' end cuts. */
static size_t pass_over(const struct wide_places *places, size_t at, size_t len)
{
    size_t start = next_start(places->starts, at, len);

    if (start == len)
        start -= (start - at) % 2;
    while (start >= at + 2 && places->alive[(start - 2) / 64] >> (start - 2) % 64 & 1)
        start -= 2;
    return start;
}

/* While no string is open: the next offset from AT at which one long enough may begin, looking at
 * the last of its units first, as one that cannot be there rules out all that would reach it. What
 * is passed over is what taking each unit would have dropped. */
static size_t skip(const struct wide_strings *lane, const struct wide_places *places,
                   const uint8_t *bytes, size_t at, size_t len)
{
    size_t count = lane->min_chars;

    at = pass_over(places, at, len);
    while (at + 2 * count <= len) {
        uint8_t script = UNICODE_COMMON;
        size_t first = 0; /* of the units seen so far that show a script */
        size_t i = count;

        while (i > 0) {
            uint16_t unit = unit_of(lane, bytes[at + 2 * i - 2], bytes[at + 2 * i - 1]);
            uint8_t its = lane->scripts[unit];

            if (unit >= 0xd800 && unit < 0xe000)
                return at;
            if (!is_wanted(its))
                break;
            if (!goes_with(its, script)) {
                i = first; /* where the string that unit I - 1 is in ends */
                break;
            }
            if (its != UNICODE_COMMON) {
                script = its;
                first = i - 1;
            }
            i--;
        }
        if (i == 0)
            return at;
        at = pass_over(places, at + 2 * i, len);
    }
    return at;
}

struct seep_error *wide_strings_push(struct wide_strings *lane, const uint8_t *bytes, size_t len,
                                     const struct wide_places *places)
{
    struct seep_error *err = NULL;
    size_t at = 0;

    if (len && lane->has_half) {
        err = take_unit(lane, lane->address - 1, unit_of(lane, lane->half, bytes[0]));
        at = 1;
    } else if (len && (lane->address & 1) != lane->parity) {
        at = 1;
    }
    lane->has_half = false;
    lane->half = 0;
    while (at + 2 <= len && !err) {
        if (lane->unit_count == 0 && lane->high == 0)
            at = skip(lane, places, bytes, at, len);
        if (at + 2 > len)
            break;
        err = take_unit(lane, lane->address + at, unit_of(lane, bytes[at], bytes[at + 1]));
        at += 2;
    }
    if (at < len) {
        lane->half = bytes[at];
        lane->has_half = true;
    }
    lane->address += len;
    return err;
}

struct seep_error *wide_strings_restart(struct wide_strings *lane, uint64_t address)
{
    lane->has_half = false;
    lane->half = 0;
    lane->high = 0;
    lane->address = address;
    return lane->unit_count ? end_string(lane) : NULL;
}

uint64_t wide_strings_settled(const struct wide_strings *lane)
{
    if (lane->unit_count)
        return lane->start;
    return lane->address - (lane->has_half ? 1 : 0) - (lane->high ? 2 : 0);
}
