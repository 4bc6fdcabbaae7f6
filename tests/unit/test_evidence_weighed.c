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

/* 200 blocks of a hundred sizes, filled before the trace or in it, one replaced at random at a time. */
static void play_random_replacement(struct stage *s, bool filled_before, unsigned seed)
{
    uint64_t starts[200], lens[200];

    stage_init_blind(s, filled_before);
    for (unsigned i = 0; i < 200; i++) {
        seed = seed * 1103515245 + 12345;
        lens[i] = (100 + (seed >> 8) % 50) * STAGE_PAGE;
        starts[i] = stage_mmap(s, WORKER, lens[i]);
        s->now_ns += 20 * NS_PER_MS;
    }
    if (filled_before) {
        s->blind = false;
        s->begin_ns = s->now_ns;
        must(case_set_number(s->c, "clock", "started_ns", s->now_ns));
        STAGE_EVENT(s, STAGE_PID, STAGE_PID, EVENT_PROCESS_START, 0, NULL, EVENT_START_ATTACHED, 1,
                    STAGE_PID, 0, 0, 0);
        stage_look(s, SNAPSHOT_START);
    }
    for (unsigned i = 0; i < 1000; i++) {
        seed = seed * 1103515245 + 12345;

        unsigned slot = (seed >> 8) % 200;

        stage_munmap(s, WORKER, starts[slot], lens[slot]);
        seed = seed * 1103515245 + 12345;
        lens[slot] = (100 + (seed >> 8) % 50) * STAGE_PAGE;
        starts[slot] = stage_mmap(s, WORKER, lens[slot]);
        stage_wait(s, 20 * NS_PER_MS, true);
    }
}

static void replacing_at_random_is_turnover(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 8; seed++) {
        struct stage s;

        play_random_replacement(&s, seed % 2, seed);

        struct analysis *a = stage_analyse(&s);

        stage_expect(a, VERDICT_NOT_LEAK, REGION_ANON_MMAP, CAUSE_BOUNDED);
        stage_end(&s, a);
    }
}

/* Though old memory goes at once in between, and a ring turns over beside it. */
static void a_leak_beside_turnover_and_a_release_is_told(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s);
    for (unsigned i = 0; i < 60; i++) {
        stage_mmap(&s, WORKER, MIB);
        stage_churn(&s, OTHER, 10, true);
        if (i == 45)
            stage_munmap(&s, WORKER, STAGE_TOP + (64 << 20), 20ull * MIB);
    }

    struct analysis *a = stage_analyse(&s);

    assert_true(a->verdict >= VERDICT_SUSPECT);
    stage_end(&s, a);
}

static void a_few_seconds_of_a_life_that_goes_on_prove_little(void **state)
{
    struct stage s;

    (void)state;
    for (unsigned ends = 0; ends < 2; ends++) {
        if (ends)
            stage_init_spawned(&s);
        else
            stage_init(&s);
        for (unsigned i = 0; i < 60; i++) {
            stage_mmap(&s, WORKER, MIB);
            stage_wait(&s, 50 * NS_PER_MS, true);
        }
        if (ends) {
            must(case_set_text(s.c, "tool", "options", "run --dump growing -- hero"));
            stage_exit(&s);
        }

        struct analysis *a = stage_analyse(&s);
        const struct finding *f =
            stage_expect(a, VERDICT_LEAK, REGION_ANON_MMAP, CAUSE_NEVER_FREED);

        char *next = f->next.count ? f->next.items[0] : (char *)"";

        /* The one that ended was recorded with --dump. */
        assert_true(!ends == (strstr(next, "seep dump -p 4000 --finding 1 -o ") == next));
        assert_true(ends || strstr(next, s.path));
        assert_null(strstr(next, "--dump growing"));
        assert_true(ends ? f->confidence >= 0.9 : f->confidence <= 0.7);
        assert_true(!ends == (strstr(f->reason, "watched for only 3 s: watch longer (seep trace -p "
                                                "4000 --for 5m)") != NULL));
        stage_end(&s, a);
    }
}

/* Two seconds of events, then the process is let go and looked at. */
static void play_let_go(struct stage *s, bool grows_on)
{
    stage_init(s);
    for (unsigned i = 0; i < 40; i++) {
        stage_mmap(s, WORKER, 640u << 10);
        stage_wait(s, 50 * NS_PER_MS, true);
    }
    STAGE_EVENT(s, STAGE_PID, STAGE_PID, EVENT_DETACH, 0, NULL, 0, 0, 0, 0, 0, 0);
    s->blind = true;
    s->look_every_ns = NS_PER_S;
    stage_look(s, SNAPSHOT_PERIODIC);
    for (unsigned i = 0; i < 180; i++) {
        if (grows_on)
            stage_mmap(s, WORKER, 640u << 10);
        stage_wait(s, 100 * NS_PER_MS, true);
    }
}

static void looks_after_a_process_was_let_go_count(void **state)
{
    (void)state;
    for (unsigned grows_on = 0; grows_on < 2; grows_on++) {
        struct stage s;

        play_let_go(&s, grows_on);

        struct analysis *a = stage_analyse(&s);
        const struct finding *f = &a->findings.items[0];

        assert_true(a->findings.count > 0);
        if (grows_on) {
            assert_true(a->verdict >= VERDICT_SUSPECT);
        } else {
            assert_int_equal(a->verdict, VERDICT_NOT_LEAK);
            assert_null(strstr(f->title, "still growing"));
            assert_non_null(strstr(f->reason, "since the process was let go, by looks"));
        }
        stage_end(&s, a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_between_a_few_looks_is_not_exonerated),
        cmocka_unit_test(what_is_held_to_be_saved_did_not_settle),
        cmocka_unit_test(replacing_at_random_is_turnover),
        cmocka_unit_test(a_leak_beside_turnover_and_a_release_is_told),
        cmocka_unit_test(a_few_seconds_of_a_life_that_goes_on_prove_little),
        cmocka_unit_test(looks_after_a_process_was_let_go_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
