/*
 * Threads that fight for the same addresses, by every call that maps or unmaps; at the end the
 * program prints its own /proc/self/maps.
 *
 *     fight OPERATIONS          each thread does so many
 *     fight until-told          prints "ready", goes on until a byte or the end of stdin
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, SLOTS = 48, PAGE = 4096, GAP_PAGES = 256, GROWN_PAGES = 5 };

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static struct slot {
    pthread_mutex_t lock;
    char *at;
    size_t bytes;
} slots[SLOTS];

static atomic_bool told;
static unsigned long operations;
static int segment;

static void *nothing(void *argument)
{
    return argument;
}

static void fill_slot(struct slot *s, unsigned *seed)
{
    int choice = rand_r(seed) % 10;
    int flags = (choice ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS;

    s->bytes = (size_t)PAGE * (1 + (size_t)rand_r(seed) % 12);
    s->at = mmap(NULL, s->bytes, choice == 1 ? PROT_NONE : PROT_READ | PROT_WRITE, flags, -1, 0);
    if (s->at == MAP_FAILED)
        s->at = NULL;
}

static void resize_slot(struct slot *s, unsigned *seed)
{
    size_t bytes = (size_t)PAGE * (1 + (size_t)rand_r(seed) % 20);
    char *moved = mremap(s->at, s->bytes, bytes, MREMAP_MAYMOVE);

    if (moved == MAP_FAILED)
        return;
    s->at = moved;
    s->bytes = bytes;
}

/* Cuts off the head, the tail, or, keeping the rest for nobody, the middle. */
static void cut_slot(struct slot *s, unsigned *seed)
{
    if (s->bytes < 3 * PAGE)
        return;
    switch (rand_r(seed) % 3) {
    case 0:
        munmap(s->at, PAGE);
        s->at += PAGE;
        s->bytes -= PAGE;
        break;
    case 1:
        munmap(s->at + s->bytes - PAGE, PAGE);
        s->bytes -= PAGE;
        break;
    default:
        munmap(s->at + PAGE, PAGE);
        munmap(s->at, PAGE);
        s->at += (size_t)2 * PAGE;
        s->bytes -= (size_t)2 * PAGE;
        break;
    }
}

static void change_slot(struct slot *s, unsigned *seed)
{
    unsigned choice = (unsigned)rand_r(seed) % 100;

    if (!s->at) {
        fill_slot(s, seed);
    } else if (choice < 45) {
        munmap(s->at, s->bytes);
        s->at = NULL;
    } else if (choice < 65) {
        resize_slot(s, seed);
    } else if (choice < 75) {
        cut_slot(s, seed);
    } else if (choice < 85) {
        mprotect(s->at, s->bytes, choice & 1 ? PROT_NONE : PROT_READ | PROT_WRITE);
    } else if (choice < 90) {
        mmap(s->at, s->bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    } else if (choice < 95) {
        madvise(s->at, s->bytes, choice & 1 ? MADV_DONTFORK : MADV_DONTNEED);
    } else {
        char *copy = mremap(s->at, s->bytes, s->bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);

        if (copy != MAP_FAILED)
            munmap(copy, s->bytes);
    }
}

static void attach_segment(unsigned *seed)
{
    char *at = shmat(segment, NULL, 0);

    if (at == (void *)-1)
        return;
    munmap(at + PAGE * (rand_r(seed) % 4), PAGE);
    shmdt(at);
}

/* A child that changes what it got, and its own. */
static void fork_child(unsigned *seed)
{
    pid_t child = fork();

    if (child == 0) {
        char *own = mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        munmap(own + PAGE, (size_t)PAGE * (1 + (size_t)rand_r(seed) % 8));
        for (size_t i = 0; i < SLOTS; i += 3)
            if (slots[i].at)
                munmap(slots[i].at, slots[i].bytes);
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void *fight(void *argument)
{
    unsigned seed = (unsigned)(long)argument;

    for (unsigned long i = 0; operations ? i < operations : !told; i++) {
        struct slot *s = &slots[rand_r(&seed) % SLOTS];
        pthread_t thread;

        pthread_mutex_lock(&s->lock);
        change_slot(s, &seed);
        pthread_mutex_unlock(&s->lock);
        switch (rand_r(&seed) % 500) {
        case 0:
            if (pthread_create(&thread, NULL, nothing, NULL) == 0)
                pthread_join(thread, NULL);
            break;
        case 1:
            fork_child(&seed);
            break;
        case 2 ... 9:
            attach_segment(&seed);
            break;
        case 10 ... 20:
            free(malloc(50000 + (size_t)rand_r(&seed) % 300000));
            break;
        default:
            break;
        }
    }
    return NULL;
}

/* The kernel lets it grow downwards, without a call. */
static void map_growing(void)
{
    size_t bytes = (size_t)(GAP_PAGES + 2 * GROWN_PAGES) * PAGE;
    char *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *top = room + bytes - PAGE;

    munmap(room, bytes);
    if (mmap(top, PAGE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0) != top)
        return;
    for (int i = 1; i < GROWN_PAGES; i++)
        *(volatile char *)(top - i * PAGE) = 1;
}

static void print_maps(void)
{
    static char text[1 << 16];
    int fd = open("/proc/self/maps", O_RDONLY);

    for (ssize_t got; (got = read(fd, text, sizeof(text))) > 0;)
        if (write(STDOUT_FILENO, text, (size_t)got) != got)
            _exit(1);
    close(fd);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    char byte;

    (void)argc;
    operations = strtoul(argv[1], NULL, 10);
    segment = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
    map_growing();
    for (size_t i = 0; i < SLOTS; i++)
        pthread_mutex_init(&slots[i].lock, NULL);
    if (!operations && write(STDERR_FILENO, "ready\n", 6) != 6)
        return 1;
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, fight, (void *)(i + 1)))
            return 1;
    if (!operations)
        told = read(STDIN_FILENO, &byte, 1) >= 0;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    shmctl(segment, IPC_RMID, NULL);
    sbrk(3 * PAGE + 100);
    print_maps();
    return 0;
}
