/* A pass over cut memory: each stretch is looked at once and merged once, in order. */
#include "tests/unit/scan_units.h"

#include <stdlib.h>

#include "base/buffer.h"

enum { LEN = 20000, ROUNDS = 40 };

static const unsigned thread_counts[] = {1, 2, 3, 8};

/* Sums what it looks at, and writes down what it merges. */
struct recorder {
    struct scan_consumer consumer;
    struct buffer said;
    uint8_t all[LEN]; /* as merged */
    uint64_t end;
    size_t parts;            /* not yet merged or dropped */
    size_t fails_at, merges; /* a merge */
    bool finished;
};

static struct seep_error *look(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                               void **ret_part)
{
    struct recorder *r = (struct recorder *)consumer;
    uint64_t *sum = malloc(sizeof(*sum));

    assert_non_null(sum);
    *sum = stretch->address;
    for (size_t i = 0; i < stretch->len && stretch->bytes; i++)
        *sum = *sum * 31 + stretch->bytes[i];
    __atomic_fetch_add(&r->parts, 1, __ATOMIC_RELAXED);
    *ret_part = sum;
    return NULL;
}

static void drop(struct scan_consumer *consumer, void *part)
{
    struct recorder *r = (struct recorder *)consumer;

    __atomic_fetch_sub(&r->parts, 1, __ATOMIC_RELAXED);
    free(part);
}

static struct seep_error *merge(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                                void *part)
{
    struct recorder *r = (struct recorder *)consumer;
    size_t at = (size_t)(stretch->address - 0x1000);

    assert_false(r->finished);
    assert_true(stretch->address >= r->end || stretch->first);
    if (!stretch->first) {
        assert_int_equal(stretch->address, r->end);
        assert_true(stretch->before_len > 0 && stretch->before_len <= SCAN_BEFORE_BYTES);
        assert_memory_equal(stretch->before, r->all + at - stretch->before_len,
                            stretch->before_len);
    } else {
        assert_int_equal(stretch->before_len, 0);
    }
    if (stretch->bytes)
        memcpy(r->all + at, stretch->bytes, stretch->len);
    else
        memset(r->all + at, 0, stretch->len);
    r->end = stretch->address + stretch->len;
    buffer_printf(&r->said, "%zu+%zu%s %lx %zx\n", at, stretch->len, stretch->first ? "!" : "",
                  *(unsigned long *)part, (size_t)stretch->origin);
    drop(consumer, part);
    return r->merges++ == r->fails_at ? error_create(ERROR_FULL, "merge") : NULL;
}

static struct seep_error *finish(struct scan_consumer *consumer)
{
    ((struct recorder *)consumer)->finished = true;
    return NULL;
}

static struct seep_error *count_bytes(uint64_t done_bytes, void *context)
{
    uint64_t *last = context;

    assert_true(done_bytes > *last);
    *last = done_bytes;
    return NULL;
}

static struct recorder *create_recorder(void)
{
    struct recorder *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    r->consumer = (struct scan_consumer){look, merge, finish, drop};
    r->fails_at = SIZE_MAX;
    return r;
}

static void destroy_recorder(struct recorder *r)
{
    assert_int_equal(r->parts, 0);
    buffer_deinit(&r->said);
    free(r);
}

static void fill(uint8_t *bytes, unsigned *seed)
{
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(rand_r(seed) >> 8);
}

static void test_any_number_of_threads(void **state)
{
    static uint8_t bytes[LEN];
    unsigned seed = 5;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct units units;
        struct recorder *first = NULL;

        fill(bytes, &seed);
        units_cut(&units, 0x1000, bytes, LEN, round % 2 ? 300 : 6000, true, &seed);
        for (size_t i = 0; i < ARRAY_SIZE(thread_counts); i++) {
            struct recorder *r = create_recorder(), *other = create_recorder();
            struct scan_consumer *consumers[] = {&r->consumer, &other->consumer};
            uint64_t done = 0;
            struct scan_options options = {thread_counts[i], count_bytes, &done};

            units.next = 0;
            assert_null(scan_run(&units.source, consumers, 2, &options));
            assert_true(r->finished && other->finished);
            assert_int_equal(done, LEN);
            assert_string_equal(r->said.bytes, other->said.bytes);
            destroy_recorder(other);
            if (first) {
                assert_string_equal(r->said.bytes, first->said.bytes);
                destroy_recorder(r);
            } else {
                first = r;
            }
        }
        destroy_recorder(first);
        units_deinit(&units);
    }
}

/* The error is that of the first unit that cannot be read or merged, and nothing leaks. */
static void test_errors(void **state)
{
    static uint8_t bytes[LEN];
    unsigned seed = 6;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct units units;

        fill(bytes, &seed);
        units_cut(&units, 0x1000, bytes, LEN, 200, false, &seed);
        units.fails_at = (size_t)rand_r(&seed) % units.units.count;
        for (size_t i = 0; i < ARRAY_SIZE(thread_counts); i++) {
            struct recorder *r = create_recorder();
            struct scan_consumer *consumers[] = {&r->consumer};
            struct scan_options options = {.threads = thread_counts[i]};
            bool merge_fails = round % 2;

            if (merge_fails)
                r->fails_at = 0;
            units.next = 0;

            struct seep_error *err = scan_run(&units.source, consumers, 1, &options);

            assert_non_null(err);
            assert_int_equal(err->code, merge_fails && units.fails_at ? ERROR_FULL : ERROR_CORRUPT);
            assert_false(r->finished);
            error_destroy(err);
            destroy_recorder(r);
        }
        units_deinit(&units);
    }
}

static void test_bytes(void **state)
{
    enum { MANY = 2 * SCAN_UNIT_BYTES + 17 };
    uint8_t *bytes = calloc(1, MANY);
    struct scan_options options = {.threads = 2};
    uint64_t done = 0;
    struct scan_bytes source;

    (void)state;
    assert_non_null(bytes);
    options.progress = count_bytes;
    options.context = &done;
    scan_bytes_init(&source, 0x7000, bytes, MANY);
    assert_null(scan_run(&source.source, NULL, 0, &options));
    assert_int_equal(done, MANY);
    scan_bytes_init(&source, 0x7000, bytes, 0);
    done = 0;
    assert_null(scan_run(&source.source, NULL, 0, &options));
    assert_int_equal(done, 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_number_of_threads),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
