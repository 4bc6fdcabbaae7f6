#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/moment.h"
#include "base/zone.h"

#define S(seconds) ((uint64_t)(seconds)*NS_PER_S)
#define DAY        86400

static struct units_text buf;

static void no_time_has_a_date_that_it_does_not_have(void **state)
{
    uint64_t evening = S(DAY + 22 * 3600 + 48 * 60 + 40),
             morning = S(2 * DAY + 8 * 3600) + 71076000;

    (void)state;
    assert_string_equal(moment_text(&buf, MOMENT_TIME_OF_DAY, evening, true), "22:48:40");
    assert_string_equal(moment_text(&buf, MOMENT_TIME_OF_DAY, morning, true), "08:00:00 (day +1)");
    assert_string_equal(moment_text(&buf, MOMENT_TIME_OF_DAY, S(DAY - 1), true),
                        "23:59:59 (day -1)");
    assert_string_equal(moment_json(&buf, MOMENT_TIME_OF_DAY, evening), "22:48:40.000000000");
    assert_string_equal(moment_json(&buf, MOMENT_TIME_OF_DAY, morning), "08:00:00.071076000+1d");
    assert_string_equal(moment_text(&buf, MOMENT_RELATIVE, S(DAY + 12) + 300000000, true),
                        "+12.3 s");
    assert_string_equal(moment_json(&buf, MOMENT_RELATIVE, S(DAY + 12)), "+12.000000000s");
    assert_string_equal(moment_text(&buf, MOMENT_NONE, S(DAY), true), "");
    assert_null(moment_json(&buf, MOMENT_NONE, S(DAY)));
}

static void dates_that_are_known_are_shown(void **state)
{
    uint64_t at = S(1614644560);

    (void)state;
    zone_use("<+0800>-08:00");
    assert_string_equal(moment_text(&buf, MOMENT_ABSOLUTE, at, true), "2021-03-02 08:22:40");
    assert_string_equal(moment_text(&buf, MOMENT_ABSOLUTE, at, false), "08:22:40");
    assert_string_equal(moment_json(&buf, MOMENT_ABSOLUTE, at), "2021-03-02T00:22:40.000000000Z");
    assert_string_equal(moment_text(&buf, MOMENT_LOCAL, at, true), "2021-03-02 00:22:40");
    assert_string_equal(moment_json(&buf, MOMENT_LOCAL, at), "2021-03-02T00:22:40.000000000");
}

static void words_of_a_case_are_read(void **state)
{
    (void)state;
    assert_int_equal(moment_basis_of("time-of-day"), MOMENT_TIME_OF_DAY);
    assert_int_equal(moment_basis_of("none"), MOMENT_NONE);
    assert_int_equal(moment_basis_of("lunar"), MOMENT_ABSOLUTE);
    assert_int_equal(moment_basis_of(NULL), MOMENT_ABSOLUTE);
    assert_string_equal(moment_basis_name(MOMENT_LOCAL), "time-of-day");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_time_has_a_date_that_it_does_not_have),
        cmocka_unit_test(dates_that_are_known_are_shown),
        cmocka_unit_test(words_of_a_case_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
