/*
 * A process whose memory holds known text and known times. Prints a line for each region,
 * "NAME START END", then what the times are, then "ready", and waits, or ends:
 *
 *     content_target [--end] FILE...   each FILE is read into a region of its own
 *
 *     times FIRST_S LAST_S COUNT       of each form that has whole seconds
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MIB = 1 << 20, TIMES = 600 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Zeroed memory between two pages without any access, so that it stays a region of its own. */
static char *map(const char *name, size_t len)
{
    size_t padded = (len + PAGE - 1) / PAGE * PAGE;
    char *bytes = mmap(NULL, padded + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (bytes == MAP_FAILED || mprotect(bytes + PAGE, padded, PROT_READ | PROT_WRITE) < 0)
        fail("mmap");
    bytes += PAGE;
    printf("%s %lx %lx\n", name, (unsigned long)bytes, (unsigned long)bytes + padded);
    return bytes;
}

static void load(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        fail(path);

    char *bytes = map("file", (size_t)st.st_size);

    for (off_t done = 0; done < st.st_size;) {
        ssize_t got = read(fd, bytes + done, (size_t)(st.st_size - done));

        if (got <= 0)
            fail(path);
        done += got;
    }
    close(fd);
}

/* Random bytes, and runs of text that cross the borders of pages and of whole mebibytes. */
static void mix(void)
{
    char *bytes = map("mix", 3 * MIB);
    uint64_t state = 88172645463325252ULL;

    for (size_t i = 0; i < 2 * MIB; i += 8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(bytes + i, &state, 8);
    }
    memcpy(bytes + MIB - 13, "across a mebibyte", 17);
    memset(bytes + MIB / 2 - 9, 't', 18);
    bytes[MIB / 2] = '\t';
    memset(bytes + 5 * PAGE, 'x', 200000); /* longer than a scanner holds */
}

static void encodings(void)
{
    static const char utf8[] = "Stra\303\237enbahn f\303\244hrt \342\200\256umgekehrt";
    char *wide = map("wide", 4 * PAGE), *bytes = map("utf8", PAGE);

    for (int line = 0; line < 100; line++) {
        char text[40];
        int len = snprintf(text, sizeof(text), "wide line number %d", line);

        for (int i = 0; i < len; i++)
            wide[128 * line + 2 * i + line % 2] = text[i];
    }
    memcpy(bytes + 100, utf8, sizeof(utf8));
}

/* One time a second, in every form there is, ending now. */
static void times(void)
{
    time_t last = time(NULL), first = last - TIMES + 1;
    char *text = map("text-times", 256 * TIMES);
    char *binary = map("binary-times", 64 * TIMES);

    for (int i = 0; i < TIMES; i++) {
        time_t now = first + i;
        struct tm utc, local;
        char *line = text + 256 * i;
        size_t at = 0;

        gmtime_r(&now, &utc);
        localtime_r(&now, &local);
        at += (size_t)sprintf(line, "%ld %ld123 %ld123456 %ld123456789 ", now, now, now, now);
        at += strftime(line + at, 256 - at, "%Y-%m-%dT%H:%M:%SZ|%a, %d %b %Y %H:%M:%S GMT|", &utc);
        strftime(line + at, 256 - at, "%b %e %H:%M:%S host|[%d/%b/%Y:%H:%M:%S %z]", &local);
        memcpy(binary + 64 * i, &(int64_t){now * 1000}, 8);
        memcpy(binary + 64 * i + 32, &(int64_t){now * 1000000000}, 8);
    }
    printf("times %ld %ld %d\n", first, last, TIMES);
}

int main(int argc, char **argv)
{
    int ends = argc > 1 && strcmp(argv[1], "--end") == 0;

    for (int i = 1 + ends; i < argc; i++)
        load(argv[i]);
    mix();
    encodings();
    times();
    puts("ready");
    fflush(stdout);
    while (!ends)
        pause();
    return 0;
}
