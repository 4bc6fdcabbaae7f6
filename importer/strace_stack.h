/*
 * Call paths as strace -k prints them below a call:
 *
 *      > /usr/lib/libc.so.6(__mmap+0x17) [0x10f1b7]
 *      > /usr/bin/leaky(handle(request const&)+0x12) [0x1234]
 *      > /usr/bin/leaky() [0x1020]
 *      > unexpected_backtracing_error [0x7f12]
 *
 * The address is the place in the file. Which function it is was found by strace, which had the symbols
 * of its machine; it is kept as the frame's name, since strace does not tell build-ids.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "importer/collection.h"

struct strace_stacks;

struct seep_error *strace_stacks_create(struct strace_stacks **ret_stacks);
void strace_stacks_destroy(struct strace_stacks *stacks);
DEFINE_CLEANUP(struct strace_stacks *, strace_stacks_destroy);

/* Begins a path. */
void strace_stacks_begin(struct strace_stacks *stacks);

/* Its next frame, without the "> ". */
void strace_stacks_add(struct strace_stacks *stacks, const char *text, size_t len);

/* Its number in C; 0: no frame was added. */
struct seep_error *strace_stacks_end(struct strace_stacks *stacks, struct collection *c,
                                     uint32_t *ret_id);
