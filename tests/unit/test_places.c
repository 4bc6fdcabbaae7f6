#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "analyzer/places.h"

enum { CREATOR = 10, PAGE = 4096, STACK_BYTES = 2049 * PAGE };

static const uint64_t base = 0x7f0000000000;

static void map(struct places *p, uint64_t start, uint64_t flags)
{
    struct event ev = {.kind = EVENT_MMAP,
                       .tid = CREATOR,
                       .result = (int64_t)start,
                       .args = {0, STACK_BYTES, PROT_NONE, flags}};

    assert_null(places_mapped(p, &ev));
}

static void unmap(struct places *p, uint64_t start)
{
    struct event ev = {.kind = EVENT_MUNMAP, .tid = CREATOR, .args = {start, STACK_BYTES}};

    assert_null(places_mapped(p, &ev));
}

static void start_on_stack(struct places *p, pid_t tid, uint64_t start)
{
    map(p, start, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK);
    assert_null(places_thread_started(p, CREATOR, tid));
}

static const struct place *place_at(const struct places *p, uint64_t addr, struct places_list *list)
{
    assert_null(places_list(p, list));
    return places_list_find(list, addr);
}

static void a_thread_is_found_on_its_stack(void **state)
{
    struct places p = {0};
    struct places_list list;
    const struct place *place;

    (void)state;
    start_on_stack(&p, 11, base);
    start_on_stack(&p, 12, base + STACK_BYTES);
    place = place_at(&p, base + STACK_BYTES + 5 * PAGE, &list);
    assert_non_null(place);
    assert_int_equal(place->owner, 12);
    assert_int_equal(place->creator, CREATOR);
    assert_false(place->abandoned);
    assert_null(places_list_find(&list, base - 1));
    assert_null(places_list_find(&list, base + 2 * (uint64_t)STACK_BYTES));
    places_list_deinit(&list);
    places_deinit(&p);
}

static void stacks_of_ended_threads_are_counted(void **state)
{
    struct places p = {0};
    struct places_list list;

    (void)state;
    for (pid_t i = 0; i < 5; i++) {
        start_on_stack(&p, 20 + i, base + (uint64_t)i * STACK_BYTES);
        places_thread_exited(&p, 20 + i);
    }
    assert_int_equal(p.abandoned, 5);
    /* The fifth was mapped while four stood abandoned. */
    assert_int_equal(place_at(&p, base + 4ull * STACK_BYTES, &list)->despite, 4);
    places_list_deinit(&list);
    unmap(&p, base);
    assert_int_equal(p.abandoned, 4);
    places_deinit(&p);
}

/* Each thread takes the stack that the one before has left. */
static void a_stack_that_is_used_again_is_not_to_be_had(void **state)
{
    struct places p = {0};
    struct places_list list;

    (void)state;
    start_on_stack(&p, 11, base);
    places_thread_exited(&p, 11);
    assert_null(places_thread_started(&p, CREATOR, 12));
    assert_int_equal(p.reused, 1);
    start_on_stack(&p, 13, base + STACK_BYTES);
    assert_int_equal(place_at(&p, base + STACK_BYTES, &list)->despite, 0);
    places_list_deinit(&list);
    places_thread_exited(&p, 12);
    assert_int_equal(p.reused, 0);
    places_deinit(&p);
}

static void fixed_mappings_are_kept_and_plain_ones_are_not(void **state)
{
    struct places p = {0};
    struct places_list list;

    (void)state;
    map(&p, base, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
    map(&p, base + STACK_BYTES, MAP_PRIVATE | MAP_ANONYMOUS);
    assert_int_equal(place_at(&p, base, &list)->kind, PLACE_FIXED);
    assert_null(places_list_find(&list, base + STACK_BYTES));
    places_list_deinit(&list);
    /* The address is mapped anew, by a plain call. */
    map(&p, base, MAP_PRIVATE | MAP_ANONYMOUS);
    assert_null(place_at(&p, base, &list));
    places_list_deinit(&list);
    places_deinit(&p);
}

static void a_guard_mapped_into_a_stack_leaves_it_a_stack(void **state)
{
    struct places p = {0};
    struct places_list list;
    struct event guard = {
        .kind = EVENT_MMAP,
        .tid = 11,
        .result = (int64_t)base,
        .args = {base, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}};

    (void)state;
    start_on_stack(&p, 11, base);
    assert_null(places_mapped(&p, &guard));
    guard.result = (int64_t)(base + 8 * PAGE);
    assert_null(places_mapped(&p, &guard));
    assert_int_equal(place_at(&p, base + 5 * PAGE, &list)->kind, PLACE_STACK);
    assert_int_equal(places_list_find(&list, base + 9 * PAGE)->kind, PLACE_FIXED);
    assert_int_equal(places_list_find(&list, base + 100 * PAGE)->kind, PLACE_STACK);
    places_list_deinit(&list);
    places_deinit(&p);
}

static void threads_from_before_the_trace_say_nothing(void **state)
{
    struct places p = {0};

    (void)state;
    assert_null(places_thread_started(&p, 0, 30));
    places_thread_exited(&p, 30);
    assert_int_equal(p.abandoned, 0);
    assert_int_equal(p.reused, 0);
    places_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_is_found_on_its_stack),
        cmocka_unit_test(stacks_of_ended_threads_are_counted),
        cmocka_unit_test(a_stack_that_is_used_again_is_not_to_be_had),
        cmocka_unit_test(fixed_mappings_are_kept_and_plain_ones_are_not),
        cmocka_unit_test(a_guard_mapped_into_a_stack_leaves_it_a_stack),
        cmocka_unit_test(threads_from_before_the_trace_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
