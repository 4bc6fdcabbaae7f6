/* Times as files have them, and what --date and --tz make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "importer/when.h"

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        size_t took;
        enum when_basis basis;
        int64_t ns;
    } cases[] = {
        {"22:48:40.293407 x", 15, WHEN_TIME_OF_DAY, 82120293407000},
        {"00:00:00", 8, WHEN_TIME_OF_DAY, 0},
        {"1614644560.118204", 17, WHEN_ABSOLUTE, 1614644560118204000},
        {"1614644560", 10, WHEN_ABSOLUTE, 1614644560000000000},
        {"2021-03-02 09:58:59,073|", 23, WHEN_LOCAL, 1614679139073000000},
        {"2021-03-02T09:58:59", 19, WHEN_LOCAL, 1614679139000000000},
        {"2021/03/02 09:58:59", 19, WHEN_LOCAL, 1614679139000000000},
        {"2021-03-02T09:58:59.5+08:00", 27, WHEN_ABSOLUTE, 1614650339500000000},
        {"2021-03-02 09:58:59 -0130", 25, WHEN_ABSOLUTE, 1614684539000000000},
        {"2021-03-02T09:58:59Z", 20, WHEN_ABSOLUTE, 1614679139000000000},
        {"2021-02-30 09:58:59", 0, 0, 0},
        {"2021-03-02", 0, 0, 0},
        {"25:00:00", 0, 0, 0},
        {"12345678", 0, 0, 0},
        {"123456789012345", 0, 0, 0},
        {"", 0, 0, 0},
        {"22:48", 0, 0, 0},
        {"2021-03-02 ", 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = strlen(cases[i].text);
        char *exact = malloc(len + 1);
        struct when when = {0};

        memcpy(exact, cases[i].text, len);
        assert_int_equal(when_parse(exact, len, &when), cases[i].took);
        assert_int_equal(when.basis, cases[i].basis);
        assert_int_equal(when.ns, cases[i].ns);
        free(exact);
    }
}

static void test_place(void **state)
{
    struct when_options options = {0};
    const struct when clock = {WHEN_TIME_OF_DAY, (int64_t)82120 * NS_PER_S}; /* 22:48:40 */
    const struct when next_day = {WHEN_TIME_OF_DAY, (int64_t)(86400 + 60) * NS_PER_S};
    struct when placed;

    (void)state;
    placed = when_place(clock, &options);
    assert_int_equal(placed.basis, WHEN_TIME_OF_DAY);
    assert_null(when_parse_date("2021-03-01", &options));
    placed = when_place(clock, &options);
    assert_int_equal(placed.basis, WHEN_LOCAL);
    assert_int_equal(placed.ns / NS_PER_S, 1614638920);
    assert_null(when_parse_zone("+08:00", &options));
    placed = when_place(clock, &options);
    assert_int_equal(placed.basis, WHEN_ABSOLUTE);
    assert_int_equal(placed.ns / NS_PER_S, 1614638920 - 8 * 3600);
    placed = when_place(next_day, &options);
    assert_int_equal(placed.ns / NS_PER_S, 1614556800 + 86400 + 60 - 8 * 3600);
    when_options_deinit(&options);
}

static void test_named_zone(void **state)
{
    struct when_options options = {0};
    const struct when summer = {WHEN_LOCAL, (int64_t)1625140800 * NS_PER_S}; /* 2021-07-01 12:00 */
    const struct when winter = {WHEN_LOCAL, (int64_t)1609502400 * NS_PER_S}; /* 2021-01-01 12:00 */

    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    setenv("TZ", "Asia/Tokyo", 1);
    assert_null(when_parse_zone("Europe/Berlin", &options));
    assert_int_equal(when_place(summer, &options).ns / NS_PER_S, 1625140800 - 7200);
    assert_int_equal(when_place(winter, &options).ns / NS_PER_S, 1609502400 - 3600);
    assert_string_equal(getenv("TZ"), "Asia/Tokyo");
    when_options_deinit(&options);
}

static void test_mistakes(void **state)
{
    struct when_options options = {0};

    (void)state;
    error_destroy(when_parse_date("02.03.2021", &options));
    error_destroy(when_parse_date("2021-03-02x", &options));
    error_destroy(when_parse_zone("Europe/Atlantis", &options));
    error_destroy(when_parse_zone("../etc/passwd", &options));
    error_destroy(when_parse_zone("+25:00", &options));
    error_destroy(when_parse_zone("", &options));
    assert_false(options.has_date);
    assert_false(options.has_zone);
    when_options_deinit(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_named_zone),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
