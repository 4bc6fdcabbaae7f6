/*
 * The names of code made at run time, as JIT runtimes write them to /tmp/perf-PID.map:
 *
 *     7f46d4001000 3c0 Lcom/example/Cart;::add          START SIZE name, hexadecimal, 0x or not
 *
 * See tools/perf/Documentation/jit-interface.txt of the kernel. Entries may overlap, since code is
 * moved and addresses are used again: the later line counts. Untrusted text of any size; whoever reads
 * the file sets the bound, and a map takes less than ten times the text while it is parsed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct perf_map;

/* Lines that make no sense are left out, and so is a last one without newline: it may still be being
 * written. Names are cut after 4 KiB. TEXT is not kept. The only error is want of memory. */
struct seep_error *perf_map_parse(const char *text, size_t len, struct perf_map **ret_map);
void perf_map_destroy(struct perf_map *map);
DEFINE_CLEANUP(struct perf_map *, perf_map_destroy);

/* The name of the code at ADDRESS, NULL when there is none; as long as the map. */
const char *perf_map_find(const struct perf_map *map, uint64_t address);
