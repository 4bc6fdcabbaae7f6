#include "analyzer/mapped_times.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/buffer.h"
#include "base/units.h"
#include "base/vector.h"

/* A run of addresses that one event mapped. */
struct place {
    pid_t pid;
    uint64_t start, end;
    uint32_t mapping; /* index */
};

struct known {
    const struct ledger_charge *charge;
    uint32_t mapping;
    UT_hash_handle hh;
};

struct mapped_times {
    uint64_t wall_offset_ns;
    VECTOR(struct place) places; /* sorted */
    VECTOR(struct mapped_time) mappings;
    struct known *known; /* while the places are collected */
    struct seep_error *err;
    pid_t pid; /* of the space at hand */
};

/* --- the places --- */

static struct seep_error *mapping_of(struct mapped_times *times, const struct ledger_charge *charge,
                                     uint32_t *ret_mapping)
{
    struct known *known;
    struct seep_error *err;

    HASH_FIND_PTR(times->known, &charge, known);
    if (known) {
        *ret_mapping = known->mapping;
        return NULL;
    }
    known = calloc(1, sizeof(*known));
    if (!known)
        return error_no_memory();
    known->charge = charge;
    known->mapping = (uint32_t)times->mappings.count;
    err = vector_push(&times->mappings,
                      (struct mapped_time){.charge = charge,
                                           .mapped_ns = charge->time_ns + times->wall_offset_ns});
    if (!err) {
        HASH_ADD_PTR(times->known, charge, known);
        if (!known->hh.tbl)
            err = error_no_memory();
    }
    if (err)
        free(known);
    else
        *ret_mapping = known->mapping;
    return err;
}

static bool on_interval(const struct ledger_interval *interval, void *context)
{
    struct mapped_times *times = context;
    struct place place = {times->pid, interval->start, interval->end, 0};

    if (!interval->charge)
        return true;
    times->err = mapping_of(times, interval->charge, &place.mapping);
    if (!times->err)
        times->err = vector_push(&times->places, place);
    return !times->err;
}

static bool on_space(const struct ledger_space *space, pid_t pid, void *context)
{
    struct mapped_times *times = context;

    times->pid = pid;
    ledger_each(space, 0, UINT64_MAX, on_interval, times);
    return !times->err;
}

static int by_place(const void *left, const void *right)
{
    const struct place *a = left, *b = right;

    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return (a->start > b->start) - (a->start < b->start);
}

static void forget_known(struct mapped_times *times)
{
    struct known *known, *next;

    HASH_ITER(hh, times->known, known, next)
    {
        HASH_DEL(times->known, known);
        free(known);
    }
}

struct seep_error *mapped_times_create(const struct ledger *ledger, uint64_t wall_offset_ns,
                                       struct mapped_times **ret_times)
{
    struct mapped_times *times = calloc(1, sizeof(*times));

    if (!times)
        return error_no_memory();
    times->wall_offset_ns = wall_offset_ns;
    ledger_each_space(ledger, on_space, times);
    forget_known(times);
    if (times->err) {
        struct seep_error *err = take_ptr(times->err);

        mapped_times_destroy(times);
        return err;
    }
    if (times->places.count)
        qsort(times->places.items, times->places.count, sizeof(*times->places.items), by_place);
    *ret_times = times;
    return NULL;
}

void mapped_times_destroy(struct mapped_times *times)
{
    if (!times)
        return;
    forget_known(times);
    vector_deinit(&times->places);
    vector_deinit(&times->mappings);
    free(times);
}

/* --- the times --- */

/* The first place of PID, or behind it, that ends after ADDRESS. */
static size_t find(const struct mapped_times *times, pid_t pid, uint64_t address)
{
    size_t low = 0, high = times->places.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct place *place = &times->places.items[middle];

        if (place->pid > pid || (place->pid == pid && place->end > address))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void mapped_times_add(struct mapped_times *times, pid_t pid, uint64_t address, uint64_t epoch_ns)
{
    size_t at = find(times, pid, address);

    if (at == times->places.count || times->places.items[at].pid != pid ||
        times->places.items[at].start > address)
        return;

    struct mapped_time *time = &times->mappings.items[times->places.items[at].mapping];

    if (!time->count || epoch_ns < time->first_ns)
        time->first_ns = epoch_ns;
    if (!time->count || epoch_ns > time->last_ns)
        time->last_ns = epoch_ns;
    time->count++;
    /* Clocks are read before what they say is written, and texts cut them to seconds. */
    if (epoch_ns + MAPPED_TIMES_EARLY_S * (uint64_t)NS_PER_S < time->mapped_ns)
        time->before++;
    else if (epoch_ns <= time->mapped_ns + MAPPED_TIMES_SOON_S * (uint64_t)NS_PER_S)
        time->soon++;
}

static int by_time(const void *left, const void *right)
{
    const struct mapped_time *a = *(const struct mapped_time *const *)left;
    const struct mapped_time *b = *(const struct mapped_time *const *)right;

    if (a->mapped_ns != b->mapped_ns)
        return a->mapped_ns < b->mapped_ns ? -1 : 1;
    return (a->charge->start > b->charge->start) - (a->charge->start < b->charge->start);
}

struct seep_error *mapped_times_each(const struct mapped_times *times, pid_t pid, uint64_t start,
                                     uint64_t end,
                                     bool (*visit)(const struct mapped_time *time, void *context),
                                     void *context)
{
    VECTOR(const struct mapped_time *) here = {0};
    struct seep_error *err = NULL;

    for (size_t i = find(times, pid, start); i < times->places.count && !err; i++) {
        const struct place *place = &times->places.items[i];
        const struct mapped_time *time = &times->mappings.items[place->mapping];

        if (place->pid != pid || place->start >= end)
            break;
        if (time->count)
            err = vector_push(&here, time);
    }
    if (here.count)
        qsort(here.items, here.count, sizeof(*here.items), by_time);
    for (size_t i = 0; i < here.count && !err; i++)
        /* One that was cut into several places is told once. */
        if ((i == 0 || here.items[i] != here.items[i - 1]) && !visit(here.items[i], context))
            break;
    vector_deinit(&here);
    return err;
}

enum mapped_times_kind mapped_times_kind(const struct mapped_time *time)
{
    if (time->before + time->soon < time->count)
        return MAPPED_TIMES_LATER;
    return time->soon ? MAPPED_TIMES_ONCE : MAPPED_TIMES_OLDER;
}

struct seep_error *mapped_times_sentence(const struct mapped_time *time, char **ret_text)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct units_text when, after;

    switch (mapped_times_kind(time)) {
    case MAPPED_TIMES_ONCE:
        buffer_printf(&text, "written within %d s of being mapped, never since",
                      MAPPED_TIMES_SOON_S);
        break;
    case MAPPED_TIMES_LATER:
        buffer_printf(&text, "written until %s, %s after it was mapped",
                      units_format_clock(&when, time->last_ns),
                      units_format_duration(&after, time->last_ns - time->mapped_ns));
        break;
    case MAPPED_TIMES_OLDER:
        buffer_printf(&text, "only times from before it was mapped");
        break;
    }
    if (text.failed)
        return error_no_memory();
    *ret_text = take_ptr(text.bytes);
    return NULL;
}
