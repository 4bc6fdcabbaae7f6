#include <stdlib.h>

#include "importer/strace_log.h"

enum { FIRST_ROOM = 64, MOST_THREADS = 1 << 20 };

static size_t slot_of(const struct strace_threads *threads, pid_t tid)
{
    size_t slot = (uint32_t)tid * 2654435761u >> 7 & (threads->room - 1);

    while (threads->slots[slot] && threads->slots[slot]->tid != tid)
        slot = (slot + 1) & (threads->room - 1);
    return slot;
}

struct strace_thread *strace_threads_find(struct strace_threads *threads, pid_t tid)
{
    if (threads->last && threads->last->tid == tid)
        return threads->last;
    if (!threads->room)
        return NULL;
    threads->last = threads->slots[slot_of(threads, tid)];
    return threads->last;
}

const struct strace_thread *strace_threads_any(const struct strace_threads *threads)
{
    for (size_t i = 0; i < threads->room; i++)
        if (threads->slots[i])
            return threads->slots[i];
    return NULL;
}

static bool grow(struct strace_threads *threads)
{
    struct strace_threads grown = {.count = threads->count,
                                   .room = threads->room ? threads->room * 2 : FIRST_ROOM};

    if (threads->count * 2 < threads->room)
        return true;
    grown.slots = calloc(grown.room, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < threads->room; i++)
        if (threads->slots[i])
            grown.slots[slot_of(&grown, threads->slots[i]->tid)] = threads->slots[i];
    free(threads->slots);
    *threads = grown;
    return true;
}

struct strace_thread *strace_threads_add(struct strace_threads *threads, pid_t tid)
{
    struct strace_thread *thread;

    if (threads->count >= MOST_THREADS || !grow(threads) || !(thread = calloc(1, sizeof(*thread))))
        return NULL;
    thread->tid = tid;
    threads->slots[slot_of(threads, tid)] = thread;
    threads->count++;
    threads->last = thread;
    return thread;
}

static void destroy(struct strace_thread *thread)
{
    buffer_deinit(&thread->open.text);
    free(thread);
}

void strace_threads_remove(struct strace_threads *threads, struct strace_thread *thread)
{
    size_t slot = slot_of(threads, thread->tid);

    threads->slots[slot] = NULL;
    threads->count--;
    threads->last = NULL;
    destroy(thread);
    /* Those behind it may have come here past it. */
    for (slot = (slot + 1) & (threads->room - 1); threads->slots[slot];
         slot = (slot + 1) & (threads->room - 1)) {
        struct strace_thread *moved = threads->slots[slot];

        threads->slots[slot] = NULL;
        threads->slots[slot_of(threads, moved->tid)] = moved;
    }
}

void strace_threads_deinit(struct strace_threads *threads)
{
    for (size_t i = 0; i < threads->room; i++)
        if (threads->slots[i])
            destroy(threads->slots[i]);
    free(threads->slots);
    *threads = (struct strace_threads){0};
}
