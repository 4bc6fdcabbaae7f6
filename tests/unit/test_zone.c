/* Time zones that a case carries along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "base/zone.h"

static void check_here(const char *tz, const char *expected)
{
    struct zone_text zone;

    setenv("TZ", tz, 1);
    tzset();
    assert_string_equal(zone_here(&zone), expected);

    /* What was recorded gives the same clock elsewhere. */
    struct units_text recorded, read;
    uint64_t now = units_wall_ns();

    units_format_time(&recorded, now, true);
    setenv("TZ", "UTC0", 1);
    tzset();
    zone_use(zone.text);
    assert_string_equal(units_format_time(&read, now, true), recorded.text);
}

static void a_zone_goes_round(void **state)
{
    (void)state;
    check_here("UTC0", "<+0000>-00:00");
    check_here("CST-8", "<+0800>-08:00");
    check_here("IST-5:30", "<+0530>-05:30");
    check_here("NST3:30", "<-0330>+03:30");
}

static void what_is_no_zone_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ":/etc/passwd",
        "/etc/passwd",
        "../../etc/passwd",
        "CST-8\n",
        "\033[2J",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-8",
    };

    setenv("TZ", "CST-8", 1);
    zone_use(NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        zone_use(bad[i]);
    assert_string_equal(getenv("TZ"), "CST-8");
    zone_use("Europe/Berlin");
    assert_string_equal(getenv("TZ"), "Europe/Berlin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_goes_round),
        cmocka_unit_test(what_is_no_zone_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
