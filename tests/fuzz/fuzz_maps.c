/* Any bytes as maps or smaps text: what comes out is sorted, disjoint and inside the input's size.
 */
#include <stdlib.h>
#include <string.h>

#include "evidence/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t rollup[SMAPS_FIELD_COUNT];
    struct maps maps;
    size_t names_len = 0;

    if (maps_parse((const char *)data, size, &maps))
        return 0;
    for (size_t i = 0; i < maps.count; i++) {
        const struct vma *vma = &maps.vmas[i];

        if (vma->start >= vma->end || (i && vma->start < maps.vmas[i - 1].end) ||
            maps_find(&maps, vma->start) != vma || maps_find(&maps, vma->end - 1) != vma)
            abort();
        names_len += strlen(vma->name);
        vma_has_flag(vma, "ac");
        for (const char *c = vma->flags; *c; c++)
            if (*c < ' ' || *c > '~')
                abort();
    }
    if (names_len > size)
        abort();
    maps_deinit(&maps);
    if (maps_parse_rollup((const char *)data, size, rollup))
        return 0;
    return 0;
}
