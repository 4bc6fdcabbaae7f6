/* A source that is read ahead gives what it gives without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "evidence/event_ahead.h"

struct counting {
    struct event_source source;
    uint64_t at, end;
    bool fails;
    char name[32];
};

static struct seep_error *next(struct event_source *source, struct event *ret_ev,
                               enum event_source_step *ret_step)
{
    struct counting *c = (struct counting *)source;

    *ret_step = c->at == c->end ? EVENT_SOURCE_END : EVENT_SOURCE_MORE;
    if (c->at == c->end)
        return c->fails ? error_create(ERROR_CORRUPT, "as said") : NULL;
    *ret_ev = (struct event){.exit_ns = ++c->at};
    if (c->at % 3 == 0) {
        snprintf(c->name, sizeof(c->name), "n%llu", (unsigned long long)c->at);
        ret_ev->name = c->name;
    }
    return NULL;
}

static void check(uint64_t end, bool fails, uint64_t stop_at)
{
    struct counting c = {.source = {.next = next}, .end = end, .fails = fails};
    enum event_source_step step = EVENT_SOURCE_MORE;
    struct event_source *ahead;
    struct seep_error *err = NULL;
    struct event ev;
    char name[32];

    assert_null(event_ahead_create(&c.source, &ahead));
    for (uint64_t i = 1; i <= stop_at && i <= end; i++) {
        assert_null(event_source_next(ahead, &ev, &step));
        assert_int_equal(step, EVENT_SOURCE_MORE);
        assert_int_equal(ev.exit_ns, i);
        snprintf(name, sizeof(name), "n%llu", (unsigned long long)i);
        if (i % 3 == 0)
            assert_string_equal(ev.name, name);
        else
            assert_null(ev.name);
    }
    if (stop_at > end) {
        err = event_source_next(ahead, &ev, &step);
        assert_true(fails == (err != NULL));
        error_destroy(err);
        assert_null(event_source_next(ahead, &ev, &step)); /* and again */
        assert_int_equal(step, EVENT_SOURCE_END);
    }
    event_source_destroy(ahead);
}

static void test_ahead(void **state)
{
    static const uint64_t ends[] = {0, 1, 2047, 2048, 2049, 8192, 100000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        check(ends[i], false, UINT64_MAX);
        check(ends[i], true, UINT64_MAX);
        check(ends[i], false, ends[i] / 2); /* left in the middle */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ahead)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
