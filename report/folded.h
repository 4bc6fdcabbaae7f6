/*
 * Outstanding bytes by call path, as flame graphs are drawn from (flamegraph.pl, speedscope, inferno):
 *
 *     java/nioEventLoop-1;start_thread;...;PoolArena.newChunk_[j];os::malloc;malloc;mmap64 201375744
 *     java/main;[no stack] 1052672
 *
 * A line is a distinct path, outermost first, and its bytes. The first frame is process and thread; a
 * frame that was inlined ends in _[i], code made at run time in _[j]. A path that is not whole begins
 * with why. Semicolons of names become colons, control characters visible escapes.
 */
#pragma once

#include <stdio.h>

#include "analyzer/recording.h"

/* RECORDING must have been named. Lines come in the order of their text. */
struct seep_error *folded_write(const struct recording *recording, const struct case_info *info,
                                FILE *out);
