/*
 * Names as their authors wrote them, by libiberty:
 *
 *     _ZN5cache5storeEPKcm             cache::store(char const*, unsigned long)        C++ (Itanium ABI)
 *     _ZN4core3fmt5Write9write_fmt17h0123456789abcdefE   core::fmt::Write::write_fmt   Rust, legacy
 *     _RNvCs1234_7mycrate3foo          mycrate::foo                                    Rust, v0
 *
 * A mangled name is a small program that may print without end and nest without bounds: names from 16 KiB
 * on, and those that would become that long, stay as they are. Whoever has names of unknown origin calls
 * this in a process of its own, where a stack of 4 MiB is free.
 */
#pragma once

#include "base/buffer.h"

enum { DEMANGLE_MAX_BYTES = 16 << 10 };

/* NULL: NAME is not mangled, or beyond the limits, or memory was short. The caller frees it. */
char *demangle_name(const char *name);
