/* One process's table: golden files at several widths, and what must hold at any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"
#include "report/wrap.h"
#include "snaps.h"

static struct snapshot snap;
static const struct snap_process process = {
    .snap = &snap, .exe = "/usr/bin/server", .command = "server --port 80", .reading_ns = 250000};

static void check(size_t width, enum snap_sort sort, const char *name)
{
    struct golden golden = {0};
    _cleanup_buffer_ struct buffer out = {0};
    FILE *file = golden_open(&golden);

    assert_null(snap_table(&out, &process, &(struct snap_table_options){width, sort}));
    fputs(out.bytes, file);
    golden_check(file, &golden, name);
}

static void test_goldens(void **state)
{
    (void)state;
    snaps_server(&snap);
    check(80, SNAP_BY_ADDRESS, "snap/table-80.txt");
    check(132, SNAP_BY_RSS, "snap/table-132.txt");
    check(0, SNAP_BY_ADDRESS, "snap/table-all.txt");
    snapshot_deinit(&snap);
}

/* Every line within the width where the width leaves room for the least there is to say, and
 * nothing that steers a terminal. */
static void test_any_width(void **state)
{
    (void)state;
    snaps_server(&snap);
    for (size_t width = 60; width <= 400; width += 7) {
        _cleanup_buffer_ struct buffer out = {0};

        assert_null(snap_table(&out, &process, &(struct snap_table_options){width, 0}));
        for (char *line = out.bytes, *end; (end = strchr(line, '\n')); line = end + 1) {
            if (wrap_columns(line, (size_t)(end - line)) > width)
                fail_msg("wider than %zu: %.*s", width, (int)(end - line), line);
            for (char *c = line; c < end; c++)
                assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
        }
        assert_non_null(strstr(out.bytes, "1,048,576")); /* Size and Rss are always there */
        assert_non_null(strstr(out.bytes, "1,000,000"));
    }
    snapshot_deinit(&snap);
}

static void test_maps_alone(void **state)
{
    static const struct snap_text texts[] = {
        {"maps", "1000-3000 rw-p 00000000 00:00 0\n5000-6000 r--p 0 08:01 7 /x\n"}};
    _cleanup_buffer_ struct buffer out = {0};

    (void)state;
    snaps_make(1, texts, 1, &snap);
    assert_null(snap_table(&out, &process, &(struct snap_table_options){80, SNAP_BY_RSS}));
    assert_non_null(strstr(out.bytes, "Only the map was read"));
    assert_null(strstr(out.bytes, "Rss"));
    assert_non_null(strstr(out.bytes, "00001000"));
    snapshot_deinit(&snap);
}

static void test_nothing_at_all(void **state)
{
    _cleanup_buffer_ struct buffer out = {0};

    (void)state;
    snaps_make(1, NULL, 0, &snap);
    for (int sort = SNAP_BY_ADDRESS; sort <= SNAP_BY_SWAP; sort++)
        assert_null(
            snap_table(&out, &process, &(struct snap_table_options){80, (enum snap_sort)sort}));
    assert_non_null(strstr(out.bytes, "0 mappings"));
    snapshot_deinit(&snap);
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        size_t columns;
        const char *expected;
    } rows[] = {
        {"/usr/lib/libc.so.6", 0, "/usr/lib/libc.so.6"},
        {"/usr/lib/libc.so.6", 18, "/usr/lib/libc.so.6"},
        {"/usr/lib/libc.so.6", 17, ".../lib/libc.so.6"},
        {"/usr/lib/libc.so.6", 12, "...libc.so.6"},
        {"/a\nb", 0, "/a\\nb"},
        {"\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", 6, "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97"},
        {"\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", 5, "...\xe5\xad\x97"},
        {"\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", 4, "..."},
        {"abcdef", 3, "..."},
        {"abcdef", 2, ".."},
        {"", 5, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_buffer_ struct buffer out = {0};

        snap_name(&out, rows[i].name, rows[i].columns);
        assert_string_equal(out.bytes ? out.bytes : "", rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),    cmocka_unit_test(test_any_width),
        cmocka_unit_test(test_maps_alone), cmocka_unit_test(test_nothing_at_all),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
