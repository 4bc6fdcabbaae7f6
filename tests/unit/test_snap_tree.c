/* The table of a family: golden files, and shared memory counted once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"
#include "report/wrap.h"
#include "snaps.h"

enum { WORKERS = 12 };

static struct snapshot snaps[WORKERS + 1];
static struct snap_process processes[WORKERS + 1];

static int set_up(void **state)
{
    (void)state;
    snaps_server(&snaps[0]);
    processes[0] = (struct snap_process){.snap = &snaps[0], .command = "server --port 80"};
    for (int i = 1; i <= WORKERS; i++) {
        snaps_worker(4242 + i, &snaps[i]);
        processes[i] =
            (struct snap_process){.snap = &snaps[i], .command = "server: worker", .depth = 1};
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i <= WORKERS; i++)
        snapshot_deinit(&snaps[i]);
    return 0;
}

static void check(size_t count, size_t width, const char *name)
{
    struct golden golden = {0};
    _cleanup_buffer_ struct buffer out = {0};
    FILE *file = golden_open(&golden);

    assert_null(snap_tree(&out, processes, count, width));
    fputs(out.bytes, file);
    golden_check(file, &golden, name);
}

static void test_goldens(void **state)
{
    (void)state;
    check(2, 80, "snap/tree-2.txt");
    check(WORKERS + 1, 80, "snap/tree-80.txt");
    check(WORKERS + 1, 0, "snap/tree-all.txt");
}

static void test_any_width(void **state)
{
    (void)state;
    for (size_t width = 80; width <= 300; width += 11) {
        _cleanup_buffer_ struct buffer out = {0};

        assert_null(snap_tree(&out, processes, WORKERS + 1, width));
        for (char *line = out.bytes, *end; (end = strchr(line, '\n')); line = end + 1) {
            assert_true(wrap_columns(line, (size_t)(end - line)) <= width);
            for (char *c = line; c < end; c++)
                assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
        }
    }
}

static void test_nothing_known(void **state)
{
    _cleanup_buffer_ struct buffer out = {0};
    struct snapshot empty;
    struct snap_process process = {.snap = &empty};

    (void)state;
    snaps_make(1, NULL, 0, &empty);
    assert_null(snap_tree(&out, &process, 1, 80));
    assert_non_null(strstr(out.bytes, "1 process\n"));
    snapshot_deinit(&empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_goldens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_width, set_up, tear_down),
        cmocka_unit_test(test_nothing_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
