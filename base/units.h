/*
 * Sizes, durations and times as people write them.
 *
 *     units_parse_duration("10m", &ns)   300ms 10s 5m 2h 1d, fractions too ("1.5s"), no bare
 * numbers units_parse_size("1.5MiB", &n)     KiB MiB GiB TiB, K M G T (also powers of 1024), or
 * bytes units_parse_address("0x7f00", &a)  hexadecimal, 0x optional units_format_size(buf,
 * 1611005952) "1,536.4 MiB"; units_format_count(buf, 16781312) "16,781,312" units_format_time(buf,
 * ns, false)  RFC 3339 in UTC: "2026-11-20T09:34:28.000000001Z"
 *
 * Formatting returns its buffer. Times are nanoseconds since the epoch.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    NS_PER_US = 1000,
    NS_PER_MS = 1000 * 1000,
    NS_PER_S = 1000 * 1000 * 1000,
};

struct units_text {
    char text[64];
};

/* false: not of that form, or out of range; the out-parameter is untouched. */
bool units_parse_duration(const char *text, uint64_t *ret_ns);
bool units_parse_size(const char *text, uint64_t *ret_bytes);
bool units_parse_address(const char *text, uint64_t *ret_address);
bool units_parse_number(const char *text, uint64_t max, uint64_t *ret_number);

/* "START-END" in hexadecimal, START < END. */
bool units_parse_range(const char *text, uint64_t *ret_start, uint64_t *ret_end);

const char *units_format_size(struct units_text *buf, uint64_t bytes);
const char *units_format_count(struct units_text *buf, uint64_t count);

/* "3 h 10 min", "45 s", "1.2 s", "13 ms". */
const char *units_format_duration(struct units_text *buf, uint64_t ns);

/* RFC 3339 with nanoseconds; LOCAL: in the process's time zone (TZ) with its offset, else "Z". */
const char *units_format_time(struct units_text *buf, uint64_t epoch_ns, bool local);

/* "08:22:40", in the process's time zone. */
const char *units_format_clock(struct units_text *buf, uint64_t epoch_ns);

/* CLOCK_MONOTONIC and CLOCK_REALTIME now. */
uint64_t units_monotonic_ns(void);
uint64_t units_wall_ns(void);
