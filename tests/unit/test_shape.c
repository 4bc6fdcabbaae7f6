#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "analyzer/shape.h"
#include "base/units.h"

/* A window of 100 s in steps of a tenth of a second, one unit being 1 MiB. */
enum { STEPS = 1000, MAX_POINTS = 4096 };

static const uint64_t step_ns = NS_PER_S / 10;
static const uint64_t origin_ns = 5000ull * NS_PER_S;

struct scene {
    struct shape_point points[MAX_POINTS];
    size_t count;
    struct slots births;
    struct activity activity;
    uint64_t freed;
};

static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    slots_init(&scene->births, origin_ns);
    activity_init(&scene->activity, origin_ns);
}

static void born(struct scene *scene, unsigned step, bool held)
{
    uint64_t time = origin_ns + step * step_ns;

    slots_add(&scene->births, time);
    slots_add(&scene->activity.events, time);
    if (held)
        scene->points[scene->count++] = (struct shape_point){time, 1 << 20};
    else
        scene->freed++;
}

/* A look at the counters every 10 s; CPU in ms used since the last one. */
static void worked(struct scene *scene, const unsigned *cpu_ms)
{
    uint64_t cpu_ns = 0;

    for (unsigned i = 0; i <= 10; i++) {
        struct activity_sample sample = {.time_ns = origin_ns + i * 100 * step_ns,
                                         .counters = {cpu_ns, UINT64_MAX, UINT64_MAX}};

        assert_null(activity_add_sample(&scene->activity, &sample));
        if (i < 10)
            cpu_ns += (uint64_t)cpu_ms[i] * NS_PER_MS;
    }
}

static const unsigned busy[10] = {500, 480, 510, 500, 490, 520, 500, 500, 480, 500};

static struct shape judge(struct scene *scene, bool births)
{
    struct shape_input input = {
        .points = scene->points,
        .count = scene->count,
        .start_ns = origin_ns,
        .end_ns = origin_ns + STEPS * step_ns,
        .activity = &scene->activity,
        .births = births ? &scene->births : NULL,
        .freed = scene->freed,
    };
    struct shape shape;

    assert_null(shape_judge(&input, &shape));
    activity_deinit(&scene->activity);
    return shape;
}

static void nothing_is_none(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    assert_int_equal(judge(&s, true).kind, SHAPE_NONE);
}

static void even_growth_is_steady(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 5; i < STEPS; i += 10)
        born(&s, i, true);

    struct shape shape = judge(&s, true);

    assert_int_equal(shape.kind, SHAPE_STEADY);
    assert_int_equal(shape.moments, 16);
    assert_int_equal(shape.bytes, 100ull << 20);
    assert_int_equal(shape.judged_bytes, 90ull << 20);
}

static void bursts_far_apart_are_steady(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 20; i < STEPS; i += 130)
        for (unsigned n = 0; n < 8; n++)
            born(&s, i + n / 2, true);
    worked(&s, busy);
    assert_int_equal(judge(&s, true).kind, SHAPE_STEADY);
}

/* As a scheduler that lets the process wait does it to even growth. */
static void a_pause_before_more_growth_is_no_end(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < STEPS; i += 10)
        if (i < 560 || i >= 930)
            born(&s, i, true);
    worked(&s, busy);
    assert_int_equal(judge(&s, false).kind, SHAPE_STEADY);
}

static void growth_of_the_last_tenth_is_young(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 905; i < STEPS; i++)
        born(&s, i, true);
    worked(&s, busy);
    assert_int_equal(judge(&s, true).kind, SHAPE_YOUNG);
}

static void churn_that_is_held_at_the_end_is_turnover(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < STEPS; i++)
        born(&s, i, i >= 990);
    assert_int_equal(judge(&s, true).kind, SHAPE_TURNOVER);
}

/* Each lives for a third of the window: nothing of the first half is left. */
static void a_ring_is_turnover(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < STEPS; i += 2)
        born(&s, i, i >= 670);
    assert_int_equal(judge(&s, true).kind, SHAPE_TURNOVER);
}

static void a_sawtooth_is_turnover(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < STEPS; i++)
        born(&s, i, i >= 300);
    assert_int_equal(judge(&s, true).kind, SHAPE_TURNOVER);
}

/* One in a hundred of the same kind is kept, all through the window. */
static void a_leak_among_churn_is_steady(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < STEPS; i++)
        for (unsigned n = 0; n < 10; n++)
            born(&s, i, (i % 10 == 0 && n == 3) || (i >= 998));
    assert_int_equal(judge(&s, true).kind, SHAPE_STEADY);
}

static void early_growth_then_work_is_settled(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < 300; i += 3)
        born(&s, i, true);
    worked(&s, busy);

    struct shape shape = judge(&s, true);

    assert_int_equal(shape.kind, SHAPE_SETTLED);
    assert_int_equal(shape.worked, ACTIVITY_WORKED);
}

/* The cache is full after a third; what comes later is given back again. */
static void a_cache_at_its_bound_is_settled(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < STEPS; i += 3)
        born(&s, i, i < 330 || i > 995);
    assert_int_equal(judge(&s, true).kind, SHAPE_SETTLED);
}

static void early_growth_without_figures_is_stalled(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < 300; i += 3)
        born(&s, i, true);
    assert_int_equal(judge(&s, true).kind, SHAPE_STALLED);
}

/* The same growth, but the rest of the window was idle: on the clock of work it goes on. */
static void early_growth_then_idle_is_steady(void **state)
{
    static const unsigned idle_later[10] = {500, 480, 510, 1, 0, 2, 1, 0, 1, 1};
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < 300; i += 3)
        born(&s, i, true);
    worked(&s, idle_later);
    assert_int_equal(judge(&s, true).kind, SHAPE_STEADY);
}

static void a_burst_at_the_start_is_once(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 0; i < 20; i++)
        born(&s, i, true);
    assert_int_equal(judge(&s, true).kind, SHAPE_ONCE);
}

static void one_allocation_is_once(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    born(&s, 3, true);
    assert_int_equal(judge(&s, true).kind, SHAPE_ONCE);
}

static void growth_from_the_middle_is_late(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned i = 550; i < STEPS; i += 3)
        born(&s, i, true);
    worked(&s, busy);
    assert_int_equal(judge(&s, true).kind, SHAPE_LATE);
}

static void three_steps_are_few(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    born(&s, 100, true);
    born(&s, 400, true);
    born(&s, 800, true);
    assert_int_equal(judge(&s, true).kind, SHAPE_FEW);
}

static void two_bursts_with_a_pause_as_long_are_not_settled(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (unsigned n = 0; n < 20; n++)
        born(&s, n, true);
    for (unsigned n = 0; n < 20; n++)
        born(&s, 450 + n, true);
    worked(&s, busy);
    assert_int_equal(judge(&s, true).kind, SHAPE_FEW);
}

static void absurd_figures_give_some_kind(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    s.points[0] = (struct shape_point){0, UINT64_MAX};
    s.points[1] = (struct shape_point){UINT64_MAX, UINT64_MAX};
    s.points[2] = (struct shape_point){1, 1};
    s.count = 3;
    slots_add(&s.births, UINT64_MAX);
    slots_add(&s.births, 0);
    judge(&s, true);

    struct shape_input empty = {.points = s.points, .count = 3, .start_ns = 9, .end_ns = 9};
    struct shape shape;

    assert_null(shape_judge(&empty, &shape));
}

static void slots_count_what_was_put_in(void **state)
{
    struct slots slots;

    (void)state;
    slots_init(&slots, 1000);
    for (uint64_t i = 0; i < 10000; i++)
        slots_add(&slots, 1000 + i * NS_PER_MS);

    uint64_t end = 1000 + 10000ull * NS_PER_MS;

    assert_true(slots_between(&slots, 1000, end + NS_PER_S) > 9999);
    assert_true(slots_between(&slots, 0, end / 2) > 4900);
    assert_true(slots_between(&slots, 0, end / 2) < 5100);
    assert_true(slots_between(&slots, end + NS_PER_S, UINT64_MAX) < 1);
}

static void the_clock_stands_while_idle(void **state)
{
    static const unsigned half[10] = {500, 0, 500, 0, 500, 0, 500, 0, 500, 0};
    struct scene s;
    struct activity_clock clock;

    (void)state;
    scene_init(&s);
    worked(&s, half);
    assert_null(activity_clock_init(&clock, &s.activity, origin_ns, origin_ns + STEPS * step_ns));
    assert_int_equal(clock.active_ns, 50ull * NS_PER_S);
    assert_true(activity_clock_position(&clock, origin_ns) < 0.001);
    assert_float_equal(activity_clock_position(&clock, origin_ns + 150 * step_ns), 0.2, 0.001);
    assert_float_equal(activity_clock_position(&clock, origin_ns + 250 * step_ns), 0.3, 0.001);
    assert_float_equal(activity_clock_position(&clock, UINT64_MAX), 1, 0.001);
    assert_int_equal(activity_clock_time(&clock, 0.3), origin_ns + 250 * step_ns);
    activity_clock_deinit(&clock);
    activity_deinit(&s.activity);
}

static void many_samples_are_thinned_out(void **state)
{
    struct activity activity;

    (void)state;
    activity_init(&activity, 0);
    for (uint64_t i = 0; i < 10000; i++) {
        struct activity_sample sample = {.time_ns = i * NS_PER_S, .counters = {i * NS_PER_MS}};

        assert_null(activity_add_sample(&activity, &sample));
    }
    assert_true(activity.samples.count <= ACTIVITY_MAX_SAMPLES);
    assert_int_equal(activity.samples.items[0].time_ns, 0);
    assert_int_equal(activity.samples.items[activity.samples.count - 1].time_ns,
                     9999ull * NS_PER_S);
    assert_int_equal(activity_went_on(&activity, 0, 3000ull * NS_PER_S, 9999ull * NS_PER_S),
                     ACTIVITY_WORKED);
    activity_deinit(&activity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_none),
        cmocka_unit_test(even_growth_is_steady),
        cmocka_unit_test(bursts_far_apart_are_steady),
        cmocka_unit_test(a_pause_before_more_growth_is_no_end),
        cmocka_unit_test(growth_of_the_last_tenth_is_young),
        cmocka_unit_test(churn_that_is_held_at_the_end_is_turnover),
        cmocka_unit_test(a_ring_is_turnover),
        cmocka_unit_test(a_sawtooth_is_turnover),
        cmocka_unit_test(a_leak_among_churn_is_steady),
        cmocka_unit_test(early_growth_then_work_is_settled),
        cmocka_unit_test(a_cache_at_its_bound_is_settled),
        cmocka_unit_test(early_growth_without_figures_is_stalled),
        cmocka_unit_test(early_growth_then_idle_is_steady),
        cmocka_unit_test(a_burst_at_the_start_is_once),
        cmocka_unit_test(one_allocation_is_once),
        cmocka_unit_test(growth_from_the_middle_is_late),
        cmocka_unit_test(three_steps_are_few),
        cmocka_unit_test(two_bursts_with_a_pause_as_long_are_not_settled),
        cmocka_unit_test(absurd_figures_give_some_kind),
        cmocka_unit_test(slots_count_what_was_put_in),
        cmocka_unit_test(the_clock_stands_while_idle),
        cmocka_unit_test(many_samples_are_thinned_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
