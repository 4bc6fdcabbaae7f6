/*
 * Threads that map: one after the other, or all together ("together"). Their names change as they go.
 */
#include "mark.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

volatile int mark_count;
static pthread_key_t key;
static void *volatile kept;

static NOINLINE void plain(int n)
{
    mark(n);
    mark_count++;
}

static void name(const char *what, int n)
{
    char text[16];

    snprintf(text, sizeof(text), "%s-%d", what, n);
    pthread_setname_np(pthread_self(), text);
}

static void *plain_thread(void *argument)
{
    int n = (int)(intptr_t)argument;

    name("plain", n);
    plain(n);
    mark_count++;
    return NULL;
}

static void *allocating_thread(void *argument)
{
    int n = (int)(intptr_t)argument;

    name("allocating", n);
    for (int i = 0; i < 160; i++)
        memset(malloc(1000), i, 1000);
    name("mapping", n);
    kept = malloc(MARK_MALLOC(n));
    mark_count++;
    return NULL;
}

static void on_key(void *value)
{
    plain((int)(intptr_t)value);
    mark_count++;
}

static void *keyed_thread(void *argument)
{
    pthread_setspecific(key, argument);
    mark_count++;
    return NULL;
}

static void on_cancel(void *argument)
{
    plain((int)(intptr_t)argument);
    mark_count++;
}

static NOINLINE void wait_for_cancel(void)
{
    for (;;)
        pause();
}

static void *cancelled_thread(void *argument)
{
    pthread_cleanup_push(on_cancel, argument);
    pthread_cancel(pthread_self());
    wait_for_cancel();
    pthread_cleanup_pop(0);
    return NULL;
}

int main(int argc, char **argv)
{
    static void *(*const starts[])(void *) = {plain_thread, allocating_thread,
                                              keyed_thread, cancelled_thread,
                                              plain_thread, allocating_thread};
    enum { THREADS = sizeof(starts) / sizeof(starts[0]) };
    int together = argc > 1 && strcmp(argv[1], "together") == 0;
    pthread_t threads[THREADS];

    pthread_key_create(&key, on_key);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, starts[i], (void *)(intptr_t)i) != 0)
            abort();
        if (!together)
            pthread_join(threads[i], NULL);
    }
    for (int i = 0; together && i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
