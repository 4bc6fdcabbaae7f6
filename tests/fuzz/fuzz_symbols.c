/* Any bytes as an ELF file with names, read in this process: what is said about it is well formed. The
 * libraries that read it stand what is replayed here; who fuzzes for longer finds faults of theirs too. */
#include <elfutils/libdwelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "stacks/symbols_child.h"
#include "stacks/symbols_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OFFSETS = 64, STEP = 8 };

static const uint64_t base = 0x400000; /* where the programs of the corpus are */

/* The file is taken only by the build-id that it has. */
static void record(const uint8_t *data, size_t size, struct stack_module *module)
{
    Elf *elf = elf_memory((char *)data, size);
    const void *id = NULL;
    ssize_t len = elf ? dwelf_elf_gnu_build_id(elf, &id) : 0;

    if (len > 0 && len <= STACK_BUILD_ID_BYTES) {
        memcpy(module->build_id, id, (size_t)len);
        module->build_id_len = (uint8_t)len;
    }
    elf_end(elf);
}

static void check(const struct buffer *said)
{
    size_t at = 0, len;

    while ((len = symbols_wire_length(said->bytes + at, said->len - at)) != 0) {
        struct symbols_message message;

        if (len == SIZE_MAX || symbols_wire_decode(said->bytes + at, len, &message))
            abort();
        if (message.kind == SYMBOLS_WIRE_PLACE && message.index >= OFFSETS)
            abort();
        symbols_message_deinit(&message);
        at += len;
    }
    if (at != said->len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t offsets[OFFSETS];
    char path[64];
    int file = memfd_create("elf", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
    struct buffer said = {0};

    elf_version(EV_CURRENT);
    if (file < 0 || out < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    for (size_t i = 0; i < OFFSETS; i++)
        offsets[i] = base + 0x1000 + i * STEP;

    struct stack_module module = {.path = path};
    struct symbols_task task = {.module = &module, .offsets = offsets, .count = OFFSETS};

    record(data, size, &module);
    if (symbols_child_work(
            &(struct symbols_work){.tasks = &task,
                                   .count = 1,
                                   .debug_dirs = (const char *const[]){"/nonexistent", NULL}},
            out) ||
        lseek(out, 0, SEEK_SET) != 0 || io_read_fd(out, 64 << 20, &said))
        abort();
    check(&said);
    buffer_deinit(&said);
    close(file);
    close(out);
    return 0;
}
