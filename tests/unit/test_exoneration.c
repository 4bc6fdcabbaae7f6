#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/stage.h"

enum { MIB = 1 << 20, WORKER = 4001, OTHER = 4002, TENTH_S = 100 * 1000 * 1000 };

/* --- what is no leak --- */

static void healthy_churn_is_no_leak(void **state)
{
    struct stage s;
    uint64_t ring[32] = {0};

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 600; i++) {
        if (ring[i % 32])
            stage_munmap(&s, WORKER, ring[i % 32], MIB);
        ring[i % 32] = stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);

    assert_int_equal(f->count, 32);
    stage_end(&s, a);
}

static void a_warm_up_that_settles_is_bounded(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 48; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_churn(&s, OTHER, 4, true);
    }
    stage_churn(&s, OTHER, 600, true);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);

    assert_non_null(strstr(f->reason, "while work went on"));
    stage_end(&s, a);
}

/* The same, but from looks alone: the CPU time tells that it worked. */
static void a_warm_up_seen_by_looks_alone_is_bounded(void **state)
{
    struct stage s;

    (void)state;
    stage_init_blind(&s, true);
    for (unsigned i = 0; i < 48; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, NS_PER_S, true);
    }
    stage_wait(&s, 150ull * NS_PER_S, true);

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    stage_end(&s, a);
}

static void a_cache_that_reached_its_bound_is_bounded(void **state)
{
    struct stage s;
    uint64_t cache[60];

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 60; i++) {
        cache[i] = stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, 3 * TENTH_S, true);
    }
    /* Full: an entry goes for each that comes. */
    for (unsigned i = 0; i < 240; i++) {
        stage_munmap(&s, WORKER, cache[i % 60], MIB);
        cache[i % 60] = stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, 3 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    stage_end(&s, a);
}

static void a_sawtooth_is_no_leak(void **state)
{
    struct stage s;
    uint64_t teeth[40];
    unsigned count = 0;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 270; i++) {
        if (count == 40) {
            while (count)
                stage_munmap(&s, WORKER, teeth[--count], MIB);
        }
        teeth[count++] = stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, 2 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    stage_end(&s, a);
}

static void one_large_allocation_at_the_start_is_bounded(void **state)
{
    struct stage s;

    (void)state;
    stage_init_spawned(&s);
    stage_mmap(&s, STAGE_PID, 200ull * MIB);
    stage_wait(&s, 3ull * NS_PER_S, true);
    stage_exit(&s);

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    stage_end(&s, a);
}

static void an_untouched_reservation_is_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_map(&s, WORKER, 8ull << 30, PROT_NONE, STAGE_ANON | MAP_NORESERVE, 0);
    stage_map(&s, WORKER, 4ull << 30, STAGE_RW, STAGE_ANON | MAP_NORESERVE, 0);
    stage_churn(&s, OTHER, 300, true);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f =
        stage_expect(a, VERDICT_NOT_LEAK, REGION_RESERVATION, CAUSE_UNTOUCHED_RESERVATION);

    assert_int_equal(f->bytes, 12ull << 30);
    stage_end(&s, a);
}

static void a_shared_zone_is_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_map(&s, WORKER, 64ull * MIB, STAGE_RW, MAP_SHARED | MAP_ANONYMOUS, 700);
    stage_churn(&s, OTHER, 300, true);

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_SHARED_MEMORY, CAUSE_BOUNDED);
    stage_end(&s, a);
}

static void files_are_page_cache(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 40; i++) {
        struct stage_vma vma = {.pid = STAGE_PID,
                                .prot = PROT_READ,
                                .inode = 900 + i,
                                .resident_per_mille = 1000,
                                .name = "/var/lib/index"};

        vma.start = stage_free(&s, STAGE_PID, MIB, STAGE_PAGE);
        vma.end = vma.start + MIB;
        STAGE_EVENT(&s, STAGE_PID, WORKER, EVENT_MMAP, vma.start, NULL, 0, MIB, PROT_READ,
                    MAP_PRIVATE, 9, 0);
        stage_put(&s, &vma);
        stage_churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_FILE, CAUSE_PAGE_CACHE);
    stage_end(&s, a);
}

/* --- what cannot be told --- */

static void growth_in_the_last_tenth_only_is_too_young(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_churn(&s, OTHER, 600, true);
    for (unsigned i = 0; i < 40; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f =
        stage_expect(a, VERDICT_INCONCLUSIVE, REGION_ANON_MMAP, CAUSE_UNKNOWN);

    assert_int_equal(f->bytes, 40ull * MIB);
    assert_int_equal(f->count, 40);
    stage_end(&s, a);
}

static void an_idle_target_proves_nothing(void **state)
{
    struct stage s;

    (void)state;
    stage_init_blind(&s, true);
    stage_wait(&s, 120ull * NS_PER_S, false);

    struct analysis *a = stage_analyse(&s);

    assert_int_equal(a->verdict, VERDICT_INCONCLUSIVE);
    assert_int_equal(a->findings.count, 0);
    stage_end(&s, a);
}

static void a_leak_is_told_besides_what_is_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_map(&s, WORKER, 1ull << 30, PROT_NONE, STAGE_ANON | MAP_NORESERVE, 0);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    assert_int_equal(stage_find(a, REGION_RESERVATION, CAUSE_UNTOUCHED_RESERVATION)->verdict,
                     VERDICT_NOT_LEAK);
    stage_end(&s, a);
}

/* Five at a time, joined: glibc keeps their stacks, and the next five run on them. */
static void stacks_kept_for_reuse_are_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (pid_t i = 0; i < 5; i++)
        stage_thread_on_stack(&s, WORKER + i);
    for (pid_t i = 0; i < 100; i++) {
        stage_churn(&s, STAGE_PID, 5, true);
        stage_thread_exit(&s, WORKER + i);
        stage_thread(&s, STAGE_PID, WORKER + 5 + i, "next");
    }
    for (pid_t i = 0; i < 5; i++)
        stage_thread_exit(&s, WORKER + 100 + i);
    stage_churn(&s, STAGE_PID, 100, true);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_NOT_LEAK, REGION_THREAD_STACK, CAUSE_BOUNDED);

    assert_int_equal(f->count, 5);
    stage_end(&s, a);
}

static void a_pool_that_grew_and_then_works_is_bounded(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (pid_t i = 0; i < 30; i++) {
        stage_thread_on_stack(&s, WORKER + i);
        stage_churn(&s, STAGE_PID, 5, true);
    }
    stage_churn(&s, STAGE_PID, 600, true);

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_THREAD_STACK, CAUSE_BOUNDED);
    stage_end(&s, a);
}

static void a_heap_that_settles_is_bounded(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 100; i++) {
        stage_brk(&s, WORKER, 132 << 10);
        stage_churn(&s, OTHER, 2, true);
    }
    stage_churn(&s, OTHER, 600, true);

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_HEAP, CAUSE_BOUNDED);
    stage_end(&s, a);
}

/* A child's copy of what its parent mapped is not the child's growth. */
static void what_a_child_inherits_is_not_its_own(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_mmap(&s, STAGE_PID, 100ull * MIB);
    for (pid_t child = 4100; child < 4110; child++) {
        stage_wait(&s, 3ull * NS_PER_S, true);
        stage_fork(&s, child);
    }
    stage_churn(&s, STAGE_PID, 300, true);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);

    assert_int_equal(f->bytes, 100ull * MIB);
    assert_int_equal(a->findings.count, 1);
    stage_end(&s, a);
}

static void thousands_of_short_lives_leave_nothing(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (pid_t child = 5000; child < 9000; child++) {
        STAGE_EVENT(&s, child, child, EVENT_PROCESS_START, 0, NULL, EVENT_START_FORK, STAGE_PID,
                    (uint64_t)child, 0, 0, 0);
        STAGE_EVENT(&s, child, child, EVENT_MMAP, STAGE_TOP - MIB, NULL, 0, 8 * STAGE_PAGE,
                    STAGE_RW, STAGE_ANON, UINT64_MAX, 0);
        STAGE_EVENT(&s, child, child, EVENT_PROCESS_EXIT, 0, NULL, 0, 0, 0, 0, 0, 0);
        stage_wait(&s, 10 * NS_PER_MS, true);
    }

    struct analysis *a = stage_analyse(&s);

    assert_int_equal(a->verdict, VERDICT_NOT_LEAK);
    assert_int_equal(a->findings.count, 0);
    assert_int_equal(a->processes.count, 1);
    stage_end(&s, a);
}

/* A segment that someone attaches is in use, and so is a memfd that a look sees mapped. */
static void shared_memory_that_is_mapped_is_not_held_only(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (int i = 0; i < 40; i++) {
        STAGE_EVENT(&s, STAGE_PID, WORKER, EVENT_SHMGET, i, NULL, 0, 2 * MIB, 0, 0, 0, 0);
        buffer_printf(&s.held, "sysv %d 0:1 %d %d %d 1 /SYSV00000000\n", i, 100 + i, 2 * MIB,
                      2 * MIB);
        stage_churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);

    assert_int_equal(a->verdict, VERDICT_NOT_LEAK);
    assert_int_equal(a->findings.count, 0);
    stage_end(&s, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_churn_is_no_leak),
        cmocka_unit_test(a_warm_up_that_settles_is_bounded),
        cmocka_unit_test(a_warm_up_seen_by_looks_alone_is_bounded),
        cmocka_unit_test(a_cache_that_reached_its_bound_is_bounded),
        cmocka_unit_test(a_sawtooth_is_no_leak),
        cmocka_unit_test(one_large_allocation_at_the_start_is_bounded),
        cmocka_unit_test(an_untouched_reservation_is_no_leak),
        cmocka_unit_test(a_shared_zone_is_no_leak),
        cmocka_unit_test(files_are_page_cache),
        cmocka_unit_test(growth_in_the_last_tenth_only_is_too_young),
        cmocka_unit_test(an_idle_target_proves_nothing),
        cmocka_unit_test(a_leak_is_told_besides_what_is_no_leak),
        cmocka_unit_test(stacks_kept_for_reuse_are_no_leak),
        cmocka_unit_test(a_pool_that_grew_and_then_works_is_bounded),
        cmocka_unit_test(a_heap_that_settles_is_bounded),
        cmocka_unit_test(what_a_child_inherits_is_not_its_own),
        cmocka_unit_test(thousands_of_short_lives_leave_nothing),
        cmocka_unit_test(shared_memory_that_is_mapped_is_not_held_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
