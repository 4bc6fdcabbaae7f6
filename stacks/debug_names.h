/*
 * What a function is called, from its DWARF entry.
 *
 *     DW_AT_linkage_name _ZN5cache5storeEi                      cache::store(int)
 *     DW_AT_name store, in namespace cache, of no linkage name  cache::store       (static, or local)
 *     DW_AT_name main, in C                                     main
 *     DW_AT_linkage_name __GI___libc_malloc, in C               __GI___libc_malloc, as gdb has it
 *
 * A concrete or inlined function refers to the abstract one, which has the name, possibly in another file
 * (dwz). Runs in the child that reads symbols.
 */
#pragma once

#include <elfutils/libdw.h>
#include <stdbool.h>

#include "base/cleanup.h"

struct debug_names;

/* Keeps what it has found last: many places are in the same functions. NULL when memory is short. */
struct debug_names *debug_names_create(void);
void debug_names_destroy(struct debug_names *names);
DEFINE_CLEANUP(struct debug_names *, debug_names_destroy);

/* Demangled; NULL unknown. The caller frees it. RET_PLAIN: it is without parameters, though the language
 * has them in its names. */
char *debug_names_function(struct debug_names *names, Dwarf_Die *function, bool *ret_plain);
