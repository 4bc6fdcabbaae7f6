/*
 * Code of which nothing tells how to unwind it: assembly without tables, and code that was made at run
 * time, with a perf map in /tmp that names it, which is left there.
 */
#include "mark.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

volatile int mark_count;

void uncovered_framed(void (*function)(int), int n);
void uncovered_frameless(void (*function)(int), int n);
void uncovered_clobbered(void (*function)(int), int n);
long uncovered_leaf(size_t bytes);

static NOINLINE void plain(int n)
{
    mark(n);
    mark_count++;
}

static NOINLINE void framed(int n)
{
    uncovered_framed(plain, n);
    mark_count++;
}

static NOINLINE void frameless(int n)
{
    uncovered_frameless(plain, n);
    mark_count++;
}

static NOINLINE void clobbered(int n)
{
    uncovered_clobbered(plain, n);
    mark_count++;
}

static NOINLINE void leaf(int n)
{
    uncovered_leaf(MARK_BYTES(n));
    mark_count++;
}

/* Copies the code of FUNCTION to where nothing knows it. */
static void *make(const void *function)
{
    char *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (code == MAP_FAILED)
        abort();
    memcpy(code, function, 64);
    return code;
}

static NOINLINE void made(void (*code)(void (*)(int), int), int n)
{
    code(plain, n);
    mark_count++;
}

static void name_made(const void *with, const void *without, const void *leaves)
{
    char path[64];
    FILE *names;

    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    names = fopen(path, "w");
    if (!names)
        abort();
    fprintf(names, "%jx 40 made with a frame\n", (uintmax_t)(uintptr_t)with);
    fprintf(names, "%jx 40 made without\n", (uintmax_t)(uintptr_t)without);
    fprintf(names, "%jx 40 made and leaving\n", (uintmax_t)(uintptr_t)leaves);
    fclose(names);
}

int main(void)
{
    void *with = make((const void *)uncovered_framed);
    void *without = make((const void *)uncovered_clobbered);
    void *leaves = make((const void *)uncovered_frameless);

    name_made(with, without, leaves);
    framed(mark_unknown(0));
    frameless(mark_unknown(1));
    clobbered(mark_unknown(2));
    leaf(mark_unknown(3));
    made((void (*)(void (*)(int), int))with, mark_unknown(4));
    made((void (*)(void (*)(int), int))without, mark_unknown(5));
    made((void (*)(void (*)(int), int))leaves, mark_unknown(6));
    return 0;
}
