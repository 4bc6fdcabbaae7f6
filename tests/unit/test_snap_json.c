/* Snapshots as JSON: it parses, says every field, and holds no byte that steers a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "golden.h"
#include "snaps.h"

static json_t *print(const struct snap_process *processes, size_t count)
{
    struct golden printed = {0};
    FILE *out = golden_open(&printed);
    json_error_t error;

    assert_null(snap_json(processes, count, 1763631267000000001, out));
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; i < printed.len; i++)
        assert_true(printed.text[i] == '\n' || (printed.text[i] >= ' ' && printed.text[i] < 0x7f));

    json_t *json = json_loads(printed.text, JSON_REJECT_DUPLICATES, &error);

    assert_non_null(json);
    free(printed.text);
    return json;
}

static json_t *item(const json_t *json, const char *list, size_t index)
{
    return json_array_get(json_object_get(json, list), index);
}

static json_int_t number(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const char *text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void test_a_family(void **state)
{
    struct snapshot snaps[2];
    struct snap_process processes[] = {
        {.snap = &snaps[0], .exe = "/usr/bin/server", .command = "server", .reading_ns = 5},
        {.snap = &snaps[1], .depth = 1},
    };

    (void)state;
    snaps_server(&snaps[0]);
    snaps_worker(4243, &snaps[1]);

    json_t *json = print(processes, 2);

    assert_string_equal(text(json, "schema"), "seep-snap/1");
    assert_int_equal(json_array_size(json_object_get(json, "processes")), 2);
    assert_int_equal(json_array_size(json_object_get(json, "vmas")), 4 + 3);
    assert_int_equal(json_array_size(json_object_get(json, "threads")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "held")), 3);

    const json_t *server = item(json, "processes", 0), *worker = item(json, "processes", 1);

    assert_int_equal(number(server, "pid"), 4242);
    assert_string_equal(text(server, "began"), "2025-11-20T09:34:28.000000001Z");
    assert_int_equal(number(server, "rss_bytes"), 1004904 << 10);
    assert_int_equal(number(server, "cgroup_limit_bytes"), 2147483648);
    assert_int_equal(number(server, "reading_ns"), 5);
    assert_int_equal(number(server, "held_skipped"), 1200);
    assert_int_equal(number(json_object_get(server, "totals"), "private_dirty_bytes"),
                     1000008 << 10);
    assert_true(json_is_null(json_object_get(json_object_get(server, "rollup"), "pss_anon_bytes")));
    assert_true(json_is_null(json_object_get(worker, "exe")));
    assert_true(json_is_null(json_object_get(worker, "io_bytes")));
    assert_int_equal(number(worker, "ppid"), 4242);

    const json_t *heap = item(json, "vmas", 1), *pool = item(json, "vmas", 2);

    assert_string_equal(text(heap, "start"), "0x55d001000000");
    assert_string_equal(text(heap, "end"), "0x55d041000000");
    assert_string_equal(text(heap, "perms"), "rw-p");
    assert_string_equal(text(heap, "flags"), "rd wr mr mw me ac");
    assert_int_equal(number(heap, "lazy_free_bytes"), 4096 << 10);
    assert_int_equal(number(heap, "mmu_page_size_bytes"), 4096);
    assert_int_equal(number(heap, "anon_huge_pages_bytes"), 0);
    assert_int_equal(number(heap, "thp_eligible"), 1);
    assert_true(json_is_null(json_object_get(heap, "protection_key")));
    assert_string_equal(text(pool, "name"), "/memfd:pool \033[31m\nx (deleted)");
    assert_string_equal(text(pool, "device"), "00:01");
    assert_int_equal(number(pool, "inode"), 2053);
    assert_int_equal(number(item(json, "vmas", 4), "pid"), 4243);
    assert_int_equal(number(item(json, "vmas", 4), "size_bytes"), 1 << 20);

    assert_string_equal(text(item(json, "threads", 0), "name"), "ser\nver");
    assert_string_equal(text(item(json, "held", 2), "kind"), "sysv");
    assert_int_equal(number(item(json, "held", 1), "held_bytes"), 8388608);
    json_decref(json);
    snapshot_deinit(&snaps[0]);
    snapshot_deinit(&snaps[1]);
}

/* Every field that the parser knows has a name of its own. */
static void test_every_field(void **state)
{
    struct snapshot snap;
    struct snap_process process = {.snap = &snap};

    (void)state;
    snaps_server(&snap);

    json_t *json = print(&process, 1);

    assert_int_equal(json_object_size(json_object_get(item(json, "processes", 0), "totals")),
                     SMAPS_FIELD_COUNT);
    assert_int_equal(json_object_size(item(json, "vmas", 0)), 11 + SMAPS_FIELD_COUNT);
    json_decref(json);
    snapshot_deinit(&snap);
}

static void test_names_that_are_not_unicode(void **state)
{
    static const struct snap_text texts[] = {
        {"maps", "1000-2000 rw-p 0 0:0 0 /\xff\x7f\xc2\x85\n"}};
    struct snapshot snap;
    struct snap_process process = {.snap = &snap, .exe = "\x80"};

    (void)state;
    snaps_make(1, texts, 1, &snap);

    json_t *json = print(&process, 1);

    assert_string_equal(text(item(json, "vmas", 0), "name"), "/\\xff\\x7f\\xc2\\x85");
    assert_string_equal(text(item(json, "processes", 0), "exe"), "\\x80");
    json_decref(json);
    snapshot_deinit(&snap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_family),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_names_that_are_not_unicode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
