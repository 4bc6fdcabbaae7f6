/* A few calls and no more, for programs that are linked or stripped in unusual ways. */
#include "mark.h"

volatile int mark_count;
static void *volatile kept;

NOINLINE void third(int n)
{
    mark(n);
    mark_count++;
}

NOINLINE void second(int n)
{
    third(n);
    mark_count++;
}

static inline __attribute__((always_inline)) void between(int n)
{
    second(n);
    mark_count++;
}

NOINLINE void first(int n)
{
    between(n);
    mark_count++;
}

NOINLINE void allocate(int n)
{
    kept = malloc(MARK_MALLOC(n));
    mark_count++;
}

int main(void)
{
    first(mark_unknown(0));
    second(mark_unknown(1));
    allocate(mark_unknown(2));
    return 0;
}
