/*
 * What ps lists: who is whose child, how large, called what.
 *
 *     UID        PID  PPID  C STIME TTY          TIME CMD
 *     redis     1100     1  0 Jul04 ?        00:01:36 /usr/sbin/redis-server /etc/redis.conf
 *
 * Columns are told by the names above them. Without these (people grep), -ef, aux and ajx are told
 * by their shape, and of what was put together with -o: pid, ppid, user, then anything, and numbers
 * right before the command. Of three such VSZ is the one that is never the least; of RSS and SIZE
 * the one is RSS that is larger in the smallest program of the list, which has hardly written
 * anything but has mapped its libraries. What is not sure is unknown.
 *
 *     ps_text_feed() for each line, ps_text_settle(), then rows
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vector.h"

#define PS_UNKNOWN UINT64_MAX

enum { PS_MAX_COLUMNS = 40, PS_MAX_ROWS = 1 << 20 };

struct ps_row {
    pid_t pid, ppid; /* ppid 0: unknown, or none */
    uint64_t rss_bytes, virtual_bytes;
    char *command; /* as listed, without the branches of a tree; NULL unknown */
    uint64_t line;
    uint64_t numbers[3]; /* before settling: right before the command, in bytes */
    uint8_t number_count;
};

struct ps_text {
    VECTOR(struct ps_row) rows;
    bool guessed_sizes; /* RSS and VSZ were told apart by the rule above */
    bool unsure_sizes;  /* there were such numbers, but the rule does not tell */

    enum ps_column *columns; /* of the last header; NULL: none */
    size_t column_count;
};

/* *RET_BAD: not understood. ERROR_INVALID: more than PS_MAX_ROWS. */
struct seep_error *ps_text_feed(struct ps_text *ps, const char *line, size_t len, uint64_t number,
                                bool *ret_bad);
void ps_text_settle(struct ps_text *ps);
void ps_text_deinit(struct ps_text *ps);

/* The names above a ps listing: PID and a command among them. */
bool ps_text_is_header(const char *line, size_t len);
/* A line of which the shape is that of a listing without them. */
bool ps_text_is_row(const char *line, size_t len);
