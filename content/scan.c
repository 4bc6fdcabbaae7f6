#include "content/scan.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

enum { SLOTS_PER_THREAD = 2 };

/* One unit under way. */
struct slot {
    struct scan_unit unit;
    bool done; /* read and looked at */
    uint8_t *room;
    struct scan_stretches stretches;
    VECTOR(void *) parts; /* of each stretch, of each consumer */
    struct seep_error *err;
};

struct scan {
    struct scan_source *source;
    struct scan_consumer *const *consumers;
    size_t consumer_count;
    const struct scan_options *options;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct slot *slots; /* a ring: unit N is in slot N % slot_count */
    size_t slot_count;
    uint64_t taken, merged; /* units */
    bool ended;             /* no more are to be taken */
    bool merging;           /* a thread is at it: of what follows it is the owner */

    struct seep_error *err;
    uint64_t done_bytes;
    uint64_t end; /* where the last stretch ended */
    uint8_t before[SCAN_BEFORE_BYTES];
    size_t before_len;
};

/* --- in any thread --- */

static struct seep_error *look(struct scan *s, struct slot *slot)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < slot->stretches.count && !err; i++)
        for (size_t c = 0; c < s->consumer_count && !err; c++) {
            struct scan_consumer *consumer = s->consumers[c];
            void *part = NULL;

            if (consumer->look)
                err = consumer->look(consumer, &slot->stretches.items[i], &part);
            slot->parts.items[i * s->consumer_count + c] = part;
        }
    return err;
}

/* Reads and looks at what is in SLOT; *OPEN: READER is there. */
static struct seep_error *fill(struct scan *s, struct slot *slot, void **reader, bool *open)
{
    struct seep_error *err = NULL;

    slot->stretches.count = slot->parts.count = 0;
    if (!*open && s->source->open)
        err = s->source->open(s->source, reader);
    if (err)
        return err;
    *open = true;
    if (!slot->room)
        slot->room = malloc(SCAN_UNIT_BYTES);
    if (!slot->room)
        return error_no_memory();
    err = s->source->read(s->source, *reader, &slot->unit, slot->room, &slot->stretches);
    if (err)
        return err;
    for (size_t i = 0; i < slot->stretches.count; i++)
        slot->stretches.items[i].origin = slot->unit.origin;

    size_t count = slot->stretches.count * s->consumer_count;

    err = vector_reserve(&slot->parts, count);
    if (err)
        return err;
    if (count)
        memset(slot->parts.items, 0, count * sizeof(*slot->parts.items));
    slot->parts.count = count;
    return look(s, slot);
}

static void drop_parts(struct scan *s, struct slot *slot)
{
    for (size_t i = 0; i < slot->parts.count; i++) {
        struct scan_consumer *consumer = s->consumers[i % s->consumer_count];

        if (slot->parts.items[i] && consumer->drop)
            consumer->drop(consumer, slot->parts.items[i]);
    }
    slot->parts.count = 0;
}

/* --- one at a time, in order --- */

/* Keeps the end of STRETCH for the next one. */
static void keep_end(struct scan *s, const struct scan_stretch *stretch)
{
    size_t len = stretch->len < SCAN_BEFORE_BYTES ? stretch->len : SCAN_BEFORE_BYTES;
    size_t old = stretch->first ? 0 : s->before_len;

    if (old > SCAN_BEFORE_BYTES - len)
        old = SCAN_BEFORE_BYTES - len;
    memmove(s->before, s->before + s->before_len - old, old);
    if (stretch->bytes)
        memcpy(s->before + old, stretch->bytes + stretch->len - len, len);
    else
        memset(s->before + old, 0, len);
    s->before_len = old + len;
    s->end = stretch->address + stretch->len;
}

static struct seep_error *merge(struct scan *s, struct slot *slot)
{
    struct seep_error *err = slot->err;

    slot->err = NULL;
    for (size_t i = 0; i < slot->stretches.count && !err; i++) {
        struct scan_stretch *stretch = &slot->stretches.items[i];

        stretch->first = (i == 0 && slot->unit.begins) || stretch->address != s->end;
        stretch->before = s->before;
        stretch->before_len = stretch->first ? 0 : s->before_len;
        for (size_t c = 0; c < s->consumer_count && !err; c++)
            err = s->consumers[c]->merge(s->consumers[c], stretch,
                                         take_ptr(slot->parts.items[i * s->consumer_count + c]));
        keep_end(s, stretch);
    }
    drop_parts(s, slot);
    s->done_bytes += slot->unit.len;
    if (!err && s->options->progress)
        err = s->options->progress(s->done_bytes, s->options->context);
    return err;
}

/* Merges what is next as long as it is there; with the lock, which is given back meanwhile. */
static void merge_ready(struct scan *s)
{
    if (s->merging)
        return;
    s->merging = true;
    while (s->merged < s->taken && s->slots[s->merged % s->slot_count].done && !s->err) {
        struct slot *slot = &s->slots[s->merged % s->slot_count];

        pthread_mutex_unlock(&s->lock);

        struct seep_error *err = merge(s, slot);

        pthread_mutex_lock(&s->lock);
        slot->done = false;
        s->merged++;
        s->err = err;
        s->ended |= err != NULL;
        pthread_cond_broadcast(&s->changed);
    }
    s->merging = false;
}

/* --- the threads --- */

/* A slot with the next unit in it; NULL: there is nothing left to do. With the lock. */
static struct slot *take_unit(struct scan *s)
{
    while (!s->ended && s->taken - s->merged == s->slot_count)
        pthread_cond_wait(&s->changed, &s->lock);
    if (s->ended)
        return NULL;

    struct slot *slot = &s->slots[s->taken % s->slot_count];

    if (!s->source->next(s->source, &slot->unit)) {
        s->ended = true;
        pthread_cond_broadcast(&s->changed);
        return NULL;
    }
    s->taken++;
    return slot;
}

static void *work(void *context)
{
    struct scan *s = context;
    struct slot *slot;
    void *reader = NULL;
    bool open = false;

    pthread_mutex_lock(&s->lock);
    while ((slot = take_unit(s))) {
        pthread_mutex_unlock(&s->lock);

        struct seep_error *err = fill(s, slot, &reader, &open);

        pthread_mutex_lock(&s->lock);
        slot->err = err;
        slot->done = true;
        merge_ready(s);
    }
    pthread_mutex_unlock(&s->lock);
    if (open && s->source->close)
        s->source->close(s->source, reader);
    return NULL;
}

static unsigned usable_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* Works with COUNT - 1 threads beside this one, with fewer when there are no more to be had. */
static void work_together(struct scan *s, unsigned count)
{
    pthread_t threads[SCAN_MAX_THREADS];
    sigset_t all, before;
    unsigned started = 0;

    /* Signals are the caller's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started + 1 < count && pthread_create(&threads[started], NULL, work, s) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(s);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

struct seep_error *scan_run(struct scan_source *source, struct scan_consumer *const *consumers,
                            size_t consumer_count, const struct scan_options *options)
{
    unsigned threads = options->threads ? options->threads : usable_cores();

    if (threads > SCAN_MAX_THREADS)
        threads = SCAN_MAX_THREADS;

    struct scan s = {
        .source = source,
        .consumers = consumers,
        .consumer_count = consumer_count,
        .options = options,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
        .slot_count = threads == 1 ? 1 : threads * SLOTS_PER_THREAD,
    };

    s.slots = calloc(s.slot_count, sizeof(*s.slots));
    if (!s.slots)
        return error_no_memory();
    work_together(&s, threads);
    for (size_t i = 0; i < s.slot_count; i++) {
        struct slot *slot = &s.slots[i];

        drop_parts(&s, slot);
        error_destroy(slot->err);
        vector_deinit(&slot->parts);
        vector_deinit(&slot->stretches);
        free(slot->room);
    }
    free(s.slots);
    for (size_t c = 0; c < consumer_count && !s.err; c++)
        if (consumers[c]->finish)
            s.err = consumers[c]->finish(consumers[c]);
    return s.err;
}

/* --- bytes --- */

static bool next_bytes(struct scan_source *source, struct scan_unit *ret_unit)
{
    struct scan_bytes *bytes = (struct scan_bytes *)source;
    size_t left = bytes->len - bytes->at;

    if (left == 0)
        return false;
    *ret_unit = (struct scan_unit){
        .address = bytes->address + bytes->at,
        .len = left < SCAN_UNIT_BYTES ? left : SCAN_UNIT_BYTES,
        .origin = bytes,
        .begins = bytes->at == 0,
        .key = bytes->at,
    };
    bytes->at += ret_unit->len;
    return true;
}

static struct seep_error *read_bytes(struct scan_source *source, void *reader,
                                     const struct scan_unit *unit, uint8_t *room,
                                     struct scan_stretches *ret_stretches)
{
    const struct scan_bytes *bytes = (const struct scan_bytes *)source;

    (void)reader;
    (void)room;
    return vector_push(ret_stretches, (struct scan_stretch){.address = unit->address,
                                                            .bytes = bytes->bytes + unit->key,
                                                            .len = unit->len});
}

void scan_bytes_init(struct scan_bytes *ret_source, uint64_t address, const void *bytes, size_t len)
{
    *ret_source = (struct scan_bytes){
        .source = {.next = next_bytes, .read = read_bytes},
        .address = address,
        .bytes = bytes,
        .len = len,
    };
}
