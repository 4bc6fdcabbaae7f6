/* Where code is, against looking at each range; references. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stacks/layout.h"
#include "temporary.h"

static void addresses_are_found(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (size_t count = 0; count < 70; count++) {
        struct layout_ranges ranges = {0};
        struct layout *layout;
        uint64_t at = 0;
        struct layout_range model[70];

        for (size_t i = 0; i < count; i++) {
            uint64_t start = at + (uint64_t)(rand_r(&seed) % 3);

            at = start + 1 + (uint64_t)(rand_r(&seed) % 4);
            model[i] = (struct layout_range){.start = start, .end = at, .file_offset = i};
            must(vector_push(&ranges, model[i]));
        }
        must(layout_create(&ranges, &layout));
        assert_int_equal(ranges.count, 0);
        for (uint64_t address = 0; address < at + 3; address++) {
            const struct layout_range *found = layout_find(layout, address), *expected = NULL;

            for (size_t i = 0; i < count; i++)
                if (address >= model[i].start && address < model[i].end)
                    expected = &model[i];
            assert_int_equal(found != NULL, expected != NULL);
            if (found)
                assert_int_equal(found->file_offset, expected->file_offset);
        }
        assert_null(layout_find(layout, UINT64_MAX));
        layout_unref(layout);
    }
}

static void references_keep_it(void **state)
{
    struct layout_ranges ranges = {0};
    struct layout *layout, *other;

    (void)state;
    must(vector_push(&ranges, (struct layout_range){.start = 1, .end = 2}));
    must(layout_create(&ranges, &layout));
    other = layout_ref(layout);
    layout_unref(layout);
    assert_non_null(layout_find(other, 1));
    layout_unref(other);
    assert_null(layout_ref(NULL));
    layout_unref(NULL);
}

static void disorder_is_refused(void **state)
{
    static const struct layout_range bad[][2] = {{{.start = 5, .end = 9}, {.start = 8, .end = 10}},
                                                 {{.start = 5, .end = 6}, {.start = 1, .end = 2}},
                                                 {{.start = 1, .end = 2}, {.start = 3, .end = 3}}};
    struct layout *layout;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct layout_ranges ranges = {0};

        must(vector_push(&ranges, bad[i][0]));
        must(vector_push(&ranges, bad[i][1]));
        must_fail(layout_create(&ranges, &layout), ERROR_INVALID);
        vector_deinit(&ranges);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_found),
        cmocka_unit_test(references_keep_it),
        cmocka_unit_test(disorder_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
