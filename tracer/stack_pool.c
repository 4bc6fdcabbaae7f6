#include "tracer/stack_pool.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "tracer/follow_cpu.h"

enum {
    MAX_WORKERS = 4,
    RING_CAPTURES =
        1 << 14, /* each takes 1 KiB of the pool and more: it is full before the ring is */
    WORKER_POLL_MS = 4,
    WRITER_POLL_US = 500,
    UNWIND_LIMIT_S =
        10, /* a file system's server that does not answer keeps whoever reads its files */
    CAPTURE_OVERHEAD_BYTES = 2048, /* of a capture's own, and of its frames */
};

/* A capture is freed by whoever is the last to have to do with it. */
enum state {
    STATE_TAKEN,     /* the tracer's alone */
    STATE_SUBMITTED, /* a worker will unwind it */
    STATE_DONE,
    STATE_ABANDONED, /* nobody wants it any more */
};

/* From the tracer to one worker. */
struct worker {
    struct stack_pool *pool;
    struct unwinder *unwinder;
    pthread_t thread;
    bool running;
    _Atomic uint64_t pushed, popped;
    struct capture *ring[RING_CAPTURES];
};

struct stack_pool {
    struct modules *modules;
    pthread_t loader;
    bool loader_runs;
    unsigned max_frames;
    struct worker *workers[MAX_WORKERS];
    unsigned worker_count;
    unsigned next; /* the tracer's */
    _Atomic bool ending, closed;
    _Atomic unsigned running; /* threads */
    _Atomic size_t held_bytes;
    _Atomic uint64_t stacks, lost;
};

/* --- the workers --- */

/* The copy as a mem_source. */
struct copy {
    struct mem_source source;
    const struct capture *capture;
};

static struct seep_error *read_copy(struct mem_source *src, uint64_t addr, void *buf, size_t len,
                                    size_t *ret_got)
{
    const struct capture *capture = ((const struct copy *)src)->capture;
    uint64_t at = addr - capture->sp;
    size_t got = 0;

    if (addr >= capture->sp && at < capture->len)
        got = len < capture->len - at ? len : capture->len - at;
    memcpy(buf, capture->bytes + (got ? at : 0), got);
    *ret_got = got;
    return NULL;
}

static void hold(struct stack_pool *pool, struct capture *capture, size_t bytes)
{
    atomic_fetch_add(&pool->held_bytes, bytes - capture->held_bytes);
    capture->held_bytes = bytes;
}

static void destroy(struct capture *capture)
{
    hold(capture->pool, capture, 0);
    layout_unref(capture->layout);
    free(capture->bytes);
    free(capture->frames);
    free(capture);
}

static void unwind(struct worker *w, struct capture *capture)
{
    struct copy copy = {.source = {.read = read_copy}, .capture = capture};
    const struct unwind_input input = {
        .layout = capture->layout,
        .registers = capture->registers,
        .stack = &copy.source,
        .max_frames = w->pool->max_frames,
    };
    struct stack_path path;
    struct seep_error *err = unwinder_run(w->unwinder, &input, &path);
    size_t bytes = err ? 0 : path.count * sizeof(*path.frames);

    capture->frames = err ? NULL : malloc(bytes + 1);
    if (capture->frames) {
        memcpy(capture->frames, path.frames, bytes);
        capture->path = (struct stack_path){path.end, capture->frames, path.count};
    } else {
        stack_pool_count_lost(w->pool);
    }
    error_destroy(err);
    free(take_ptr(capture->bytes));
    hold(w->pool, capture, CAPTURE_OVERHEAD_BYTES + bytes);
    if (atomic_exchange(&capture->state, STATE_DONE) == STATE_ABANDONED)
        destroy(capture);
}

static void *run_worker(void *context)
{
    struct worker *w = context;
    uint64_t popped = 0;
    bool last_turn = false;

    while (!last_turn) {
        last_turn = atomic_load(&w->pool->ending);
        follow_cpu_stay_off();
        while (popped != atomic_load_explicit(&w->pushed, memory_order_acquire)) {
            struct capture *capture = w->ring[popped % RING_CAPTURES];

            atomic_store_explicit(&w->popped, ++popped, memory_order_release);
            unwind(w, capture);
        }
        if (!last_turn)
            nanosleep(&(struct timespec){.tv_nsec = WORKER_POLL_MS * NS_PER_MS}, NULL);
    }
    atomic_fetch_sub(&w->pool->running, 1);
    return NULL;
}

/* Files are read as soon as they are mapped, so that none is held for long. */
static void *run_loader(void *context)
{
    struct stack_pool *pool = context;

    while (!atomic_load(&pool->ending)) {
        follow_cpu_stay_off();
        if (!modules_load_next(pool->modules))
            nanosleep(&(struct timespec){.tv_nsec = WORKER_POLL_MS * NS_PER_MS}, NULL);
    }
    atomic_fetch_sub(&pool->running, 1);
    return NULL;
}

static struct seep_error *start_thread(struct stack_pool *pool, pthread_t *ret_thread,
                                       void *(*run)(void *context), void *context)
{
    atomic_fetch_add(&pool->running, 1);
    errno = pthread_create(ret_thread, NULL, run, context);
    if (errno == 0)
        return NULL;
    atomic_fetch_sub(&pool->running, 1);
    return error_errno(errno, NULL, "cannot start a thread");
}

static struct seep_error *start_loader(struct stack_pool *pool)
{
    struct seep_error *err = start_thread(pool, &pool->loader, run_loader, pool);

    pool->loader_runs = !err;
    return err;
}

static struct seep_error *add_worker(struct stack_pool *pool)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (!w)
        return error_no_memory();
    pool->workers[pool->worker_count++] = w;
    w->pool = pool;

    struct seep_error *err = unwinder_create(&w->unwinder);

    if (!err)
        err = start_thread(pool, &w->thread, run_worker, w);
    w->running = !err;
    return err;
}

struct seep_error *stack_pool_create(unsigned max_frames, struct stack_pool **ret_pool)
{
    _cleanup_(stack_pool_destroyp) struct stack_pool *pool = calloc(1, sizeof(*pool));
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct seep_error *err;

    if (!pool)
        return error_no_memory();
    pool->max_frames = max_frames;
    err = modules_create(&pool->modules);
    if (!err)
        err = start_loader(pool);
    /* One CPU is the target's and its tracer's. */
    do
        err = err ? err : add_worker(pool);
    while (!err && pool->worker_count < MAX_WORKERS && (long)pool->worker_count + 1 < cpus);
    if (!err)
        *ret_pool = take_ptr(pool);
    return err;
}

/* False: a thread waits for a file system's server in vain. */
static bool await_end(const struct stack_pool *pool)
{
    uint64_t deadline_ns = units_monotonic_ns() + (uint64_t)UNWIND_LIMIT_S * NS_PER_S;

    while (atomic_load(&pool->running) > 0) {
        if (units_monotonic_ns() > deadline_ns)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = WRITER_POLL_US * NS_PER_US}, NULL);
    }
    return true;
}

void stack_pool_destroy(struct stack_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->ending, true);
    /* One that waits may go on any time, and finds all it uses. */
    if (!await_end(pool))
        return;
    if (pool->loader_runs)
        pthread_join(pool->loader, NULL);
    for (unsigned i = 0; i < pool->worker_count; i++) {
        if (pool->workers[i]->running)
            pthread_join(pool->workers[i]->thread, NULL);
        unwinder_destroy(pool->workers[i]->unwinder);
        free(pool->workers[i]);
    }
    modules_destroy(pool->modules);
    free(pool);
}

struct modules *stack_pool_modules(struct stack_pool *pool)
{
    return pool->modules;
}

/* --- the tracer --- */

void stack_pool_count_lost(struct stack_pool *pool)
{
    atomic_fetch_add_explicit(&pool->lost, 1, memory_order_relaxed);
}

static bool has_room(const struct worker *w)
{
    return atomic_load_explicit(&w->pushed, memory_order_relaxed) -
               atomic_load_explicit(&w->popped, memory_order_acquire) <
           RING_CAPTURES;
}

struct capture *stack_pool_take(struct stack_pool *pool, size_t len)
{
    size_t bytes = len + CAPTURE_OVERHEAD_BYTES;
    struct capture *capture;

    if (atomic_load_explicit(&pool->closed, memory_order_relaxed) ||
        atomic_load(&pool->held_bytes) + bytes > STACK_POOL_BYTES ||
        !has_room(pool->workers[pool->next])) {
        stack_pool_count_lost(pool);
        return NULL;
    }
    capture = calloc(1, sizeof(*capture));
    if (capture)
        capture->bytes = malloc(len + 1);
    if (!capture || !capture->bytes) {
        free(capture);
        stack_pool_count_lost(pool);
        return NULL;
    }
    capture->pool = pool;
    hold(pool, capture, bytes);
    return capture;
}

void stack_pool_submit(struct stack_pool *pool, struct capture *capture)
{
    struct worker *w = pool->workers[pool->next];
    uint64_t pushed = atomic_load_explicit(&w->pushed, memory_order_relaxed);

    capture->submitted_ns = units_monotonic_ns();
    atomic_store(&capture->state, STATE_SUBMITTED);
    w->ring[pushed % RING_CAPTURES] = capture;
    atomic_store_explicit(&w->pushed, pushed + 1, memory_order_release);
    pool->next = (pool->next + 1) % pool->worker_count;
    atomic_fetch_add_explicit(&pool->stacks, 1, memory_order_relaxed);
}

/* --- any thread --- */

const struct stack_path *stack_pool_path(struct capture *capture)
{
    while (atomic_load(&capture->state) != STATE_DONE) {
        if (units_monotonic_ns() - capture->submitted_ns > (uint64_t)UNWIND_LIMIT_S * NS_PER_S) {
            stack_pool_count_lost(capture->pool);
            return NULL;
        }
        nanosleep(&(struct timespec){.tv_nsec = WRITER_POLL_US * NS_PER_US}, NULL);
    }
    return capture->frames ? &capture->path : NULL;
}

void stack_pool_release(struct capture *capture)
{
    if (capture && atomic_exchange(&capture->state, STATE_ABANDONED) != STATE_SUBMITTED)
        destroy(capture);
}

void stack_pool_close(struct stack_pool *pool)
{
    atomic_store_explicit(&pool->closed, true, memory_order_relaxed);
}

void stack_pool_stats(struct stack_pool *pool, struct stack_pool_stats *ret_stats)
{
    *ret_stats = (struct stack_pool_stats){
        .stacks = atomic_load(&pool->stacks),
        .lost = atomic_load(&pool->lost),
    };
}
