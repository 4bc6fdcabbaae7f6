/*
 * A memory syscall in words, spelled as strace 6.1 spells it.
 *
 *     call_text_arguments    NULL, 16781312, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0
 *     call_text_result       0x7f46d34e2000         -1 ENOMEM (Cannot allocate memory)         ?
 *
 * Two differences from strace: names that are newer than strace 6.1 are printed where it prints
 * numbers, and what an argument points to was not recorded, so that shmctl's buffer and
 * process_madvise's ranges are printed as their addresses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "evidence/event.h"

/* "mmap2"; NULL for lives. */
const char *call_text_name(const struct event *ev);

/* Appends the arguments, without parentheses. Returns how many of the appended bytes are known
 * before the call returns: the others show what the kernel stored. */
size_t call_text_arguments(struct buffer *out, const struct event *ev);

/* Appends the result. */
void call_text_result(struct buffer *out, const struct event *ev);

/* Appends "SIGKILL". */
void call_text_signal(struct buffer *out, int signal);

/* Appends TEXT, quoted and escaped as in C, at most MAX_LEN bytes of it and then "...". */
void call_text_quote(struct buffer *out, const char *text, size_t max_len);

/* --- and back --- */

/* The value of WORD ("MAP_ANONYMOUS", "MADV_FREE", "IPC_64") in an argument printed as HOW (enum
 * syscall_argument); false: no word of those. */
bool call_text_parse_word(uint8_t how, const char *word, size_t len, uint64_t *ret_value);

/* The number of "ENOMEM", "ERESTARTSYS"; 0: no error has that name. */
int call_text_parse_error(const char *name, size_t len);

/* The number of "SIGKILL", "SIGRT_3"; 0: no signal has that name. */
int call_text_parse_signal(const char *name, size_t len);
