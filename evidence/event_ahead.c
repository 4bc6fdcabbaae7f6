#include "evidence/event_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { BATCH_EVENTS = 2048, BATCHES = 4 };

struct batch {
    struct event events[BATCH_EVENTS];
    size_t name_at[BATCH_EVENTS]; /* in names, plus 1; 0: none */
    struct buffer names;
    size_t count;
    bool last;
    struct seep_error *err; /* what came instead of the next event */
};

struct event_ahead {
    struct event_source source;
    struct event_source *from;
    pthread_t thread;
    struct batch batches[BATCHES]; /* a ring */
    size_t at;                     /* in the batch at hand; the reader's alone */
    bool ended;                    /* the reader's alone */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. A batch between `taken` and `given` is the reader's, all others are the thread's. */
    uint64_t given, taken;
    bool stop;
};

/* false: it is the last one. */
static bool fill(struct event_source *from, struct batch *batch)
{
    batch->count = 0;
    buffer_clear(&batch->names);
    while (batch->count < BATCH_EVENTS) {
        struct event *ev = &batch->events[batch->count];
        enum event_source_step step = EVENT_SOURCE_MORE;

        batch->err = event_source_next(from, ev, &step);
        batch->last = batch->err || step == EVENT_SOURCE_END;
        if (batch->last)
            return false;
        batch->name_at[batch->count++] = ev->name ? batch->names.len + 1 : 0;
        if (ev->name)
            buffer_bytes(&batch->names, ev->name, strlen(ev->name) + 1);
        if (batch->names.failed) {
            batch->err = error_no_memory();
            batch->last = true;
            return false;
        }
    }
    return true;
}

static void *run(void *argument)
{
    struct event_ahead *ahead = argument;
    bool more = true;

    while (more) {
        struct batch *batch;
        bool stop;

        pthread_mutex_lock(&ahead->lock);
        while (ahead->given - ahead->taken == BATCHES && !ahead->stop)
            pthread_cond_wait(&ahead->changed, &ahead->lock);
        batch = &ahead->batches[ahead->given % BATCHES];
        stop = ahead->stop;
        pthread_mutex_unlock(&ahead->lock);
        if (stop)
            break;
        more = fill(ahead->from, batch);
        pthread_mutex_lock(&ahead->lock);
        ahead->given++;
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

/* The batch at hand was read: waits for the next one. */
static struct batch *next_batch(struct event_ahead *ahead, bool release)
{
    struct batch *batch;

    pthread_mutex_lock(&ahead->lock);
    ahead->taken += release;
    pthread_cond_signal(&ahead->changed);
    while (ahead->given == ahead->taken)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    batch = &ahead->batches[ahead->taken % BATCHES];
    pthread_mutex_unlock(&ahead->lock);
    ahead->at = 0;
    return batch;
}

static struct seep_error *next(struct event_source *source, struct event *ret_ev,
                               enum event_source_step *ret_step)
{
    struct event_ahead *ahead = (struct event_ahead *)source;
    struct batch *batch = &ahead->batches[ahead->taken % BATCHES]; /* only we change `taken` */

    if (!ahead->ended && ahead->at == 0)
        batch = next_batch(ahead, false);
    else if (!ahead->ended && ahead->at == batch->count && !batch->last)
        batch = next_batch(ahead, true);
    if (ahead->ended || ahead->at == batch->count) {
        struct seep_error *err = take_ptr(batch->err);

        ahead->ended = true;
        if (!err)
            *ret_step = EVENT_SOURCE_END;
        return err;
    }
    *ret_ev = batch->events[ahead->at];
    ret_ev->name =
        batch->name_at[ahead->at] ? batch->names.bytes + batch->name_at[ahead->at] - 1 : NULL;
    ahead->at++;
    *ret_step = EVENT_SOURCE_MORE;
    return NULL;
}

static void release(struct event_ahead *ahead)
{
    for (size_t i = 0; i < BATCHES; i++) {
        buffer_deinit(&ahead->batches[i].names);
        error_destroy(ahead->batches[i].err);
    }
    pthread_mutex_destroy(&ahead->lock);
    pthread_cond_destroy(&ahead->changed);
    free(ahead);
}

static void destroy(struct event_source *source)
{
    struct event_ahead *ahead = (struct event_ahead *)source;

    pthread_mutex_lock(&ahead->lock);
    ahead->stop = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    release(ahead);
}

struct seep_error *event_ahead_create(struct event_source *source, struct event_source **ret_ahead)
{
    struct event_ahead *ahead = calloc(1, sizeof(*ahead));
    int errnum;

    if (!ahead)
        return error_no_memory();
    ahead->source = (struct event_source){next, destroy};
    ahead->from = source;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    errnum = pthread_create(&ahead->thread, NULL, run, ahead);
    if (errnum) {
        release(ahead);
        return error_errno(errnum, NULL, "cannot start a thread");
    }
    *ret_ahead = &ahead->source;
    return NULL;
}
