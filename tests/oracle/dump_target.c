/*
 * A process with every kind of memory that a dump has to get right. Prints a line for each region,
 * "NAME START END", then "ready", and waits:
 *
 *     dump_target DIRECTORY           a file is made there and mapped
 *
 * SIGUSR1 makes it unmap the region "vanishing".
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MIB = 1 << 20 };

static void *vanishing;
static const size_t vanishing_len = 256UL * MIB;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void say(const char *name, const void *start, size_t len)
{
    printf("%s %lx %lx\n", name, (unsigned long)start, (unsigned long)start + len);
}

static uint8_t *map(size_t len, int flags, int fd)
{
    void *bytes =
        mmap(NULL, len, PROT_READ | PROT_WRITE, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

    if (bytes == MAP_FAILED)
        fail("mmap");
    return bytes;
}

static void fill(uint8_t *bytes, size_t len)
{
    static uint64_t state = 88172645463325252ULL;

    for (size_t i = 0; i + 8 <= len; i += 8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(bytes + i, &state, 8);
    }
}

static void anonymous_memory(void)
{
    uint8_t *bytes = map(5 * MIB + 3 * PAGE, MAP_PRIVATE, -1);

    fill(bytes, 5 * MIB + 3 * PAGE);
    say("anonymous", bytes, 5 * MIB + 3 * PAGE);

    /* every 7th page touched, some with nothing but zeros; the first and the last are not */
    bytes = map(9 * MIB, MAP_PRIVATE, -1);
    madvise(bytes, 9 * MIB, MADV_NOHUGEPAGE);
    for (size_t page = 3; page < 9 * MIB / PAGE - 1; page += 7) {
        if (page % 5)
            fill(bytes + page * PAGE, PAGE);
        else
            bytes[page * PAGE] = 0;
    }
    say("sparse", bytes, 9 * MIB);

    bytes = map(3 * MIB, MAP_PRIVATE, -1);
    fill(bytes, MIB);
    if (mprotect(bytes, 3 * MIB, PROT_NONE) < 0)
        fail("mprotect");
    say("no-permission", bytes, 3 * MIB);

    /* a terabyte of nothing but one page */
    bytes = mmap(NULL, 1UL << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        fail("mmap of a terabyte");
    if (mprotect(bytes + (1UL << 39), PAGE, PROT_READ | PROT_WRITE) < 0)
        fail("mprotect");
    strcpy((char *)bytes + (1UL << 39), "in the middle of a terabyte");
    mprotect(bytes + (1UL << 39), PAGE, PROT_NONE);
    say("terabyte", bytes, 1UL << 40);
    say("terabyte-page", bytes + (1UL << 39), PAGE);

    vanishing = map(vanishing_len, MAP_PRIVATE, -1);
    fill(vanishing, vanishing_len);
    say("vanishing", vanishing, vanishing_len);
}

/* Written by others, so that the page table of this process knows nothing of it. */
static void shared_memory(void)
{
    uint8_t *bytes = map(4 * MIB, MAP_SHARED, -1);
    pid_t child = fork();

    if (child == 0) {
        fill(bytes + MIB + 5 * PAGE, MIB);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    fill(bytes, PAGE);
    say("shared", bytes, 4 * MIB);

    int fd = memfd_create("dump-target", MFD_CLOEXEC);
    uint8_t *copy = malloc(2 * MIB);

    fill(copy, 2 * MIB);
    if (ftruncate(fd, 64 * MIB) < 0 || pwrite(fd, copy, 2 * MIB, 3 * MIB + PAGE) != 2 * MIB)
        fail("memfd");
    bytes = mmap(NULL, 8 * MIB, PROT_READ, MAP_SHARED, fd, 2 * MIB);
    if (bytes == MAP_FAILED)
        fail("mmap of a memfd");
    say("memfd", bytes, 8 * MIB);

    int id = shmget(IPC_PRIVATE, 2 * MIB, IPC_CREAT | 0600);

    bytes = shmat(id, NULL, 0);
    if (bytes == (void *)-1)
        fail("shmat");
    shmctl(id, IPC_RMID, NULL);
    fill(bytes + 10 * PAGE, 20 * PAGE);
    say("sysv", bytes, 2 * MIB);
    free(copy);
}

/* The file is shorter than its mapping's last page, and has been changed in one place. */
static void file_memory(const char *directory)
{
    char path[4096];
    uint8_t *bytes = malloc(MIB);
    int fd;

    snprintf(path, sizeof(path), "%s/mapped-file", directory);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fill(bytes, MIB);
    if (fd < 0 || write(fd, bytes, MIB - 1000) != MIB - 1000)
        fail(path);
    free(bytes);
    bytes = map(MIB, MAP_PRIVATE, fd);
    bytes[17 * PAGE] ^= 1;
    say("file", bytes, MIB);
    bytes = map(MIB, MAP_SHARED, fd);
    say("shared-file", bytes, MIB);
}

static void heap(void)
{
    uint8_t *start = sbrk(0), *bytes = sbrk(2 * MIB);

    if (bytes == (void *)-1)
        fail("sbrk");
    fill(bytes, MIB);
    start -= (uintptr_t)start % PAGE;
    say("heap", start, MIB);
}

static void unmap(int signal)
{
    (void)signal;
    munmap(vanishing, vanishing_len);
}

int main(int argc, char **argv)
{
    char marker[8 * PAGE];
    uint8_t *stack = (uint8_t *)((uintptr_t)(marker + PAGE) / PAGE * PAGE);

    if (argc != 2)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR1, unmap);
    fill((uint8_t *)marker, sizeof(marker));
    say("stack", stack, 4 * PAGE);
    anonymous_memory();
    shared_memory();
    file_memory(argv[1]);
    heap();
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
