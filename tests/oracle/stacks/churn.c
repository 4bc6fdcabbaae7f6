/*
 * Threads that map and unmap as fast as they can, from stacks of every depth: mark N is mapped below N
 * frames of descend().
 *
 *     churn THREADS ROUNDS DEEPEST
 */
#include "mark.h"

#include <pthread.h>
#include <stdint.h>

volatile int mark_count;
static int rounds, deepest;

static NOINLINE int descend(int depth, int n)
{
    if (depth == 0) {
        mark(n);
        return n;
    }
    return descend(depth - 1, n) + mark_count;
}

static void *churn(void *argument)
{
    int sum = 0, first = (int)(intptr_t)argument;

    for (int i = 0; i < rounds; i++) {
        int depth = (first + i) % deepest;

        sum += descend(depth, depth + 1);
    }
    return (void *)(intptr_t)sum;
}

int main(int argc, char **argv)
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    int count = argc > 1 ? atoi(argv[1]) : 8;

    rounds = argc > 2 ? atoi(argv[2]) : 1000;
    deepest = argc > 3 ? atoi(argv[3]) : 100;
    if (count > MOST || deepest <= 0)
        return 2;
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, churn, (void *)(intptr_t)(i * 13)) != 0)
            return 1;
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
