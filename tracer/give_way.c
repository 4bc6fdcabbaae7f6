#include "tracer/give_way.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/units.h"
#include "target/proc.h"

enum {
    TICK_US = 2000,
    STALL_US = 1000, /* a stop takes a few, and ten times as long on CPUs that sleep */
    REST_S = 2,      /* on a CPU where the tracer did not get its turn */
    CHECK_STOPS = 100,
};

struct give_way {
    pthread_t guard;
    pid_t tracer;
    clockid_t tracer_clock;
    unsigned unchecked; /* stops since the policy was looked at; the tracer's */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum { GUARD_STARTS, GUARD_READY, GUARD_REFUSED } state;
    bool ending;

    _Atomic bool gives;        /* the tracer is of the idle class, or about to be */
    _Atomic bool refused;      /* someone else chose its policy */
    _Atomic uint64_t stops;    /* found so far */
    _Atomic pid_t served;      /* whose was the last */
    _Atomic uint64_t rests_ns; /* not before then */
};

/* Its nice value stays with the task. */
static bool set_policy(pid_t tid, int policy)
{
    return sched_setscheduler(tid, policy, &(struct sched_param){0}) == 0;
}

static void sleep_us(unsigned us)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)us * NS_PER_US}, NULL);
}

/* --- the guard --- */

static void come_back(struct give_way *g)
{
    atomic_store(&g->gives, false);
    if (sched_getscheduler(g->tracer) == SCHED_IDLE)
        set_policy(g->tracer, SCHED_OTHER);
}

static uint64_t tracer_ran_ns(const struct give_way *g)
{
    struct timespec ts = {0};

    clock_gettime(g->tracer_clock, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static bool stands_still(pid_t tid)
{
    struct proc_stat stat;
    _cleanup_error_ struct seep_error *err = proc_stat(tid, &stat);

    return !err && stat.state == 't';
}

/* For US microseconds the tracer has not run, and served nothing. */
static bool rested(struct give_way *g, unsigned us)
{
    uint64_t stops = atomic_load(&g->stops);
    uint64_t ran_ns = tracer_ran_ns(g);

    sleep_us(us);
    return atomic_load(&g->stops) == stops && tracer_ran_ns(g) == ran_ns;
}

static void watch(struct give_way *g)
{
    uint64_t stops = atomic_load(&g->stops);

    sleep_us(TICK_US);

    bool served_none = atomic_load(&g->stops) == stops;
    bool is_kept_off =
        rested(g, STALL_US) && stands_still(atomic_load(&g->served)) && rested(g, STALL_US);

    if (is_kept_off)
        atomic_store(&g->rests_ns, units_monotonic_ns() + (uint64_t)REST_S * NS_PER_S);
    if (is_kept_off || served_none)
        come_back(g);
}

/* False: it is over. */
static bool await_turn(struct give_way *g)
{
    bool ending;

    pthread_mutex_lock(&g->lock);
    while (!g->ending && !atomic_load(&g->gives))
        pthread_cond_wait(&g->changed, &g->lock);
    ending = g->ending;
    pthread_mutex_unlock(&g->lock);
    return !ending;
}

/* Tried on itself, since who may not come back is stuck. */
static bool may_come_back(void)
{
    return set_policy(0, SCHED_IDLE) && set_policy(0, SCHED_OTHER);
}

static void *run_guard(void *context)
{
    struct give_way *g = context;
    bool ready = may_come_back();

    pthread_mutex_lock(&g->lock);
    g->state = ready ? GUARD_READY : GUARD_REFUSED;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    while (ready && await_turn(g))
        watch(g);
    return NULL;
}

/* --- the tracer --- */

static bool is_usual(void)
{
    errno = 0;
    return sched_getscheduler(0) == SCHED_OTHER && getpriority(PRIO_PROCESS, 0) == 0 && errno == 0;
}

static bool start_guard(struct give_way *g)
{
    sigset_t all, mask;
    bool ready;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    ready = pthread_create(&g->guard, NULL, run_guard, g) == 0;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (!ready)
        return false;
    pthread_mutex_lock(&g->lock);
    while (g->state == GUARD_STARTS)
        pthread_cond_wait(&g->changed, &g->lock);
    ready = g->state == GUARD_READY;
    pthread_mutex_unlock(&g->lock);
    if (!ready)
        pthread_join(g->guard, NULL);
    return ready;
}

static void free_all(struct give_way *g)
{
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->changed);
    free(g);
}

struct give_way *give_way_create(void)
{
    struct give_way *g = is_usual() ? calloc(1, sizeof(*g)) : NULL;

    if (!g)
        return NULL;
    g->tracer = gettid();
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
    if (pthread_getcpuclockid(pthread_self(), &g->tracer_clock) == 0 && start_guard(g))
        return g;
    free_all(g);
    return NULL;
}

void give_way_destroy(struct give_way *g)
{
    if (!g)
        return;
    come_back(g);
    pthread_mutex_lock(&g->lock);
    g->ending = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    pthread_join(g->guard, NULL);
    free_all(g);
}

/* The lock is given back before: a task of the idle class must not hold what the guard needs. */
static void enter(struct give_way *g)
{
    if (!is_usual()) {
        atomic_store(&g->refused, true);
        return;
    }
    pthread_mutex_lock(&g->lock);
    atomic_store(&g->gives, true);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    if (!set_policy(0, SCHED_IDLE))
        atomic_store(&g->refused, true);
}

/* The guard may have come between the tracer's word and its deed, or a user have chosen another policy. */
static void check(struct give_way *g)
{
    if (sched_getscheduler(0) != SCHED_IDLE)
        come_back(g);
}

void give_way_stop(struct give_way *g, pid_t tid, bool on, uint64_t now_ns)
{
    if (!g)
        return;
    atomic_store_explicit(&g->served, tid, memory_order_relaxed);
    atomic_store_explicit(&g->stops, atomic_load_explicit(&g->stops, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (atomic_load(&g->gives)) {
        if (!on)
            come_back(g);
        else if (++g->unchecked % CHECK_STOPS == 0)
            check(g);
    } else if (on && !atomic_load(&g->refused) && now_ns >= atomic_load(&g->rests_ns)) {
        enter(g);
    }
}

void give_way_pause(struct give_way *g)
{
    if (g && atomic_load(&g->gives))
        come_back(g);
}
