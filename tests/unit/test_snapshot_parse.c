#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "evidence/snapshot.h"

static void add(struct snapshot_record *record, const char *name, const char *text)
{
    assert_null(snapshot_record_add(record, name, text, strlen(text)));
}

static void test_an_empty_record(void **state)
{
    struct snapshot_record record = {.pid = 7, .start_ticks = 9, .begin_ns = 1, .end_ns = 2};
    struct snapshot snap;

    (void)state;
    assert_null(snapshot_parse(&record, &snap));
    assert_int_equal(snap.pid, 7);
    assert_int_equal(snap.start_ticks, 9);
    assert_int_equal(snap.begin_ns, 1);
    assert_int_equal(snap.end_ns, 2);
    assert_int_equal(snap.maps.count, 0);
    assert_true(snap.rss_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.pss_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.virtual_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.swap_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.thread_count == SNAPSHOT_UNKNOWN);
    assert_true(snap.cgroup_limit_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.cgroup_used_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.rlimit_as_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.rlimit_data_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.memory_total_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.memory_available_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.cpu_ns == SNAPSHOT_UNKNOWN);
    assert_true(snap.switches == SNAPSHOT_UNKNOWN);
    assert_true(snap.minor_faults == SNAPSHOT_UNKNOWN);
    assert_true(snap.major_faults == SNAPSHOT_UNKNOWN);
    assert_true(snap.io_bytes == SNAPSHOT_UNKNOWN);
    assert_true(snap.io_calls == SNAPSHOT_UNKNOWN);
    assert_true(snap.rollup[SMAPS_RSS] == MAPS_UNKNOWN);
    assert_string_equal(snap.thp_enabled, "");
    assert_int_equal(snap.tasks.count, 0);
    assert_int_equal(snap.held.count, 0);
    snapshot_deinit(&snap);
}

static void fill(struct snapshot_record *record)
{
    add(record, "stat",
        "42 (redis server) S 7 42 42 0 -1 4194560 11 0 12 0 300 50 0 0 20 0 3 0 98765 409600 25 "
        "18446744073709551615\n");
    add(record, "smaps",
        "1000-3000 rw-p 00000000 00:00 0 [heap]\nRss: 8 kB\nPss: 8 kB\nSwap: 4 kB\n"
        "5000-6000 rw-p 00000000 00:00 0\nRss: 4 kB\nPss: 2 kB\nSwap: 0 kB\n");
    add(record, "maps", "9000-a000 rw-p 00000000 00:00 0\n");
    add(record, "status", "VmSize:\t  400 kB\nVmRSS:\t   100 kB\nThreads:\t3\n");
    add(record, "limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max data size             unlimited            unlimited            bytes     \n"
        "Max address space         8589934592           unlimited            bytes     \n");
    add(record, "meminfo", "MemTotal:       24669184 kB\nMemAvailable:    1024 kB\n");
    add(record, "io",
        "rchar: 100\nwchar: 20\nsyscr: 7\nsyscw: 5\nread_bytes: 4096\nwrite_bytes: 0\n");
    add(record, "cgroup_memory",
        "version 2\ngroup 45096960 max /a b\ngroup 91250688 1073741824 /\n");
    add(record, "thp", "enabled always [madvise] never\ndefrag [always] never\n");
    add(record, "tasks",
        "42 S 5000000 20 redis server\n43 R 7 - a\\nb\\\\\nnonsense\n44 S 1 2\n"
        "45 S 3 4 a name that is too long to be one\n0 S 1 2 x\n46 SS 1 2 x\nskipped 17\n");
    add(record, "held",
        "fd 7 00:01 2053 1073741824 8192 - /memfd:x\\ny (deleted)\n"
        "fd 8 fe:00 1 2 3\n"
        "fd x 00:01 1 2 3 - a\n"
        "pipe 7 00:01 1 2 3 - a\n"
        "sysv 32769 00:00 32769 1048576 4096 2 /SYSV0000162e (deleted)\nskipped 34464\n");
}

static void test_a_whole_record(void **state)
{
    struct snapshot_record record = {.pid = 42, .reason = SNAPSHOT_PERIODIC, .stopped = true};
    struct snapshot snap;

    (void)state;
    fill(&record);
    assert_null(snapshot_parse(&record, &snap));
    assert_int_equal(snap.ppid, 7);
    assert_int_equal(snap.start_ticks, 98765);
    assert_true(snap.stopped);
    assert_int_equal(snap.reason, SNAPSHOT_PERIODIC);
    assert_int_equal(snap.maps.count, 2); /* smaps, not maps */
    assert_int_equal(snap.rss_bytes, 100 << 10);
    assert_int_equal(snap.pss_bytes, 10 << 10);
    assert_int_equal(snap.swap_bytes, 4 << 10);
    assert_int_equal(snap.virtual_bytes, 400 << 10);
    assert_int_equal(snap.thread_count, 3);
    assert_int_equal(snap.cpu_ns, 3500000000);
    assert_int_equal(snap.minor_faults, 11);
    assert_int_equal(snap.major_faults, 12);
    assert_int_equal(snap.io_bytes, 120);
    assert_int_equal(snap.io_calls, 12);
    assert_true(snap.rlimit_data_bytes == SNAPSHOT_UNKNOWN);
    assert_int_equal(snap.rlimit_as_bytes, 8589934592);
    assert_int_equal(snap.memory_total_bytes, 24669184ULL << 10);
    assert_int_equal(snap.memory_available_bytes, 1 << 20);
    assert_int_equal(snap.cgroup_limit_bytes, 1073741824);
    assert_int_equal(snap.cgroup_used_bytes, 91250688);
    assert_string_equal(snap.thp_enabled, "madvise");
    snapshot_deinit(&snap);
    snapshot_record_deinit(&record);
}

static void test_tables(void **state)
{
    struct snapshot_record record = {.pid = 42};
    struct snapshot snap;

    (void)state;
    fill(&record);
    assert_null(snapshot_parse(&record, &snap));
    assert_int_equal(snap.tasks.count, 4);
    assert_int_equal(snap.tasks_skipped, 17);
    assert_string_equal(snap.tasks.items[0].name, "redis server");
    assert_int_equal(snap.tasks.items[0].cpu_ns, 5000000);
    assert_int_equal(snap.tasks.items[1].tid, 43);
    assert_int_equal(snap.tasks.items[1].state, 'R');
    assert_string_equal(snap.tasks.items[1].name, "a\nb\\");
    assert_true(snap.tasks.items[1].switches == SNAPSHOT_UNKNOWN);
    assert_string_equal(snap.tasks.items[2].name, "");
    assert_string_equal(snap.tasks.items[3].name, "a name that is t");
    assert_int_equal(snap.switches, 26);

    assert_int_equal(snap.held.count, 2);
    assert_int_equal(snap.held_skipped, 34464);
    assert_int_equal(snap.held.items[0].kind, SNAPSHOT_HELD_DESCRIPTOR);
    assert_int_equal(snap.held.items[0].id, 7);
    assert_int_equal(snap.held.items[0].device, makedev(0, 1));
    assert_int_equal(snap.held.items[0].inode, 2053);
    assert_int_equal(snap.held.items[0].size_bytes, 1073741824);
    assert_int_equal(snap.held.items[0].held_bytes, 8192);
    assert_true(snap.held.items[0].attached == SNAPSHOT_UNKNOWN);
    assert_string_equal(snap.held.items[0].name, "/memfd:x\ny (deleted)");
    assert_int_equal(snap.held.items[1].kind, SNAPSHOT_HELD_SYSV);
    assert_int_equal(snap.held.items[1].id, 32769);
    assert_int_equal(snap.held.items[1].attached, 2);
    assert_string_equal(snap.held.items[1].name, "/SYSV0000162e (deleted)");
    snapshot_deinit(&snap);
    snapshot_record_deinit(&record);
}

static void limits_of(const char *table, const char *stat, uint64_t *ret_limit, uint64_t *ret_used)
{
    struct snapshot_record record = {0};
    struct snapshot snap;

    add(&record, "cgroup_memory", table);
    add(&record, "memory.stat", stat);
    assert_null(snapshot_parse(&record, &snap));
    *ret_limit = snap.cgroup_limit_bytes;
    *ret_used = snap.cgroup_used_bytes;
    snapshot_deinit(&snap);
    snapshot_record_deinit(&record);
}

static void test_the_tightest_limit_holds(void **state)
{
    uint64_t limit, used;

    (void)state;
    limits_of("version 1\ngroup 10 9223372036854771712 /a/b\ngroup 20 500 /a\ngroup 30 900 /\n",
              "hierarchical_memory_limit 500\n", &limit, &used);
    assert_int_equal(limit, 500);
    assert_int_equal(used, 20);
    limits_of("version 1\ngroup 10 9223372036854771712 /a\ngroup 20 9223372036854771712 /\n",
              "cache 1\nhierarchical_memory_limit 9223372036854771712\n", &limit, &used);
    assert_true(limit == SNAPSHOT_UNKNOWN);
    assert_int_equal(used, 10);
    /* An ancestor that no mount shows. */
    limits_of("version 1\ngroup 10 9223372036854771712 /a\n", "hierarchical_memory_limit 400\n",
              &limit, &used);
    assert_int_equal(limit, 400);
    assert_int_equal(used, 10);
    limits_of("version 2\ngroup 10 - /a\ngroup 20 300 /\n", "", &limit, &used);
    assert_int_equal(limit, 300);
    assert_int_equal(used, 20);
}

static void test_figures_from_the_rollup(void **state)
{
    struct snapshot_record record = {0};
    struct snapshot snap;

    (void)state;
    add(&record, "smaps", "1000-2000 rw-p 0 00:00 0\nRss: 4 kB\nPss: 4 kB\nSwap: 4 kB\n");
    add(&record, "smaps_rollup",
        "1000-2000 ---p 0 00:00 0 [rollup]\nRss: 9 kB\nPss: 7 kB\nPss_Anon: 5 kB\nSwap: 3 kB\n");
    assert_null(snapshot_parse(&record, &snap));
    assert_int_equal(snap.rss_bytes, 9 << 10);
    assert_int_equal(snap.pss_bytes, 7 << 10);
    assert_int_equal(snap.swap_bytes, 3 << 10);
    assert_int_equal(snap.rollup[SMAPS_PSS_ANON], 5 << 10);
    snapshot_deinit(&snap);
    snapshot_record_deinit(&record);
}

static void test_sums_never_read_as_unknown(void **state)
{
    struct snapshot_record record = {0};
    struct snapshot snap;

    (void)state;
    add(&record, "io", "rchar: 18446744073709551614\nwchar: 1\n");
    add(&record, "tasks", "1 S 1 18446744073709551614 a\n2 S 1 7 b\n");
    assert_null(snapshot_parse(&record, &snap));
    assert_true(snap.io_bytes == SNAPSHOT_UNKNOWN - 1);
    assert_true(snap.switches == SNAPSHOT_UNKNOWN - 1);
    snapshot_deinit(&snap);
    snapshot_record_deinit(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_record),
        cmocka_unit_test(test_a_whole_record),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_the_tightest_limit_holds),
        cmocka_unit_test(test_figures_from_the_rollup),
        cmocka_unit_test(test_sums_never_read_as_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
