#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evidence/jit_maps.h"
#include "tests/unit/temporary.h"

static void add(struct jit_maps *maps, const struct temporary *t, pid_t pid, uint64_t time_ns,
                const char *text)
{
    must(jit_maps_add(maps, t->fd, pid, time_ns, text, strlen(text)));
}

static void the_copy_that_tells_most_is_found(void **state)
{
    struct jit_maps written = {0}, maps;
    struct temporary t;
    _cleanup_buffer_ struct buffer text = {0};

    (void)state;
    temporary_init(&t);
    add(&written, &t, 7, 100, "1000 10 a\n");
    add(&written, &t, 8, 150, "2000 10 b\n");
    add(&written, &t, 7, 200, "1000 10 a\n3000 10 c\n");
    jit_maps_deinit(&written);

    must(jit_maps_load(t.fd, &maps));
    assert_int_equal(maps.copies.count, 3);
    assert_string_equal(maps.copies.items[2].file, "3-7.map");
    assert_ptr_equal(jit_maps_find(&maps, 7, 0), &maps.copies.items[0]);
    assert_ptr_equal(jit_maps_find(&maps, 7, 100), &maps.copies.items[0]);
    assert_ptr_equal(jit_maps_find(&maps, 7, 101), &maps.copies.items[2]);
    assert_ptr_equal(jit_maps_find(&maps, 7, 999), &maps.copies.items[2]);
    assert_ptr_equal(jit_maps_find(&maps, 8, 999), &maps.copies.items[1]);
    assert_null(jit_maps_find(&maps, 9, 0));
    must(jit_maps_read(t.fd, &maps.copies.items[2], &text));
    assert_string_equal(text.bytes, "1000 10 a\n3000 10 c\n");
    jit_maps_deinit(&maps);
    temporary_deinit(&t);
}

static void a_case_without_any_has_none(void **state)
{
    struct jit_maps maps;
    struct temporary t;

    (void)state;
    temporary_init(&t);
    must(jit_maps_load(t.fd, &maps));
    assert_int_equal(maps.copies.count, 0);
    temporary_deinit(&t);
}

static void what_is_too_long_ends_at_a_line(void **state)
{
    struct jit_maps maps = {0};
    struct temporary t;
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_free_ char *large = malloc(JIT_MAPS_MAX_BYTES + 100);

    (void)state;
    assert_non_null(large);
    temporary_init(&t);
    memset(large, 'x', JIT_MAPS_MAX_BYTES + 100);
    large[99] = large[JIT_MAPS_MAX_BYTES - 50] = '\n';
    must(jit_maps_add(&maps, t.fd, 7, 1, large, JIT_MAPS_MAX_BYTES + 100));
    must(jit_maps_read(t.fd, &maps.copies.items[0], &text));
    assert_int_equal(text.len, JIT_MAPS_MAX_BYTES - 49);
    jit_maps_deinit(&maps);
    temporary_deinit(&t);
}

static void names_that_lead_elsewhere_are_left_out(void **state)
{
    static const char index[] =
        "[{\"file\": \"../../etc/passwd\", \"pid\": 7, \"time_ns\": 1},"
        "{\"file\": \"1-7.map/..\", \"pid\": 7, \"time_ns\": 1},"
        "{\"file\": \"1-7.mapx\", \"pid\": 7, \"time_ns\": 1},"
        "{\"file\": \"1-7.map\", \"pid\": 0, \"time_ns\": 1},"
        "{\"file\": \"1-7.map\", \"pid\": 7, \"time_ns\": -1},"
        "{\"file\": 7}, null, {\"file\": \"2-7.map\", \"pid\": 7, \"time_ns\": 1}]";
    struct jit_maps maps;

    (void)state;
    must(jit_maps_parse(index, strlen(index), &maps));
    assert_int_equal(maps.copies.count, 1);
    assert_string_equal(maps.copies.items[0].file, "2-7.map");
    jit_maps_deinit(&maps);
    must_fail(jit_maps_parse("[", 1, &maps), ERROR_CORRUPT);
}

static void a_link_in_the_place_of_the_directory_is_refused(void **state)
{
    struct jit_maps maps;
    struct temporary t;

    (void)state;
    temporary_init(&t);
    assert_int_equal(symlinkat("/tmp", t.fd, "jit"), 0);
    must_fail(jit_maps_load(t.fd, &maps), ERROR_SYSTEM);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_copy_that_tells_most_is_found),
        cmocka_unit_test(a_case_without_any_has_none),
        cmocka_unit_test(what_is_too_long_ends_at_a_line),
        cmocka_unit_test(names_that_lead_elsewhere_are_left_out),
        cmocka_unit_test(a_link_in_the_place_of_the_directory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
