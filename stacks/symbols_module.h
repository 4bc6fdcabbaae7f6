/*
 * One module in the child: finds its files, asks the symbol tables, then DWARF, and tells what it finds.
 *
 * What the symbol tables give is told first, so that it is kept when DWARF kills the child.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "evidence/stack.h"
#include "stacks/symbols_wire.h"

struct debug_fetch;

struct symbols_module_query {
    const struct stack_module *module;
    const uint64_t *offsets; /* sorted, none twice */
    size_t count;
    const char *const *debug_dirs; /* ends with NULL */
    struct debug_fetch *fetch;     /* NULL: no server is asked */
    uint64_t recorded_ns;          /* of symbols_options */
};

struct symbols_module_output {
    int fd;
    struct buffer bytes; /* messages that are not written yet */
};

/* RET_WANTING: files that a server may have were not found. */
struct seep_error *symbols_module_resolve(const struct symbols_module_query *query,
                                          struct symbols_module_output *out, bool *ret_wanting);

struct seep_error *symbols_module_flush(struct symbols_module_output *out);

/* Says that TEXT is waited for; CONTEXT is the output. */
void symbols_module_waiting(const char *text, void *context);
