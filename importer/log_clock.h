/*
 * The time of a log's lines, which not every line has: a stack trace has that of the line before it.
 *
 *     log_clock_init(&clock, in)          the year that syslog leaves out is taken from the file's time
 *     log_clock_line(&clock, line)        each line in turn
 *     log_clock_now(&clock)               when the last line was that said so; WHEN_NONE: long ago
 */
#pragma once

#include "base/civil_time.h"
#include "base/span.h"
#include "importer/input.h"
#include "importer/when.h"

struct log_clock {
    uint64_t mtime_ns; /* the file's; 0: unknown */
    struct when last;
    uint64_t lines_since;
};

void log_clock_init(struct log_clock *clock, const struct input *in);

/* Takes LINE's time, if it has one near its beginning. */
void log_clock_line(struct log_clock *clock, struct span line);

/* As log_clock_line, of a time that was read already. */
void log_clock_set(struct log_clock *clock, const struct civil_time *time);

struct when log_clock_now(const struct log_clock *clock);

/* What a time says, MTIME_NS (0: unknown) telling the year when it does not. */
struct when log_clock_when(const struct civil_time *time, uint64_t mtime_ns);
