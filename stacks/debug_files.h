/*
 * Where the files are that know a module's names, on this machine.
 *
 *     /usr/lib/libfoo.so, build-id 8f2a...     code    /usr/lib/libfoo.so                  the file that ran
 *                                                      DIR/usr/lib/libfoo.so
 *                                                      DIR/.build-id/8f/2a...
 *                                                      debuginfod
 *                                              debug   (none, when the code has its DWARF)
 *                                                      DIR/.build-id/8f/2a....debug
 *                                                      /usr/lib/NAME, .debug/NAME, DIR/usr/lib/NAME
 *                                                      debuginfod
 *
 * DIR is /usr/lib/debug as a rule, or each of several, NAME what .gnu_debuglink says. A file counts only when its build-id
 * is the recorded one, or, where none was recorded, its checksum what .gnu_debuglink says. Only regular
 * files are ever opened. Runs in the child that reads symbols.
 */
#pragma once

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evidence/stack.h"

struct debug_fetch;

struct debug_file {
    char *path; /* NULL: there is none */
    int fd;
    Elf *elf;
};

struct debug_files {
    struct debug_file code, debug;
    char *
        refused; /* why the file at the module's path is not the one; NULL: it is, or is not there */
    bool unverified; /* there are no build-ids to compare */
    bool pseudo;     /* the module is no file, such as [vdso] */
};

/* FETCH: NULL, debuginfod is not asked. */
void debug_files_find(const struct stack_module *module, const char *const *debug_dirs,
                      struct debug_fetch *fetch, struct debug_files *ret_files);
void debug_files_deinit(struct debug_files *files);

/* The file of BUILD_ID that several debug files share (dwz), which NEAR calls PATH. */
void debug_files_find_alt(const struct debug_file *near, const char *path, const void *build_id,
                          size_t build_id_len, const char *const *debug_dirs,
                          struct debug_fetch *fetch, struct debug_file *ret_file);

/* Opens the regular file at PATH; false: there is no ELF file. */
bool debug_file_open(const char *path, struct debug_file *ret_file);
void debug_file_close(struct debug_file *file);

/* Whether FILE has DWARF of its own. */
bool debug_file_has_dwarf(const struct debug_file *file);
