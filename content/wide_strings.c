#include "content/wide_strings.h"

#include "base/utf8.h"
#include "content/unicode.h"

struct seep_error *wide_strings_init(struct wide_strings *lane, enum strings_encoding encoding,
                                     unsigned parity, size_t min_chars, strings_callback found,
                                     void *context)
{
    *lane = (struct wide_strings){
        .big_endian = encoding == STRINGS_UTF16BE,
        .parity = parity,
        .min_chars = min_chars,
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

static struct seep_error *end_string(struct wide_strings *lane)
{
    struct seep_error *err = NULL;

    if (lane->chars >= lane->min_chars && 2 * lane->alike_count <= lane->syllables)
        err = deliver(lane);
    lane->unit_count = lane->chars = lane->syllables = lane->alike_count = 0;
    lane->script = UNICODE_COMMON;
    return err;
}

/* One character of COUNT units. */
static struct seep_error *take(struct wide_strings *lane, uint64_t address, uint32_t point,
                               const uint16_t *units, size_t count)
{
    uint8_t script = (uint8_t)unicode_script(point);
    bool goes_with =
        script == UNICODE_COMMON || lane->script == UNICODE_COMMON || script == lane->script;
    struct seep_error *err = NULL;

    if (script == UNICODE_NONE || script == UNICODE_RARE)
        return lane->unit_count ? end_string(lane) : NULL;
    if (!goes_with || lane->unit_count + count > WIDE_STRINGS_MAX_UNITS)
        err = end_string(lane);
    if (lane->unit_count == 0) {
        lane->start = address;
        lane->script = UNICODE_COMMON;
    }
    if (script != UNICODE_COMMON)
        lane->script = script;
    if (script == UNICODE_HAN || script == UNICODE_HANGUL) {
        lane->alike_count += lane->syllables && (uint8_t)point == lane->last_low;
        lane->syllables++;
        lane->last_low = (uint8_t)point;
    }
    for (size_t i = 0; i < count; i++)
        lane->units[lane->unit_count++] = units[i];
    lane->chars++;
    return err;
}

static inline struct seep_error *take_unit(struct wide_strings *lane, uint64_t address,
                                           uint16_t unit)
{
    bool is_low = unit >= 0xdc00 && unit < 0xe000;
    uint16_t high = lane->high;

    lane->high = 0;
    if (is_low && high) {
        uint16_t pair[2] = {high, unit};

        return take(lane, address - 2, 0x10000 + ((high - 0xd800U) << 10) + (unit - 0xdc00U), pair,
                    2);
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        lane->high = unit;
        return high && lane->unit_count ? end_string(lane) : NULL;
    }
    if (high && lane->unit_count) {
        struct seep_error *err = end_string(lane);

        if (err)
            return err;
    }
    return take(lane, address, unit, &unit, 1);
}

static inline uint16_t unit_of(const struct wide_strings *lane, uint8_t first, uint8_t second)
{
    return (uint16_t)(lane->big_endian ? first << 8 | second : second << 8 | first);
}

struct seep_error *wide_strings_push(struct wide_strings *lane, const uint8_t *bytes, size_t len)
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
    for (; at + 2 <= len && !err; at += 2) {
        uint16_t unit = unit_of(lane, bytes[at], bytes[at + 1]);

        if (unit || lane->unit_count || lane->high)
            err = take_unit(lane, lane->address + at, unit);
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
