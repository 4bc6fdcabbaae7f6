#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "analyzer/thread_names.h"
#include "tests/unit/temporary.h"

static void each_time_has_its_name(void **state)
{
    struct thread_names names = {0};

    (void)state;
    assert_null(thread_names_at(&names, 5));
    must(thread_names_add(&names, 10, "java"));
    must(thread_names_add(&names, 20, "java"));
    must(thread_names_add(&names, 30, "nio"));
    assert_int_equal(names.items.count, 2);
    assert_string_equal(thread_names_at(&names, 5), "java");
    assert_string_equal(thread_names_at(&names, 29), "java");
    assert_string_equal(thread_names_at(&names, 30), "nio");
    assert_string_equal(thread_names_last(&names), "nio");
    thread_names_deinit(&names);
}

static void a_look_does_not_undo_what_was_told_since(void **state)
{
    struct thread_names names = {0};

    (void)state;
    must(thread_names_add(&names, 10, "old"));
    must(thread_names_add(&names, 30, "new"));
    must(thread_names_look(&names, 25, "old"));
    assert_string_equal(thread_names_last(&names), "new");
    must(thread_names_look(&names, 40, "newer"));
    assert_string_equal(thread_names_at(&names, 39), "new");
    assert_string_equal(thread_names_at(&names, 40), "newer");
    thread_names_deinit(&names);
}

static void an_id_given_again_does_not_inherit(void **state)
{
    struct thread_names names = {0};

    (void)state;
    must(thread_names_add(&names, 10, "first"));
    must(thread_names_add(&names, 20, "")); /* another thread, of unknown name */
    must(thread_names_look(&names, 25, "second"));
    assert_string_equal(thread_names_at(&names, 15), "first");
    assert_string_equal(thread_names_at(&names, 22), "second");
    thread_names_deinit(&names);
}

static void the_oldest_of_very_many_are_forgotten(void **state)
{
    struct thread_names names = {0};
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "n%u", i);
        must(thread_names_add(&names, 10 + i, text));
    }
    assert_true(names.items.count <= THREAD_NAMES_MAX);
    assert_null(thread_names_at(&names, 10));
    assert_string_equal(thread_names_at(&names, 10 + 998), "n998");
    thread_names_deinit(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_time_has_its_name),
        cmocka_unit_test(a_look_does_not_undo_what_was_told_since),
        cmocka_unit_test(an_id_given_again_does_not_inherit),
        cmocka_unit_test(the_oldest_of_very_many_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
