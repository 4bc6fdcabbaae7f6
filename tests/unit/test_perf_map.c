/* Names of code made at run time, against a model that looks at every line for every address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "stacks/perf_map.h"
#include "tests/unit/temporary.h"

static struct perf_map *parse(const char *text)
{
    struct perf_map *map = NULL;

    must(perf_map_parse(text, strlen(text), &map));
    assert_non_null(map);
    return map;
}

static void check(const struct perf_map *map, uint64_t address, const char *name)
{
    const char *found = perf_map_find(map, address);

    if (name) {
        assert_non_null(found);
        assert_string_equal(found, name);
    } else {
        assert_null(found);
    }
}

static void names_are_found_within_their_ranges(void **state)
{
    (void)state;
    _cleanup_(perf_map_destroyp) struct perf_map *map =
        parse("7f46d4001000 3c0 Lcom/example/Cart;::add\n"
              "0x1000 0x10 first\r\n"
              "1010 10\t void cache::store(int, char const*) [clone .part.0]\n");

    check(map, 0xfff, NULL);
    check(map, 0x1000, "first");
    check(map, 0x100f, "first");
    check(map, 0x1010, "void cache::store(int, char const*) [clone .part.0]");
    check(map, 0x1020, NULL);
    check(map, 0x7f46d40013bf, "Lcom/example/Cart;::add");
    check(map, 0x7f46d40013c0, NULL);
    check(map, UINT64_MAX, NULL);
}

static void the_later_line_counts(void **state)
{
    (void)state;
    _cleanup_(perf_map_destroyp) struct perf_map *map = parse("1000 100 old\n"
                                                              "1040 20 middle\n"
                                                              "1050 100 new\n"
                                                              "1050 8 newest\n");

    check(map, 0x103f, "old");
    check(map, 0x1040, "middle");
    check(map, 0x104f, "middle");
    check(map, 0x1050, "newest");
    check(map, 0x1058, "new");
    check(map, 0x10ff, "new");
    check(map, 0x114f, "new");
    check(map, 0x1150, NULL);
}

static void lines_without_sense_are_left_out(void **state)
{
    (void)state;
    _cleanup_(perf_map_destroyp) struct perf_map *map = parse("\n"
                                                              "hello\n"
                                                              "1000\n"
                                                              "1000 10\n"
                                                              "1000 10 \n"
                                                              " 1000 10 blank\n"
                                                              "1000 0 empty\n"
                                                              "1000 g bad\n"
                                                              "1000 -1 bad\n"
                                                              "10000000000000000 10 large\n"
                                                              "ffffffffffffffff 2 over\n"
                                                              "fffffffffffffffe 1 last\n"
                                                              "2000 10 good\n"
                                                              "2000 10 still being writt");

    check(map, 0x1000, NULL);
    check(map, 0x1005, NULL);
    check(map, UINT64_MAX - 1, "last");
    check(map, UINT64_MAX, NULL);
    check(map, 0x2000, "good");
    perf_map_destroy(NULL);
}

static void nothing_is_a_map_too(void **state)
{
    (void)state;
    _cleanup_(perf_map_destroyp) struct perf_map *map = parse("");

    check(map, 0, NULL);
}

static void long_names_are_cut(void **state)
{
    (void)state;
    _cleanup_buffer_ struct buffer text = {0};
    struct perf_map *map = NULL;

    buffer_printf(&text, "1000 10 ");
    memset(buffer_extend(&text, 1 << 20), 'x', 1 << 20);
    buffer_printf(&text, "\n");
    must(perf_map_parse(text.bytes, text.len, &map));
    assert_int_equal(strlen(perf_map_find(map, 0x1008)), 4096);
    perf_map_destroy(map);
}

/* Ranges of all kinds over few addresses, so that nearly all lie over each other. */
static void any_lines_are_as_the_model_has_them(void **state)
{
    (void)state;
    enum { ROUNDS = 300, SPACE = 128, MAX_LINES = 60 };
    unsigned seed = 1;

    for (int round = 0; round < ROUNDS; round++) {
        _cleanup_buffer_ struct buffer text = {0};
        struct perf_map *map = NULL;
        int lines = rand_r(&seed) % MAX_LINES, at[SPACE];

        for (int i = 0; i < SPACE; i++)
            at[i] = -1;
        for (int line = 0; line < lines; line++) {
            int start = rand_r(&seed) % SPACE, size = 1 + rand_r(&seed) % (SPACE - start);

            buffer_printf(&text, "%x %x n%d\n", (unsigned)start, (unsigned)size, line);
            for (int i = start; i < start + size; i++)
                at[i] = line;
        }
        must(perf_map_parse(text.bytes ? text.bytes : "", text.len, &map));
        for (int i = 0; i < SPACE; i++) {
            char name[16];

            snprintf(name, sizeof(name), "n%d", at[i]);
            check(map, (uint64_t)i, at[i] < 0 ? NULL : name);
        }
        perf_map_destroy(map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_within_their_ranges),
        cmocka_unit_test(the_later_line_counts),
        cmocka_unit_test(lines_without_sense_are_left_out),
        cmocka_unit_test(nothing_is_a_map_too),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(any_lines_are_as_the_model_has_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
