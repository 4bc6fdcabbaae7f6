/*
 * From offsets in ELF files to functions, files and lines, by libdw, wherever the files are found.
 *
 *     libc.so.6 (build-id 8f2a...) 0x98a01   ->   sysmalloc   malloc.c:2539
 *     leaky                        0x1233    ->   store       leaky.c:40   (inlined)
 *                                                 handle      leaky.c:88
 *
 * A file is taken only when its build-id is the recorded one. Looked for, in this order: the path it
 * had; by that path, by build-id and by debug link below the directories given and /usr/lib/debug; a
 * debuginfod server, when DEBUGINFOD_URLS is set and never otherwise. DWARF first, then .symtab,
 * .gnu_debugdata, .dynsym. C++ and Rust names are demangled.
 *
 * Every such file is untrusted, and the libraries that read them were not made for that: they run in a
 * child process with limits on memory and time. A file that kills it costs its own names only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"
#include "evidence/stack.h"

enum {
    SYMBOLS_MAX_TEXT = 16 << 10, /* bytes of a name */
    SYMBOLS_MAX_LINES = 128, /* levels of inlining at one place; what is further out is left off */
};

/* One level of inlining, or the function itself. Innermost first; the last one is not inlined. */
struct symbols_line {
    char *function; /* demangled; NULL unknown */
    char *file;     /* NULL unknown */
    uint32_t line;  /* 0 unknown */
    bool inlined;   /* into the next one */
};

VECTOR_TYPE(symbols_lines, struct symbols_line);

struct symbols_place {
    const struct stack_module *module;
    uint64_t offset;            /* of the instruction meant: a return address less one */
    struct symbols_lines lines; /* filled by symbols_resolve; none: nothing is known */
};

struct symbols_options {
    uint64_t limit_ns; /* for everything together, a third of it for one module; 0: 60 s */
    /* Where files lie as below /usr/lib/debug, or by the paths that they had on the target's machine, in
     * the order in which they are looked into; ends with NULL. NULL: /usr/lib/debug alone */
    const char *const *debug_dirs;
    /* The end of the recording, since the epoch: a file without a build-id that was written later is not
     * the one that ran. 0: unknown */
    uint64_t recorded_ns;
    /* Told what is being read or fetched, now and then, by names that are not escaped; NULL: nobody. */
    void (*progress)(const char *text, void *context);
    void *context;
};

/* What stood in the way, for the report: "/usr/lib/libfoo.so: its build-id 1a2b is not the recorded 3c4d;
 * names of its functions are not known". They contain names from the target, which are not escaped. */
VECTOR_TYPE(symbols_troubles, char *);

/* The trouble of a file whose names are taken though nothing shows that it is the one that ran. */
#define SYMBOLS_UNVERIFIED                                                                         \
    "has no build-id, and none was recorded: its names are those of the file that is there now, "  \
    "which may be another"

/* Fills the lines of PLACES, which may be in any order and must have none. What is not found, does not
 * come in time or cannot be read is no error. RET_TROUBLES: the caller does symbols_troubles_deinit. A
 * name longer than SYMBOLS_MAX_TEXT is cut. The child is forked: no other thread may be needed by it. */
struct seep_error *symbols_resolve(struct symbols_place *places, size_t count,
                                   const struct symbols_options *options,
                                   struct symbols_troubles *ret_troubles);
void symbols_lines_deinit(struct symbols_lines *lines);
void symbols_place_deinit(struct symbols_place *place);
void symbols_troubles_deinit(struct symbols_troubles *troubles);
