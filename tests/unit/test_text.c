/* The text report of analyses made by hand, against golden files and some rules of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "analyses.h"
#include "golden.h"
#include "report/report.h"
#include "report/wrap.h"

static void check(void (*fill)(struct analysis *), const struct report_text_options *options,
                  const char *name)
{
    static struct analysis analysis;
    struct golden golden = {0};
    FILE *out = golden_open(&golden);

    fill(&analysis);
    assert_null(report_text(&analysis, options, out));
    golden_check(out, &golden, name);
}

/* What is printed of FILL's analysis; the caller frees. */
static char *print(void (*fill)(struct analysis *), const struct report_text_options *options)
{
    static struct analysis analysis;
    struct golden golden = {0};
    FILE *out = golden_open(&golden);

    fill(&analysis);
    assert_null(report_text(&analysis, options, out));
    assert_int_equal(fclose(out), 0);
    return golden.text;
}

static void a_leak_is_told(void **state)
{
    (void)state;
    check(analyses_leak, &(struct report_text_options){0}, "report/leak.txt");
    check(analyses_leak, &(struct report_text_options){.width = 120}, "report/leak-120.txt");
    check(analyses_leak, &(struct report_text_options){.colour = true, .top = 1},
          "report/leak-colour-top-1.txt");
}

static void times_are_in_the_zone_given(void **state)
{
    (void)state;
    setenv("TZ", "CST-8", 1);
    tzset();

    _cleanup_free_ char *text = print(analyses_leak, &(struct report_text_options){0});

    setenv("TZ", "UTC0", 1);
    tzset();
    assert_non_null(strstr(text, "first at 13:13:02, last at 16:22:40"));
    assert_non_null(strstr(text, "2026-11-20 13:12:31 to 16:22:52 +08:00"));
}

static void health_and_doubt_are_as_clear(void **state)
{
    (void)state;
    check(analyses_healthy, &(struct report_text_options){0}, "report/healthy.txt");
    check(analyses_unknown, &(struct report_text_options){0}, "report/unknown.txt");
    check(analyses_one_look, &(struct report_text_options){0}, "report/one-look.txt");
}

static void hostile_names_stay_text(void **state)
{
    (void)state;
    check(analyses_hostile, &(struct report_text_options){0}, "report/hostile.txt");

    _cleanup_free_ char *text = print(analyses_hostile, &(struct report_text_options){0});

    for (const unsigned char *at = (unsigned char *)text; *at; at++) {
        assert_true(*at >= 0x20 || *at == '\n');
        assert_int_not_equal(*at, 0x7f);
        assert_false(at[0] == 0xc2 && at[1] < 0xa0);
    }
}

static void no_line_is_too_long(void **state)
{
    (void)state;
    void (*const fills[])(struct analysis *) = {analyses_leak, analyses_healthy, analyses_unknown,
                                                analyses_hostile, analyses_one_look};

    for (size_t i = 0; i < ARRAY_SIZE(fills); i++)
        for (unsigned width = 50; width <= 130; width++) {
            _cleanup_free_ char *text =
                print(fills[i], &(struct report_text_options){.width = width});

            for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                assert_true(wrap_columns(line, strlen(line)) <= width || strstr(line, " seep "));
        }
}

/* One by one as long as they are few; the one that holds most with its share, however many there are. */
static void who_holds_most_is_told(void **state)
{
    static struct analysis analysis;
    struct analysis_thread threads[] = {
        {.tid = 11, .name = (char *)"a", .count = 8, .bytes = 8 << 20},
        {.tid = 12, .name = (char *)"b", .count = 3, .bytes = 3 << 20},
        {.tid = 13, .name = (char *)"c", .count = 3, .bytes = 3 << 20},
        {.tid = 14, .name = (char *)"d", .count = 1, .bytes = 1 << 20},
        {.tid = 15, .name = (char *)"e", .count = 1, .bytes = 4 << 10},
    };
    static const struct {
        size_t count;
        uint64_t first_bytes;
        const char *told;
    } cases[] = {
        {5, 8 << 20, "who     thread 11 a 8.0 MiB in 8; 4 more threads with 7.0 MiB\n"},
        {5, 3 << 20, "who     4 threads a .. d (11-14); 1 more thread with 4.0 KiB\n"},
        {2, 8 << 20, "who     threads 11 a 8.0 MiB in 8, 12 b 3.0 MiB in 3\n"},
        {1, 8 << 20, "who     thread 11 a\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct golden golden = {0};
        FILE *out = golden_open(&golden);

        analyses_leak(&analysis);
        threads[0].bytes = cases[i].first_bytes;
        analysis.findings.items[0].threads.items = threads;
        analysis.findings.items[0].threads.count = cases[i].count;
        assert_null(report_text(&analysis, &(struct report_text_options){0}, out));
        assert_int_equal(fclose(out), 0);
        if (!strstr(golden.text, cases[i].told))
            fail_msg("not told: %s%s", cases[i].told, golden.text);
        free(golden.text);
    }
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    static struct analysis analysis;
    FILE *full = fopen("/dev/full", "we");

    if (!full)
        skip();
    analyses_leak(&analysis);

    _cleanup_error_ struct seep_error *err =
        report_text(&analysis, &(struct report_text_options){0}, full);

    assert_non_null(err);
    assert_int_equal(err->code, ERROR_FULL);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_is_told),
        cmocka_unit_test(times_are_in_the_zone_given),
        cmocka_unit_test(health_and_doubt_are_as_clear),
        cmocka_unit_test(hostile_names_stay_text),
        cmocka_unit_test(no_line_is_too_long),
        cmocka_unit_test(who_holds_most_is_told),
        cmocka_unit_test(a_full_disk_is_an_error),
    };

    setenv("TZ", "UTC0", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
