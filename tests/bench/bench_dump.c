/*
 * How fast memory of a child is saved, by what is in it, and what that costs:
 *
 *     bench_dump [MIB]
 */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/units.h"
#include "dumper/dumper.h"

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252ULL;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void log_lines(char *bytes, size_t len)
{
    for (size_t at = 0, i = 0; at + 256 < len; i++) {
        uint64_t r = next_random();

        at += (size_t)sprintf(bytes + at,
                              "2021-03-02T08:%02u:%02uZ INFO [nioEventLoopGroup-3-%u] Message-ID: "
                              "<%zu.%llx.JavaMail.root@mail-%u> accepted, %u bytes\n",
                              (unsigned)(r % 60), (unsigned)(r >> 8) % 60, (unsigned)(r >> 16) % 8,
                              i, (unsigned long long)r, (unsigned)(r >> 24) % 100,
                              (unsigned)(r >> 32) % 100000);
    }
}

static void random_bytes(char *bytes, size_t len)
{
    for (size_t i = 0; i + sizeof(uint64_t) <= len; i += sizeof(uint64_t)) {
        uint64_t r = next_random();

        memcpy(bytes + i, &r, sizeof(r));
    }
}

static void zeros(char *bytes, size_t len)
{
    memset(bytes, 0, len);
}

static void nothing(char *bytes, size_t len)
{
    (void)bytes, (void)len;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static double cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct seep_error *measure(const char *name, void (*fill)(char *, size_t), char *bytes,
                                  size_t len)
{
    char path[] = "/tmp/seep-bench.XXXXXX", byte;
    int ready[2];

    if (!mkdtemp(path) || pipe(ready) < 0)
        return error_create(ERROR_SYSTEM, "no directory to write to");

    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fill(bytes, len);
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    if (read(ready[0], &byte, 1) != 1)
        return error_create(ERROR_SYSTEM, "the child failed");

    const struct dumper_range range = {(uintptr_t)bytes, (uintptr_t)bytes + len};
    const struct dumper_options options = {.ranges = &range, .range_count = 1, .why = "region"};
    struct dumper_result result = {0};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    double cpu_before = cpu_s();
    uint64_t begin_ns = units_monotonic_ns();
    struct seep_error *err = dumper_dump(fd, pid, &options, &result);
    double s = (double)(units_monotonic_ns() - begin_ns) / NS_PER_S, mib = (double)len / (1 << 20);

    if (!err)
        printf("%-22s %10.0f MiB %9.3f s %12.0f MiB/s  %7.3f s of CPU  %9.3f MiB written\n", name,
               mib, s, mib / s, cpu_s() - cpu_before, (double)result.file_bytes / (1 << 20));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fd);
    close(ready[0]);
    close(ready[1]);
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return err;
}

int main(int argc, char **argv)
{
    const size_t big_len = 1ULL << 40;
    uint64_t mib = 256;

    if (argc > 1 && !units_parse_number(argv[1], 1 << 20, &mib))
        return 2;

    size_t len = (size_t)mib << 20;
    char *bytes = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *big = mmap(NULL, big_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bytes == MAP_FAILED || big == MAP_FAILED)
        return 1;

    struct seep_error *err = measure("lines of a log", log_lines, bytes, len);
    struct rusage usage;

    if (!err)
        err = measure("random bytes", random_bytes, bytes, len);
    if (!err)
        err = measure("zeros", zeros, bytes, len);
    if (!err)
        err = measure("a reserved terabyte", nothing, big, big_len);
    getrusage(RUSAGE_SELF, &usage);
    printf("at most %ld MiB of our own memory\n", usage.ru_maxrss / 1024);
    if (err)
        fprintf(stderr, "bench_dump: %s\n", err->message);

    int status = err ? 1 : 0;

    error_destroy(err);
    return status;
}
