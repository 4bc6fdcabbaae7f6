/* Maps 4 MiB 30 times, and each time gives back only the middle 2 MiB. */
#include "truth.h"

enum { LEAKS = 30 };

int main(void)
{
    for (int i = 0; i < LEAKS; i++) {
        char *p = map_touched(4 * MIB);

        if (munmap(p + MIB, 2 * MIB) < 0)
            return 1;
        work_for(60);
    }
    truth_text("verdict", "leak");
    truth_text("region", "anon-mmap");
    truth_text("cause", "never-freed");
    truth_number("count", LEAKS);
    truth_number("bytes", LEAKS * 2ULL * MIB);
    return 0;
}
