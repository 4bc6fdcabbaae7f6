/*
 * A call 200 deep, whose frames differ in size; then one below a frame that is larger than what is
 * copied of a stack.
 */
#include "mark.h"

#include <alloca.h>
#include <string.h>

volatile int mark_count;
static void *volatile kept;

static int odd(int depth, int n);

static NOINLINE int even(int depth, int n)
{
    if (depth == 0) {
        mark(n);
        return mark_count;
    }
    return odd(depth - 1, n) + mark_count;
}

static NOINLINE int odd(int depth, int n)
{
    char *memory = (char *)alloca((size_t)depth);
    int result;

    memset(memory, n, (size_t)depth);
    kept = memory;
    result = even(depth - 1, n) + memory[depth / 2];
    kept = NULL;
    return result;
}

static NOINLINE void small(int n)
{
    mark(n);
    mark_count++;
}

static NOINLINE void large(int n)
{
    volatile char array[100000];

    array[0] = array[sizeof(array) - 1] = (char)n;
    small(n);
    mark_count += array[0] + array[sizeof(array) - 1];
}

int main(void)
{
    even(mark_unknown(196), 0);
    small(mark_unknown(1));
    large(mark_unknown(2));
    return 0;
}
