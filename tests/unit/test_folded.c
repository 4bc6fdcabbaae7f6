/* What flame graphs are drawn from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/folded.h"
#include "tests/unit/golden.h"
#include "tests/unit/stage.h"

enum { WORKER = 4001, KIB = 1 << 10 };

/* What is printed of the stage's case; the caller frees. */
static char *fold(struct stage *s)
{
    struct recording recording = {0};
    struct golden golden = {0};
    struct case_info info;
    FILE *out = golden_open(&golden);

    analysis_destroy(stage_analyse(s));
    case_info(s->c, &info);
    must(recording_read(s->c, &info, &recording));
    must(recording_name_paths(&recording, s->c->fd,
                              &(struct recording_naming){.skip_symbols = true}));
    must(folded_write(&recording, &info, out));
    recording_deinit(&recording);
    assert_int_equal(fclose(out), 0);
    return golden.text;
}

static void outstanding_bytes_are_folded_by_path_and_thread(void **state)
{
    struct stage s;
    uint64_t freed;

    (void)state;
    stage_init(&s);
    stage_thread(&s, STAGE_PID, WORKER, "load;er");
    stage_by(&s, "mmap@libc.so.6 < store:88 < main");
    stage_mmap(&s, WORKER, 64 * KIB);
    stage_mmap(&s, WORKER, 4 * KIB);
    freed = stage_mmap(&s, WORKER, 128 * KIB);
    stage_munmap(&s, WORKER, freed, 128 * KIB);
    STAGE_EVENT(&s, STAGE_PID, WORKER, EVENT_THREAD_NAME, 0, "worker", 0, 0, 0, 0, 0, 0);
    stage_mmap(&s, WORKER, 8 * KIB);
    stage_by_cut(&s, "mmap@libc.so.6 < ?@/opt/lib;foo.so:4660", STACK_END_NO_UNWIND_INFO);
    stage_mmap(&s, STAGE_PID, 16 * KIB);
    stage_by(&s, NULL);
    stage_mmap(&s, STAGE_PID, 32 * KIB);

    _cleanup_free_ char *text = fold(&s);

    assert_string_equal(text, "hero/hero;[no stack] 32768\n"
                              "hero/hero;[unwinding stopped: no unwind information in lib:foo.so];"
                              "lib:foo.so+0x1234;mmap 16384\n"
                              "hero/load:er;main;store;mmap 69632\n"
                              "hero/worker;main;store;mmap 8192\n");
    stage_deinit(&s);
}

static void hostile_names_make_no_lines(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_by(&s, "mmap@libc.so.6 < a\n;b 7\033[2J < main");
    stage_mmap(&s, STAGE_PID, 64 * KIB);

    _cleanup_free_ char *text = fold(&s);

    assert_string_equal(text, "hero/hero;main;a\\n:b 7\\x1b[2J;mmap 65536\n");
    stage_deinit(&s);
}

static void a_case_without_paths_has_no_stacks(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    stage_mmap(&s, STAGE_PID, 64 * KIB);

    _cleanup_free_ char *text = fold(&s);

    assert_string_equal(text, "hero/hero;[no stack] 65536\n");
    stage_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outstanding_bytes_are_folded_by_path_and_thread),
        cmocka_unit_test(hostile_names_make_no_lines),
        cmocka_unit_test(a_case_without_paths_has_no_stacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
