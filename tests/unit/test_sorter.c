/* The external sort against a sort in memory, with chunks so small that runs are many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "importer/sorter.h"
#include "tests/unit/temporary.h"

struct model {
    uint64_t key, sequence;
    size_t len;
};

static int compare(const void *a, const void *b)
{
    const struct model *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->sequence < y->sequence ? -1 : 1;
}

/* SPREAD: how far keys stray from being in order. */
static void check(size_t count, size_t chunk_bytes, uint64_t spread)
{
    struct model *model = calloc(count + 1, sizeof(*model));
    _cleanup_(sorter_destroyp) struct sorter *sorter = NULL;
    struct sorter_record record;
    struct temporary t;
    uint8_t bytes[256];

    temporary_init(&t);
    must(sorter_create(t.fd, chunk_bytes, &sorter));
    for (size_t i = 0; i < count; i++) {
        model[i] = (struct model){i * 3 + (uint64_t)random() % (spread + 1), i,
                                  sizeof(uint64_t) + (size_t)random() % 100};
        memset(bytes, (int)i, sizeof(bytes));
        memcpy(bytes, &model[i].sequence, sizeof(model[i].sequence));
        must(sorter_add(sorter, model[i].key, bytes, model[i].len));
    }
    assert_int_equal(sorter_count(sorter), count);
    qsort(model, count, sizeof(*model), compare);
    must(sorter_sort(sorter));
    for (size_t i = 0; i < count; i++) {
        must(sorter_next(sorter, &record));
        assert_non_null(record.bytes);
        assert_int_equal(record.key, model[i].key);
        assert_int_equal(record.len, model[i].len);
        assert_memory_equal(record.bytes, &model[i].sequence, sizeof(model[i].sequence));
    }
    must(sorter_next(sorter, &record));
    assert_null(record.bytes);
    must(sorter_next(sorter, &record));
    assert_null(record.bytes);
    free(model);
    temporary_deinit(&t);
}

static void test_against_model(void **state)
{
    static const size_t counts[] = {0, 1, 2, 100, 5000};
    static const uint64_t spreads[] = {0, 1, 10, 1000, 1000000};

    (void)state;
    srandom(7);
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
        for (size_t s = 0; s < sizeof(spreads) / sizeof(spreads[0]); s++) {
            check(counts[c], 0, spreads[s]);
            check(counts[c], 2000, spreads[s]);
            check(counts[c], 20000, spreads[s]);
        }
}

/* Records longer than what a run reads at once. */
static void test_large_records(void **state)
{
    enum { COUNT = 20, LEN = 1 << 20 };
    _cleanup_(sorter_destroyp) struct sorter *sorter = NULL;
    _cleanup_free_ uint8_t *bytes = malloc(LEN + 1);
    struct sorter_record record;
    struct temporary t;

    (void)state;
    temporary_init(&t);
    must(sorter_create(t.fd, 3 << 20, &sorter));
    for (int i = COUNT; i-- > 0;) {
        memset(bytes, i, LEN);
        must(sorter_add(sorter, (uint64_t)i, bytes, LEN));
    }
    must_fail(sorter_add(sorter, 0, bytes, LEN + 1), ERROR_INVALID);
    must(sorter_sort(sorter));
    for (int i = 0; i < COUNT; i++) {
        must(sorter_next(sorter, &record));
        assert_int_equal(record.len, LEN);
        assert_int_equal(((const uint8_t *)record.bytes)[LEN - 1], i);
    }
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_large_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
