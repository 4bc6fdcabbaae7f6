#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "tests/unit/imports.h"

extern const struct importer importer_strace, importer_pmap;

enum { MIB = 1 << 20 };

static const uint64_t here = 0x7f1000000000, far_away = 0x7e0000000000;

/* COUNT mappings from BASE on, ten seconds apart; TID 0: no line names one. */
static void import_calls(struct imports *t, const char *name, unsigned tid, unsigned from_s,
                         unsigned count, uint64_t base)
{
    _cleanup_buffer_ struct buffer log = {0};

    for (unsigned i = 0; i < count; i++) {
        if (tid)
            buffer_printf(&log, "%u ", tid);
        buffer_printf(&log,
                      "%u.000000 mmap(NULL, 1048576, PROT_READ|PROT_WRITE, "
                      "MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x%llx\n",
                      1614644560 + from_s + i * 10, (unsigned long long)(base + (uint64_t)i * MIB));
    }
    imports_text(t, &importer_strace, name, log.bytes);
}

static void import_pmap(struct imports *t, const char *name, unsigned pid, uint64_t start)
{
    _cleanup_buffer_ struct buffer text = {0};

    buffer_printf(&text, "%u:   ./x\n%016llx  10240K rw---   [ anon ]\n total  10240K\n", pid,
                  (unsigned long long)start);
    imports_text(t, &importer_pmap, name, text.bytes);
}

/* How many calls PID made; with TID, that thread of it. */
static size_t calls_of(const struct imports *t, pid_t pid, pid_t tid)
{
    size_t count = 0;

    for (size_t i = 0; i < t->events.count; i++)
        count += event_is_syscall(&t->events.items[i]) && t->events.items[i].pid == pid &&
                 (tid < 0 || t->events.items[i].tid == tid);
    return count;
}

static void test_no_thread_in_common(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    import_calls(&t, "a.log", 100, 0, 5, here);
    import_calls(&t, "b.log", 900, 3, 7, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 100, 100), 5);
    assert_int_equal(calls_of(&t, 900, 900), 7);
    assert_true(imports_says(&t, "no thread in common"));
    assert_true(imports_says(&t, "b.log is called 900"));
    imports_deinit(&t);
}

static void test_a_thread_in_common(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    import_calls(&t, "a.log", 100, 0, 5, here);
    imports_text(&t, &importer_strace, "b.log",
                 "101 1614644700.0 brk(NULL) = 0x1000\n100 1614644701.0 brk(NULL) = 0x2000\n");
    imports_write(&t);
    assert_int_equal(calls_of(&t, 100, -1), 7);
    imports_deinit(&t);
}

static void test_files_of_threads_are_one(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    import_calls(&t, "trace.200", 0, 0, 5, here);
    import_calls(&t, "trace.201", 0, 3, 6, here + 512 * (uint64_t)MIB);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 200, 200), 5);
    assert_int_equal(calls_of(&t, 200, 201), 6);
    imports_deinit(&t);

    /* A child that was forked is none of them, also where only it was looked at. */
    imports_init(&t);
    imports_text(&t, &importer_strace, "trace.300",
                 "1614644560.0 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, "
                 "child_tidptr=0x7f) = 301\n");
    import_calls(&t, "trace.301", 0, 3, 6, here);
    import_pmap(&t, "look-301", 301, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 301, 301), 6);
    for (size_t i = 0; i < t.events.count; i++)
        if (t.events.items[i].kind == EVENT_PROCESS_START)
            assert_int_not_equal(t.events.items[i].pid, (pid_t)t.events.items[i].args[1]);
    imports_deinit(&t);
}

static void test_pid_makes_them_one(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    t.options.pid = 77;
    import_calls(&t, "a.log", 100, 0, 5, here);
    import_calls(&t, "b.log", 900, 3, 7, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 77, -1), 12);
    assert_true(imports_says(&t, "as --pid says"));
    imports_deinit(&t);
}

static void test_no_line_names_a_thread(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    import_calls(&t, "a.log", 0, 0, 5, here);
    import_pmap(&t, "look-4242", 4242, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 4242, 0), 5);
    assert_int_equal(imports_count(&t, EVENT_THREAD_START), 0);
    assert_true(imports_says(&t, "4242, the only one that is named"));
    imports_deinit(&t);
}

static void test_at_once_or_one_after_the_other(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    import_calls(&t, "a.log", 0, 0, 5, here);
    import_calls(&t, "b.log", 0, 3, 7, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 1, 0), 5);
    assert_int_equal(calls_of(&t, 2, 0), 7);
    imports_deinit(&t);

    imports_init(&t);
    import_calls(&t, "a.log", 0, 0, 5, here);
    import_calls(&t, "b.log", 0, 3600, 7, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 1, 0), 12);
    imports_deinit(&t);
}

static void test_addresses_tell_whose_they_are(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    import_calls(&t, "a.log", 100, 0, 5, here);
    import_pmap(&t, "look", 1234, far_away);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 100, 100), 5);
    assert_int_equal(calls_of(&t, 1234, -1), 0);
    assert_true(imports_says(&t, "contradiction: the look at the regions is of process 1234"));
    imports_deinit(&t);

    imports_init(&t);
    import_calls(&t, "a.log", 100, 0, 5, here);
    import_pmap(&t, "look", 1234, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 1234, 100), 5);
    imports_deinit(&t);

    /* Of two logs the one that fits. */
    imports_init(&t);
    import_calls(&t, "a.log", 100, 0, 5, here);
    import_calls(&t, "b.log", 900, 0, 7, far_away);
    import_pmap(&t, "look", 1234, far_away);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 100, 100), 5);
    assert_int_equal(calls_of(&t, 1234, 900), 7);
    imports_deinit(&t);

    /* A number that was given twice is said, and refused by nobody. */
    imports_init(&t);
    import_calls(&t, "a.log", 100, 0, 5, here);
    import_pmap(&t, "look", 100, far_away);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 100, 100), 5);
    assert_true(imports_says(&t, "the pid may have been given twice"));
    imports_deinit(&t);
}

static void test_a_second_import(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    import_calls(&t, "a.log", 100, 0, 5, here);
    imports_write(&t);
    imports_again(&t);
    import_calls(&t, "b.log", 900, 3, 7, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 100, 100), 5);
    assert_int_equal(calls_of(&t, 900, 900), 7);
    imports_again(&t);
    import_calls(&t, "c.log", 100, 500, 3, here);
    imports_write(&t);
    assert_int_equal(calls_of(&t, 100, 100), 8);
    imports_deinit(&t);
}

static void test_windows_of_logs(void **state)
{
    struct imports t;
    const json_t *window;

    (void)state;
    imports_init(&t);
    imports_text(&t, &importer_strace, "a.log",
                 "100 1614644560.0 read(3, \"\", 4) = 0\n100 1614644570.0 brk(NULL) = 0x1000\n"
                 "100 1614644590.5 read(3, \"\", 4) = 0\n");
    import_calls(&t, "b.log", 100, 100, 2, here);
    imports_write(&t);
    window = json_object_get(json_array_get(json_object_get(t.c->json, "imports"), 0), "window");
    assert_int_equal(json_integer_value(json_object_get(window, "first_ns")), 1614644560000000000);
    assert_int_equal(json_integer_value(json_object_get(window, "last_ns")), 1614644590500000000);
    assert_true(json_is_true(json_object_get(window, "whole")));
    assert_int_equal(json_integer_value(json_array_get(json_object_get(window, "pids"), 0)), 100);
    window = json_object_get(json_array_get(json_object_get(t.c->json, "imports"), 1), "window");
    assert_true(json_is_false(json_object_get(window, "whole")));
    imports_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_thread_in_common),
        cmocka_unit_test(test_a_thread_in_common),
        cmocka_unit_test(test_files_of_threads_are_one),
        cmocka_unit_test(test_pid_makes_them_one),
        cmocka_unit_test(test_no_line_names_a_thread),
        cmocka_unit_test(test_at_once_or_one_after_the_other),
        cmocka_unit_test(test_addresses_tell_whose_they_are),
        cmocka_unit_test(test_a_second_import),
        cmocka_unit_test(test_windows_of_logs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
