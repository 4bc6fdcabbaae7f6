#include "analyzer/places.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { MAX_NESTED = 8 };

struct place_entry {
    struct place place;
    UT_hash_handle hh;
};

struct place_thread {
    pid_t tid;
    uint64_t next_start; /* the stack it mapped for a thread to come; 0 none */
    uint64_t own_start;  /* the stack it runs on; 0 not known */
    bool reuses;         /* started without a new stack */
    UT_hash_handle hh;
};

void places_deinit(struct places *places)
{
    struct place_entry *entry, *next_entry;
    struct place_thread *thread, *next_thread;

    HASH_ITER(hh, places->entries, entry, next_entry)
    {
        HASH_DEL(places->entries, entry);
        free(entry);
    }
    HASH_ITER(hh, places->threads, thread, next_thread)
    {
        HASH_DEL(places->threads, thread);
        free(thread);
    }
    *places = (struct places){0};
}

static struct place_entry *find_entry(const struct places *places, uint64_t start)
{
    struct place_entry *entry;

    HASH_FIND(hh, places->entries, &start, sizeof(start), entry);
    return entry;
}

static void forget_entry(struct places *places, struct place_entry *entry)
{
    if (entry->place.abandoned)
        places->abandoned--;
    HASH_DEL(places->entries, entry);
    free(entry);
}

static struct place_thread *find_thread(const struct places *places, pid_t tid)
{
    struct place_thread *thread;

    HASH_FIND_INT(places->threads, &tid, thread);
    return thread;
}

static struct seep_error *make_thread(struct places *places, pid_t tid,
                                      struct place_thread **ret_thread)
{
    struct place_thread *thread = find_thread(places, tid);

    if (!thread) {
        thread = calloc(1, sizeof(*thread));
        if (!thread)
            return error_no_memory();
        thread->tid = tid;
        HASH_ADD_INT(places->threads, tid, thread);
        if (!thread->hh.tbl) {
            free(thread);
            return error_no_memory();
        }
    }
    *ret_thread = thread;
    return NULL;
}

static struct seep_error *add_entry(struct places *places, const struct event *ev,
                                    enum place_kind kind)
{
    struct place_entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return error_no_memory();
    entry->place = (struct place){
        .start = (uint64_t)ev->result,
        .len_bytes = ev->args[1],
        .time_ns = ev->exit_ns,
        .kind = kind,
        .creator = ev->tid,
        .despite = places->abandoned > places->reused ? places->abandoned - places->reused : 0,
    };
    HASH_ADD(hh, places->entries, place.start, sizeof(entry->place.start), entry);
    if (!entry->hh.tbl) {
        free(entry);
        return error_no_memory();
    }
    return NULL;
}

static struct seep_error *note_mmap(struct places *places, const struct event *ev)
{
    uint64_t flags = ev->args[3];
    struct place_entry *old = find_entry(places, (uint64_t)ev->result);
    struct place_thread *creator;
    struct seep_error *err;

    /* HotSpot makes the guards of a stack by a mapping of its own at its start. */
    if (old && old->place.kind == PLACE_STACK && (flags & MAP_FIXED) &&
        ev->args[1] < old->place.len_bytes)
        return NULL;
    if (old)
        forget_entry(places, old);
    if (!(flags & MAP_ANONYMOUS))
        return NULL;
    if (flags & MAP_FIXED)
        return add_entry(places, ev, PLACE_FIXED);
    if (!(flags & MAP_STACK))
        return NULL;
    err = add_entry(places, ev, PLACE_STACK);
    if (!err)
        err = make_thread(places, ev->tid, &creator);
    if (!err)
        creator->next_start = (uint64_t)ev->result;
    return err;
}

struct seep_error *places_mapped(struct places *places, const struct event *ev)
{
    if (ev->kind == EVENT_MMAP)
        return note_mmap(places, ev);
    if (ev->kind == EVENT_MUNMAP || ev->kind == EVENT_MREMAP) {
        struct place_entry *entry = find_entry(places, ev->args[0]);

        if (entry)
            forget_entry(places, entry);
    }
    return NULL;
}

struct seep_error *places_thread_started(struct places *places, pid_t parent, pid_t tid)
{
    struct place_thread *creator = find_thread(places, parent), *thread;
    struct place_entry *entry =
        creator && creator->next_start ? find_entry(places, creator->next_start) : NULL;
    struct seep_error *err = NULL;

    if (creator)
        creator->next_start = 0;
    /* A thread that was there before the trace says nothing of its stack. */
    if (parent == 0)
        return NULL;
    err = make_thread(places, tid, &thread);
    if (err)
        return err;
    if (entry) {
        entry->place.owner = tid;
        thread->own_start = entry->place.start;
    } else if (!thread->reuses) {
        thread->reuses = true;
        places->reused++;
    }
    return NULL;
}

void places_thread_exited(struct places *places, pid_t tid)
{
    struct place_thread *thread = find_thread(places, tid);
    struct place_entry *entry;

    if (!thread)
        return;
    entry = thread->own_start ? find_entry(places, thread->own_start) : NULL;
    if (entry && entry->place.owner == tid && !entry->place.abandoned) {
        entry->place.abandoned = true;
        places->abandoned++;
    }
    if (thread->reuses)
        places->reused--;
    HASH_DEL(places->threads, thread);
    free(thread);
}

static int compare_places(const void *a, const void *b)
{
    const struct place *x = *(const struct place *const *)a, *y = *(const struct place *const *)b;

    return (x->start > y->start) - (x->start < y->start);
}

struct seep_error *places_list(const struct places *places, struct places_list *ret_list)
{
    size_t count = 0;
    const struct place **items = calloc(HASH_COUNT(places->entries) + 1, sizeof(const void *));

    if (!items)
        return error_no_memory();
    for (const struct place_entry *entry = places->entries; entry; entry = entry->hh.next)
        items[count++] = &entry->place;
    qsort(items, count, sizeof(const void *), compare_places);
    *ret_list = (struct places_list){items, count};
    return NULL;
}

void places_list_deinit(struct places_list *list)
{
    free(list->items);
    *list = (struct places_list){0};
}

const struct place *places_list_find(const struct places_list *list, uint64_t addr)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list->items[middle]->start <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    /* What was mapped inside another place comes after it. */
    for (size_t back = 0; low > 0 && back < MAX_NESTED; low--, back++)
        if (addr - list->items[low - 1]->start < list->items[low - 1]->len_bytes)
            return list->items[low - 1];
    return NULL;
}
