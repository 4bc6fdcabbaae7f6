/* Looking up addresses against going through all ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "content/address_ranges.h"

enum { COUNT = 300 };

static void test_model(void **s)
{
    struct address_range items[COUNT];
    struct address_ranges ranges = {items, COUNT};
    static struct address_ranges_cache cache;
    uint64_t at = 0x1000;
    unsigned seed = 1;

    (void)s;
    for (size_t i = 0; i < COUNT; i++) {
        at += (uint64_t)(rand_r(&seed) % 3) << (rand_r(&seed) % 30);
        items[i].start = at;
        at += 1 + ((uint64_t)rand_r(&seed) % 50 << (rand_r(&seed) % 24));
        items[i].end = at;
    }
    for (int i = 0; i < 100000; i++) {
        const struct address_range *near = &items[(size_t)rand_r(&seed) % COUNT];
        uint64_t address =
            near->start + (uint64_t)rand_r(&seed) % (near->end - near->start + 2) - 1;
        size_t want = ADDRESS_RANGES_NONE, from = COUNT;

        for (size_t r = COUNT; r-- > 0;) {
            if (address >= items[r].start && address < items[r].end)
                want = r;
            if (items[r].end > address)
                from = r;
        }
        assert_int_equal(address_ranges_find(&ranges, address, &cache), want);
        assert_int_equal(address_ranges_from(&ranges, address), from);
    }
}

/* A cache that another set of ranges filled tells nothing wrong. */
static void test_edges(void **s)
{
    struct address_range all = {0, UINT64_MAX}, one = {8, 9};
    struct address_ranges ranges = {&all, 1}, none = {0};
    struct address_ranges_cache cache = {{5, 300, UINT32_MAX}};

    (void)s;
    for (uint64_t address = 0; address < 4096; address++)
        assert_int_equal(address_ranges_find(&ranges, address << 20, &cache), 0);
    assert_int_equal(address_ranges_find(&ranges, UINT64_MAX, &cache), ADDRESS_RANGES_NONE);
    assert_int_equal(address_ranges_find(&none, 0, &cache), ADDRESS_RANGES_NONE);
    ranges.items = &one;
    assert_int_equal(address_ranges_find(&ranges, 7, &cache), ADDRESS_RANGES_NONE);
    assert_int_equal(address_ranges_find(&ranges, 8, &cache), 0);
    assert_int_equal(address_ranges_find(&ranges, 9, &cache), ADDRESS_RANGES_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
