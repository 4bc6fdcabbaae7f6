/* Address space that is reserved, piece by piece, and never touched. */
#include "truth.h"

enum { PIECES = 30 };

int main(void)
{
    for (int i = 0; i < PIECES; i++) {
        if (mmap(NULL, 64 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
            MAP_FAILED)
            return 1;
        work_for(60);
    }
    truth_text("verdict", "not-leak");
    truth_text("region", "reservation");
    truth_text("cause", "untouched-reservation");
    return 0;
}
