/*
 * The ELF files that processes run code from, each loaded once: its build-id, where its segments go,
 * and its unwind tables (cfi.h).
 *
 *     modules_add(modules, "/usr/lib/libc.so.6", fd, &module)    by device, inode, size and times
 *     module_identity(module)                                    path and build-id
 *     module_offset(module, 0x26000)                             file offset -> virtual address
 *
 * What is needed of a file is copied, never mapped: a file that is cut while it is read must not kill
 * the reader. Everything in it is untrusted. Modules are shared by threads; two files of one build-id
 * share their tables. They live as long as the registry.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "evidence/stack.h"

enum {
    MODULES_MAX_DESCRIPTORS = 256, /* files held until they are read; others have names only */
    MODULES_MAX_TABLE_BYTES = 256 << 20, /* unwind tables of all modules; later ones have none */
    MODULES_MAX_CODE_BYTES = 64 << 20,   /* copies of all code; later modules' cannot be read */
    MODULES_MAX_MODULE_CODE_BYTES = 16 << 20, /* of one module's */
};

struct modules;
struct module;
struct cfi;

struct seep_error *modules_create(struct modules **ret_modules);
void modules_destroy(struct modules *modules);
DEFINE_CLEANUP(struct modules *, modules_destroy);

/* The module of the file FD, which becomes the registry's and may only hold it (O_PATH); the same one for
 * the same file, as long as it is unchanged. Never reads: that is for modules_load_next, or the thread
 * that first needs it, whichever comes first. It is closed then, since an open file keeps memory that the
 * target gave back (a memfd), or a mount that is to go. PATH: as the process knows it. FD -1: a file that
 * cannot be opened, which has a name only. */
struct seep_error *modules_add(struct modules *modules, const char *path, int fd,
                               struct module **ret_module);

/* Reads the file that has waited longest; false: none waits. To be called soon, and again and again. */
bool modules_load_next(struct modules *modules);

/* The same of an image in memory, such as the vdso's; BYTES are copied. Equal ones are one module. */
struct seep_error *modules_add_image(struct modules *modules, const char *name, const void *bytes,
                                     size_t len, struct module **ret_module);

/* --- any thread; each reads the file if that was not done --- */

/* Path and build-id; stays valid. */
const struct stack_module *module_identity(struct module *module);

/* The virtual address, in the ELF file, of what lies at FILE_OFFSET; false: no segment holds it. */
bool module_offset(struct module *module, uint64_t file_offset, uint64_t *ret_offset);

/* Reads LEN bytes of code at virtual address OFFSET, as they are in the file; fewer at the end of what
 * the file holds there. */
size_t module_read_code(struct module *module, uint64_t offset, void *bytes, size_t len);

/* Its unwind tables; NULL: it has none that can be read. */
const struct cfi *module_cfi(struct module *module);

/* The function at virtual address OFFSET of an image in memory, which no one else can name later; stays
 * valid. NULL: none, or the module is a file. */
char *module_function(struct module *module, uint64_t offset);

/* The virtual address at which the kernel begins to execute it; 0: nowhere, or it is not known. */
uint64_t module_entry(struct module *module);

/* A number with its top bit set, which no other module of this process has or had. */
uint32_t module_serial(const struct module *module);

/* "a frame may be missing here: no unwind table in libfoo.so"; stays valid. */
char *module_gap_text(struct module *module);
