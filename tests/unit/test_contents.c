/* What saved memory says: strings, times and the sentence, from a dump made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "analyzer/contents.h"
#include "base/units.h"
#include "evidence/dump_writer.h"
#include "temporary.h"

#define BASE   UINT64_C(0x7f46d34e2000)
#define MAIL_S UINT64_C(1614644953) /* of the mail in netty-mail.bin; 08:29:13 in Shanghai */

static void use_shanghai(void)
{
    setenv("TZ", "<+0800>-08:00", 1);
    tzset();
}

/* Saves LEN bytes, padded to whole pages, at BASE, at the time WALL_S. */
static void save(const struct temporary *t, const void *bytes, size_t len, uint64_t wall_s)
{
    _cleanup_(dump_writer_destroyp) struct dump_writer *w = NULL;
    size_t padded = (len + DUMP_PAGE_BYTES - 1) / DUMP_PAGE_BYTES * DUMP_PAGE_BYTES;
    _cleanup_free_ uint8_t *pages = calloc(1, padded);

    assert_non_null(pages);
    memcpy(pages, bytes, len);
    must(dump_writer_create(t->fd, 16067, &w));
    w->dump.wall_begin_ns = wall_s * NS_PER_S;
    must(dump_writer_start(w));
    must(dump_writer_begin(w, BASE));
    must(dump_writer_put(w, pages, padded));
    must(dump_writer_fill(w, DUMP_PAGE_ABSENT, 100 * DUMP_PAGE_BYTES));
    must(dump_writer_end(w, false));
    w->dump.complete = true;
    must(dump_writer_finish(w));
}

static void test_mail(void **state)
{
    _cleanup_buffer_ struct buffer page = {0}, memory = {0};
    _cleanup_dumps_ struct dumps dumps = {0};
    struct case_info info = {0};
    struct contents_options options;
    struct contents contents = {0};
    struct temporary t;

    (void)state;
    use_shanghai();
    must(io_read_file(AT_FDCWD, "unit/data/netty-mail.bin", 1 << 20, &page));
    for (int i = 0; i < 3000; i++) {
        char id[40];

        buffer_bytes(&memory, page.bytes, page.len);
        buffer_bytes(&memory, id, (size_t)sprintf(id, "unlike any other %06d", i) + 1);
    }
    assert_false(memory.failed);
    temporary_init(&t);
    save(&t, memory.bytes, memory.len, MAIL_S + 60);
    must(dumps_open(t.fd, &dumps));
    contents_window(&info, &dumps, &options);
    assert_int_equal(options.first_ns, (MAIL_S + 60 - 30 * 86400) * NS_PER_S);
    assert_int_equal(options.last_ns, (MAIL_S + 60 + 86400) * NS_PER_S);
    assert_int_equal(options.utc_offset_s, 8 * 3600);
    must(
        contents_scan(&dumps, &(struct saved_memory_selection){.pid = 16067}, &options, &contents));

    assert_int_equal(contents.strings.count, CONTENTS_STRINGS);
    assert_string_equal(contents.strings.items[0].text, "sage-ID: <138824349.581113.1614644953220."
                                                        "JavaMail.root@host-10-33-144-190>");
    assert_int_equal(contents.strings.items[0].count, 3000);
    assert_int_equal(contents.strings.items[0].bytes,
                     3000 * strlen(contents.strings.items[0].text));
    assert_int_equal(contents.times.count, 4 * 3000);
    assert_int_equal(contents.bulk.count, 4 * 3000);
    assert_int_equal(contents.bulk.first_ns, UINT64_C(1614644953220) * NS_PER_MS);
    assert_int_equal(contents.forms[TIMESTAMPS_EPOCH_MS].count, 4 * 3000);
    assert_int_equal(contents.read.damaged_bytes, 0);
    contents_deinit(&contents);

    must(contents_scan(&dumps, &(struct saved_memory_selection){.pid = 1}, &options, &contents));
    assert_int_equal(contents.strings.count, 0);
    assert_int_equal(contents.bulk.count, 0);
    contents_deinit(&contents);
    temporary_deinit(&t);
}

/* The same dump in a case of another year: no time in it is plausible there. */
static void test_window(void **state)
{
    static const char text[] = "2021-03-02T00:29:13Z 1614644953220";
    struct case_info info = {.wall_offset_ns = (MAIL_S - 1000) * NS_PER_S,
                             .started_ns = 1000 * (uint64_t)NS_PER_S,
                             .ended_ns = 5000 * (uint64_t)NS_PER_S};
    struct dumps none = {0};
    struct contents_options options;

    (void)state;
    contents_window(&info, &none, &options);
    assert_int_equal(options.first_ns, (MAIL_S - 30 * 86400) * NS_PER_S);
    assert_int_equal(options.last_ns, (MAIL_S + 4000 + 86400) * NS_PER_S);
    for (int years = 0; years < 2; years++) {
        _cleanup_dumps_ struct dumps dumps = {0};
        struct contents contents = {0};
        struct temporary t;

        temporary_init(&t);
        save(&t, text, sizeof(text), MAIL_S + (uint64_t)years * 365 * 86400);
        must(dumps_open(t.fd, &dumps));
        contents_window(&(struct case_info){0}, &dumps, &options);
        must(contents_scan(&dumps, &(struct saved_memory_selection){0}, &options, &contents));
        assert_int_equal(contents.times.count, years ? 0 : 2);
        contents_deinit(&contents);
        temporary_deinit(&t);
    }
    contents_window(&(struct case_info){0}, &none, &options);
    assert_int_equal(options.first_ns, 0);
    assert_int_equal(options.last_ns, UINT64_MAX);
}

static void check_sentence(uint64_t first_s, uint64_t last_s,
                           const struct contents_mapping *mappings, size_t count,
                           const char *expected)
{
    struct time_span bulk = {first_s * NS_PER_S, last_s * NS_PER_S, 7};
    _cleanup_free_ char *text = NULL;

    must(contents_sentence(&bulk, mappings, count, &text));
    assert_string_equal(text, expected);
}

static void test_sentence(void **state)
{
    const struct contents_mapping mappings[] = {
        {(MAIL_S - 393) * NS_PER_S, 25897},
        {(MAIL_S - 900) * NS_PER_S, 25893},
        {(MAIL_S - 86400) * NS_PER_S, 25894},
    };
    struct time_span none = {0};
    char *text = (char *)"";

    (void)state;
    use_shanghai();
    check_sentence(MAIL_S - 415, MAIL_S, mappings, 1,
                   "content written 08:22:18 to 08:29:13, mapped at 08:22:40 by thread 25897");
    check_sentence(MAIL_S - 415, MAIL_S, mappings, 3,
                   "content written 08:22:18 to 08:29:13, mapped at 08:22:40 by thread 25897 (the "
                   "nearest of 3 mappings)");
    check_sentence(MAIL_S, MAIL_S, NULL, 0, "content written 08:29:13");
    check_sentence(MAIL_S, MAIL_S, mappings + 2, 1,
                   "content written 2021-03-02 08:29:13, mapped at 2021-03-01 08:29:13 by thread "
                   "25894");
    must(contents_sentence(&none, mappings, 1, &text));
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
