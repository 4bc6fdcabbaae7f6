/* The index of perf maps: whatever it says, a copy's name is N-PID.map. */
#include <stdlib.h>
#include <string.h>

#include "evidence/jit_maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jit_maps maps;
    struct seep_error *err = jit_maps_parse((const char *)data, size, &maps);

    if (err) {
        error_destroy(err);
        return 0;
    }
    for (size_t i = 0; i < maps.copies.count; i++) {
        const struct jit_maps_copy *copy = &maps.copies.items[i];
        size_t number = strspn(copy->file, "0123456789");

        if (number == 0 || copy->file[number] != '-' || !strstr(copy->file, ".map") ||
            strchr(copy->file, '/') || copy->pid <= 0 ||
            !jit_maps_find(&maps, copy->pid, copy->time_ns))
            abort();
    }
    jit_maps_deinit(&maps);
    return 0;
}
