#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "target/cgroup.h"
#include "temporary.h"

/* A hierarchy of ordinary directories and files, in a place with a blank in its name. */
static struct temporary t;
static char mount_point_escaped[128];

static void make_dir(const char *name)
{
    assert_int_equal(mkdirat(t.fd, name, 0700), 0);
}

static void make_file(const char *name, const char *text)
{
    temporary_put(&t, name, text, strlen(text));
}

static int set_up(void **state)
{
    (void)state;
    temporary_init(&t);
    snprintf(mount_point_escaped, sizeof(mount_point_escaped), "%s/a\\040b", t.path);
    make_dir("a b");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temporary_deinit(&t);
    return 0;
}

/* MOUNT: lines of mountinfo in which @ stands for the mount point. */
static void read_memory(const char *cgroup, const char *mount, struct buffer *table,
                        struct buffer *stat)
{
    static const char before[] =
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /nowhere rw,relatime shared:5 master:1 - cgroup cgroup rw,cpu,cpuacct\n";
    _cleanup_buffer_ struct buffer mountinfo = {0};

    buffer_printf(&mountinfo, "%s", before);
    for (const char *c = mount; *c; c++) {
        if (*c == '@')
            buffer_printf(&mountinfo, "%s", mount_point_escaped);
        else
            buffer_u8(&mountinfo, (uint8_t)*c);
    }
    assert_null(
        cgroup_read_memory(cgroup, strlen(cgroup), mountinfo.bytes, mountinfo.len, table, stat));
}

static void test_version_2(void **state)
{
    _cleanup_buffer_ struct buffer table = {0}, stat = {0};

    (void)state;
    make_dir("a b/sys.slice");
    make_dir("a b/sys.slice/app");
    make_file("a b/cgroup.controllers", "memory\n");
    make_file("a b/sys.slice/memory.max", "1073741824\n");
    make_file("a b/sys.slice/memory.current", "91250688\n");
    make_file("a b/sys.slice/app/memory.max", "max\n");
    make_file("a b/sys.slice/app/memory.current", "45096960\n");
    make_file("a b/sys.slice/app/memory.stat", "anon 4096\nfile 8192\n");
    read_memory("0::/sys.slice/app\n",
                "40 31 0:38 / @ rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n", &table,
                &stat);
    assert_string_equal(table.bytes, "version 2\n"
                                     "group 45096960 max /sys.slice/app\n"
                                     "group 91250688 1073741824 /sys.slice\n");
    assert_string_equal(stat.bytes, "anon 4096\nfile 8192\n");
}

/* Only a part of the hierarchy is mounted, as in a container. */
static void test_a_mounted_part(void **state)
{
    _cleanup_buffer_ struct buffer table = {0}, stat = {0};

    (void)state;
    make_dir("a b/x");
    make_file("a b/memory.max", "4096\n");
    make_file("a b/memory.current", "1024\n");
    make_file("a b/x/memory.current", "512\n");
    read_memory("0::/docker/abc/x\n", "40 31 0:38 /docker/abc @ rw - cgroup2 none rw\n", &table,
                &stat);
    assert_string_equal(table.bytes, "version 2\n"
                                     "group 512 - /docker/abc/x\n"
                                     "group 1024 4096 /docker/abc\n");
    table.len = 0;
    read_memory("0::/docker/abcd\n", "40 31 0:38 /docker/abc @ rw - cgroup2 none rw\n", &table,
                &stat);
    assert_int_equal(table.len, 0);
    read_memory("0::/../other\n", "40 31 0:38 / @ rw - cgroup2 none rw\n", &table, &stat);
    assert_int_equal(table.len, 0);
}

static void test_version_1(void **state)
{
    _cleanup_buffer_ struct buffer table = {0}, stat = {0};

    (void)state;
    make_dir("a b/app");
    make_file("a b/memory.limit_in_bytes", "9223372036854771712\n");
    make_file("a b/memory.usage_in_bytes", "99999744\n");
    make_file("a b/app/memory.limit_in_bytes", "2097152\n");
    make_file("a b/app/memory.usage_in_bytes", "1048576\n");
    make_file("a b/app/memory.stat", "hierarchical_memory_limit 2097152\n");
    read_memory("9:name=systemd:/\n4:hugetlb,memory:/app\n1:cpu:/elsewhere\n0::/unified\n",
                "35 31 0:32 / @ rw,relatime - cgroup cgroup rw,memory\n"
                "41 31 0:38 / /nowhere rw - cgroup2 cgroup2 rw\n",
                &table, &stat);
    assert_string_equal(table.bytes, "version 1\n"
                                     "group 1048576 2097152 /app\n"
                                     "group 99999744 9223372036854771712 /\n");
    assert_string_equal(stat.bytes, "hierarchical_memory_limit 2097152\n");
}

static void test_nothing_to_be_seen(void **state)
{
    _cleanup_buffer_ struct buffer table = {0}, stat = {0};

    (void)state;
    read_memory("", "", &table, &stat);
    read_memory("0::/\n", "", &table, &stat);
    read_memory("4:memory:/app\n", "40 31 0:38 / @ rw - cgroup2 cgroup2 rw\n", &table, &stat);
    read_memory(":\n::\n:::\nmemory\n0::\n", "- - -\n1 2 3 4 @ 6 -\n", &table, &stat);
    assert_null(cgroup_read_memory(NULL, 0, NULL, 0, &table, &stat));
    assert_int_equal(table.len, 0);
    assert_int_equal(stat.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_version_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mounted_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_version_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_be_seen, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
