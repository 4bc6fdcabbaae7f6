/* A heap that grows by brk, 64 KiB at a time, 20 MiB in all. */
#include "truth.h"

enum { STEPS = 320, STEP_BYTES = 64 * 1024 };

int main(void)
{
    for (int i = 0; i < STEPS; i++) {
        char *p = sbrk(STEP_BYTES);

        if (p == (void *)-1)
            return 1;
        memset(p, 0x5e, STEP_BYTES);
        work_for(5);
    }
    truth_text("verdict", "suspect");
    truth_text("region", "heap");
    truth_text("cause", "unknown");
    truth_number("bytes", (unsigned long long)STEPS * STEP_BYTES);
    return 0;
}
