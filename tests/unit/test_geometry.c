#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "analyzer/geometry.h"
#include "tests/unit/temporary.h"

enum { PID = 700, TID = 701, UNIT = 16781312, SMALL = 4096 };

#define TOP UINT64_C(0x7f46d44e3000)

/* Slot 0 is the highest, as the kernel gives them. */
static uint64_t slot(unsigned number)
{
    return TOP - (number + 1) * (uint64_t)UNIT;
}

static struct ledger *ledger;
static struct history *history;
static struct geometries geometries;

static void begin(void)
{
    must(ledger_create(&ledger));
    must(history_create(ledger, NULL, 4096, &history));
}

static void end(void)
{
    vector_deinit(&geometries);
    geometries = (struct geometries){0};
    history_destroy(history);
    ledger_destroy(ledger);
}

static void apply(uint8_t kind, uint64_t second, uint64_t addr, uint64_t len, int64_t result)
{
    struct event ev = {.enter_ns = second * NS_PER_S,
                       .exit_ns = second * NS_PER_S,
                       .pid = PID,
                       .tid = TID,
                       .kind = kind,
                       .args = {addr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS},
                       .result = result};

    must(ledger_apply(ledger, &ev));
    must(history_event(history, &ev));
}

static void known(uint64_t second, uint64_t addr)
{
    apply(EVENT_MMAP, second, 0, UNIT, (int64_t)addr);
}

static void unknown(uint64_t second)
{
    apply(EVENT_MMAP, second, 0, UNIT, EVENT_RESULT_UNKNOWN);
}

static void look(uint64_t second, uint64_t start, uint64_t last)
{
    struct snapshot snap = {.pid = PID, .begin_ns = second * NS_PER_S, .end_ns = second * NS_PER_S};
    char text[128];

    snprintf(text, sizeof(text), "%lx-%lx rw-p 00000000 00:00 0 \n", (unsigned long)start,
             (unsigned long)last);
    must(maps_parse(text, strlen(text), &snap.maps));
    snap.partial = true;
    must(history_snapshot(history, &snap));
    maps_deinit(&snap.maps);
}

static const struct geometry *place(void)
{
    must(geometry_place(ledger, history, &geometries));
    assert_true(geometries.count > 0);
    return &geometries.items[0];
}

static const struct ledger_charge *found;

static bool find(const struct ledger_interval *interval, void *context)
{
    (void)context;
    found = interval->charge;
    return false;
}

static uint64_t second_of(unsigned number)
{
    found = NULL;
    ledger_each(ledger_find(ledger, PID), slot(number), slot(number) + UNIT, find, NULL);
    assert_non_null(found);
    assert_int_equal(found->start, slot(number));
    return found->time_ns / NS_PER_S;
}

static void gaps_are_filled_in_the_order_of_the_calls(void **state)
{
    const struct geometry *g;

    (void)state;
    begin();
    known(10, slot(0));
    unknown(11);
    known(12, slot(2));
    unknown(13);
    unknown(14);
    known(15, slot(5));
    look(20, slot(5), TOP + 0x200000);
    g = place();
    assert_int_equal(g->known, 3);
    assert_int_equal(g->unknown, 3);
    assert_int_equal(g->placed, 3);
    assert_int_equal(g->in_order, 3);
    assert_int_equal(g->gaps, 2);
    assert_int_equal(g->odd_gaps, 0);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(second_of(i), 10 + i);
    end();
}

/* The neighbours' times leave no call for the gap, yet it is mapped: somebody's it is. */
static void what_is_mapped_is_placed_out_of_order(void **state)
{
    const struct geometry *g;

    (void)state;
    begin();
    known(10, slot(0));
    known(11, slot(2));
    unknown(12);
    unknown(13);
    look(20, slot(2), TOP);
    g = place();
    assert_int_equal(g->placed, 1);
    assert_int_equal(g->in_order, 0);
    assert_int_equal(second_of(1), 12);
    end();
}

static void without_a_look_only_what_the_times_prove_is_placed(void **state)
{
    const struct geometry *g;

    (void)state;
    begin();
    known(10, slot(0));
    unknown(11);
    known(12, slot(2));
    known(13, slot(4));
    unknown(14);
    g = place();
    assert_int_equal(g->placed, 1);
    assert_int_equal(second_of(1), 11);
    end();
}

static void odd_gaps_hold_nothing(void **state)
{
    const struct geometry *g;

    (void)state;
    begin();
    known(10, slot(0));
    unknown(11);
    known(12, slot(2) - SMALL);
    look(20, slot(2) - SMALL, TOP);
    g = place();
    assert_int_equal(g->placed, 0);
    assert_int_equal(g->odd_gaps, 1);
    assert_int_equal(g->odd_bytes, UNIT + SMALL);
    end();
}

/* What a look before the first call shows was mapped by nobody who was seen. */
static void what_was_there_before_is_nobodys(void **state)
{
    const struct geometry *g;

    (void)state;
    begin();
    look(1, slot(1), slot(1) + UNIT);
    known(10, slot(0));
    unknown(11);
    known(12, slot(2));
    look(20, slot(2), TOP);
    g = place();
    assert_int_equal(g->placed, 0);
    end();
}

static void another_mapping_stands_in_the_way(void **state)
{
    const struct geometry *g;

    (void)state;
    begin();
    known(10, slot(0));
    unknown(11);
    apply(EVENT_MMAP, 11, 0, SMALL, (int64_t)slot(1) + 0x100000);
    known(12, slot(2));
    look(20, slot(2), TOP);
    g = place();
    assert_int_equal(g->placed, 0);
    end();
}

static void a_mapping_that_was_given_back_is_no_landmark(void **state)
{
    const struct geometry *g;

    (void)state;
    begin();
    known(10, slot(0));
    unknown(11);
    known(12, slot(2));
    apply(EVENT_MUNMAP, 13, slot(2), UNIT, 0);
    look(20, slot(0), TOP);
    g = place();
    assert_int_equal(g->known, 1);
    assert_int_equal(g->placed, 0);
    end();
}

/* Any calls against any gaps: what is placed never overlaps, and is never more than there are calls. */
static void chaos_places_each_call_once(void **state)
{
    uint64_t seed = 20261125;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        const struct geometry *g;
        unsigned calls = 0;
        struct ledger_totals before, after;

        begin();
        known(1, slot(0));
        for (unsigned i = 1; i < 40; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if (seed >> 62) {
                unknown(1 + (seed >> 33) % 100);
                calls++;
            } else {
                known(1 + (seed >> 33) % 100, slot(i) - (seed >> 60 & 1) * SMALL);
            }
        }
        unknown(50);
        calls++;
        if (round % 2)
            look(200, slot(40), TOP);
        ledger_totals(ledger, &before);
        g = place();
        ledger_totals(ledger, &after);
        assert_int_equal(g->unknown, calls);
        assert_true(g->placed <= calls && g->in_order <= g->placed && g->gaps <= g->placed);
        assert_int_equal(after.conflicts, before.conflicts);
        assert_int_equal(after.live_bytes, before.live_bytes + g->placed * UNIT);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_are_filled_in_the_order_of_the_calls),
        cmocka_unit_test(what_is_mapped_is_placed_out_of_order),
        cmocka_unit_test(without_a_look_only_what_the_times_prove_is_placed),
        cmocka_unit_test(odd_gaps_hold_nothing),
        cmocka_unit_test(what_was_there_before_is_nobodys),
        cmocka_unit_test(another_mapping_stands_in_the_way),
        cmocka_unit_test(a_mapping_that_was_given_back_is_no_landmark),
        cmocka_unit_test(chaos_places_each_call_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
