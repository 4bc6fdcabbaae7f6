/*
 * Names from symbol tables: .symtab of the code or of its debug file; else .gnu_debugdata and .dynsym.
 *
 *     0x1200  0x40  store        global       0x1210   ->  store
 *     0x1240     0  _trampoline               0x1250   ->  _trampoline: nothing else begins before it
 *
 * A symbol covers an address within its size. One without size, as assembly has them, covers what is up to
 * the next symbol of its section, where nothing better is known. Runs in the child that reads symbols.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stacks/debug_files.h"

/* NAMES gets a string for each of the COUNT sorted OFFSETS, as it is in the table, NULL where none is
 * known; the caller frees them. */
struct seep_error *symbol_table_names(const struct debug_files *files, const uint64_t *offsets,
                                      size_t count, char **names);
