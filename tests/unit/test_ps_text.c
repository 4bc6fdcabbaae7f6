#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "evidence/proc_text.h"
#include "importer/ps_text.h"
#include "temporary.h"

enum { KIB = 1024 };

static size_t parse(const char *text, size_t len, struct ps_text *ps)
{
    size_t at = 0, line_len, bad_count = 0;
    uint64_t number = 0;
    const char *line;

    *ps = (struct ps_text){.guessed_sizes = false};
    while ((line = proc_text_line(text, len, &at, &line_len))) {
        bool bad;

        must(ps_text_feed(ps, line, line_len, ++number, &bad));
        bad_count += bad;
    }
    ps_text_settle(ps);
    return bad_count;
}

static size_t parse_file(const char *path, struct ps_text *ps)
{
    _cleanup_buffer_ struct buffer text = {0};

    must(io_read_file(AT_FDCWD, path, 1 << 20, &text));
    return parse(text.bytes, text.len, ps);
}

static void test_own_columns_without_names(void **state)
{
    struct ps_text ps;

    (void)state;
    assert_int_equal(parse_file("unit/data/kong-ps.txt", &ps), 0);
    assert_int_equal(ps.rows.count, 10);
    assert_true(ps.guessed_sizes);
    assert_false(ps.unsure_sizes);
    assert_int_equal(ps.rows.items[3].pid, 1360);
    assert_int_equal(ps.rows.items[3].ppid, 1147);
    assert_int_equal(ps.rows.items[3].rss_bytes, 1150308ULL * KIB);
    assert_int_equal(ps.rows.items[3].virtual_bytes, 1354972ULL * KIB);
    assert_string_equal(ps.rows.items[3].command, "nginx: worker process");
    assert_int_equal(ps.rows.items[9].rss_bytes, 1080 * KIB);
    ps_text_deinit(&ps);
}

/* Without a small program among them nothing tells RSS from SIZE. */
static void test_not_sure(void **state)
{
    static const char text[] = " 1358  1147 nobody   Mar26     - 27-22:11:04 828268 820968 1031344 "
                               "nginx: worker process\n";
    struct ps_text ps;

    (void)state;
    assert_int_equal(parse(text, strlen(text), &ps), 0);
    assert_true(ps.unsure_sizes);
    assert_int_equal(ps.rows.items[0].rss_bytes, PS_UNKNOWN);
    assert_int_equal(ps.rows.items[0].virtual_bytes, 1031344ULL * KIB);
    ps_text_deinit(&ps);
}

static void test_trees(void **state)
{
    struct ps_text ps;

    (void)state;
    assert_int_equal(parse_file("unit/data/kong-ps-ajxf.txt", &ps), 0);
    assert_int_equal(ps.rows.count, 9);
    assert_int_equal(ps.rows.items[1].pid, 1358);
    assert_int_equal(ps.rows.items[1].ppid, 1147);
    assert_int_equal(ps.rows.items[1].rss_bytes, PS_UNKNOWN);
    assert_string_equal(ps.rows.items[1].command, "nginx: worker process");
    ps_text_deinit(&ps);
}

static void test_full(void **state)
{
    struct ps_text ps;

    (void)state;
    assert_int_equal(parse_file("unit/data/redis-ps.txt", &ps), 0);
    assert_int_equal(ps.rows.count, 1);
    assert_int_equal(ps.rows.items[0].pid, 1100);
    assert_int_equal(ps.rows.items[0].ppid, 1);
    assert_string_equal(ps.rows.items[0].command, "/usr/sbin/redis-server /etc/redis.conf");
    ps_text_deinit(&ps);
}

static void test_names_above(void **state)
{
    static const char text[] =
        "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n"
        "root           1  0.0  0.1  21904 12345 ?        Ss   Nov24   0:01 /sbin/init a  b\n"
        "not a row\n"
        "  PID  PPID                  STARTED   RSS CMD\n"
        "   77     1 Tue Mar 26 11:22:33 2019   400  \\_ x\n";
    struct ps_text ps;

    (void)state;
    assert_int_equal(parse(text, strlen(text), &ps), 1);
    assert_int_equal(ps.rows.count, 2);
    assert_int_equal(ps.rows.items[0].virtual_bytes, 21904 * KIB);
    assert_int_equal(ps.rows.items[0].rss_bytes, 12345 * KIB);
    assert_string_equal(ps.rows.items[0].command, "/sbin/init a  b");
    assert_int_equal(ps.rows.items[1].rss_bytes, 400 * KIB);
    assert_int_equal(ps.rows.items[1].ppid, 1);
    assert_string_equal(ps.rows.items[1].command, "x");
    ps_text_deinit(&ps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_columns_without_names),
        cmocka_unit_test(test_not_sure),
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_names_above),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
