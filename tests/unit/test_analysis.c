#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "report/report.h"
#include "tests/unit/stage.h"

enum { MIB = 1 << 20, WORKER = 4001, OTHER = 4002, TENTH_S = 100 * 1000 * 1000 };

/* The gravest and largest finding; it must be of that verdict, region and cause. */
static const struct finding *expect(const struct analysis *a, enum verdict verdict,
                                    enum region region, enum cause cause)
{
    const struct finding *f = a->findings.count ? &a->findings.items[0] : NULL;

    if (!f || f->verdict != verdict || f->region != region || f->cause != cause ||
        a->verdict != verdict)
        report_text(a, &(struct report_text_options){.width = 100}, stderr);
    assert_int_equal(a->verdict, verdict);
    assert_non_null(f);
    assert_string_equal(verdict_name(f->verdict), verdict_name(verdict));
    assert_string_equal(region_name(f->region), region_name(region));
    assert_string_equal(cause_name(f->cause), cause_name(cause));
    assert_int_equal(f->rank, 1);
    assert_non_null(f->title);
    assert_non_null(f->reason);
    return f;
}

static const struct finding *find(const struct analysis *a, enum region region, enum cause cause)
{
    for (size_t i = 0; i < a->findings.count; i++)
        if (a->findings.items[i].region == region && a->findings.items[i].cause == cause)
            return &a->findings.items[i];
    report_text(a, &(struct report_text_options){.width = 100}, stderr);
    fail();
    return NULL;
}

static void end(struct stage *s, struct analysis *a)
{
    analysis_destroy(a);
    stage_deinit(s);
}

/* Ten allocations of 64 KiB a second, each given back before the next. */
static void churn(struct stage *s, pid_t tid, unsigned tenths, bool busy)
{
    for (unsigned i = 0; i < tenths; i++) {
        uint64_t block = stage_mmap(s, tid, 64 << 10);

        stage_wait(s, TENTH_S, busy);
        stage_munmap(s, tid, block, 64 << 10);
    }
}

/* --- leaks --- */

static void mappings_that_are_never_freed_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_thread(&s, STAGE_PID, WORKER, "leaker");
    stage_thread(&s, STAGE_PID, OTHER, "worker");
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->bytes, 60ull * MIB);
    assert_int_equal(f->count, 60);
    assert_int_equal(f->unit_bytes, MIB);
    assert_int_equal(f->culprit.pid, STAGE_PID);
    assert_int_equal(f->culprit.tid, WORKER);
    assert_string_equal(f->culprit.thread, "leaker");
    assert_string_equal(f->culprit.process, "hero");
    assert_int_equal(f->threads.count, 1);
    assert_int_equal(f->threads.items[0].count, 60);
    assert_true(f->confidence >= 0.9);
    assert_true(f->resident_bytes > 58ull * MIB && f->resident_bytes <= f->bytes);
    assert_true(f->bytes_per_s > 0.9 * MIB && f->bytes_per_s < 1.1 * MIB);
    assert_true(f->next.count > 0);
    assert_int_equal(a->unexplained_bytes, 0);
    assert_true(a->growth_bytes_per_s > 0.9 * MIB && a->growth_bytes_per_s < 1.1 * MIB);
    assert_true(a->rss_last_bytes - a->rss_first_bytes > 58ull * MIB);
    assert_true(f->first_ns > a->started_ns && f->first_ns < a->started_ns + NS_PER_MS);

    uint64_t explained = 0;

    for (size_t i = 0; i < f->vmas.count; i++)
        explained += f->vmas.items[i].explained_bytes;
    assert_int_equal(explained, f->bytes);
    end(&s, a);
}

/* 96 blocks in twelve bursts, nearly an hour apart, by eight threads: a Netty's arenas. */
static void bursts_by_many_threads_leak_once(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    s.look_every_ns = 300ull * NS_PER_S;
    for (pid_t t = 0; t < 8; t++)
        stage_thread(&s, STAGE_PID, WORKER + t, "nioEventLoop");
    for (unsigned burst = 0; burst < 12; burst++) {
        for (pid_t t = 0; t < 8; t++) {
            stage_mmap(&s, WORKER + t, 16781312);
            stage_wait(&s, 2ull * NS_PER_S, true);
        }
        stage_wait(&s, 3060ull * NS_PER_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 96);
    assert_int_equal(f->threads.count, 8);
    assert_int_equal(f->unit_bytes, 16781312);
    assert_true(f->vmas.count >= 1);
    assert_int_equal(f->vmas.items[0].explained_bytes, f->vmas.items[0].growth_bytes);
    end(&s, a);
}

/* One in a hundred of the same size by the same thread is kept. */
static void a_leak_hides_among_churn_of_its_size(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_thread(&s, STAGE_PID, WORKER, "worker");
    for (unsigned i = 0; i < 6000; i++) {
        uint64_t block = stage_mmap(&s, WORKER, 256 << 10);

        stage_wait(&s, TENTH_S / 10, true);
        if (i % 100)
            stage_munmap(&s, WORKER, block, 256 << 10);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 60);
    assert_non_null(strstr(f->reason, "5,940 of 6,000"));
    end(&s, a);
}

static void blocks_of_every_size_leak_once(void **state)
{
    struct stage s;
    uint64_t sum = 0;

    (void)state;
    stage_init(&s);
    stage_thread(&s, STAGE_PID, WORKER, "worker");
    for (unsigned i = 0; i < 200; i++) {
        uint64_t len = (100 + (i * 7919) % 997) * STAGE_PAGE;

        stage_mmap(&s, WORKER, len);
        sum += len;
        churn(&s, OTHER, 3, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 200);
    assert_int_equal(f->bytes, sum);
    assert_true(f->unit_bytes == ANALYSIS_UNKNOWN);
    assert_int_equal(f->culprit.tid, WORKER);
    end(&s, a);
}

static void ten_sizes_by_one_thread_leak_once(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_thread(&s, STAGE_PID, WORKER, "worker");
    for (unsigned i = 0; i < 300; i++) {
        stage_mmap(&s, WORKER, (64 + i % 10) * STAGE_PAGE);
        stage_wait(&s, TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 300);
    assert_int_equal(a->findings.count, 1);
    end(&s, a);
}

static void two_leaks_are_two_findings(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 100; i++) {
        stage_mmap(&s, WORKER, 2 * MIB);
        stage_mmap(&s, OTHER, 64 << 10);
        stage_wait(&s, 3 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->culprit.tid, WORKER);
    assert_int_equal(a->findings.count, 2);
    assert_int_equal(a->findings.items[1].verdict, VERDICT_LEAK);
    assert_int_equal(a->findings.items[1].unit_bytes, 64 << 10);
    assert_int_equal(a->findings.items[1].culprit.tid, OTHER);
    end(&s, a);
}

/* 96 MiB in a second, with only a look at its exec and one at its exit. */
static void a_short_program_that_leaks_to_its_end_leaks(void **state)
{
    struct stage s;

    (void)state;
    stage_init_spawned(&s);
    for (unsigned i = 0; i < 96; i++) {
        stage_mmap(&s, STAGE_PID, MIB);
        stage_wait(&s, 10 * NS_PER_MS, true);
    }
    stage_exit(&s);

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    assert_true(isnan(a->exhaustion_s));
    end(&s, a);
}

static void a_small_steady_leak_is_told(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 200; i++) {
        stage_mmap(&s, STAGE_PID, STAGE_PAGE);
        stage_wait(&s, TENTH_S, true);
    }

    /* 800 KiB are less than 1 MiB but more than 1 % of 66 MiB. */
    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->bytes, 200 * STAGE_PAGE);
    end(&s, a);
}

static void growth_below_the_floor_moves_no_verdict(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 100; i++) {
        stage_mmap(&s, STAGE_PID, STAGE_PAGE);
        stage_wait(&s, TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);

    assert_int_equal(a->verdict, VERDICT_NOT_LEAK);
    assert_int_equal(a->findings.count, 0);
    assert_true(a->vmas.count > 0);
    end(&s, a);
}

static void a_leak_then_idleness_is_still_a_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, STAGE_PID, MIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }
    stage_wait(&s, 120ull * NS_PER_S, false);

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    end(&s, a);
}

static void a_block_that_mremap_grows_is_a_growing_buffer(void **state)
{
    struct stage s;
    uint64_t block, len = MIB;

    (void)state;
    stage_init(&s);
    block = stage_mmap(&s, WORKER, len);
    for (unsigned i = 0; i < 60; i++) {
        block = stage_grow(&s, WORKER, block, len, len + MIB);
        len += MIB;
        churn(&s, OTHER, 5, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_GROWING_BUFFER);

    assert_int_equal(f->bytes, 60ull * MIB);
    assert_int_equal(f->count, 60);
    end(&s, a);
}

/* A stack of 8 MiB with its guard, and a thread on it. */
static void start_thread(struct stage *s, pid_t tid)
{
    uint64_t stack = stage_map(s, STAGE_PID, 2049 * STAGE_PAGE, PROT_NONE,
                               STAGE_ANON | MAP_NORESERVE | MAP_STACK, 0);

    stage_mprotect(s, STAGE_PID, stack + STAGE_PAGE, 2048 * STAGE_PAGE, STAGE_RW, 2);
    stage_thread(s, STAGE_PID, tid, "short");
}

static void threads_that_nobody_joins_leak_their_stacks(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (pid_t i = 0; i < 40; i++) {
        start_thread(&s, WORKER + i);
        stage_wait(&s, TENTH_S, true);
        stage_thread_exit(&s, WORKER + i);
        churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f =
        expect(a, VERDICT_LEAK, REGION_THREAD_STACK, CAUSE_THREADS_NOT_JOINED);

    assert_int_equal(f->count, 40);
    assert_int_equal(f->unit_bytes, 2049 * STAGE_PAGE);
    end(&s, a);
}

/* Five at a time, joined: glibc keeps their stacks, and the next five run on them. */
static void stacks_kept_for_reuse_are_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (pid_t i = 0; i < 5; i++)
        start_thread(&s, WORKER + i);
    for (pid_t i = 0; i < 100; i++) {
        churn(&s, STAGE_PID, 5, true);
        stage_thread_exit(&s, WORKER + i);
        stage_thread(&s, STAGE_PID, WORKER + 5 + i, "next");
    }
    for (pid_t i = 0; i < 5; i++)
        stage_thread_exit(&s, WORKER + 100 + i);
    churn(&s, STAGE_PID, 100, true);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_NOT_LEAK, REGION_THREAD_STACK, CAUSE_BOUNDED);

    assert_int_equal(f->count, 5);
    end(&s, a);
}

static void a_pool_that_grew_and_then_works_is_bounded(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (pid_t i = 0; i < 30; i++) {
        start_thread(&s, WORKER + i);
        churn(&s, STAGE_PID, 5, true);
    }
    churn(&s, STAGE_PID, 600, true);

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_NOT_LEAK, REGION_THREAD_STACK, CAUSE_BOUNDED);
    end(&s, a);
}

static void memfds_that_nobody_maps_are_held_by_descriptors(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (int i = 0; i < 40; i++) {
        stage_memfd(&s, WORKER, 10 + i, 2 * MIB);
        churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_SHARED_MEMORY, CAUSE_DESCRIPTOR_HELD);

    assert_int_equal(f->bytes, 80ull * MIB);
    assert_int_equal(f->count, 40);
    assert_int_equal(f->culprit.tid, WORKER);
    assert_non_null(strstr(f->reason, "/memfd:ring"));
    end(&s, a);
}

static void children_that_leak_alike_are_one_finding(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (pid_t child = 4100; child < 4104; child++)
        stage_fork(&s, child);
    for (unsigned i = 0; i < 50; i++) {
        for (pid_t child = 4100; child < 4104; child++)
            stage_mmap_of(&s, child, MIB);
        churn(&s, STAGE_PID, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 200);
    assert_int_equal(f->bytes, 200ull * MIB);
    assert_int_equal(f->threads.count, 4);
    assert_int_equal(a->processes.count, 5);
    assert_non_null(strstr(f->title, "4 processes"));
    end(&s, a);
}

/* --- suspicions --- */

static void a_heap_that_grows_is_suspect(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 200; i++) {
        stage_brk(&s, WORKER, 132 << 10);
        churn(&s, OTHER, 3, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_SUSPECT, REGION_HEAP, CAUSE_UNKNOWN);

    assert_int_equal(f->bytes, 200ull * 132 << 10);
    assert_int_equal(f->vmas.count, 1);
    assert_string_equal(f->vmas.items[0].name, "[heap]");
    assert_int_equal(f->vmas.items[0].preexisting_bytes, 4 * MIB);
    end(&s, a);
}

static void a_heap_that_settles_is_bounded(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 100; i++) {
        stage_brk(&s, WORKER, 132 << 10);
        churn(&s, OTHER, 2, true);
    }
    churn(&s, OTHER, 600, true);

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_NOT_LEAK, REGION_HEAP, CAUSE_BOUNDED);
    end(&s, a);
}

static void an_arena_that_grows_is_suspect(void **state)
{
    struct stage s;
    uint64_t arena, used = 132 << 10;

    (void)state;
    stage_init(&s);
    /* new_heap of glibc: twice the size, trimmed to one that is aligned. */
    arena = stage_map(&s, WORKER, 128 << 20, PROT_NONE, STAGE_ANON | MAP_NORESERVE, 0);
    uint64_t aligned = (arena + (64 << 20) - 1) & ~((64ull << 20) - 1);

    if (aligned > arena)
        stage_munmap(&s, WORKER, arena, aligned - arena);
    stage_munmap(&s, WORKER, aligned + (64 << 20), arena + (64 << 20) - aligned);
    stage_mprotect(&s, WORKER, aligned, used, STAGE_RW, 1000);
    for (unsigned i = 0; i < 200; i++) {
        stage_mprotect(&s, WORKER, aligned + used, 128 << 10, STAGE_RW, 1000);
        used += 128 << 10;
        churn(&s, OTHER, 3, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_SUSPECT, REGION_ARENA, CAUSE_UNKNOWN);

    assert_int_equal(f->bytes, used);
    end(&s, a);
}

static void growth_that_began_late_is_suspect(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    churn(&s, OTHER, 300, true);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        churn(&s, OTHER, 4, true);
    }

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    end(&s, a);
}

/* What comes takes the place of what was there before the trace: nothing grows. */
static void taking_the_place_of_old_memory_is_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_munmap(&s, WORKER, STAGE_TOP + (64 << 20) + i * (uint64_t)MIB, MIB);
        churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    assert_true(a->findings.items[0].confidence <= 0.5);
    end(&s, a);
}

static void growth_without_events_is_suspect_at_most(void **state)
{
    struct stage s;

    (void)state;
    stage_init_blind(&s, true);
    for (unsigned i = 0; i < 120; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, NS_PER_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_UNKNOWN);

    assert_int_equal(f->culprit.tid, 0);
    assert_non_null(strstr(f->reason, "no memory syscall"));
    assert_int_equal(a->events, 0);
    assert_true(a->unexplained_bytes == 0 || a->unexplained_bytes == ANALYSIS_UNKNOWN);
    end(&s, a);
}

static void lost_events_lower_a_verdict(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, NS_PER_S, true);
    }
    STAGE_EVENT(&s, STAGE_PID, 0, EVENT_LOST, 0, NULL, 500, 0, 0, 0, 0, 0);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(a->lost_events, 500);
    assert_true(f->confidence < 0.7);
    assert_non_null(strstr(f->reason, "lost"));
    end(&s, a);
}

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
    const struct finding *f = expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);

    assert_int_equal(f->count, 32);
    end(&s, a);
}

static void a_warm_up_that_settles_is_bounded(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 48; i++) {
        stage_mmap(&s, WORKER, MIB);
        churn(&s, OTHER, 4, true);
    }
    churn(&s, OTHER, 600, true);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);

    assert_non_null(strstr(f->reason, "while work went on"));
    end(&s, a);
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

    expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    end(&s, a);
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

    expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    end(&s, a);
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

    expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    end(&s, a);
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

    expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    end(&s, a);
}

static void an_untouched_reservation_is_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_map(&s, WORKER, 8ull << 30, PROT_NONE, STAGE_ANON | MAP_NORESERVE, 0);
    stage_map(&s, WORKER, 4ull << 30, STAGE_RW, STAGE_ANON | MAP_NORESERVE, 0);
    churn(&s, OTHER, 300, true);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f =
        expect(a, VERDICT_NOT_LEAK, REGION_RESERVATION, CAUSE_UNTOUCHED_RESERVATION);

    assert_int_equal(f->bytes, 12ull << 30);
    end(&s, a);
}

static void a_shared_zone_is_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_map(&s, WORKER, 64ull * MIB, STAGE_RW, MAP_SHARED | MAP_ANONYMOUS, 700);
    churn(&s, OTHER, 300, true);

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_NOT_LEAK, REGION_SHARED_MEMORY, CAUSE_BOUNDED);
    end(&s, a);
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
        churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_NOT_LEAK, REGION_FILE, CAUSE_PAGE_CACHE);
    end(&s, a);
}

/* --- what cannot be told --- */

static void growth_in_the_last_tenth_only_is_too_young(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    churn(&s, OTHER, 600, true);
    for (unsigned i = 0; i < 40; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = expect(a, VERDICT_INCONCLUSIVE, REGION_ANON_MMAP, CAUSE_UNKNOWN);

    assert_int_equal(f->bytes, 40ull * MIB);
    assert_int_equal(f->count, 40);
    end(&s, a);
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
    end(&s, a);
}

static void a_leak_is_told_besides_what_is_no_leak(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_map(&s, WORKER, 1ull << 30, PROT_NONE, STAGE_ANON | MAP_NORESERVE, 0);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);

    expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    assert_int_equal(find(a, REGION_RESERVATION, CAUSE_UNTOUCHED_RESERVATION)->verdict,
                     VERDICT_NOT_LEAK);
    end(&s, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mappings_that_are_never_freed_leak),
        cmocka_unit_test(bursts_by_many_threads_leak_once),
        cmocka_unit_test(a_leak_hides_among_churn_of_its_size),
        cmocka_unit_test(blocks_of_every_size_leak_once),
        cmocka_unit_test(ten_sizes_by_one_thread_leak_once),
        cmocka_unit_test(two_leaks_are_two_findings),
        cmocka_unit_test(a_short_program_that_leaks_to_its_end_leaks),
        cmocka_unit_test(a_small_steady_leak_is_told),
        cmocka_unit_test(growth_below_the_floor_moves_no_verdict),
        cmocka_unit_test(a_leak_then_idleness_is_still_a_leak),
        cmocka_unit_test(a_block_that_mremap_grows_is_a_growing_buffer),
        cmocka_unit_test(threads_that_nobody_joins_leak_their_stacks),
        cmocka_unit_test(stacks_kept_for_reuse_are_no_leak),
        cmocka_unit_test(a_pool_that_grew_and_then_works_is_bounded),
        cmocka_unit_test(memfds_that_nobody_maps_are_held_by_descriptors),
        cmocka_unit_test(children_that_leak_alike_are_one_finding),
        cmocka_unit_test(a_heap_that_grows_is_suspect),
        cmocka_unit_test(a_heap_that_settles_is_bounded),
        cmocka_unit_test(an_arena_that_grows_is_suspect),
        cmocka_unit_test(growth_that_began_late_is_suspect),
        cmocka_unit_test(taking_the_place_of_old_memory_is_no_leak),
        cmocka_unit_test(growth_without_events_is_suspect_at_most),
        cmocka_unit_test(lost_events_lower_a_verdict),
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
