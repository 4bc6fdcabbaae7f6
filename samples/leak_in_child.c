/* A healthy parent whose forked child leaks 1 MiB 30 times. */
#include <sys/wait.h>

#include "truth.h"

enum { LEAKS = 30 };

int main(void)
{
    map_touched(16 * MIB);

    pid_t child = fork();

    if (child < 0)
        return 1;
    if (child == 0) {
        for (int i = 0; i < LEAKS; i++) {
            map_touched(MIB);
            work_for(60);
        }
        _exit(0);
    }
    while (waitpid(child, NULL, WNOHANG) == 0)
        work_for(50);
    truth_text("verdict", "leak");
    truth_text("region", "anon-mmap");
    truth_text("cause", "never-freed");
    truth_number("pid", (unsigned long long)child);
    truth_number("count", LEAKS);
    truth_number("unit_bytes", MIB);
    truth_number("bytes", (unsigned long long)LEAKS * MIB);
    return 0;
}
