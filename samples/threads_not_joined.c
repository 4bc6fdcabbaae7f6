/* 12 threads that end and are never joined: their stacks stay. */
#include <pthread.h>

#include "truth.h"

enum { THREADS = 12 };

static void *end_at_once(void *unused)
{
    char used[256 * 1024];

    memset(used, 0x5e, sizeof(used));
    __asm__ volatile("" ::"r"(used) : "memory");
    return unused;
}

int main(void)
{
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, end_at_once, NULL))
            return 1;
        work_for(150);
    }
    truth_text("verdict", "leak");
    truth_text("region", "thread-stack");
    truth_text("cause", "threads-not-joined");
    truth_text("function", "main");
    truth_number("count", THREADS);
    return 0;
}
