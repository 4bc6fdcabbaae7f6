#include "importer/event_pipe.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { BATCH_EVENTS = 4096, BATCHES = 4 };

struct batch {
    struct event events[BATCH_EVENTS];
    size_t count;
    struct buffer names;
    size_t name_at[BATCH_EVENTS]; /* in names, plus 1; 0: none */
};

struct event_pipe {
    struct event_sink *sink;
    pthread_t thread;
    struct batch batches[BATCHES]; /* a ring */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. A batch between `taken` and `given` is the sink's, all others are the caller's. */
    uint64_t given, taken;
    bool ended;
    struct seep_error *error; /* the sink's first one; nothing is put after it */
    bool failed;
    bool joined; /* the caller's alone */
};

static struct seep_error *deliver(struct event_pipe *pipe, struct batch *batch)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < batch->count && !err; i++) {
        struct event *ev = &batch->events[i];

        ev->name = batch->name_at[i] ? batch->names.bytes + batch->name_at[i] - 1 : NULL;
        err = event_sink_put(pipe->sink, ev);
    }
    batch->count = 0;
    buffer_clear(&batch->names);
    return err;
}

static void *run(void *argument)
{
    struct event_pipe *pipe = argument;

    pthread_mutex_lock(&pipe->lock);
    for (;;) {
        struct batch *batch = &pipe->batches[pipe->taken % BATCHES];
        struct seep_error *err;

        while (pipe->taken == pipe->given && !pipe->ended)
            pthread_cond_wait(&pipe->changed, &pipe->lock);
        if (pipe->taken == pipe->given || pipe->failed)
            break;
        pthread_mutex_unlock(&pipe->lock);
        err = deliver(pipe, batch);
        pthread_mutex_lock(&pipe->lock);
        pipe->taken++;
        pipe->error = err;
        pipe->failed = err != NULL;
        pthread_cond_signal(&pipe->changed);
    }
    pthread_mutex_unlock(&pipe->lock);
    return NULL;
}

struct seep_error *event_pipe_create(struct event_sink *sink, struct event_pipe **ret_pipe)
{
    struct event_pipe *pipe = calloc(1, sizeof(*pipe));

    if (!pipe)
        return error_no_memory();
    pipe->sink = sink;
    pthread_mutex_init(&pipe->lock, NULL);
    pthread_cond_init(&pipe->changed, NULL);

    int errnum = pthread_create(&pipe->thread, NULL, run, pipe);

    if (errnum) {
        pipe->joined = true;
        event_pipe_destroy(pipe);
        return error_errno(errnum, NULL, "cannot start a thread");
    }
    *ret_pipe = pipe;
    return NULL;
}

static void end(struct event_pipe *pipe)
{
    if (pipe->joined)
        return;
    pthread_mutex_lock(&pipe->lock);
    pipe->ended = true;
    pthread_cond_signal(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
    pthread_join(pipe->thread, NULL);
    pipe->joined = true;
}

void event_pipe_destroy(struct event_pipe *pipe)
{
    if (!pipe)
        return;
    end(pipe);
    for (size_t i = 0; i < BATCHES; i++)
        buffer_deinit(&pipe->batches[i].names);
    error_destroy(pipe->error);
    pthread_mutex_destroy(&pipe->lock);
    pthread_cond_destroy(&pipe->changed);
    free(pipe);
}

/* Hands the batch at hand over and waits for a free one. */
static struct seep_error *hand_over(struct event_pipe *pipe)
{
    struct seep_error *err = NULL;

    pthread_mutex_lock(&pipe->lock);
    pipe->given++;
    pthread_cond_signal(&pipe->changed);
    while (pipe->given - pipe->taken == BATCHES && !pipe->failed)
        pthread_cond_wait(&pipe->changed, &pipe->lock);
    if (pipe->failed) {
        err = pipe->error ? take_ptr(pipe->error)
                          : error_create(ERROR_SYSTEM, "the events could not be written");
    }
    pthread_mutex_unlock(&pipe->lock);
    return err;
}

struct seep_error *event_pipe_put(struct event_pipe *pipe, const struct event *ev)
{
    struct batch *batch = &pipe->batches[pipe->given % BATCHES];

    batch->name_at[batch->count] = ev->name ? batch->names.len + 1 : 0;
    if (ev->name)
        buffer_bytes(&batch->names, ev->name, strlen(ev->name) + 1);
    if (batch->names.failed)
        return error_no_memory();
    batch->events[batch->count++] = *ev;
    return batch->count == BATCH_EVENTS ? hand_over(pipe) : NULL;
}

struct seep_error *event_pipe_flush(struct event_pipe *pipe)
{
    struct seep_error *err = hand_over(pipe);

    pthread_mutex_lock(&pipe->lock);
    while (!err && pipe->taken != pipe->given && !pipe->failed)
        pthread_cond_wait(&pipe->changed, &pipe->lock);
    if (!err)
        err = take_ptr(pipe->error);
    pthread_mutex_unlock(&pipe->lock);
    return err;
}

struct seep_error *event_pipe_finish(struct event_pipe *pipe)
{
    struct seep_error *err = hand_over(pipe);

    end(pipe);
    return err ? err : take_ptr(pipe->error);
}
