/* 20 memfds of 2 MiB, written, unmapped and never closed: memory that no map shows. */
#include "truth.h"

enum { MEMFDS = 20, MEMFD_BYTES = 2 * MIB };

int main(void)
{
    for (int i = 0; i < MEMFDS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "cache-%d", i);

        int fd = memfd_create(name, MFD_CLOEXEC);

        if (fd < 0 || ftruncate(fd, MEMFD_BYTES) < 0)
            return 1;

        char *p = mmap(NULL, MEMFD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (p == MAP_FAILED)
            return 1;
        memset(p, 0x5e, MEMFD_BYTES);
        munmap(p, MEMFD_BYTES);
        work_for(90);
    }
    truth_text("verdict", "leak,suspect");
    truth_text("region", "shared-memory");
    truth_text("cause", "descriptor-held");
    truth_text("function", "main");
    truth_number("bytes", (unsigned long long)MEMFDS * MEMFD_BYTES);
    return 0;
}
