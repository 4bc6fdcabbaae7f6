/* Any bytes as an ELF file, in memory and as a file: identity, offsets, code and unwind tables. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stacks/cfi.h"
#include "stacks/elf_image.h"
#include "stacks/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct module *module, size_t size)
{
    const struct stack_module *identity = module_identity(module);
    const struct cfi *cfi = module_cfi(module);
    uint8_t code[64];

    if (identity->build_id_len > STACK_BUILD_ID_BYTES)
        abort();
    module_entry(module);
    for (uint64_t at = 0; at < size + 8192; at += 509) {
        uint64_t offset = 0;
        struct cfi_row row;

        if (!module_offset(module, at, &offset))
            continue;
        if (module_read_code(module, offset, code, sizeof(code)) > sizeof(code))
            abort();
        for (unsigned i = 0; cfi && i < 8; i++)
            cfi_find(cfi, offset + i * 61, &row);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct modules *modules;
    struct module *in_memory, *in_file;
    struct elf_image image;
    struct elf_span span;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size || modules_create(&modules) ||
        modules_add_image(modules, "[fuzz]", data, size, &in_memory) ||
        modules_add(modules, "/fuzz", fd, &in_file))
        abort();
    use(in_memory, size);
    use(in_file, size);

    const struct stack_module *a = module_identity(in_memory), *b = module_identity(in_file);

    if (a->build_id_len != b->build_id_len || memcmp(a->build_id, b->build_id, a->build_id_len) ||
        !module_cfi(in_memory) != !module_cfi(in_file))
        abort();
    if (elf_image_open(&(struct elf_source){.bytes = data, .fd = -1, .len = size}, &image) &&
        elf_image_section(&image, ".text", &span) &&
        (span.offset > size || span.len > size - span.offset))
        abort();
    modules_destroy(modules);
    return 0;
}
