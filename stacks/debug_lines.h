/*
 * Functions, files and lines from DWARF, with the functions that were inlined at a place.
 *
 *     compile unit  main.c        0x1000-0x2000
 *       subprogram  handle        0x1200-0x1300              0x1233  ->  store   main.c:40  (inlined)
 *         inlined   store         0x1230-0x1240  call :88                handle  main.c:88
 *
 * Which unit an address belongs to is told by the units themselves: .debug_aranges is often missing.
 * Runs in the child that reads symbols.
 */
#pragma once

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stacks/symbols.h"

struct debug_lines_query {
    Dwarf *dwarf;
    uint64_t bias;           /* offset less address in DWARF */
    const uint64_t *offsets; /* sorted */
    size_t count;
    /* Called for each offset of which anything is known. LINES may be changed. PLAIN: the name of the
     * outermost function is without the scopes and parameters that a symbol table may tell. */
    struct seep_error *(*found)(size_t index, struct symbols_lines *lines, bool plain,
                                void *context);
    void *context;
};

/* Want of memory, or what `found` returned. */
struct seep_error *debug_lines_resolve(const struct debug_lines_query *query);
