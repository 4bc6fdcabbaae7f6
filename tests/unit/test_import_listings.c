#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/units.h"
#include "importer/compressed.h"
#include "importing.h"

#define DATA "unit/data/"

enum { KIB = 1024 };

static const struct {
    const char *path;
    const struct importer *format;
} known[] = {
    {DATA "kong-pmap-1147.txt", &importer_pmap},
    {DATA "kong-pmap-1358.txt", &importer_pmap},
    {DATA "kong-pmap-1360.txt", &importer_pmap},
    {DATA "kong-pmap-x-1360.txt", &importer_pmap},
    {DATA "kong-pmap-XX-1360.txt", &importer_pmap},
    {DATA "kong-pmap-totals.txt", &importer_pmap},
    {DATA "redis-pmap-x-1100.txt", &importer_pmap},
    {DATA "redis-pmap-d-1100.txt", &importer_pmap},
    {DATA "netty-pmap-X-line.txt", &importer_pmap},
    {DATA "smaps-kong.txt", &importer_smaps},
    {DATA "smaps-boost.txt", &importer_smaps},
    {DATA "maps-supervisord.txt", &importer_smaps},
    {DATA "smaps-linux-6.18.txt", &importer_smaps},
    {DATA "ares-smem-6490.txt", &importer_smem},
    {DATA "kong-lsof-1147.txt", &importer_lsof},
    {DATA "kong-lsof-1360.txt", &importer_lsof},
    {DATA "kong-ps.txt", &importer_ps},
    {DATA "kong-ps-ajxf.txt", &importer_ps},
    {DATA "redis-ps.txt", &importer_ps},
    {DATA "kong-free-m.txt", &importer_machine},
    {DATA "kong-meminfo-huge.txt", &importer_machine},
    {DATA "kong-thp-enabled.txt", &importer_machine},
    {DATA "kong-thp-defrag.txt", &importer_machine},
    {DATA "netty-hexdump-C.txt", &importer_hexdump},
    {DATA "netty-dump-in-vi.txt", &importer_hexdump},
    {DATA "strace-x86_64.txt", NULL},
    {DATA "netty-mail.bin", &importer_raw},
};

/* Each is told by its content, and by one format alone. */
static void test_recognised(void **state)
{
    static const struct importer *const formats[] = {
        &importer_core, &importer_pmap, &importer_smaps,   &importer_status, &importer_smem,
        &importer_lsof, &importer_ps,   &importer_machine, &importer_raw,    &importer_hexdump};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        _cleanup_buffer_ struct buffer text = {0};
        const struct importer *best = NULL;
        int score = IMPORTER_NEVER, second = IMPORTER_NEVER;

        must(io_read_file(AT_FDCWD, known[i].path, 1 << 20, &text));
        for (size_t f = 0; f < ARRAY_SIZE(formats); f++) {
            int is = formats[f]->recognise(text.bytes, text.len);

            second = is > score ? score : is > second ? is : second;
            best = is > score ? formats[f] : best;
            score = is > score ? is : score;
        }
        if (best != known[i].format || (score && score == second))
            print_error("%s: %s %d, then %d\n", known[i].path, best ? best->name : "nothing", score,
                        second);
        assert_true(best == known[i].format);
        assert_true(!score || score > second);
    }
}

/* A master and two of its workers, side by side. */
static void test_master_and_workers(void **state)
{
    struct importing i;
    const struct snapshot *master, *worker;
    size_t zones = 0;

    (void)state;
    importing_init(&i);
    importing_file(&i, &importer_pmap, DATA "kong-pmap-1147.txt@2019-04-23T12:00:00Z");
    importing_file(&i, &importer_pmap, DATA "kong-pmap-1358.txt@2019-04-23T12:00:00Z");
    importing_file(&i, &importer_pmap, DATA "kong-pmap-XX-1360.txt@2019-04-23T12:00:00Z");
    importing_file(&i, &importer_pmap, DATA "kong-pmap-totals.txt");
    importing_file(&i, &importer_ps, DATA "kong-ps.txt");
    importing_file(&i, &importer_ps, DATA "kong-ps-ajxf.txt");
    importing_file(&i, &importer_lsof, DATA "kong-lsof-1147.txt@2019-04-23T12:00:00Z");
    importing_file(&i, &importer_lsof, DATA "kong-lsof-1360.txt@2019-04-23T12:00:00Z");
    importing_file(&i, &importer_machine, DATA "kong-free-m.txt");
    importing_file(&i, &importer_machine, DATA "kong-meminfo-huge.txt");
    importing_file(&i, &importer_machine, DATA "kong-thp-enabled.txt");
    importing_file(&i, &importer_machine, DATA "kong-thp-defrag.txt");
    importing_write(&i);

    assert_int_equal(i.snaps.count, 3);
    master = importing_snap(&i, 1147);
    worker = importing_snap(&i, 1360);
    assert_int_equal(master->maps.count, 147);
    assert_int_equal(master->rss_bytes, SNAPSHOT_UNKNOWN);
    assert_int_equal(worker->rss_bytes, 1133520ULL * KIB);
    assert_int_equal(worker->pss_bytes, 1127284ULL * KIB);
    assert_int_equal(master->begin_ns, worker->begin_ns);
    assert_int_equal(importing_snap(&i, 1358)->maps.count, 247);
    for (size_t n = 0; n < i.records.count; n++)
        assert_int_equal(snapshot_record_find(&i.records.items[n], "lsof") != NULL,
                         i.records.items[n].pid != 1358);

    assert_int_equal(importing_value(&i, "virtual", 1362), 989140ULL * KIB);
    assert_int_equal(importing_value(&i, "parent", 1360), 1147);
    assert_int_equal(importing_value(&i, "process", 1360), 1150308ULL * KIB);
    assert_int_equal(importing_value(&i, "process", 1147), 8448ULL * KIB);
    assert_string_equal(
        json_string_value(json_object_get(importing_fact(&i, "process", 1358), "name")),
        "nginx: worker process");
    assert_true(importing_says(&i, 4, "told by their sizes"));
    zones = importing_fact_count(&i, "deleted-file", 1360);
    assert_int_equal(zones, 6);
    assert_string_equal(importing_text(&i, "deleted-file", 1360), "DEL, device 0:5, inode 15856");
    assert_int_equal(importing_value(&i, "memory-total", 0), 7982ULL << 20);
    assert_int_equal(importing_value(&i, "memory-available", 0), 320ULL << 20);
    assert_int_equal(importing_value(&i, "swap-total", 0), 0);
    assert_int_equal(importing_value(&i, "huge-pages", 0), 6561792ULL * KIB);
    assert_string_equal(importing_text(&i, "thp-enabled", 0), "always");
    assert_string_equal(importing_text(&i, "thp-defrag", 0), "always");
    for (size_t n = 0; n < collection_file_count(i.collection); n++)
        assert_int_equal(collection_file(i.collection, n)->skipped, 0);
    importing_deinit(&i);
}

static void test_looks_in_order(void **state)
{
    struct importing i;

    (void)state;
    importing_init(&i);
    importing_file(&i, &importer_pmap, DATA "kong-pmap-x-1360.txt@2019-04-23T13:00:00Z");
    importing_file(&i, &importer_pmap, DATA "kong-pmap-1360.txt@2019-04-23T12:00:00Z");
    importing_write(&i);
    assert_int_equal(i.snaps.count, 2);
    assert_false(i.snaps.items[0].maps.has_smaps);
    assert_true(i.snaps.items[1].maps.has_smaps);
    assert_int_equal(i.snaps.items[1].begin_ns - i.snaps.items[0].begin_ns, 3600ULL * NS_PER_S);
    importing_deinit(&i);
}

static void test_maps_and_smaps(void **state)
{
    struct importing i;
    const struct snapshot *snap;

    (void)state;
    importing_init(&i);
    importing_file(&i, &importer_smaps, DATA "maps-supervisord.txt@2019-04-23T12:00:00Z");
    importing_file(&i, &importer_smaps, DATA "smaps-kong.txt@2019-04-24T12:00:00Z");
    i.options.pid = 77;
    importing_write(&i);
    assert_int_equal(i.snaps.count, 2);
    snap = importing_snap(&i, 77);
    assert_true(snap->maps.has_smaps);
    assert_int_equal(snap->maps.count, 4);
    assert_int_equal(snap->maps.vmas[2].fields[SMAPS_ANON_HUGE_PAGES], 475136ULL * KIB);
    assert_int_equal(i.snaps.items[0].maps.count, 10);
    importing_deinit(&i);
}

/* What `tail -n +1 /proc/PID/smaps` makes of several, and a loop that writes the time. */
static void test_several_in_a_file(void **state)
{
    static const char text[] = "==> /proc/11/maps <==\n"
                               "00400000-00401000 r--p 00000000 00:00 0\n"
                               "00500000-00501000 r--p 00000000 00:00 0\n\n"
                               "==> /proc/12/maps <==\r\n"
                               "00600000-00601000 r--p 00000000 00:00 0\n"
                               "2021-03-02T08:00:00Z\n"
                               "00600000-00602000 r--p 00000000 00:00 0\n"
                               "what is this\n"
                               "2021-03-02T08:01:00Z\n"
                               "00600000-00603000 r--p 00000000 00:00 0\n";
    struct importing i;
    char path[128];

    (void)state;
    importing_init(&i);
    temporary_put(&i.t, "several", text, strlen(text));
    snprintf(path, sizeof(path), "%s/several", i.t.path);
    importing_file(&i, &importer_smaps, path);
    importing_write(&i);
    assert_int_equal(i.snaps.count, 4);
    assert_int_equal(importing_snap(&i, 11)->maps.count, 2);
    assert_int_equal(collection_file(i.collection, 0)->skipped, 1);
    for (size_t n = 0, size = 0; n < 4; n++)
        if (i.snaps.items[n].pid == 12 && i.snaps.items[n].maps.vmas[0].end > 0x601000) {
            assert_true(i.snaps.items[n].maps.vmas[0].end > size);
            size = i.snaps.items[n].maps.vmas[0].end;
        }
    importing_deinit(&i);
}

static void test_status(void **state)
{
    static const char text[] = "Name:\tredis server\nUmask:\t0022\nState:\tS (sleeping)\n"
                               "Tgid:\t1100\nPid:\t1100\nPPid:\t1\nVmSize:\t   35904 kB\n"
                               "VmRSS:\t    8076 kB\nThreads:\t3\n"
                               "voluntary_ctxt_switches:\t10\n";
    struct importing i;
    char path[128];

    (void)state;
    assert_int_equal(importer_status.recognise(text, strlen(text)), IMPORTER_CERTAIN);
    importing_init(&i);
    temporary_put(&i.t, "status", text, strlen(text));
    snprintf(path, sizeof(path), "%s/status@2021-03-02T08:00:00Z", i.t.path);
    importing_file(&i, &importer_status, path);
    importing_file(&i, &importer_pmap, DATA "redis-pmap-d-1100.txt@2021-03-02T08:00:01Z");
    importing_write(&i);
    assert_int_equal(i.snaps.count, 1);
    assert_int_equal(i.snaps.items[0].pid, 1100);
    assert_int_equal(i.snaps.items[0].rss_bytes, 8076 * KIB);
    assert_int_equal(i.snaps.items[0].thread_count, 3);
    assert_int_equal(i.snaps.items[0].maps.count, 38);
    importing_deinit(&i);
}

static void test_smem(void **state)
{
    struct importing i;
    const json_t *heap;

    (void)state;
    importing_init(&i);
    importing_file(&i, &importer_smem, DATA "ares-smem-6490.txt");
    importing_write(&i);
    assert_true(importing_says(&i, 0, "pid 6490"));
    assert_int_equal(importing_value(&i, "virtual", 6490), 835412ULL * KIB);
    assert_int_equal(importing_value(&i, "process", 6490), 274928ULL * KIB);
    assert_int_equal(importing_value(&i, "rss-shared", 6490), 2880ULL * KIB);
    assert_int_equal(importing_value(&i, "rss-private-clean", 6490), 8112ULL * KIB);
    assert_int_equal(importing_value(&i, "rss-private-dirty", 6490), 263936ULL * KIB);
    assert_int_equal(importing_fact_count(&i, "region-private", 6490), 48);
    assert_int_equal(importing_fact_count(&i, "region-shared", 6490), 21);
    heap = importing_fact(&i, "region-private", 6490);
    assert_string_equal(json_string_value(json_object_get(heap, "name")), "[heap]");
    assert_int_equal(json_integer_value(json_object_get(heap, "value")), 406380ULL * KIB);
    assert_string_equal(json_string_value(json_object_get(heap, "text")), "7610368 265027584");
    assert_int_equal(collection_file(i.collection, 0)->skipped, 0);
    importing_deinit(&i);
}

static void test_memfds(void **state)
{
    static const char text[] =
        "COMMAND   PID USER   FD   TYPE DEVICE SIZE/OFF   NODE NAME\n"
        "worker   4242 root    3u   REG    0,1  1048576   4711 /memfd:a b (deleted)\n"
        "worker   4242 root    4u   REG  202,1      100     12 /tmp/gone (deleted)\n"
        "worker   4242 root    5u   REG   0,25     4096     13 /dev/shm/there\n";
    struct importing i;
    char path[128];

    (void)state;
    importing_init(&i);
    temporary_put(&i.t, "lsof", text, strlen(text));
    snprintf(path, sizeof(path), "%s/lsof", i.t.path);
    importing_file(&i, &importer_lsof, path);
    importing_write(&i);
    assert_int_equal(i.snaps.count, 1);
    assert_int_equal(i.snaps.items[0].held.count, 2);
    assert_int_equal(i.snaps.items[0].held.items[0].id, 3);
    assert_int_equal(i.snaps.items[0].held.items[0].inode, 4711);
    assert_int_equal(i.snaps.items[0].held.items[0].size_bytes, 1048576);
    assert_int_equal(i.snaps.items[0].held.items[0].held_bytes, SNAPSHOT_UNKNOWN);
    assert_string_equal(i.snaps.items[0].held.items[0].name, "/memfd:a b (deleted)");
    assert_int_equal(importing_fact_count(&i, "deleted-file", 4242), 2);
    assert_int_equal(importing_value(&i, "deleted-file", 4242), 1048576);
    importing_deinit(&i);
}

static void test_refused(void **state)
{
    struct importing i;
    const char *tool = NULL;

    (void)state;
    importing_init(&i);
    assert_string_equal(compressed_kind("\x28\xb5\x2f\xfd....", 8, &tool), "zstd");
    assert_string_equal(tool, "zstd -d");
    assert_null(compressed_kind("\x28\xb5\x2f", 3, &tool));
    must_fail(importing_try(&i, &importer_pmap, DATA "kong-free-m.txt"), ERROR_CORRUPT);
    must_fail(importing_try(&i, &importer_smaps, DATA "kong-free-m.txt"), ERROR_CORRUPT);
    must_fail(importing_try(&i, &importer_core, DATA "kong-free-m.txt"), ERROR_CORRUPT);
    importing_deinit(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recognised),
        cmocka_unit_test(test_master_and_workers),
        cmocka_unit_test(test_looks_in_order),
        cmocka_unit_test(test_maps_and_smaps),
        cmocka_unit_test(test_several_in_a_file),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_smem),
        cmocka_unit_test(test_memfds),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
