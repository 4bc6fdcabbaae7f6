/* Parsing the smaps of a process with 60,000 regions: under half a second. */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/units.h"
#include "evidence/maps.h"

enum { REGIONS = 60000 };

int main(void)
{
    struct buffer text = {0};
    struct maps maps;

    for (uint64_t i = 0; i < REGIONS; i++) {
        uint64_t start = 0x7f0000000000 + i * 0x4000;

        buffer_printf(&text, "%lx-%lx rw-p 00000000 00:00 0    /memfd:some name %lu (deleted)\n",
                      start, start + 0x3000, i);
        for (int field = 0; field < SMAPS_FIELD_COUNT; field++)
            buffer_printf(&text, "%s:  %10lu kB\n", maps_field_name(field), i);
        buffer_printf(&text, "THPeligible:           0\nVmFlags: rd wr mr mw me ac sd \n");
    }
    if (text.failed)
        return 1;

    uint64_t begin_ns = units_monotonic_ns();
    struct seep_error *err = maps_parse(text.bytes, text.len, &maps);
    uint64_t ns = units_monotonic_ns() - begin_ns;

    if (err || maps.count != REGIONS)
        return 1;
    printf("maps_parse: %zu regions, %.1f MB of smaps in %.0f ms (%.0f MB/s)\n", maps.count,
           (double)text.len / 1e6, (double)ns / 1e6, (double)text.len / 1e3 / ((double)ns / 1e6));
    maps_deinit(&maps);
    buffer_deinit(&text);
    return 0;
}
