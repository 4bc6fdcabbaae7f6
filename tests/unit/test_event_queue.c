#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "tracer/event_queue.h"

enum { CAPACITY = 16, MANY = 200000 };

static void test_order_and_names(void **state)
{
    struct event_queue q;
    struct event_queue_item item;

    (void)state;
    assert_null(event_queue_init(&q, CAPACITY));
    assert_false(event_queue_pop(&q, &item));
    for (int64_t i = 0; i < CAPACITY; i++) {
        struct event next = {.kind = EVENT_MEMFD_CREATE, .result = i, .name = (char *)"cache"};

        event_queue_push(&q, &next, NULL);
    }
    for (int64_t i = 0; i < CAPACITY; i++) {
        assert_true(event_queue_pop(&q, &item));
        assert_int_equal(item.ev.result, i);
        assert_string_equal(item.ev.name, "cache");
        free(item.ev.name);
    }
    assert_false(event_queue_pop(&q, &item));
    event_queue_deinit(&q);
}

/* What finds no room is counted, and told before the next event that finds some. */
static void test_overflow_is_told(void **state)
{
    struct event_queue q;
    struct event_queue_item item;

    (void)state;
    assert_null(event_queue_init(&q, CAPACITY));
    for (int64_t i = 0; i < CAPACITY + 5; i++)
        event_queue_push(&q, &(struct event){.kind = EVENT_BRK, .result = i}, NULL);
    assert_int_equal(q.lost, 5);
    for (int i = 0; i < CAPACITY; i++)
        assert_true(event_queue_pop(&q, &item));
    assert_false(event_queue_pop(&q, &item));
    event_queue_push(&q, &(struct event){.kind = EVENT_BRK, .result = 99}, NULL);
    assert_true(event_queue_pop(&q, &item));
    assert_int_equal(item.ev.kind, EVENT_LOST);
    assert_int_equal(item.ev.args[0], 5);
    assert_true(event_queue_pop(&q, &item));
    assert_int_equal(item.ev.result, 99);
    event_queue_deinit(&q);
}

static void *push_many(void *queue)
{
    for (int64_t i = 0; i < MANY; i++)
        event_queue_push(queue, &(struct event){.kind = EVENT_BRK, .result = i}, NULL);
    return NULL;
}

static void test_two_threads(void **state)
{
    struct event_queue q;
    struct event_queue_item item;
    pthread_t producer;
    int64_t last = -1;
    uint64_t seen = 0, told = 0;
    bool ended = false;

    (void)state;
    assert_null(event_queue_init(&q, 1024));
    assert_int_equal(pthread_create(&producer, NULL, push_many, &q), 0);
    while (!ended) {
        ended = pthread_tryjoin_np(producer, NULL) == 0;
        while (event_queue_pop(&q, &item)) {
            if (item.ev.kind == EVENT_LOST) {
                told += item.ev.args[0];
                continue;
            }
            assert_true(item.ev.result > last);
            last = item.ev.result;
            seen++;
        }
    }
    assert_int_equal(seen + q.lost, MANY);
    assert_int_equal(told + q.untold, q.lost);
    event_queue_deinit(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_names),
        cmocka_unit_test(test_overflow_is_told),
        cmocka_unit_test(test_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
