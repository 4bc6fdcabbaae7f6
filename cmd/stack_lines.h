/*
 * The call paths of a case's events as lines under them, in the form of strace -k.
 *
 *     stack_lines_read(c, &naming, "", &lines);          reads all events once, for names
 *     stack_lines_of(lines, ev->stack_id)              " > /lib/libc.so.6(__mmap) [0x10f1b9]\n > ..."
 *
 * Each path is written out once.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "cmd/naming.h"
#include "evidence/case.h"

struct stack_lines;

/* INDENT goes before every line; it must outlive the lines. ERROR with errno ENOENT: the case has no
 * events. */
struct seep_error *stack_lines_read(const struct case_dir *c, const struct naming_options *naming,
                                    const char *indent, struct stack_lines **ret_lines);
void stack_lines_destroy(struct stack_lines *lines);
DEFINE_CLEANUP(struct stack_lines *, stack_lines_destroy);

/* "" for no path; NULL: out of memory. */
const char *stack_lines_of(struct stack_lines *lines, uint32_t stack_id);
