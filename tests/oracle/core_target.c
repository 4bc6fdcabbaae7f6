/*
 * A process with threads that stand still and memory that is known, for cores:
 *
 *     core_target ARGUMENT...        prints "TID NAME" of each thread, "pattern START END",
 *                                    "sparse START END", then "ready", and waits
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 5, MIB = 1 << 20 };

static pthread_barrier_t all_are_there;

static void *stand_still(void *number)
{
    char name[16];

    snprintf(name, sizeof(name), "worker-%d", (int)(intptr_t)number);
    pthread_setname_np(pthread_self(), name);
    printf("%ld %s\n", syscall(SYS_gettid), name);
    fflush(stdout);
    pthread_barrier_wait(&all_are_there);
    for (;;)
        pause();
    return NULL;
}

static uint8_t *map(const char *name, size_t len)
{
    uint8_t *bytes =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bytes == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    printf("%s %lx %lx\n", name, (unsigned long)bytes, (unsigned long)bytes + len);
    return bytes;
}

int main(void)
{
    uint8_t *pattern = map("pattern", 8 * MIB), *sparse = map("sparse", 100 * MIB);

    for (uint32_t i = 0; i < 8 * MIB / sizeof(i); i++)
        ((uint32_t *)pattern)[i] = i * 2654435761U;
    sparse[0] = 1;
    sparse[80 * MIB] = 2;
    printf("%d core_target\n", getpid());
    pthread_barrier_init(&all_are_there, NULL, THREADS + 1);
    for (intptr_t i = 1; i <= THREADS; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, stand_still, (void *)i) != 0)
            return 1;
    }
    pthread_barrier_wait(&all_are_there);
    printf("ready\n");
    fflush(stdout);
    for (;;)
        pause();
}
