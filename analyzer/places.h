/*
 * The mappings of a process whose flags tell what they are for, and the threads on its stacks.
 *
 *     mmap(NULL, 8392704, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_STACK)    by thread 7
 *     clone                                                                  by thread 7 -> 12
 *     thread 12 exits                       a stack whose thread is gone: joined and kept for the
 *                                           next thread (glibc caches 40 MiB), or never joined
 *     mmap(..., MAP_STACK) again            while such a stack is there: it was not to be had, so
 *                                           the thread was not joined (`despite`)
 *
 * A mapping placed with MAP_FIXED is an allocator's or a runtime's, inside what it had reserved.
 * Bounded by the start addresses in use; a munmap of the start forgets the mapping.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/event.h"

enum place_kind { PLACE_STACK, PLACE_FIXED };

struct place {
    uint64_t start, len_bytes;
    uint64_t time_ns;
    enum place_kind kind;
    pid_t creator;
    pid_t owner;      /* the thread on it; 0 not known */
    bool abandoned;   /* OWNER exited */
    uint32_t despite; /* stacks abandoned when it was mapped */
};

struct place_entry;
struct place_thread;

/* All zeros is empty. */
struct places {
    struct place_entry *entries;  /* by start */
    struct place_thread *threads; /* who will start one, who runs on one */
    uint32_t abandoned;           /* stacks of exited threads, still mapped */
    uint32_t reused;              /* threads that run on a stack mapped for another one */
};

void places_deinit(struct places *places);

/* A successful mmap, munmap or mremap of the process. */
struct seep_error *places_mapped(struct places *places, const struct event *ev);
struct seep_error *places_thread_started(struct places *places, pid_t parent, pid_t tid);
void places_thread_exited(struct places *places, pid_t tid);

/* What there is, to be looked up by address; the places must outlive it. */
struct places_list {
    const struct place **items; /* by start */
    size_t count;
};
struct seep_error *places_list(const struct places *places, struct places_list *ret_list);
void places_list_deinit(struct places_list *list);
const struct place *places_list_find(const struct places_list *list, uint64_t addr);
