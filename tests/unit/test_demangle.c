/* Names of C++ and Rust, and names made to do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "stacks/demangle.h"

static void check(const char *name, const char *expected)
{
    _cleanup_free_ char *found = demangle_name(name);

    if (!expected) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, expected);
}

static void names_are_as_their_authors_wrote_them(void **state)
{
    (void)state;
    check("_ZN5cache5storeEPKcm", "cache::store(char const*, unsigned long)");
    check("_ZN1AC4Ev", "A::A()");
    check("_ZL3fooi", "foo(int)");
    check("_Z1fIiET_S0_", "f<int>(int)");
    check("_ZN12_GLOBAL__N_14pushEv", "(anonymous namespace)::push()");
    check("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt");
    check("_RNvCs1234_7mycrate3foo", "mycrate::foo");
    check("_RNvMs_NtCs1234_7mycrate3bagNtB4_3Bag3put", "<mycrate::bag::Bag>::put");
}

static void what_is_not_mangled_stays(void **state)
{
    (void)state;
    check("", NULL);
    check("main", NULL);
    check("_", NULL);
    check("_Z", NULL);
    check("_R", NULL);
    check("_start", NULL);
    check("__libc_malloc", NULL);
    check("_ZN", NULL);
    check("_ZN4core17h0123456789abcdef", NULL);
}

/* Nesting as deep as fits. The outcome may be any, but must come. */
static void nesting_ends(void **state)
{
    (void)state;
    static const char *const pieces[] = {"P", "N", "F", "I", "X", "St", "1AI", "M", "DpT_", "cv"};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        for (size_t len = 64; len <= 1 << 20; len *= 4) {
            _cleanup_buffer_ struct buffer name = {0};

            buffer_printf(&name, "_Z1f");
            while (name.len + 8 < len)
                buffer_printf(&name, "%s", pieces[i]);
            assert_false(name.failed);
            free(demangle_name(name.bytes));
        }
    }
}

/* Each type consists of the one before, twice: 2^60 of the first. Of each, its template and itself can be
 * referred to: S_, S0_, ... SZ_, S10_ (Itanium C++ ABI, 5.1.10). */
static void a_name_that_prints_without_end_stays(void **state)
{
    (void)state;
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    _cleanup_buffer_ struct buffer name = {0};

    buffer_printf(&name, "_Z1f1AIiE");
    for (int i = 0; i < 60; i++) {
        char before[8];
        int number = 2 * i;

        if (number < 36)
            snprintf(before, sizeof(before), "S%c_", digits[number]);
        else
            snprintf(before, sizeof(before), "S%c%c_", digits[number / 36], digits[number % 36]);
        buffer_printf(&name, "1BI%s%sE", before, before);
        if (i == 1)
            check(name.bytes, "f(A<int>, B<A<int>, A<int> >, "
                              "B<B<A<int>, A<int> >, B<A<int>, A<int> > >)");
    }
    assert_false(name.failed);
    check(name.bytes, NULL);
}

/* The same by back references: `B` and where it began, in base 62 (Rust RFC 2603). */
static void a_rust_name_that_prints_without_end_stays(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    _cleanup_buffer_ struct buffer name = {0};
    size_t last;

    buffer_printf(&name, "_RINvC1a1b");
    last = name.len - 2;
    buffer_printf(&name, "TllE");
    for (int i = 0; i < 60; i++) {
        size_t at = name.len - 2, number = last - 1; /* that a number is there is 1 more */
        char before[8];

        if (number < 62)
            snprintf(before, sizeof(before), "B%c_", digits[number]);
        else
            snprintf(before, sizeof(before), "B%c%c_", digits[number / 62], digits[number % 62]);
        buffer_printf(&name, "T%s%sE", before, before);
        last = at;
        if (i == 0) {
            _cleanup_buffer_ struct buffer whole = {0};

            buffer_printf(&whole, "%sE", name.bytes);
            check(whole.bytes, "a::b::<(i32, i32), ((i32, i32), (i32, i32))>");
        }
    }
    buffer_printf(&name, "E");
    assert_false(name.failed);
    check(name.bytes, NULL);
}

static void a_name_without_end_stays(void **state)
{
    (void)state;
    enum { LEN = 1 << 20 };
    _cleanup_free_ char *name = malloc(LEN + 1);

    assert_non_null(name);
    memset(name, 'i', LEN);
    memcpy(name, "_Z1f", 4);
    name[LEN] = '\0';
    check(name, NULL);
    name[DEMANGLE_MAX_BYTES] = '\0';
    check(name, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_as_their_authors_wrote_them),
        cmocka_unit_test(what_is_not_mangled_stays),
        cmocka_unit_test(nesting_ends),
        cmocka_unit_test(a_name_that_prints_without_end_stays),
        cmocka_unit_test(a_rust_name_that_prints_without_end_stays),
        cmocka_unit_test(a_name_without_end_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
