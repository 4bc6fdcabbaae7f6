#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/civil_time.h"

static void test_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
        uint32_t ns;
        int32_t offset;
        bool date, year, zone;
        const char *behind;
    } cases[] = {
        {"2026-11-20 08:22:40", 1795162960, 0, 0, true, true, false, ""},
        {"2026-11-20 08:22:40,073|[INFO]", 1795162960, 73000000, 0, true, true, false, "|[INFO]"},
        {"2026-11-20T08:22:40.073Z x", 1795162960, 73000000, 0, true, true, true, " x"},
        {"2026-11-20T08:22:40+08:00", 1795162960, 0, 28800, true, true, true, ""},
        {"2026-11-20 08:22:40.5 -0330 x", 1795162960, 500000000, -12600, true, true, true, " x"},
        {"2026/11/20 08:22:40 [crit]", 1795162960, 0, 0, true, true, false, " [crit]"},
        {"20-Nov-2026 08:22:40.1234567891 x", 1795162960, 123456789, 0, true, true, false, " x"},
        {"20/Nov/2026:08:22:40 +0000] x", 1795162960, 0, 0, true, true, true, "] x"},
        {"Nov 20 08:22:40 host kernel:", 91095760, 0, 0, true, false, false, " host kernel:"},
        {"Nov  2 08:22:40 7 x", 89540560, 0, 0, true, false, false, " 7 x"},
        {"Fri Nov 20 08:22:40 2026", 1795162960, 0, 0, true, true, false, ""},
        {"Fri Nov 20 08:22:40 2026 UTC elapsed", 1795162960, 0, 0, true, true, true, " elapsed"},
        {"Fri Nov 20 08:22:40 UTC 2026", 1795162960, 0, 0, true, true, true, ""},
        {"Fri Nov 20 08:22:40 CST 2026] x", 1795162960, 0, 0, true, true, false, "] x"},
        {"08:22:40.000001 brk(", 30160, 1000, 0, false, false, false, " brk("},
        {"2024-02-29 00:00:00", 1709164800, 0, 0, true, true, false, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span text = span_text(cases[i].text);
        struct civil_time time;

        assert_true(civil_time_take(&text, &time));
        assert_int_equal(time.seconds, cases[i].seconds);
        assert_int_equal(time.ns, cases[i].ns);
        assert_int_equal(time.utc_offset_s, cases[i].offset);
        assert_int_equal(time.has_date, cases[i].date);
        assert_int_equal(time.has_year, cases[i].year);
        assert_int_equal(time.has_zone, cases[i].zone);
        assert_true(span_is(text, cases[i].behind));
    }
}

static void test_not_times(void **state)
{
    static const char *const texts[] = {"",
                                        "2026-13-20 08:22:40",
                                        "2026-02-29 08:22:40",
                                        "2026-11-20",
                                        "8:22:40",
                                        "24:00:00",
                                        "Nov 31 08:22:40",
                                        "November 20 08:22:40",
                                        "Fri",
                                        "08:22",
                                        "2026-11-20 08:22:401",
                                        "1795162960",
                                        "Fri Nov 20"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct span text = span_text(texts[i]);
        struct civil_time time;

        assert_false(civil_time_take(&text, &time));
        assert_true(span_is(text, texts[i]));
    }
}

static void test_found_in_a_line(void **state)
{
    struct civil_time time;
    struct span behind;

    (void)state;
    assert_true(
        civil_time_find(span_text("[Fri Nov 20 08:22:40 2026] Out of memory"), &time, &behind));
    assert_int_equal(time.seconds, 1795162960);
    assert_true(span_is(behind, "] Out of memory"));
    assert_true(civil_time_find(span_text("WARN [main] 2026-11-20 08:22:40 - x"), &time, &behind));
    assert_true(time.has_date);
    assert_false(civil_time_find(span_text("at a.b.C(10:08:22:40)"), &time, NULL));
    assert_false(civil_time_find(span_text("x"), &time, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_not_times),
        cmocka_unit_test(test_found_in_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
