/*
 * The two shapes of text that /proc is made of, read without trust.
 *
 *     4242 (a) b) S 1 4242 ...        stat: the name ends at the LAST parenthesis
 *     VmRSS:      2096 kB             status, meminfo, io, smaps_rollup: key, colon, number, unit
 *
 *     proc_text_stat(text, len, &stat)
 *     proc_text_number(text, len, "VmRSS", &bytes)        2146304
 *
 * and the tables that seep adds to a snapshot (docs/FORMAT.md), whose names are written as stat's.
 *
 * Pure functions: the text may come from a live process, a case or anywhere. See proc(5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

struct proc_text_stat {
    pid_t pid, ppid, pgrp, session;
    char comm[64]; /* up to 15 bytes, a kernel thread's up to 63; may hold any byte but NUL */
    char state;
    unsigned flags;
    int processor;
    uint64_t minor_faults, major_faults;
    uint64_t user_ticks, system_ticks; /* clock ticks, of sysconf(_SC_CLK_TCK) a second */
    uint64_t thread_count;
    uint64_t start_ticks;
    uint64_t virtual_bytes, rss_pages;
};

/* false: this is not the text of a stat file; the out-parameter is untouched. */
bool proc_text_stat(const char *text, size_t len, struct proc_text_stat *ret_stat);

/* The first number of the line "KEY: NUMBER", times 1024 when the unit after it is kB. false when
 * there is no such line, or no number in it, or it does not fit. */
bool proc_text_number(const char *text, size_t len, const char *key, uint64_t *ret_number);

/* The next line of TEXT from *AT on, without its newline (a \r before it stays). NULL at the end.
 */
const char *proc_text_line(const char *text, size_t len, size_t *at, size_t *ret_line_len);

/* Reads decimal digits at *AT, moving it behind them; false: none there, or more than 64 bits. */
bool proc_text_digits(const char *text, size_t len, size_t *at, uint64_t *ret_number);

/* A name as one column of a line, in the way of the kernel's stat: a newline becomes \n, a
 * backslash two. RET_TEXT of proc_text_unescape holds LEN + 1 bytes; returns how many were written,
 * without the NUL after them. */
void proc_text_escape(struct buffer *out, const char *name, size_t len);
size_t proc_text_unescape(const char *text, size_t len, char *ret_text);
