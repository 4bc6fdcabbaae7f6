/* What call paths make of a recording: whose growth it is, told apart and put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/finding_paths.h"
#include "tests/unit/stage.h"

enum { MIB = 1 << 20, KIB = 1 << 10, WORKER = 4001, OTHER = 4002, TENTH_S = 100 * 1000 * 1000 };

#define MALLOC "mmap64@/lib/libc.so.6 < sysmalloc@/lib/libc.so.6 < malloc@/lib/libc.so.6"

static uint64_t stack_bytes(const struct finding *f)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < f->stacks.count; i++)
        bytes += f->stacks.items[i].bytes;
    return bytes;
}

/* A finding of that verdict whose culprit is FUNCTION; NULL: there is none. */
static const struct finding *find(const struct analysis *a, enum verdict verdict,
                                  const char *function)
{
    for (size_t i = 0; i < a->findings.count; i++) {
        const struct finding *f = &a->findings.items[i];

        if (f->verdict == verdict && f->culprit.function &&
            strcmp(f->culprit.function, function) == 0)
            return f;
    }
    return NULL;
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16 & 0x7fff;
}

static void random_sizes_of_one_path_are_one_finding(void **state)
{
    struct stage s;
    unsigned seed = 1;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 300; i++) {
        stage_by(&s, i % 3 ? MALLOC " < store:88 < handle:20 < main"
                           : "mmap64@libc.so.6 < malloc@libc.so.6 < store:88 < handle:20 < main");
        stage_mmap(&s, i % 2 ? WORKER : OTHER, (32 + next_random(&seed) % 40) * 4ull * KIB);
        stage_wait(&s, 2 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(a->findings.count, 1);
    assert_int_equal(f->count, 300);
    assert_string_equal(f->culprit.function, "store");
    assert_string_equal(f->culprit.module, "/usr/bin/hero");
    assert_false(f->sampled);
    /* libc.so.6 and /lib/libc.so.6 differ inside of the culprit only. */
    assert_int_equal(f->stacks.count, 1);
    assert_int_equal(f->stacks.items[0].count, 300);
    assert_int_equal(stack_bytes(f), f->bytes);
    assert_int_equal(f->stacks.items[0].culprit, 3);
    assert_string_equal(f->stacks.items[0].frames.items[3].function, "store");
    assert_int_equal(f->stacks.items[0].frames.items[3].line, 88);
    assert_null(f->stacks.items[0].end);
    stage_end(&s, a);
}

static void a_path_that_gives_back_is_not_blamed_for_one_that_does_not(void **state)
{
    struct stage s;
    uint64_t ring[12] = {0};

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 600; i++) {
        stage_by(&s, MALLOC " < render:5 < handle:21 < main");
        if (ring[i % 12])
            stage_munmap(&s, WORKER, ring[i % 12], 256 * KIB);
        ring[i % 12] = stage_mmap(&s, WORKER, 256 * KIB);
        if (i % 6 == 0) {
            stage_by(&s, MALLOC " < store:88 < handle:20 < main");
            stage_mmap(&s, WORKER, 256 * KIB);
        }
        stage_wait(&s, TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);
    const struct finding *bounded = find(a, VERDICT_NOT_LEAK, "render");

    assert_int_equal(f->count, 100);
    assert_string_equal(f->culprit.function, "store");
    assert_int_equal(f->stacks.count, 1);
    assert_non_null(strstr(f->reason, "none unmapped"));
    assert_non_null(bounded);
    assert_int_equal(bounded->cause, CAUSE_BOUNDED);
    assert_int_equal(bounded->count, 12);
    stage_end(&s, a);
}

/* The two differ further out only. */
static void a_caller_that_gives_back_is_not_blamed_either(void **state)
{
    struct stage s;
    uint64_t ring[12] = {0};

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 600; i++) {
        stage_by(&s, MALLOC " < buffer_new:5 < render:21 < main");
        if (ring[i % 12])
            stage_munmap(&s, WORKER, ring[i % 12], 256 * KIB);
        ring[i % 12] = stage_mmap(&s, WORKER, 256 * KIB);
        if (i % 6 == 0) {
            stage_by(&s, MALLOC " < buffer_new:5 < store:20 < main");
            stage_mmap(&s, WORKER, 256 * KIB);
        }
        stage_wait(&s, TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 100);
    assert_string_equal(f->culprit.function, "buffer_new");
    assert_int_equal(f->stacks.count, 1);
    assert_string_equal(f->stacks.items[0].frames.items[4].function, "store");
    stage_end(&s, a);
}

/* None of its callers alone makes a habit. */
static void a_culprit_with_many_callers_is_one_finding(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 120; i++) {
        char path[160];

        snprintf(path, sizeof(path), MALLOC " < store:88 < caller_%u:7 < main", i % 40);
        stage_by(&s, path);
        stage_mmap(&s, WORKER, (1 + i % 5) * 64ull * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 120);
    assert_string_equal(f->culprit.function, "store");
    assert_int_equal(f->stacks.count, 40);
    assert_int_equal(stack_bytes(f), f->bytes);
    stage_end(&s, a);
}

static void calls_of_one_function_from_two_lines_are_two_stacks_of_one_finding(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 120; i++) {
        stage_by(&s, i % 3 ? MALLOC " < store:88 < main" : MALLOC " < store:91 < main");
        stage_mmap(&s, WORKER, 256 * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 120);
    assert_int_equal(f->stacks.count, 2);
    assert_int_equal(f->stacks.items[0].count, 80);
    assert_int_equal(f->stacks.items[1].count, 40);
    stage_end(&s, a);
}

static void what_has_no_path_is_counted(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 120; i++) {
        stage_by(&s, i % 4 ? MALLOC " < store:88 < main" : NULL);
        stage_mmap(&s, WORKER, 256 * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = find(a, VERDICT_LEAK, "store");
    uint64_t rest = 0;

    assert_non_null(f);
    assert_int_equal(f->count, 90);
    for (size_t i = 0; i < a->findings.count; i++)
        if (&a->findings.items[i] != f && a->findings.items[i].verdict == VERDICT_LEAK) {
            rest += a->findings.items[i].bytes;
            assert_int_equal(a->findings.items[i].stacks.count, 0);
            assert_null(a->findings.items[i].culprit.function);
            assert_non_null(strstr(a->findings.items[i].reason, "no call path"));
        }
    assert_int_equal(rest, 30 * 256 * KIB);
    stage_end(&s, a);
}

static void growth_calls_of_the_heap_are_samples(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 120; i++) {
        stage_by(&s, i % 3   ? "brk@libc.so.6 < sbrk@libc.so.6 < malloc@libc.so.6 < a < main"
                     : i % 2 ? "brk@libc.so.6 < sbrk@libc.so.6 < malloc@libc.so.6 < b < main"
                             : "brk@libc.so.6 < sbrk@libc.so.6 < malloc@libc.so.6 < c < main");
        stage_brk(&s, STAGE_PID, 132 * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_SUSPECT, REGION_HEAP, CAUSE_UNKNOWN);

    assert_true(f->sampled);
    assert_null(f->culprit.function);
    assert_int_equal(f->stacks.count, 3);
    assert_int_equal(stack_bytes(f), f->bytes);
    assert_non_null(strstr(f->reason, "samples: 120 growth calls"));
    assert_non_null(strstr(f->reason, "innocent caller"));
    stage_end(&s, a);
}

static void a_path_that_makes_most_samples_of_the_heap_is_not_accused(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 120; i++) {
        stage_by(&s, i % 10 ? "brk@libc.so.6 < sbrk@libc.so.6 < malloc@libc.so.6 < a < main"
                            : "brk@libc.so.6 < sbrk@libc.so.6 < malloc@libc.so.6 < b < main");
        stage_brk(&s, STAGE_PID, 132 * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_SUSPECT, REGION_HEAP, CAUSE_UNKNOWN);

    assert_null(f->culprit.function);
    assert_non_null(strstr(f->reason, "frees what it gets"));
    stage_end(&s, a);
}

/* Whose call made it ask for more is chance, and all may be in use. */
static void an_allocator_that_pools_lowers_a_leak_to_a_suspicion(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 120; i++) {
        stage_by(&s, i % 2 ? "mmap@libc.so.6 < new_arena < _PyObject_Malloc < dict_new < main"
                           : "mmap@libc.so.6 < new_arena < _PyObject_Malloc < list_new < main");
        stage_mmap(&s, WORKER, 256 * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_SUSPECT, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_true(f->sampled);
    assert_non_null(strstr(f->reason, "CPython's object allocator maps so"));
    stage_end(&s, a);
}

static void a_path_of_the_c_library_alone_has_no_culprit(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_by_cut(&s, MALLOC, STACK_END_NO_UNWIND_INFO);
    for (unsigned i = 0; i < 120; i++) {
        stage_mmap(&s, WORKER, 256 * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_null(f->culprit.function);
    assert_null(f->culprit.module);
    assert_int_equal(f->stacks.count, 1);
    assert_int_equal(f->stacks.items[0].culprit, f->stacks.items[0].frames.count);
    assert_string_equal(f->stacks.items[0].end,
                        "unwinding stopped: no unwind information in libc.so.6");
    stage_end(&s, a);
}

static void a_culprit_without_a_name_is_its_module(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_by(&s, MALLOC " < ?@/opt/libfoo.so:4660 < main");
    for (unsigned i = 0; i < 120; i++) {
        stage_mmap(&s, WORKER, 256 * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_null(f->culprit.function);
    assert_string_equal(f->culprit.module, "/opt/libfoo.so");
    assert_int_equal(f->stacks.items[0].frames.items[3].offset, 4660);
    stage_end(&s, a);
}

static void the_maker_of_held_memory_is_named(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_by(&s, "memfd_create@libc.so.6 < ring_open:3 < main");
    for (unsigned i = 0; i < 40; i++) {
        stage_memfd(&s, WORKER, 10 + (int)i, MIB);
        stage_wait(&s, 15 * TENTH_S, true);
    }

    struct analysis *a = stage_analyse(&s);
    const struct finding *f =
        stage_expect(a, VERDICT_LEAK, REGION_SHARED_MEMORY, CAUSE_DESCRIPTOR_HELD);

    assert_string_equal(f->culprit.function, "ring_open");
    assert_int_equal(stack_bytes(f), f->bytes);
    stage_end(&s, a);
}

static void a_thread_has_the_name_it_had_when_it_called(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_thread(&s, STAGE_PID, WORKER, "loader");
    for (unsigned i = 0; i < 120; i++) {
        stage_mmap(&s, WORKER, 256 * KIB);
        stage_wait(&s, 5 * TENTH_S, true);
    }
    STAGE_EVENT(&s, STAGE_PID, WORKER, EVENT_THREAD_NAME, 0, "idle", 0, 0, 0, 0, 0, 0);
    s.threads.items[s.threads.count - 1].name = "idle";
    stage_wait(&s, 5ull * NS_PER_S, true);

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_string_equal(f->culprit.thread, "loader");
    assert_string_equal(f->threads.items[0].name, "loader");
    assert_non_null(strstr(f->reason, "by thread 4001 loader"));
    for (size_t i = 0; i < a->threads.count; i++)
        if (a->threads.items[i].tid == WORKER)
            assert_string_equal(a->threads.items[i].name, "loader");
    stage_end(&s, a);
}

/* Only where a path goes through such code without a name. */
static void unnamed_code_made_at_run_time_gets_advice(void **state)
{
    struct analysis_frame frames[] = {
        {.function = (char *)"os::malloc", .module = (char *)"/jdk/lib/server/libjvm.so"},
        {.kind = STACK_FRAME_JIT, .address = 0x7000},
    };
    struct analysis_stack stack = {.frames = {.items = frames, .count = 2}};
    struct finding f = {.stacks = {.items = &stack, .count = 1}};
    char *advice;

    (void)state;
    assert_null(finding_paths_advice(&f, "4242", &advice));
    assert_non_null(strstr(advice, "jcmd 4242 Compiler.perfmap"));
    free(advice);
    assert_null(finding_paths_advice(&f, NULL, &advice));
    assert_non_null(strstr(advice, "-XX:+DumpPerfMapAtExit"));
    free(advice);
    frames[0].module = (char *)"/usr/bin/node";
    assert_null(finding_paths_advice(&f, "4242", &advice));
    assert_non_null(strstr(advice, "/tmp/perf-4242.map"));
    free(advice);
    frames[1].function = (char *)"Cart.add";
    assert_null(finding_paths_advice(&f, "4242", &advice));
    assert_null(advice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sizes_of_one_path_are_one_finding),
        cmocka_unit_test(a_path_that_gives_back_is_not_blamed_for_one_that_does_not),
        cmocka_unit_test(a_caller_that_gives_back_is_not_blamed_either),
        cmocka_unit_test(a_culprit_with_many_callers_is_one_finding),
        cmocka_unit_test(calls_of_one_function_from_two_lines_are_two_stacks_of_one_finding),
        cmocka_unit_test(what_has_no_path_is_counted),
        cmocka_unit_test(growth_calls_of_the_heap_are_samples),
        cmocka_unit_test(a_path_that_makes_most_samples_of_the_heap_is_not_accused),
        cmocka_unit_test(an_allocator_that_pools_lowers_a_leak_to_a_suspicion),
        cmocka_unit_test(a_path_of_the_c_library_alone_has_no_culprit),
        cmocka_unit_test(a_culprit_without_a_name_is_its_module),
        cmocka_unit_test(the_maker_of_held_memory_is_named),
        cmocka_unit_test(a_thread_has_the_name_it_had_when_it_called),
        cmocka_unit_test(unnamed_code_made_at_run_time_gets_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
