#include "tracer/progress.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/units.h"

static void put(const char *line, int len)
{
    struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (poll(&terminal, 1, 0) == 1 && write(STDERR_FILENO, line, (size_t)len) < 0)
        errno = 0; /* a line that is lost is followed by another */
}

void progress_show(uint64_t elapsed_ns, uint64_t events, uint64_t rss_bytes)
{
    struct units_text duration, count, rss;
    char line[128];

    put(line, snprintf(line, sizeof(line), "\r\033[Kseep: %s, %s events, RSS %s  (^C ends)",
                       units_format_duration(&duration, elapsed_ns),
                       units_format_count(&count, events), units_format_size(&rss, rss_bytes)));
}

void progress_clear(void)
{
    put("\r\033[K", 4);
}
