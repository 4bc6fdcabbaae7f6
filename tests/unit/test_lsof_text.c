#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "importer/listing.h"
#include "importer/lsof_text.h"
#include "temporary.h"

static struct lsof_row row_of(const char *header_line, const char *line)
{
    struct lsof_header header;
    struct lsof_row row;

    assert_true(lsof_text_header(header_line, strlen(header_line), &header));
    assert_true(lsof_text_row(&header, line, strlen(line), &row));
    return row;
}

static void test_blank_columns(void **state)
{
    static const char header[] =
        "COMMAND  PID USER   FD   TYPE             DEVICE  SIZE/OFF   NODE NAME";
    struct lsof_row row;

    (void)state;
    row =
        row_of(header, "nginx   1147 root  mem    REG              202,1     12872  20192 /a b.so");
    assert_int_equal(row.pid, 1147);
    assert_int_equal(row.descriptor, -1);
    assert_int_equal(row.major, 202);
    assert_int_equal(row.size_bytes, 12872);
    assert_int_equal(row.inode, 20192);
    assert_true(word_is(row.name, "/a b.so"));
    assert_false(row.deleted);

    row = row_of(header,
                 "nginx   1147 root  DEL    REG                0,5            15856 /dev/zero");
    assert_int_equal(row.size_bytes, LSOF_UNKNOWN);
    assert_int_equal(row.inode, 15856);
    assert_int_equal(row.minor, 5);
    assert_true(row.deleted);

    row = row_of(header,
                 "nginx   1147 root    0r   CHR                1,3       0t0      6 /dev/null");
    assert_int_equal(row.descriptor, 0);
    assert_int_equal(row.size_bytes, LSOF_UNKNOWN); /* an offset */
    assert_int_equal(row.inode, 6);

    row = row_of(header,
                 "nginx   1147 root    1u  unix 0xffff880204ef7400       0t0  13512 type=STREAM");
    assert_int_equal(row.major, 0);
    assert_int_equal(row.inode, 13512);
    assert_true(word_is(row.name, "type=STREAM"));

    row =
        row_of(header,
               "nginx   1147 root    9u  IPv4              15129       0t0    TCP *:http (LISTEN)");
    assert_int_equal(row.inode, LSOF_UNKNOWN);
    assert_true(word_is(row.name, "*:http (LISTEN)"));
}

/* lsof -K: a thread's line has columns that the process's leaves blank. */
static void test_threads(void **state)
{
    static const char header[] =
        "COMMAND  PID TID TASKCMD USER   FD   TYPE DEVICE SIZE/OFF NODE NAME";
    struct lsof_row row;

    (void)state;
    row = row_of(header,
                 "java    1147             root    3u   REG    8,1     4096    7 /x (deleted)");
    assert_int_equal(row.descriptor, 3);
    assert_true(word_is(row.user, "root"));
    assert_int_equal(row.size_bytes, 4096);
    assert_true(row.deleted);
    row = row_of(header, "java    1147 1150 worker root    3u   REG    8,1     4096    7 /x");
    assert_int_equal(row.descriptor, 3);
    assert_int_equal(row.inode, 7);
}

static void test_not_lsof(void **state)
{
    struct lsof_header header = {.count = 0};
    struct lsof_row row;

    (void)state;
    assert_false(lsof_text_header("COMMAND PID", 11, &header));
    assert_false(lsof_text_header("PID USER FD NAME", 16, &header));
    assert_false(lsof_text_row(&header, "nginx 1 root 1u REG", 19, &row));
}

static void test_pid_of_a_path(void **state)
{
    static const struct {
        const char *path;
        pid_t pid;
        bool sure;
    } rows[] = {
        {"/proc/1360/smaps", 1360, true},
        {"sos/proc/77/maps", 77, true},
        {"kong/smaps-1360-excerpt.txt", 1360, false},
        {"smem.6490", 6490, false},
        {"smaps-2021-03-02.txt", 0, false}, /* which of them? */
        {"x64/smaps.txt", 0, false},
        {"smaps2.txt", 0, false},
        {"smaps-99999999", 0, false},
        {"", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool sure;

        assert_int_equal(listing_path_pid(rows[i].path, &sure), rows[i].pid);
        assert_int_equal(sure, rows[i].sure);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blank_columns),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_not_lsof),
        cmocka_unit_test(test_pid_of_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
