/* A cache that fills to 48 MiB, then serves: growth that has settled under work. */
#include "truth.h"

enum { ENTRIES = 48 };

int main(void)
{
    for (int i = 0; i < ENTRIES; i++) {
        map_touched(MIB);
        work_for(10);
    }
    work_for(4000);
    truth_text("verdict", "not-leak");
    truth_text("region", "anon-mmap");
    truth_text("cause", "bounded");
    truth_number("bytes", (unsigned long long)ENTRIES * MIB);
    return 0;
}
