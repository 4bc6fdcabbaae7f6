/*
 * A process that knows which of its words point where. Prints a line for each region and each fact, then
 * "ready", and waits:
 *
 *     region NAME START END
 *     word ADDRESS VALUE       in a region, the heap or this program's data, points into another one
 *     none NAME                nothing points into that one but itself
 *
 * Nothing else in it points into the regions but what its stacks and registers hold.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };

struct region {
    const char *name;
    char *start;
};

static struct region regions[] = {
    {"held", NULL}, {"lost", NULL}, {"ring", NULL}, {"holder", NULL}, {"global", NULL}};
enum { HELD, LOST, RING, HOLDER, GLOBAL, COUNT };

/* Region starts are kept so that they do not look like pointers. */
static uintptr_t hidden[COUNT];

static void *global_pointer;
static void *data_pointer = &global_pointer;

static char *at(int region)
{
    return (char *)(~hidden[region]); /* NOLINT */
}

static void make(int region)
{
    /* Between pages that can only be read: above ones without access it would look like a stack. */
    char *bytes = mmap(NULL, (PAGES + 2) * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (bytes == MAP_FAILED || mprotect(bytes + PAGE, PAGES * PAGE, PROT_READ | PROT_WRITE) < 0) {
        perror("mmap");
        exit(1);
    }
    memset(bytes + PAGE, 1, PAGES * PAGE);
    hidden[region] = ~(uintptr_t)(bytes + PAGE);
}

static void point(void *from, const void *to)
{
    memcpy(from, &to, sizeof(to));
}

static void tell(const void *from)
{
    uintptr_t value;

    memcpy(&value, from, sizeof(value));
    printf("word %lx %lx\n", (unsigned long)(uintptr_t)from, (unsigned long)value);
}

int main(void)
{
    static char out[1 << 16];
    void **heap = malloc(100 * sizeof(*heap));

    setvbuf(stdout, out, _IOFBF, sizeof(out));
    if (!heap)
        return 1;
    for (int i = 0; i < COUNT; i++)
        make(i);
    memset(heap, 0, 100 * sizeof(*heap));
    /* From the heap, at every tenth place; from a region; from this program's data. */
    for (int i = 0; i < 100; i += 10)
        point(&heap[i], at(HELD) + 16 * i);
    for (int i = 0; i < 7; i++)
        point(at(HOLDER) + 8 * i, at(HELD) + PAGE * i);
    point(&global_pointer, at(GLOBAL));
    /* Pages that know each other, and nobody knows them. */
    for (int i = 0; i < PAGES; i++)
        point(at(RING) + PAGE * i, at(RING) + PAGE * ((i + 1) % PAGES));
    /* One byte beside: no aligned word. */
    point(at(HOLDER) + 1001, at(LOST));

    for (int i = 0; i < COUNT; i++)
        printf("region %s %lx %lx\n", regions[i].name, (unsigned long)(uintptr_t)at(i),
               (unsigned long)(uintptr_t)(at(i) + PAGES * PAGE));
    for (int i = 0; i < 100; i += 10)
        tell(&heap[i]);
    for (int i = 0; i < 7; i++)
        tell(at(HOLDER) + 8 * i);
    tell(&global_pointer);
    puts("none lost");
    puts("none ring");
    puts("none holder");
    puts("ready");
    fflush(stdout);
    /* What printf left of its numbers. */
    memset(out, 0, sizeof(out));
    for (;;)
        pause();
    return data_pointer == NULL;
}
