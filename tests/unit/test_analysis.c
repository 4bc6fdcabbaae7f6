#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "evidence/dump_writer.h"
#include "tests/unit/stage.h"

enum { MIB = 1 << 20, WORKER = 4001, OTHER = 4002, TENTH_S = 100 * 1000 * 1000 };

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
        stage_churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

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
    stage_end(&s, a);
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
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 96);
    assert_int_equal(f->threads.count, 8);
    assert_int_equal(f->unit_bytes, 16781312);
    assert_true(f->vmas.count >= 1);
    assert_int_equal(f->vmas.items[0].explained_bytes, f->vmas.items[0].growth_bytes);
    stage_end(&s, a);
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
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 60);
    assert_non_null(strstr(f->reason, "5,940 of 6,000"));
    stage_end(&s, a);
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
        stage_churn(&s, OTHER, 3, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 200);
    assert_int_equal(f->bytes, sum);
    assert_true(f->unit_bytes == ANALYSIS_UNKNOWN);
    assert_int_equal(f->culprit.tid, WORKER);
    stage_end(&s, a);
}

/* Extents of an allocator, which shows by its library or by their growing. */
static void extents_of_an_allocator_are_suspect(void **state)
{
    for (unsigned seen = 0; seen < 2; seen++) {
        struct stage_vma library = {.pid = STAGE_PID,
                                    .start = STAGE_TOP + (256 << 20),
                                    .end = STAGE_TOP + (257 << 20),
                                    .prot = PROT_READ,
                                    .inode = 9,
                                    .name = "/usr/lib/libjemalloc.so.2"};
        struct stage s;

        (void)state;
        stage_init(&s);
        if (seen)
            stage_put(&s, &library);
        for (unsigned i = 0; i < 24; i++) {
            stage_mmap(&s, STAGE_PID, seen ? 4 * MIB : (i + 4) * (uint64_t)MIB);
            stage_wait(&s, 5ull * NS_PER_S, true);
        }

        struct analysis *a = stage_analyse(&s);
        const struct finding *f =
            stage_expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

        assert_non_null(strstr(f->reason, seen ? "libjemalloc.so.2 maps so" : "each is larger"));
        stage_end(&s, a);
    }
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
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 300);
    assert_int_equal(a->findings.count, 1);
    stage_end(&s, a);
}

/* What was leaked is told by what a dump holds of it, and when it was written. */
static void a_dump_tells_what_leaked(void **state)
{
    _cleanup_(dump_writer_destroyp) struct dump_writer *w = NULL;
    _cleanup_free_ char *page = calloc(1, STAGE_PAGE);
    struct stage s;
    uint64_t block = 0;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 60; i++) {
        block = stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, NS_PER_S, true);
    }
    assert_non_null(page);
    for (unsigned i = 0; i < 20; i++)
        snprintf(page + i * 100, 100, "GET /index.html 1700000%03u000", i);
    must(dump_writer_create(s.c->fd, STAGE_PID, &w));
    w->dump.wall_begin_ns = 1700000060ull * NS_PER_S;
    must(dump_writer_start(w));
    must(dump_writer_begin(w, block));
    must(dump_writer_put(w, page, STAGE_PAGE));
    must(dump_writer_end(w, false));
    w->dump.complete = true;
    must(dump_writer_finish(w));

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(a->dumps, 1);
    assert_true(f->strings.count > 0);
    assert_non_null(strstr(f->strings.items[0].text, "GET /index.html"));
    assert_int_equal(f->times_count, 20);
    assert_int_equal(f->times_first_ns, 1700000000ull * NS_PER_S);
    assert_non_null(f->written);
    assert_non_null(strstr(f->written, "4001"));
    assert_non_null(strstr(f->next.items[0], " strings --region "));
    stage_end(&s, a);
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
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->culprit.tid, WORKER);
    assert_int_equal(a->findings.count, 2);
    assert_int_equal(a->findings.items[1].verdict, VERDICT_LEAK);
    assert_int_equal(a->findings.items[1].unit_bytes, 64 << 10);
    assert_int_equal(a->findings.items[1].culprit.tid, OTHER);
    stage_end(&s, a);
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

    stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    assert_true(isnan(a->exhaustion_s));
    stage_end(&s, a);
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
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->bytes, 200 * STAGE_PAGE);
    stage_end(&s, a);
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
    stage_end(&s, a);
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

    stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    stage_end(&s, a);
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
        stage_churn(&s, OTHER, 5, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_GROWING_BUFFER);

    assert_int_equal(f->bytes, 60ull * MIB);
    assert_int_equal(f->count, 60);
    stage_end(&s, a);
}

static void threads_that_nobody_joins_leak_their_stacks(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (pid_t i = 0; i < 40; i++) {
        stage_thread_on_stack(&s, WORKER + i);
        stage_wait(&s, TENTH_S, true);
        stage_thread_exit(&s, WORKER + i);
        stage_churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f =
        stage_expect(a, VERDICT_LEAK, REGION_THREAD_STACK, CAUSE_THREADS_NOT_JOINED);

    assert_int_equal(f->count, 40);
    assert_int_equal(f->unit_bytes, 2049 * STAGE_PAGE);
    stage_end(&s, a);
}

static void memfds_that_nobody_maps_are_held_by_descriptors(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (int i = 0; i < 40; i++) {
        stage_memfd(&s, WORKER, 10 + i, 2 * MIB);
        stage_churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f =
        stage_expect(a, VERDICT_LEAK, REGION_SHARED_MEMORY, CAUSE_DESCRIPTOR_HELD);

    assert_int_equal(f->bytes, 80ull * MIB);
    assert_int_equal(f->count, 40);
    assert_int_equal(f->culprit.tid, WORKER);
    assert_non_null(strstr(f->reason, "/memfd:ring"));
    stage_end(&s, a);
}

static void segments_that_nobody_attaches_are_held_by_their_ids(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (int i = 0; i < 40; i++) {
        STAGE_EVENT(&s, STAGE_PID, WORKER, EVENT_SHMGET, i, NULL, 0, 2 * MIB, 0, 0, 0, 0);
        buffer_printf(&s.held, "sysv %d 0:1 %d %d %d 0 /SYSV00000000\n", i, 100 + i, 2 * MIB,
                      2 * MIB);
        stage_churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f =
        stage_expect(a, VERDICT_LEAK, REGION_SHARED_MEMORY, CAUSE_DESCRIPTOR_HELD);

    assert_int_equal(f->count, 40);
    assert_int_equal(f->culprit.tid, WORKER);
    stage_end(&s, a);
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
        stage_churn(&s, STAGE_PID, 10, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 200);
    assert_int_equal(f->bytes, 200ull * MIB);
    assert_int_equal(f->threads.count, 4);
    assert_int_equal(a->processes.count, 5);
    assert_non_null(strstr(f->title, "4 processes"));
    stage_end(&s, a);
}

/* --- suspicions --- */

static void a_heap_that_grows_is_suspect(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 200; i++) {
        stage_brk(&s, WORKER, 132 << 10);
        stage_churn(&s, OTHER, 3, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_SUSPECT, REGION_HEAP, CAUSE_UNKNOWN);

    assert_int_equal(f->bytes, 200ull * 132 << 10);
    assert_int_equal(f->vmas.count, 1);
    assert_string_equal(f->vmas.items[0].name, "[heap]");
    assert_int_equal(f->vmas.items[0].preexisting_bytes, 4 * MIB);
    stage_end(&s, a);
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
        stage_churn(&s, OTHER, 3, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_SUSPECT, REGION_ARENA, CAUSE_UNKNOWN);

    assert_int_equal(f->bytes, used);
    stage_end(&s, a);
}

static void growth_that_began_late_is_suspect(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_churn(&s, OTHER, 300, true);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_churn(&s, OTHER, 4, true);
    }

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    stage_end(&s, a);
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
        stage_churn(&s, OTHER, 10, true);
    }

    struct analysis *a = stage_analyse(&s);

    stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
    assert_non_null(strstr(a->findings.items[0].reason, "stayed level"));
    stage_end(&s, a);
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
    const struct finding *f = stage_expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_UNKNOWN);

    assert_int_equal(f->culprit.tid, 0);
    assert_non_null(strstr(f->reason, "no memory syscall"));
    assert_int_equal(a->events, 0);
    assert_true(a->unexplained_bytes == 0 || a->unexplained_bytes == ANALYSIS_UNKNOWN);
    stage_end(&s, a);
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
    const struct finding *f = stage_expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(a->lost_events, 500);
    assert_true(f->confidence < 0.7);
    assert_non_null(strstr(f->reason, "lost"));
    stage_end(&s, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mappings_that_are_never_freed_leak),
        cmocka_unit_test(bursts_by_many_threads_leak_once),
        cmocka_unit_test(a_leak_hides_among_churn_of_its_size),
        cmocka_unit_test(blocks_of_every_size_leak_once),
        cmocka_unit_test(extents_of_an_allocator_are_suspect),
        cmocka_unit_test(ten_sizes_by_one_thread_leak_once),
        cmocka_unit_test(a_dump_tells_what_leaked),
        cmocka_unit_test(two_leaks_are_two_findings),
        cmocka_unit_test(a_short_program_that_leaks_to_its_end_leaks),
        cmocka_unit_test(a_small_steady_leak_is_told),
        cmocka_unit_test(growth_below_the_floor_moves_no_verdict),
        cmocka_unit_test(a_leak_then_idleness_is_still_a_leak),
        cmocka_unit_test(a_block_that_mremap_grows_is_a_growing_buffer),
        cmocka_unit_test(threads_that_nobody_joins_leak_their_stacks),
        cmocka_unit_test(memfds_that_nobody_maps_are_held_by_descriptors),
        cmocka_unit_test(segments_that_nobody_attaches_are_held_by_their_ids),
        cmocka_unit_test(children_that_leak_alike_are_one_finding),
        cmocka_unit_test(a_heap_that_grows_is_suspect),
        cmocka_unit_test(an_arena_that_grows_is_suspect),
        cmocka_unit_test(growth_that_began_late_is_suspect),
        cmocka_unit_test(taking_the_place_of_old_memory_is_no_leak),
        cmocka_unit_test(growth_without_events_is_suspect_at_most),
        cmocka_unit_test(lost_events_lower_a_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
