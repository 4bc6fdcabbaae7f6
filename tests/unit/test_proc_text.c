#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "evidence/proc_text.h"

static void test_stat(void **state)
{
    static const char text[] = "8 (a) R 1 (\\n\\\\x) S 7 6 5 0 -1 1077936128 11 12 13 14 15 16 17 "
                               "18 20 -5 3 0 123456 98304 77 18446744073709551615 1 1 0 0 0 0 0 0 "
                               "0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
    struct proc_text_stat stat;

    (void)state;
    assert_true(proc_text_stat(text, strlen(text), &stat));
    assert_int_equal(stat.pid, 8);
    assert_string_equal(stat.comm, "a) R 1 (\n\\x");
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.ppid, 7);
    assert_int_equal(stat.pgrp, 6);
    assert_int_equal(stat.session, 5);
    assert_int_equal(stat.flags, 1077936128);
    assert_int_equal(stat.minor_faults, 11);
    assert_int_equal(stat.major_faults, 13);
    assert_int_equal(stat.user_ticks, 15);
    assert_int_equal(stat.system_ticks, 16);
    assert_int_equal(stat.thread_count, 3);
    assert_int_equal(stat.start_ticks, 123456);
    assert_int_equal(stat.virtual_bytes, 98304);
    assert_int_equal(stat.rss_pages, 77);
    assert_int_equal(stat.processor, 1);

    /* Cut anywhere it is refused, or gives the fields up to rss. */
    for (size_t len = 0; len < strlen(text); len++)
        if (proc_text_stat(text, len, &stat))
            assert_int_equal(stat.start_ticks, 123456);
    assert_false(proc_text_stat("", 0, &stat));
    assert_false(proc_text_stat("8 )( S 1 2", 10, &stat));
    assert_false(proc_text_stat("x (a) S 1 2 3", 13, &stat));
}

static void test_number(void **state)
{
    static const char text[] = "Name:\tVmRSS: 7\n"
                               "VmRSSx:\t 1 kB\r\n"
                               "VmRSS:\t    2096 kB\r\n"
                               "VmRSS:\t 9 kB\n"
                               "Uid:\t33\t34\t35\t36\n"
                               "read_bytes: 4096\n"
                               "Big: 18446744073709551615 kB\n"
                               "Huge: 18446744073709551616\n"
                               "Empty:\n"
                               "Last: 5 kB";
    uint64_t number = 77;

    (void)state;
    assert_true(proc_text_number(text, strlen(text), "VmRSS", &number));
    assert_int_equal(number, 2096 * 1024);
    assert_true(proc_text_number(text, strlen(text), "Uid", &number));
    assert_int_equal(number, 33);
    assert_true(proc_text_number(text, strlen(text), "read_bytes", &number));
    assert_int_equal(number, 4096);
    assert_true(proc_text_number(text, strlen(text), "Last", &number));
    assert_int_equal(number, 5 * 1024);
    assert_false(proc_text_number(text, strlen(text), "Big", &number));
    assert_false(proc_text_number(text, strlen(text), "Huge", &number));
    assert_false(proc_text_number(text, strlen(text), "Empty", &number));
    assert_false(proc_text_number(text, strlen(text), "Nothing", &number));
    assert_false(proc_text_number("VmRSS", 5, "VmRSS", &number));
    assert_int_equal(number, 5 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat),
        cmocka_unit_test(test_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
