/* Threads that fight for the same addresses: what the kernel did, from what came back when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "analyzer/order.h"
#include "tests/unit/simulated_kernel.h"

/* --- small stories --- */

struct story {
    struct event_source source;
    const struct event *events;
    size_t count, at;
};

static struct seep_error *story_next(struct event_source *src, struct event *ret_ev,
                                     enum event_source_step *ret_step)
{
    struct story *story = (struct story *)src;

    *ret_step = story->at < story->count ? EVENT_SOURCE_MORE : EVENT_SOURCE_END;
    if (story->at < story->count)
        *ret_ev = story->events[story->at++];
    return NULL;
}

#define A    (SIM_BASE + 64 * SIM_PAGE)
#define B    (SIM_BASE + 128 * SIM_PAGE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static struct event call(pid_t tid, uint8_t kind, uint64_t enter, uint64_t exit, uint64_t pending,
                         uint64_t result, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return (struct event){.enter_ns = enter,
                          .exit_ns = exit,
                          .pending_ns = pending,
                          .args = {a, b, c, d},
                          .result = (int64_t)result,
                          .pid = SIM_PID,
                          .tid = tid,
                          .kind = kind};
}

static struct event map_call(pid_t tid, uint64_t enter, uint64_t exit, uint64_t pending,
                             uint64_t result, uint64_t pages)
{
    return call(tid, EVENT_MMAP, enter, exit, pending, result, 0, pages * SIM_PAGE, 3, ANON);
}

static struct event unmap_call(pid_t tid, uint64_t enter, uint64_t exit, uint64_t pending,
                               uint64_t at, uint64_t pages)
{
    return call(tid, EVENT_MUNMAP, enter, exit, pending, 0, at, pages * SIM_PAGE, 0, 0);
}

/* Delivers all, and returns the order as exit times. */
static const char *deliver(const struct event *events, size_t count)
{
    static char text[256];
    struct story story = {.source.next = story_next, .events = events, .count = count};
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    _cleanup_(order_destroyp) struct order *order = NULL;
    size_t used = 0;

    text[0] = '\0';
    assert_null(ledger_create(&ledger));
    assert_null(order_create(&story.source, ledger, &order));
    for (;;) {
        enum event_source_step step;
        struct event ev;

        assert_null(order_next(order, &ev, &step));
        if (step == EVENT_SOURCE_END)
            return text;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d", used ? " " : "",
                                 (int)ev.exit_ns);
        assert_null(ledger_apply(ledger, &ev));
    }
}

#define DELIVER(...)                                                                               \
    deliver((struct event[]){__VA_ARGS__},                                                         \
            sizeof((struct event[]){__VA_ARGS__}) / sizeof(struct event))

static void test_late_munmap(void **state)
{
    (void)state;
    assert_string_equal(DELIVER(map_call(1, 1, 2, 0, A, 4), map_call(2, 12, 15, 10, A, 4),
                                unmap_call(1, 10, 20, 0, A, 4)),
                        "2 20 15");
    /* No conflict: as it came. */
    assert_string_equal(DELIVER(map_call(1, 1, 2, 0, A, 4), map_call(2, 12, 15, 10, B, 4),
                                unmap_call(1, 10, 20, 0, A, 4)),
                        "2 15 20");
    /* Calls that do not overlap are never exchanged, whatever the books say. */
    assert_string_equal(DELIVER(map_call(1, 1, 2, 0, A, 4), map_call(2, 3, 5, 0, A, 4),
                                unmap_call(1, 10, 20, 0, A, 4)),
                        "2 5 20");
}

/* The room was made by two calls, one of them late because its own room was made late. */
static void test_chain(void **state)
{
    (void)state;
    assert_string_equal(DELIVER(map_call(1, 1, 2, 0, A, 2),
                                map_call(1, 3, 4, 0, A + 2 * SIM_PAGE, 2),
                                map_call(1, 5, 6, 0, B, 2), map_call(4, 11, 20, 10, A, 4),
                                unmap_call(1, 10, 30, 12, A, 2),
                                call(2, EVENT_MREMAP, 12, 31, 13, B, A + 2 * SIM_PAGE, 2 * SIM_PAGE,
                                     2 * SIM_PAGE, MREMAP_MAYMOVE),
                                unmap_call(3, 13, 32, 0, B, 2)),
                        "2 4 6 30 32 31 20");
}

/* A late mmap that got A in the end must not come before the earlier turns of A. */
static void test_turns(void **state)
{
    (void)state;
    assert_string_equal(DELIVER(map_call(1, 1, 2, 0, A, 1), unmap_call(1, 11, 12, 10, A, 1),
                                map_call(1, 13, 14, 10, A, 1), unmap_call(1, 15, 16, 10, A, 1),
                                map_call(2, 10, 30, 0, A, 1)),
                        "2 12 14 16 30");
}

static void test_barrier(void **state)
{
    struct event exec = call(1, EVENT_EXEC, 16, 16, 10, 0, 0, 0, 0, 0);

    (void)state;
    assert_string_equal(DELIVER(map_call(1, 1, 2, 0, A, 4), map_call(2, 12, 15, 10, A, 4), exec,
                                unmap_call(1, 10, 20, 0, A, 4)),
                        "2 15 16 20");
}

static void test_names(void **state)
{
    struct event events[] = {map_call(1, 1, 2, 0, A, 4), map_call(2, 12, 15, 10, A, 4),
                             call(3, EVENT_MEMFD_CREATE, 11, 17, 10, 7, 0, 0, 0, 0),
                             unmap_call(1, 10, 20, 0, A, 4)};
    struct story story = {.source.next = story_next, .events = events, .count = 4};
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    _cleanup_(order_destroyp) struct order *order = NULL;
    enum event_source_step step;
    struct event ev;
    const uint64_t due[] = {2, 15, 15, 17};
    char name[] = "buffer";

    (void)state;
    events[2].name = name;
    assert_null(ledger_create(&ledger));
    assert_null(order_create(&story.source, ledger, &order));
    for (int i = 0; i < 4; i++) {
        uint64_t due_ns = 0;

        assert_null(order_peek(order, &due_ns));
        assert_int_equal(due_ns, due[i]);
        assert_null(order_next(order, &ev, &step));
        assert_null(ledger_apply(ledger, &ev));
    }
    assert_string_equal(ev.name, "buffer");
    assert_ptr_not_equal(ev.name, name);
}

/* --- random histories --- */

static void run_history(uint64_t seed, unsigned threads)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    _cleanup_(order_destroyp) struct order *order = NULL;
    struct ledger_totals totals;
    enum event_source_step step;
    struct event ev;
    size_t moved = 0;
    uint64_t last_ns = 0;

    sim_create(sim, seed, threads);
    sim_run(sim, 20000);
    assert_null(ledger_create(&ledger));
    assert_null(ledger_rebase(ledger, &sim->snaps.items[0]));
    assert_null(order_create(&sim->source, ledger, &order));
    for (;;) {
        assert_null(order_next(order, &ev, &step));
        if (step == EVENT_SOURCE_END)
            break;
        moved += ev.exit_ns < last_ns;
        last_ns = ev.exit_ns;
        assert_null(ledger_apply(ledger, &ev));
    }

    struct sim_check check = sim_compare(sim, ledger);

    ledger_totals(ledger, &totals);
    assert_int_equal(totals.events, sim->events.count);
    assert_int_equal(check.wrong_pages, 0);
    assert_int_equal(check.wrong_charges, 0);
    assert_int_equal(check.wrong_perms, 0);
    assert_int_equal(totals.conflicts, 0);
    assert_true(threads == 1 ? moved == 0 : moved > 50);
    sim_destroy(sim);
    free(sim);
}

static void test_histories(void **state)
{
    (void)state;
    run_history(1, 1);
    for (uint64_t seed = 2; seed < 12; seed++)
        run_history(seed, 2 + (unsigned)(seed % (SIM_THREADS - 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late_munmap), cmocka_unit_test(test_chain),
        cmocka_unit_test(test_turns),       cmocka_unit_test(test_barrier),
        cmocka_unit_test(test_names),       cmocka_unit_test(test_histories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
