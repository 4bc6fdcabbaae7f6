/* Any bytes as a perf map: every name that is found is one of the text's lines. */
#include <stdlib.h>
#include <string.h>

#include "stacks/perf_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct perf_map *map = NULL;
    struct seep_error *err = perf_map_parse((const char *)data, size, &map);

    if (err) {
        error_destroy(err);
        return 0;
    }
    for (uint64_t address = 0; address < 0x2000; address += 0x10) {
        const char *name = perf_map_find(map, address);

        if (name && (!*name || !memmem(data, size, name, strlen(name))))
            abort();
    }
    perf_map_find(map, UINT64_MAX);
    perf_map_destroy(map);
    return 0;
}
