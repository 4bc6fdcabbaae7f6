/* Logs as programs write them fall into the groups that a reader would make. */
#include "tests/unit/scan_units.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "content/templates.h"

#define BASE UINT64_C(0x7f46a0000000)

static struct templates_items mine_source(struct scan_source *source, unsigned threads, size_t max)
{
    struct strings_options options = {STRINGS_ASCII, 4};
    _cleanup_(templates_destroyp) struct templates *templates = NULL;
    struct templates_items items = {0};
    struct strings_pass pass;

    assert_null(templates_create(&templates));

    struct strings_sink *sinks[] = {&templates->sink};

    assert_null(strings_pass_init(&pass, &options, sinks, 1));

    struct scan_consumer *consumers[] = {&pass.consumer};

    assert_null(scan_run(source, consumers, 1, &(struct scan_options){.threads = threads}));
    strings_pass_deinit(&pass);
    assert_null(templates_list(templates, max, &items));
    return items;
}

static struct templates_items mine(const struct buffer *log, unsigned threads, size_t max)
{
    struct scan_bytes source;

    assert_false(log->failed);
    scan_bytes_init(&source, BASE, log->bytes, log->len);
    return mine_source(&source.source, threads, max);
}

/* The template TEXT stands COUNT times. */
static const struct templates_item *expect(const struct templates_items *items, const char *text,
                                           uint64_t count)
{
    for (size_t i = 0; i < items->count; i++)
        if (strcmp(items->items[i].text, text) == 0) {
            assert_int_equal(items->items[i].count, count);
            return &items->items[i];
        }
    for (size_t i = 0; i < items->count; i++)
        print_message("%8lu %s\n", (unsigned long)items->items[i].count, items->items[i].text);
    fail_msg("no template \"%s\"", text);
    return NULL;
}

static void test_nginx(void **s)
{
    static const char *const agents[] = {"curl/7.88.1", "Mozilla/5.0 (X11; Linux x86_64)"};
    struct buffer log = {0};
    unsigned seed = 1;

    (void)s;
    for (int i = 0; i < 3000; i++)
        buffer_printf(&log,
                      "10.0.%d.%d - - [02/Mar/2021:08:%02d:%02d +0800] \"GET /item/%d HTTP/1.1\" "
                      "%d %d \"-\" \"%s\"\n",
                      rand_r(&seed) % 256, rand_r(&seed) % 256, i / 60 % 60, i % 60,
                      rand_r(&seed) % 100000, i % 11 ? 200 : 404, rand_r(&seed) % 5000,
                      agents[i % 2]);

    struct templates_items items = mine(&log, 1, 100);

    assert_int_equal(items.count, 2);
    expect(&items, "* - - [*] \"GET /item/* HTTP/1.1\" * * \"-\" \"curl/7.88.1\"", 1500);
    expect(&items,
           "* - - [*] \"GET /item/* HTTP/1.1\" * * \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
           1500);
    templates_items_deinit(&items);
    buffer_deinit(&log);
}

static void test_mail(void **s)
{
    static const char *const hosts[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"};
    struct buffer log = {0};

    (void)s;
    for (int i = 0; i < 1200; i++)
        buffer_printf(&log,
                      "Message-ID: <%d.%d.16146449%05d.JavaMail.root@%s>\r\n"
                      "Date: Tue, 2 Mar 2021 08:%02d:%02d +0800\r\n"
                      "MIME-Version: 1.0\r\nContent-Type: text/%s; charset=UTF-8\r\n"
                      "Subject: =?UTF-8?B?5rWL6K+V6YKu5Lu%d?=\r\n\r\n",
                      138824349 + i * 7, i, i, hosts[i % 6], i / 60, i % 60,
                      i % 3 ? "plain" : "html", i % 10);

    struct templates_items items = mine(&log, 1, 100);
    const struct templates_item *id = expect(&items, "Message-ID: <*.*.JavaMail.root@*>", 1200);

    assert_string_equal(id->examples[0],
                        "Message-ID: <138824349.0.1614644900000.JavaMail.root@alpha>");
    assert_non_null(id->examples[1]);
    assert_string_not_equal(id->examples[1], id->examples[0]);
    expect(&items, "Date: *", 1200);
    expect(&items, "MIME-Version: 1.0", 1200);
    expect(&items, "Content-Type: text/plain; charset=UTF-8", 800);
    expect(&items, "Content-Type: text/html; charset=UTF-8", 400);
    expect(&items, "Subject: =?UTF-8?B?*?=", 1200);
    assert_int_equal(items.count, 6);
    templates_items_deinit(&items);
    buffer_deinit(&log);
}

static void test_java(void **s)
{
    static const char *const queues[] = {"orders", "bills", "mails", "stock", "users"};
    struct buffer log = {0};

    (void)s;
    for (int i = 0; i < 2000; i++) {
        buffer_printf(&log,
                      "2021-03-02 08:%02d:%02d,%03d INFO  [nioEventLoopGroup-3-%d] "
                      "c.example.Handler - request 0x%08x took %d.%d ms\n",
                      i / 60 % 60, i % 60, i % 1000, i % 8, i * 7919, i % 50, i % 10);
        if (i % 10 == 0)
            buffer_printf(&log,
                          "2021-03-02 08:%02d:%02d,%03d WARN  [main] c.example.Queue - queue "
                          "%s is full, dropping message %d\n",
                          i / 60 % 60, i % 60, i % 1000, queues[i / 10 % 5], i);
        if (i % 100 == 0)
            buffer_printf(&log,
                          "\tat io.netty.util.internal.PlatformDependent.allocate"
                          "(PlatformDependent.java:%d)\n",
                          754);
    }

    struct templates_items items = mine(&log, 1, 100);

    expect(&items, "* INFO  [nioEventLoopGroup-*] c.example.Handler - request * took * ms", 2000);
    expect(&items, "* WARN  [main] c.example.Queue - queue * is full, dropping message *", 200);
    /* A parameter that was always the same is none. */
    expect(&items,
           "\tat io.netty.util.internal.PlatformDependent.allocate"
           "(PlatformDependent.java:754)",
           20);
    assert_int_equal(items.count, 3);
    templates_items_deinit(&items);
    buffer_deinit(&log);
}

static void test_python(void **s)
{
    struct buffer log = {0};

    (void)s;
    for (int i = 0; i < 500; i++)
        buffer_printf(&log,
                      "[2021-03-02 08:%02d:%02d +0000] [%d] [ERROR] Exception on /api/v1/users/%d\n"
                      "Traceback (most recent call last):\n"
                      "  File \"/srv/app/views.py\", line %d, in handler\n"
                      "KeyError: 'user-%d'\n"
                      "<Session object at 0x7f%010x>\n",
                      i / 60, i % 60, 4000 + i % 4, i, 40 + i % 3, i, i * 64);

    struct templates_items items = mine(&log, 1, 100);

    expect(&items, "[*] [*] [ERROR] Exception on /api/v1/users/*", 500);
    expect(&items, "Traceback (most recent call last):", 500);
    expect(&items, "  File \"/srv/app/views.py\", line *, in handler", 500);
    expect(&items, "KeyError: 'user-*'", 500);
    expect(&items, "<Session object at *>", 500);
    assert_int_equal(items.count, 5);
    templates_items_deinit(&items);
    buffer_deinit(&log);
}

/* The memory that templates stand in ranks them: one in every page before one that is long. */
static void test_ranks(void **s)
{
    struct buffer log = {0};

    (void)s;
    for (int page = 0; page < 50; page++) {
        size_t start = log.len;

        buffer_printf(&log, "header of block %d\n", page);
        for (int i = 0; i < 30 && page < 10; i++)
            buffer_printf(&log, "a long line that stands many times in few pages: %d %d\n", page,
                          i);
        while (log.len < start + TEMPLATES_BLOCK_BYTES)
            buffer_u8(&log, 0);
    }

    struct templates_items items = mine(&log, 1, 100);

    assert_int_equal(items.count, 2);
    assert_string_equal(items.items[0].text, "header of block *");
    assert_int_equal(items.items[0].block_bytes, 50 * TEMPLATES_BLOCK_BYTES);
    assert_int_equal(items.items[0].bytes, 10 * 17 + 40 * 18);
    assert_int_equal(items.items[1].block_bytes, 10 * TEMPLATES_BLOCK_BYTES);
    assert_int_equal(items.items[1].count, 300);
    templates_items_deinit(&items);
    buffer_deinit(&log);
}

/* A million strings that come once push out none that comes again. */
static void test_crowd(void **s)
{
    struct buffer log = {0};

    (void)s;
    for (uint64_t i = 0; i < 200000; i++) {
        char word[13] = "";

        for (size_t c = 0; c < 12; c++)
            word[c] = (char)('a' + (i * UINT64_C(0x9e3779b97f4a7c15) >> (5 * c)) % 26);
        buffer_printf(&log, "%s\n", word);
        if (i % 1000 == 0)
            buffer_printf(&log, "value number %d\n", (int)i);
    }

    struct templates_items items = mine(&log, 1, 2);

    assert_string_equal(items.items[0].text, "value number *");
    assert_in_range(items.items[0].count, 150, 200);
    templates_items_deinit(&items);
    buffer_deinit(&log);
}

/* Strings longer than what is delivered at once, and longer than a unit. */
static void test_long_strings(void **s)
{
    enum { LEN = 3 << 20 };
    struct buffer log = {0};

    (void)s;
    buffer_printf(&log, "short\n");
    memset(buffer_extend(&log, LEN), 'y', LEN);
    buffer_printf(&log, "\nshort\nshort\n");

    struct templates_items items = mine(&log, 1, 10);

    assert_int_equal(items.count, 2);
    assert_int_equal(expect(&items, "short", 3)->bytes, 15);
    assert_int_equal(items.items[1].bytes, LEN);
    assert_int_equal(items.items[1].count, 1);
    assert_int_equal(strlen(items.items[1].text), TEMPLATE_SHAPE_BYTES + 3);
    templates_items_deinit(&items);
    buffer_deinit(&log);
}

static void test_threads(void **s)
{
    unsigned seed = 4;

    (void)s;
    for (int round = 0; round < 10; round++) {
        struct buffer log = {0};
        struct units units;
        struct templates_items first = {0};

        while (log.len < 200000)
            buffer_printf(&log, "%s %s of %d in %x%c", rand_r(&seed) % 2 ? "allocated" : "freed",
                          rand_r(&seed) % 3 ? "block" : "chunk", rand_r(&seed) % 1000,
                          (unsigned)rand_r(&seed), rand_r(&seed) % 20 ? '\n' : ' ');
        units_cut(&units, BASE, (uint8_t *)log.bytes, log.len, round % 2 ? 40000 : 500, round > 4,
                  &seed);
        for (unsigned threads = 1; threads <= 8; threads *= 2) {
            units.next = 0;

            struct templates_items items = mine_source(&units.source, threads, 1000);

            if (threads == 1) {
                first = items;
                continue;
            }
            assert_int_equal(items.count, first.count);
            for (size_t i = 0; i < items.count; i++) {
                assert_string_equal(items.items[i].text, first.items[i].text);
                assert_int_equal(items.items[i].count, first.items[i].count);
                assert_int_equal(items.items[i].bytes, first.items[i].bytes);
                assert_int_equal(items.items[i].block_bytes, first.items[i].block_bytes);
            }
            templates_items_deinit(&items);
        }
        templates_items_deinit(&first);
        units_deinit(&units);
        buffer_deinit(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nginx),        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_java),         cmocka_unit_test(test_python),
        cmocka_unit_test(test_ranks),        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_long_strings), cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
