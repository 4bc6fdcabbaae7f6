#include "tracer/event_writer.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/units.h"
#include "evidence/events_file.h"
#include "tracer/event_queue.h"
#include "tracer/follow_cpu.h"
#include "tracer/stack_pool.h"

enum {
    QUEUE_EVENTS = 1 << 16,
    POLL_MS = 10, /* a tracer that had to wake the writer would pay for it at every event */
    FIRST_FLUSH_MS =
        50,          /* what is recorded shortly before a disk is full, or a kill, is there too */
    FLUSH_MS = 1000, /* twice as long each time, up to this */
};

struct event_writer {
    int fd;
    struct event_queue queue;
    pthread_t thread;
    bool running;
    _Atomic bool ending;
    _Atomic bool failed;
    _Atomic uint64_t written_bytes, events, lost_stacks;
    struct seep_error *err; /* the thread's until it has been joined */
};

/* Waits until the stack of ITEM is unwound, and numbers it. */
static struct seep_error *add_stack(struct event_writer *w, struct events_writer *file,
                                    struct event_queue_item *item)
{
    const struct stack_path *path = stack_pool_path(item->capture);
    struct seep_error *err;

    if (!path)
        return NULL;
    err = events_writer_add_stack(file, path, &item->ev.stack_id);
    if (!err && item->ev.stack_id == 0) {
        atomic_fetch_add(&w->lost_stacks, 1);
        stack_pool_close(item->capture->pool);
    }
    return err;
}

static struct seep_error *drain(struct event_writer *w, struct events_writer *file,
                                struct seep_error *err)
{
    struct event_queue_item item;

    while (event_queue_pop(&w->queue, &item)) {
        if (!err && item.capture)
            err = add_stack(w, file, &item);
        if (!err)
            err = event_sink_put(&file->sink, &item.ev);
        stack_pool_release(item.capture);
        free(item.ev.name);
    }
    return err;
}

static void publish(struct event_writer *w, const struct events_writer *file, bool failed)
{
    if (file) {
        atomic_store(&w->written_bytes, file->written_bytes);
        atomic_store(&w->events, file->event_count);
    }
    if (failed)
        atomic_store(&w->failed, true);
}

static void *run(void *context)
{
    struct event_writer *w = context;
    struct events_writer *file = NULL;
    struct seep_error *err = events_writer_create(w->fd, &file);
    uint64_t flush_ns = units_monotonic_ns(), flush_ms = FIRST_FLUSH_MS;
    bool last_turn = false;

    while (!last_turn) {
        last_turn = atomic_load(&w->ending);
        follow_cpu_stay_off();
        err = drain(w, file, err);
        if (!err && units_monotonic_ns() >= flush_ns) {
            err = events_writer_flush(file);
            flush_ns = units_monotonic_ns() + flush_ms * NS_PER_MS;
            flush_ms = 2 * flush_ms < FLUSH_MS ? 2 * flush_ms : FLUSH_MS;
        }
        publish(w, file, err != NULL);
        if (!last_turn)
            nanosleep(&(struct timespec){.tv_nsec = POLL_MS * NS_PER_MS}, NULL);
    }
    if (!err)
        err = event_sink_finish(&file->sink);
    publish(w, file, err != NULL);
    events_writer_destroy(file);
    w->err = err;
    return NULL;
}

struct seep_error *event_writer_create(int fd, struct event_writer **ret_writer)
{
    struct event_writer *w = calloc(1, sizeof(*w));
    struct seep_error *err = w ? NULL : error_no_memory();

    if (err) {
        close(fd);
        return err;
    }
    w->fd = fd;
    err = event_queue_init(&w->queue, QUEUE_EVENTS);
    if (!err && (errno = pthread_create(&w->thread, NULL, run, w)) != 0)
        err = error_errno(errno, NULL, "cannot start a thread");
    w->running = !err;
    if (err) {
        event_writer_destroy(w);
        return err;
    }
    *ret_writer = w;
    return NULL;
}

void event_writer_push(struct event_writer *w, const struct event *ev, struct capture *capture)
{
    event_queue_push(&w->queue, ev, capture);
}

void event_writer_stats(struct event_writer *w, struct event_writer_stats *ret_stats)
{
    *ret_stats = (struct event_writer_stats){
        .events = atomic_load(&w->events),
        .lost = atomic_load(&w->queue.lost),
        .written_bytes = atomic_load(&w->written_bytes),
        .lost_stacks = atomic_load(&w->lost_stacks),
        .failed = atomic_load(&w->failed),
    };
}

struct seep_error *event_writer_finish(struct event_writer *w)
{
    atomic_store(&w->ending, true);
    if (w->running)
        pthread_join(w->thread, NULL);
    w->running = false;
    return take_ptr(w->err);
}

void event_writer_destroy(struct event_writer *w)
{
    if (!w)
        return;
    error_destroy(event_writer_finish(w));
    event_queue_deinit(&w->queue);
    cleanup_close(&w->fd);
    free(w);
}
