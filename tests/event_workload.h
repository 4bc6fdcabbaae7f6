/*
 * Events as a busy multi-threaded process would give them, from a fixed seed: threads that map and
 * unmap blocks of varying size, a heap that steps up, arenas that commit pages, advice. Addresses
 * are handed out as Linux does it (the highest gap that fits), times as a tracer sees them: about
 * 12 us a call, overlapping between threads.
 *
 *     struct workload w;
 *     workload_init(&w, 8, 200000);           // threads, events; in order of exit_ns
 *     use(w.events, w.count);
 *     workload_deinit(&w);
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "evidence/event.h"

enum { WORKLOAD_PAGE = 4096, WORKLOAD_MAX_LIVE = 2000 };

struct workload_map {
    uint64_t start, length;
};

struct workload {
    struct event *events;
    size_t count;
    struct workload_map maps[WORKLOAD_MAX_LIVE + 1]; /* live, highest first */
    size_t map_count;
    uint64_t heap_end, arena_ends[64];
    uint64_t random;
};

static inline uint64_t workload_random(struct workload *w, uint64_t below)
{
    /* xorshift64* (Vigna 2016) */
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (w->random * 0x2545f4914f6cdd1dULL >> 16) % below;
}

static inline uint64_t workload_map_block(struct workload *w, uint64_t length)
{
    uint64_t top = 0x7f46d46e3000;
    size_t i = 0;

    while (i < w->map_count && top - (w->maps[i].start + w->maps[i].length) < length)
        top = w->maps[i++].start;
    memmove(&w->maps[i + 1], &w->maps[i], (w->map_count - i) * sizeof(w->maps[0]));
    w->maps[i] = (struct workload_map){top - length, length};
    w->map_count++;
    return top - length;
}

static inline void workload_call(struct workload *w, struct event *ev, unsigned thread)
{
    uint64_t dice = workload_random(w, 100);
    uint64_t pages = 1 + workload_random(w, workload_random(w, 4) ? 64 : 1024);
    size_t victim = w->map_count ? workload_random(w, w->map_count) : 0;
    struct workload_map *map = &w->maps[victim];

    if (dice < 6 && thread == 0) {
        w->heap_end += 0x21000;
        ev->kind = EVENT_BRK;
        ev->args[0] = w->heap_end;
        ev->result = (int64_t)w->heap_end;
    } else if (dice < 12) {
        ev->kind = EVENT_MPROTECT;
        ev->args[0] = w->arena_ends[thread % 64];
        ev->args[1] = (1 + workload_random(w, 8)) * WORKLOAD_PAGE;
        ev->args[2] = 3;
        w->arena_ends[thread % 64] += ev->args[1];
    } else if (dice < 18 && w->map_count) {
        ev->kind = EVENT_MADVISE;
        ev->args[0] = map->start + WORKLOAD_PAGE * workload_random(w, map->length / WORKLOAD_PAGE);
        ev->args[1] = map->start + map->length - ev->args[0];
        ev->args[2] = 4;
    } else if (w->map_count == WORKLOAD_MAX_LIVE || (dice < 58 && w->map_count > 100)) {
        ev->kind = EVENT_MUNMAP;
        ev->args[0] = map->start;
        ev->args[1] = map->length;
        memmove(map, map + 1, (--w->map_count - victim) * sizeof(*map));
    } else {
        ev->kind = EVENT_MMAP;
        ev->args[1] = pages * WORKLOAD_PAGE;
        ev->args[2] = 3;
        ev->args[3] = 0x22;
        ev->args[4] = UINT64_MAX;
        ev->result = (int64_t)workload_map_block(w, ev->args[1]);
    }
}

static inline int workload_by_exit(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    return x->exit_ns < y->exit_ns ? -1 : x->exit_ns > y->exit_ns;
}

static inline void workload_init(struct workload *w, unsigned threads, size_t count)
{
    uint64_t free_at[64] = {0};

    *w = (struct workload){.random = 0x9e3779b97f4a7c15, .heap_end = 0x55d0c0a21000};
    w->events = calloc(count, sizeof(*w->events));
    if (!w->events)
        abort();
    w->count = count;
    for (unsigned i = 0; i < threads && i < 64; i++) {
        free_at[i] = 5000000000000 + workload_random(w, 100000);
        w->arena_ends[i] = 0x7f0000000000 + i * 0x4000000ULL + 0x21000;
    }
    for (size_t i = 0; i < count; i++) {
        struct event *ev = &w->events[i];
        unsigned thread = 0;

        for (unsigned t = 1; t < threads; t++)
            if (free_at[t] < free_at[thread])
                thread = t;
        ev->pid = 16067;
        ev->tid = 16067 + (pid_t)thread * 3;
        ev->enter_ns = free_at[thread];
        ev->exit_ns = ev->enter_ns + 8000 + workload_random(w, 3000) + workload_random(w, 3000) +
                      (workload_random(w, 50) ? 0 : workload_random(w, 200000));
        free_at[thread] = ev->exit_ns + 1000 + workload_random(w, 2000) * workload_random(w, 30);
        workload_call(w, ev, thread);
    }
    qsort(w->events, count, sizeof(*w->events), workload_by_exit);
    for (size_t i = 0; i < count; i++) {
        struct event *ev = &w->events[i];

        for (size_t j = i + 1; j < count && j < i + 200; j++)
            if (w->events[j].enter_ns < ev->exit_ns &&
                (!ev->pending_ns || w->events[j].enter_ns < ev->pending_ns))
                ev->pending_ns = w->events[j].enter_ns;
    }
}

static inline void workload_deinit(struct workload *w)
{
    free(w->events);
}
