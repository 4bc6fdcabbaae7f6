#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/verdict.h"
#include "base/units.h"

/* Every row of the table in docs/INTERNALS.md, on suspects made by hand. */

static struct history_process process = {.rss_bytes = 100 << 20, .events = 1000};

static struct suspect suspect_of(enum suspect_kind kind, enum shape_kind shape)
{
    return (struct suspect){
        .process = &process,
        .kind = kind,
        .region = REGION_ANON_MMAP,
        .bytes = 64 << 20,
        .count = 64,
        .resident_bytes = 64 << 20,
        .unit_min = 1 << 20,
        .unit_max = 1 << 20,
        .calls = 64,
        .net_bytes = SUSPECT_NET_UNKNOWN,
        .end_ns = 1000ull * NS_PER_S,
        .has_events = true,
        .has_births = true,
        .shape = {.kind = shape,
                  .worked = ACTIVITY_WORKED,
                  .bytes = 64 << 20,
                  .judged_bytes = 58 << 20,
                  .moments = 16,
                  .grown = 0.8,
                  .flat = 0.1},
    };
}

static void expect(const struct suspect *s, enum verdict verdict, enum cause cause)
{
    struct judgement j = verdict_judge(s, 0);

    assert_true(j.told);
    assert_string_equal(verdict_name(j.verdict), verdict_name(verdict));
    assert_string_equal(cause_name(j.cause), cause_name(cause));
    assert_true(j.confidence > 0 && j.confidence < 1);
}

static void by_kind_and_shape(void **state)
{
    static const struct {
        enum suspect_kind kind;
        enum shape_kind shape;
        enum verdict verdict;
        enum cause cause;
    } rows[] = {
        {SUSPECT_MAPPINGS, SHAPE_STEADY, VERDICT_LEAK, CAUSE_NEVER_FREED},
        {SUSPECT_MAPPINGS, SHAPE_LATE, VERDICT_SUSPECT, CAUSE_NEVER_FREED},
        {SUSPECT_MAPPINGS, SHAPE_FEW, VERDICT_SUSPECT, CAUSE_NEVER_FREED},
        {SUSPECT_MAPPINGS, SHAPE_STALLED, VERDICT_SUSPECT, CAUSE_NEVER_FREED},
        {SUSPECT_MAPPINGS, SHAPE_SETTLED, VERDICT_NOT_LEAK, CAUSE_BOUNDED},
        {SUSPECT_MAPPINGS, SHAPE_ONCE, VERDICT_NOT_LEAK, CAUSE_BOUNDED},
        {SUSPECT_MAPPINGS, SHAPE_TURNOVER, VERDICT_NOT_LEAK, CAUSE_BOUNDED},
        {SUSPECT_MAPPINGS, SHAPE_YOUNG, VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN},
        {SUSPECT_MIXED, SHAPE_STEADY, VERDICT_LEAK, CAUSE_NEVER_FREED},
        {SUSPECT_BLOCK, SHAPE_STEADY, VERDICT_LEAK, CAUSE_GROWING_BUFFER},
        {SUSPECT_BLOCK, SHAPE_LATE, VERDICT_SUSPECT, CAUSE_GROWING_BUFFER},
        {SUSPECT_BLOCK, SHAPE_SETTLED, VERDICT_NOT_LEAK, CAUSE_BOUNDED},
        {SUSPECT_HEAP, SHAPE_STEADY, VERDICT_SUSPECT, CAUSE_UNKNOWN},
        {SUSPECT_HEAP, SHAPE_SETTLED, VERDICT_NOT_LEAK, CAUSE_BOUNDED},
        {SUSPECT_COMMITS, SHAPE_STEADY, VERDICT_SUSPECT, CAUSE_UNKNOWN},
        {SUSPECT_STACKS, SHAPE_STEADY, VERDICT_SUSPECT, CAUSE_UNKNOWN},
        {SUSPECT_STACKS, SHAPE_SETTLED, VERDICT_NOT_LEAK, CAUSE_BOUNDED},
        {SUSPECT_RESERVATIONS, SHAPE_STEADY, VERDICT_NOT_LEAK, CAUSE_UNTOUCHED_RESERVATION},
        {SUSPECT_FILES, SHAPE_STEADY, VERDICT_NOT_LEAK, CAUSE_PAGE_CACHE},
        {SUSPECT_RUNTIME, SHAPE_STEADY, VERDICT_NOT_LEAK, CAUSE_BOUNDED},
        {SUSPECT_HELD, SHAPE_STEADY, VERDICT_LEAK, CAUSE_DESCRIPTOR_HELD},
        {SUSPECT_HELD, SHAPE_ONCE, VERDICT_NOT_LEAK, CAUSE_DESCRIPTOR_HELD},
        {SUSPECT_MAPPED, SHAPE_STEADY, VERDICT_SUSPECT, CAUSE_UNKNOWN},
        {SUSPECT_MAPPED, SHAPE_SETTLED, VERDICT_NOT_LEAK, CAUSE_BOUNDED},
        {SUSPECT_TOUCHED, SHAPE_STEADY, VERDICT_SUSPECT, CAUSE_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct suspect s = suspect_of(rows[i].kind, rows[i].shape);

        expect(&s, rows[i].verdict, rows[i].cause);
    }
}

static void too_few_are_no_leak(void **state)
{
    struct suspect s = suspect_of(SUSPECT_MAPPINGS, SHAPE_STEADY);

    (void)state;
    s.count = 5;
    expect(&s, VERDICT_SUSPECT, CAUSE_NEVER_FREED);
    s.count = 3;
    expect(&s, VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN);
}

static void once_needs_no_proof_of_work_but_idleness_speaks_against_it(void **state)
{
    struct suspect s = suspect_of(SUSPECT_MAPPINGS, SHAPE_ONCE);

    (void)state;
    s.shape.worked = ACTIVITY_UNKNOWN;
    expect(&s, VERDICT_NOT_LEAK, CAUSE_BOUNDED);
    assert_true(verdict_judge(&s, 0).doubts & DOUBT_UNRESOLVED);
    s.shape.worked = ACTIVITY_IDLE;
    expect(&s, VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN);
}

static void doubts_make_a_leak_a_suspicion(void **state)
{
    struct suspect s = suspect_of(SUSPECT_MAPPINGS, SHAPE_STEADY);

    (void)state;
    s.net_bytes = 10 << 20;
    expect(&s, VERDICT_SUSPECT, CAUSE_NEVER_FREED);
    assert_int_equal(verdict_judge(&s, 0).doubts, DOUBT_REPLACED);

    s = suspect_of(SUSPECT_MAPPINGS, SHAPE_STEADY);
    s.resident_bytes = 1 << 20;
    expect(&s, VERDICT_SUSPECT, CAUSE_NEVER_FREED);
    assert_int_equal(verdict_judge(&s, 0).doubts, DOUBT_UNTOUCHED);

    s = suspect_of(SUSPECT_MAPPINGS, SHAPE_STEADY);
    s.shape.ageing = true;
    expect(&s, VERDICT_SUSPECT, CAUSE_NEVER_FREED);
    assert_int_equal(verdict_judge(&s, 0).doubts, DOUBT_AGEING);

    s = suspect_of(SUSPECT_MAPPINGS, SHAPE_STEADY);
    s.has_births = false;
    s.calls = 1000;
    s.freed = 936;
    expect(&s, VERDICT_SUSPECT, CAUSE_NEVER_FREED);
    assert_int_equal(verdict_judge(&s, 0).doubts, DOUBT_FREES_UNTIMED);
}

static void lost_events_weigh_by_their_share(void **state)
{
    struct suspect s = suspect_of(SUSPECT_MAPPINGS, SHAPE_STEADY);
    struct judgement clear = verdict_judge(&s, 0), few = verdict_judge(&s, 5),
                     many = verdict_judge(&s, 500);

    (void)state;
    assert_int_equal(few.verdict, VERDICT_LEAK);
    assert_int_equal(many.verdict, VERDICT_SUSPECT);
    assert_true(clear.confidence > few.confidence && few.confidence > many.confidence);
    assert_int_equal(few.doubts, DOUBT_LOST_EVENTS);
}

static void stacks_of_ended_threads(void **state)
{
    struct suspect s = suspect_of(SUSPECT_ORPHANS, SHAPE_STEADY);

    (void)state;
    s.region = REGION_THREAD_STACK;
    s.unit_min = s.unit_max = 8 << 20;
    s.count = 8;
    s.despite = 6;
    expect(&s, VERDICT_LEAK, CAUSE_THREADS_NOT_JOINED);
    /* All at once, so that none could use another's. */
    s.despite = 0;
    expect(&s, VERDICT_SUSPECT, CAUSE_THREADS_NOT_JOINED);
    s.bytes = 40 << 20;
    expect(&s, VERDICT_NOT_LEAK, CAUSE_BOUNDED);
}

static void small_growth_is_told_only_when_steady(void **state)
{
    struct suspect s = suspect_of(SUSPECT_MAPPINGS, SHAPE_STEADY);

    (void)state;
    s.bytes = s.resident_bytes = 900 << 10;
    process.rss_bytes = 20 << 20;
    assert_true(verdict_judge(&s, 0).told);
    process.rss_bytes = 100 << 20;
    assert_false(verdict_judge(&s, 0).told);
    process.rss_bytes = 20 << 20;
    s.kind = SUSPECT_TOUCHED;
    assert_false(verdict_judge(&s, 0).told);
    s.kind = SUSPECT_MAPPINGS;
    s.shape.kind = SHAPE_ONCE;
    assert_false(verdict_judge(&s, 0).told);
    process.rss_bytes = 100 << 20;
}

static void what_cannot_be_judged_is_told_only_when_it_matters(void **state)
{
    struct suspect s = suspect_of(SUSPECT_MAPPINGS, SHAPE_YOUNG);

    (void)state;
    assert_true(verdict_judge(&s, 0).told);
    s.bytes = 4 << 20;
    assert_false(verdict_judge(&s, 0).told);
}

static void many_tiny_mappings_are_told_by_their_number(void **state)
{
    struct suspect s = suspect_of(SUSPECT_MAPPINGS, SHAPE_STEADY);

    (void)state;
    for (unsigned i = 0; i < 20000; i++)
        assert_null(vector_push(&process.growth.ranges, (struct growth_range){.name = ""}));
    process.growth.first_count = 100;
    s.count = s.ranges.count = 10000;
    expect(&s, VERDICT_LEAK, CAUSE_MAPPING_COUNT);
    s.kind = SUSPECT_RESERVATIONS;
    expect(&s, VERDICT_SUSPECT, CAUSE_MAPPING_COUNT);
    vector_deinit(&process.growth.ranges);
    process.growth.first_count = 0;
}

static void a_region_is_judged_by_its_whole(void **state)
{
    struct suspect s = suspect_of(SUSPECT_MAPPED, SHAPE_STEADY);

    (void)state;
    s.count = ANALYSIS_UNKNOWN;
    s.net_bytes = 1 << 20;
    expect(&s, VERDICT_NOT_LEAK, CAUSE_BOUNDED);
    s.net_bytes = 60 << 20;
    expect(&s, VERDICT_SUSPECT, CAUSE_UNKNOWN);
    s.region = REGION_MAIN_STACK;
    expect(&s, VERDICT_NOT_LEAK, CAUSE_HIGH_WATER);
    s.region = REGION_FILE;
    expect(&s, VERDICT_NOT_LEAK, CAUSE_PAGE_CACHE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_kind_and_shape),
        cmocka_unit_test(too_few_are_no_leak),
        cmocka_unit_test(once_needs_no_proof_of_work_but_idleness_speaks_against_it),
        cmocka_unit_test(doubts_make_a_leak_a_suspicion),
        cmocka_unit_test(lost_events_weigh_by_their_share),
        cmocka_unit_test(stacks_of_ended_threads),
        cmocka_unit_test(small_growth_is_told_only_when_steady),
        cmocka_unit_test(what_cannot_be_judged_is_told_only_when_it_matters),
        cmocka_unit_test(many_tiny_mappings_are_told_by_their_number),
        cmocka_unit_test(a_region_is_judged_by_its_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
