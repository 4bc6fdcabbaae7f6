/* ELF cores of any bytes: headers, notes, memory, the command line on the stack. */
#include <stdlib.h>

#include "../unit/bytes_source.h"
#include "evidence/core_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes_source file = bytes_source_of(data, size);
    struct mem_source *memory = NULL;
    struct buffer arguments = {0}, executable = {0};
    struct core core;
    uint64_t end = 0;
    struct seep_error *err = core_read(&file.source, &core);

    core_is_one(data, size);
    if (err) {
        error_destroy(err);
        return 0;
    }
    for (size_t i = 0; i < core.segments.count; i++) {
        const struct core_segment *segment = &core.segments.items[i];

        if (segment->start < end || segment->end <= segment->start ||
            segment->saved_bytes > segment->end - segment->start || !segment->name)
            abort();
        end = segment->end;
    }
    if (!core_source_create(&core, &file.source, &memory)) {
        for (size_t i = 0; i < core.segments.count && i < 64; i++) {
            char bytes[64];
            size_t got = 0;

            if (mem_source_read(memory, core.segments.items[i].end - 32, bytes, sizeof(bytes),
                                &got))
                abort();
            if (got > sizeof(bytes))
                abort();
        }
        mem_source_destroy(memory);
    }
    error_destroy(core_command_line(&core, &file.source, &arguments, &executable));
    buffer_deinit(&arguments);
    buffer_deinit(&executable);
    core_deinit(&core);
    return 0;
}
