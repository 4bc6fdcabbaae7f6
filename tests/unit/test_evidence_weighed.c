#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/stage.h"

/* How much may be said of little evidence, or of some that seems to contradict itself. */

enum { MIB = 1 << 20, WORKER = 4001, OTHER = 4002 };

/* Two or three looks and no call: what grew is told, however large the rest is. */
static void growth_between_a_few_looks_is_not_exonerated(void **state)
{
    (void)state;
    for (unsigned looks = 1; looks < 4; looks++) {
        struct stage s;

        stage_init_blind(&s, true);
        for (unsigned i = 0; i < looks; i++) {
            stage_wait(&s, NS_PER_S, true);
            if (i == 0)
                stage_mmap(&s, WORKER, 2ull * MIB);
            stage_look(&s, SNAPSHOT_SINGLE);
        }

        struct analysis *a = stage_analyse(&s);

        assert_true(a->verdict == VERDICT_INCONCLUSIVE || a->verdict == VERDICT_SUSPECT);
        assert_true(a->findings.count > 0);
        assert_non_null(strstr(a->findings.items[0].reason, "no memory syscall"));
        stage_end(&s, a);
    }
}

/* A leak that ends with the process, which is held for a dump before it may go. */
static void what_is_held_to_be_saved_did_not_settle(void **state)
{
    struct stage s;

    (void)state;
    stage_init_spawned(&s);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_wait(&s, 20 * NS_PER_MS, true);
    }
    stage_look(&s, SNAPSHOT_EXIT);
    s.look_every_ns = 1000ull * NS_PER_S;
    s.now_ns += 3ull * NS_PER_S;
    STAGE_EVENT(&s, STAGE_PID, STAGE_PID, EVENT_PROCESS_EXIT, 0, NULL, 0, 0, 0, 0, 0, 0);
    s.ended = true;

    struct analysis *a = stage_analyse(&s);
    const struct finding *f = stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

    assert_int_equal(f->count, 60);
    assert_true(f->confidence >= 0.9);
    stage_end(&s, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_between_a_few_looks_is_not_exonerated),
        cmocka_unit_test(what_is_held_to_be_saved_did_not_settle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
