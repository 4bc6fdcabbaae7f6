/* The report as JSON: golden files, and every field of the schema whatever is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "analyses.h"
#include "golden.h"
#include "report/report.h"

static struct analysis analysis;

static void check(void (*fill)(struct analysis *), const char *name)
{
    struct golden golden = {0};
    FILE *out = golden_open(&golden);

    fill(&analysis);
    assert_null(report_json(&analysis, out));
    golden_check(out, &golden, name);
}

static json_t *load(void (*fill)(struct analysis *))
{
    struct golden golden = {0};
    FILE *out = golden_open(&golden);
    json_error_t error;

    fill(&analysis);
    assert_null(report_json(&analysis, out));
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; i < golden.len; i++)
        assert_true(golden.text[i] == '\n' || (golden.text[i] >= 0x20 && golden.text[i] < 0x7f));

    json_t *json = json_loads(golden.text, JSON_REJECT_DUPLICATES, &error);

    free(golden.text);
    assert_non_null(json);
    return json;
}

static void goldens(void **state)
{
    (void)state;
    check(analyses_leak, "report/leak.json");
    check(analyses_healthy, "report/healthy.json");
    check(analyses_unknown, "report/unknown.json");
    check(analyses_hostile, "report/hostile.json");
}

/* PATH's object has exactly the FIELDS, in order; an array on the way stands for its items. */
static void has_fields(const json_t *json, const char *path, const char *fields)
{
    char key[32];
    size_t len = strcspn(path, ".");

    if (json_is_array(json)) {
        assert_true(json_array_size(json) > 0);
        for (size_t i = 0; i < json_array_size(json); i++)
            has_fields(json_array_get(json, i), path, fields);
        return;
    }
    assert_true(json_is_object(json));
    if (len) {
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        has_fields(json_object_get(json, key), path + len + (path[len] == '.'), fields);
        return;
    }

    _cleanup_buffer_ struct buffer found = {0};
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)json, name, value)
        buffer_printf(&found, "%s%s", found.len ? " " : "", name);
    assert_string_equal(found.bytes, fields);
}

static void every_field_of_the_schema_is_there(void **state)
{
    (void)state;
    void (*const fills[])(struct analysis *) = {analyses_leak, analyses_unknown, analyses_hostile};
    static const char vma_fields[] = "pid start end perms name region size_bytes rss_bytes "
                                     "growth_bytes explained_bytes preexisting_bytes";

    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        json_t *json = load(fills[i]);

        has_fields(json, "",
                   "schema case_id host target evidence memory verdict findings vmas threads "
                   "processes residents differences java incidents contents");
        has_fields(json, "host", "name boot_id");
        has_fields(json, "target", "pid exe command runtime");
        has_fields(json, "evidence",
                   "backend started ended duration_s time_basis events lost_events lost_stacks "
                   "complete symbol_troubles snapshots dumps unexplained_bytes imports "
                   "assumptions missing");
        has_fields(json, "memory",
                   "rss_first_bytes rss_last_bytes virtual_first_bytes virtual_last_bytes "
                   "growth_bytes_per_s limit_bytes limit_source exhaustion_s thp");
        has_fields(
            json, "findings",
            "rank verdict region cause title bytes resident_bytes count placed unit_bytes first "
            "last bytes_per_s confidence culprit vmas threads stacks content reason next");
        has_fields(json, "findings.culprit", "pid process tid thread module function");
        has_fields(json, "findings.content", "strings templates times");
        has_fields(json, "findings.content.times", "first last count");
        has_fields(json, "vmas", vma_fields);
        has_fields(json, "processes",
                   "pid ppid exe rss_bytes pss_bytes command virtual_bytes shared_bytes "
                   "private_clean_bytes private_dirty_bytes dirty_bytes anon_huge_pages_bytes");
        json_decref(json);
    }

    json_t *json = load(analyses_leak);
    json_t *leak = json_array_get(json_object_get(json, "findings"), 0);

    has_fields(leak, "vmas", vma_fields);
    has_fields(leak, "threads", "pid tid name count bytes");
    has_fields(leak, "stacks", "count bytes end frames");
    has_fields(leak, "stacks.frames",
               "kind address function inlined module build_id offset file line");
    has_fields(leak, "content.strings", "text count bytes");
    has_fields(json, "threads", "pid tid name count bytes");
    json_decref(json);
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    json_t *json = load(analyses_unknown);
    json_t *memory = json_object_get(json, "memory");
    const char *name;
    json_t *value;

    json_object_foreach (memory, name, value)
        assert_true(json_is_null(value));
    json_object_foreach (json_object_get(json, "evidence"), name, value)
        assert_true(json_is_null(value) || strcmp(name, "complete") == 0 || json_is_array(value));
    json_object_foreach (json_object_get(json, "target"), name, value)
        assert_true(json_is_null(value));
    assert_true(json_is_null(json_object_get(json, "case_id")));
    json_decref(json);
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "we");

    if (!full)
        skip();
    analyses_leak(&analysis);

    _cleanup_error_ struct seep_error *err = report_json(&analysis, full);

    assert_non_null(err);
    assert_int_equal(err->code, ERROR_FULL);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens),
        cmocka_unit_test(every_field_of_the_schema_is_there),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(a_full_disk_is_an_error),
    };

    setenv("TZ", "UTC0", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
