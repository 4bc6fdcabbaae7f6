/* One of four threads maps 1 MiB 40 times and forgets it; the others map and unmap. */
#include <pthread.h>
#include <stdatomic.h>

#include "truth.h"

enum { LEAKS = 40 };

static atomic_int over;

static void *leak(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "leaker");
    truth_number("tid", (unsigned long long)gettid());
    for (int i = 0; i < LEAKS; i++) {
        map_touched(MIB);
        pause_ms(50);
    }
    over = 1;
    return NULL;
}

static void *churn(void *unused)
{
    (void)unused;
    while (!over)
        work_for(50);
    return NULL;
}

int main(void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i ? churn : leak, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    truth_text("verdict", "leak");
    truth_text("region", "anon-mmap");
    truth_text("cause", "never-freed");
    truth_text("function", "map_touched");
    truth_number("count", LEAKS);
    truth_number("unit_bytes", MIB);
    truth_number("bytes", (unsigned long long)LEAKS * MIB);
    return 0;
}
