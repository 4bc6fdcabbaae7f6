/* One buffer that mremap grows from 1 MiB to 64 MiB, a MiB at a time. */
#include "truth.h"

enum { STEPS = 63 };

int main(void)
{
    size_t len = MIB;
    char *p = map_touched(len);

    for (int i = 0; i < STEPS; i++) {
        p = mremap(p, len, len + MIB, MREMAP_MAYMOVE);
        if (p == MAP_FAILED)
            return 1;
        memset(p + len, 0x5e, MIB);
        len += MIB;
        work_for(30);
    }
    truth_text("verdict", "leak,suspect");
    truth_text("region", "anon-mmap");
    truth_text("cause", "growing-buffer");
    truth_number("bytes", len);
    return 0;
}
