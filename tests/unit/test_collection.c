/* What a collection settles when all files were read: pids, times, what is added to what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "evidence/dump.h"
#include "evidence/facts.h"
#include "tests/unit/imports.h"

/* A format of which a test says itself what it hands over. */
static struct seep_error *(*import_now)(struct collection *c);

static struct seep_error *import_scripted(struct input *in, struct collection *c)
{
    struct input_line line = {.text = ""};
    struct seep_error *err = NULL;

    while (!err && line.text)
        err = input_next_line(in, &line);
    return err ? err : import_now(c);
}

static const struct importer importer_scripted = {.name = "scripted", .import = import_scripted};

static void scripted(struct imports *t, const char *name,
                     struct seep_error *(*import)(struct collection *c))
{
    import_now = import;
    imports_text(t, &importer_scripted, name, name);
}

static struct seep_error *put_call(struct collection *c, enum when_basis basis, pid_t pid,
                                   pid_t tid, uint64_t enter_ns, uint64_t exit_ns)
{
    const struct event ev = {.enter_ns = enter_ns,
                             .exit_ns = exit_ns,
                             .pid = pid,
                             .tid = tid,
                             .kind = EVENT_MUNMAP,
                             .args = {0x1000, 4096}};

    return collection_event(c, basis, &ev);
}

static struct seep_error *put_snapshot(struct collection *c, struct when when, pid_t pid,
                                       const char *section, const char *text)
{
    struct snapshot_record record = {.pid = pid};
    struct seep_error *err = snapshot_record_add(&record, section, text, strlen(text));

    if (!err)
        err = collection_snapshot(c, when, &record);
    snapshot_record_deinit(&record);
    return err;
}

/* --- pids --- */

static struct seep_error *clones(struct collection *c)
{
    pid_t a = collection_new_process(c), b = collection_new_process(c);
    pid_t child = collection_new_process(c);
    struct seep_error *err = put_call(c, WHEN_ABSOLUTE, a, 20, 100, 200);

    collection_same_process(c, b, a);
    collection_same_process(c, child, 30);
    collection_same_process(c, child, a); /* said too late */
    collection_same_process(c, a, b);     /* known */
    if (!err)
        err = put_call(c, WHEN_ABSOLUTE, b, 10, 300, 400);
    return err ? err : put_call(c, WHEN_ABSOLUTE, child, 31, 500, 600);
}

static void test_processes_become_one(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    scripted(&t, "f", clones);
    imports_write(&t);
    assert_int_equal(imports_call(&t, 0)->pid, 10);
    assert_int_equal(imports_call(&t, 1)->pid, 10);
    assert_int_equal(imports_call(&t, 2)->pid, 30);
    assert_true(imports_says(&t, "called 10 after its smallest thread"));
    imports_deinit(&t);
}

static struct seep_error *clones_and_a_look(struct collection *c)
{
    struct seep_error *err = clones(c);

    return err ? err : put_snapshot(c, (struct when){WHEN_ABSOLUTE, 700}, 16067, "maps", "");
}

static void test_pid_of_other_evidence(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    scripted(&t, "f", clones_and_a_look);
    imports_write(&t);
    assert_int_equal(imports_call(&t, 0)->pid, 16067);
    assert_int_equal(imports_call(&t, 2)->pid, 30);
    assert_true(imports_says(&t, "process 16067, the only one that is named"));
    imports_deinit(&t);
}

static void test_pid_option(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    t.options.pid = 99;
    scripted(&t, "f", clones_and_a_look);
    imports_write(&t);
    assert_int_equal(imports_call(&t, 0)->pid, 99);
    imports_deinit(&t);
}

/* --- what is under way, against a naive search --- */

enum { CALLS = 3000 };
static struct {
    uint64_t enter, exit;
} calls[CALLS];

static struct seep_error *random_calls(struct collection *c)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < CALLS && !err; i++) {
        calls[i].enter = 1000 + (uint64_t)random() % 100000 * 1000;
        calls[i].exit = calls[i].enter + (random() % 50 ? (uint64_t)random() % 200000
                                                        : (uint64_t)random() % 20000000);
        err = put_call(c, WHEN_ABSOLUTE, 7, (pid_t)(1 + i % 9), calls[i].enter, calls[i].exit);
    }
    return err;
}

static void test_pending(void **state)
{
    struct imports t;
    uint64_t last = 0;

    (void)state;
    srandom(11);
    imports_init(&t);
    scripted(&t, "f", random_calls);
    imports_write(&t);
    assert_int_equal(t.events.count, CALLS);
    for (size_t i = 0; i < CALLS; i++) {
        const struct event *ev = &t.events.items[i];
        uint64_t earliest = 0;

        for (size_t n = 0; n < CALLS; n++)
            if (calls[n].exit > ev->exit_ns && calls[n].enter < ev->exit_ns &&
                (!earliest || calls[n].enter < earliest))
                earliest = calls[n].enter;
        assert_int_equal(ev->pending_ns, earliest);
        assert_true(ev->exit_ns >= last);
        last = ev->exit_ns;
    }
    imports_deinit(&t);
}

/* --- times --- */

static struct seep_error *clock_calls(struct collection *c)
{
    struct seep_error *err =
        put_call(c, WHEN_TIME_OF_DAY, 7, 7, 10 * (uint64_t)NS_PER_S, 11 * (uint64_t)NS_PER_S);

    return err ? err
               : put_call(c, WHEN_TIME_OF_DAY, 7, 7, 20 * (uint64_t)NS_PER_S,
                          21 * (uint64_t)NS_PER_S);
}

static struct seep_error *absolute_looks(struct collection *c)
{
    static const char maps[] = "00400000-00401000 r-xp 00000000 00:00 0 /bin/x\n";
    const int64_t then = (int64_t)1614644560 * NS_PER_S;
    struct seep_error *err = put_snapshot(
        c, (struct when){WHEN_ABSOLUTE, then + 60 * (int64_t)NS_PER_S}, 0, "maps", maps);

    if (!err)
        err = put_snapshot(c, (struct when){WHEN_ABSOLUTE, then}, 0, "maps", maps);
    if (!err)
        err = put_snapshot(c, (struct when){WHEN_ABSOLUTE, then + NS_PER_S}, 0, "status",
                           "VmRSS: 4 kB\n");
    return err ? err
               : put_snapshot(c, (struct when){WHEN_TIME_OF_DAY, 15 * (int64_t)NS_PER_S}, 0, "maps",
                              maps);
}

static void test_looks_that_cannot_be_compared(void **state)
{
    static const uint64_t expected_s[] = {86400 + 9, 86400 + 15, 86400 + 22};
    struct snapshots_reader *reader;
    struct imports t;

    (void)state;
    imports_init(&t);
    scripted(&t, "calls", clock_calls);
    scripted(&t, "looks", absolute_looks);
    imports_write(&t);
    must(snapshots_reader_create(t.c->fd, &reader));
    must(snapshots_reader_sort(reader));
    for (size_t i = 0; i < ARRAY_SIZE(expected_s); i++) {
        struct snapshot_record record = {0};
        bool more;

        must(snapshots_reader_next(reader, &record, &more));
        assert_true(more);
        assert_int_equal(record.pid, 7);
        assert_int_equal(record.end_ns / NS_PER_S, expected_s[i]);
        /* The status of one moment joins the maps of that moment. */
        assert_int_equal(record.sections.count, i == 0 ? 2 : 1);
        snapshot_record_deinit(&record);
    }
    snapshots_reader_destroy(reader);
    assert_true(imports_says(&t, "cannot be compared"));
    imports_deinit(&t);
}

static struct seep_error *relative_calls(struct collection *c)
{
    return put_call(c, WHEN_RELATIVE, 7, 7, 0, 500);
}

static void test_calls_that_cannot_be_compared(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    scripted(&t, "relative", relative_calls);
    scripted(&t, "clock", clock_calls);
    imports_write(&t);
    assert_int_equal(imports_call(&t, 2)->exit_ns - imports_call(&t, 2)->enter_ns, 500);
    assert_true(imports_call(&t, 2)->enter_ns > imports_call(&t, 1)->exit_ns);
    assert_true(imports_says(&t, "cannot be compared"));
    imports_deinit(&t);
}

/* --- adding --- */

static struct seep_error *earlier_call(struct collection *c)
{
    struct seep_error *err =
        collection_thread_name(c, (struct when){0}, 7, 8, "nioEventLoopGroup-3-1", 21);

    return err ? err
               : put_call(c, WHEN_TIME_OF_DAY, 7, 8, 5 * (uint64_t)NS_PER_S,
                          15 * (uint64_t)NS_PER_S);
}

static void test_adding_sorts_in(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    scripted(&t, "first", clock_calls);
    imports_write(&t);
    imports_again(&t);
    scripted(&t, "second", earlier_call);
    imports_write(&t);
    assert_int_equal(t.events.count, 4);
    assert_int_equal(imports_call(&t, 0)->tid, 7);
    assert_int_equal(imports_call(&t, 0)->pending_ns, (86400 + 5) * (uint64_t)NS_PER_S);
    assert_int_equal(imports_call(&t, 1)->tid, 8);
    assert_string_equal(imports_find(&t, EVENT_THREAD_NAME, 0)->name, "nioEventLoopGroup-3-1");
    assert_int_equal(json_array_size(json_object_get(t.c->json, "imports")), 2);
    imports_deinit(&t);
}

/* --- memory, facts --- */

struct ramp {
    struct mem_source source;
    uint64_t start, hole;
};

/* Each byte says where it is; one page cannot be had. */
static struct seep_error *ramp_read(struct mem_source *source, uint64_t addr, void *buf, size_t len,
                                    size_t *ret_got)
{
    const struct ramp *ramp = (const struct ramp *)source;
    size_t got = 0;

    while (got < len && (addr + got) / DUMP_PAGE_BYTES != ramp->hole / DUMP_PAGE_BYTES) {
        ((uint8_t *)buf)[got] = (uint8_t)((addr + got) % 251 + 1);
        got++;
    }
    *ret_got = got;
    return NULL;
}

static void ramp_destroy(struct mem_source *source)
{
    free(source);
}

static struct seep_error *some_memory(struct collection *c)
{
    struct ramp *ramp = calloc(1, sizeof(*ramp));
    const struct collection_memory memory = {
        .pid = 7, .start = 0x7f0000000800, .end = 0x7f0000304010, .placed = true, .name = "[heap]"};

    ramp->source = (struct mem_source){ramp_read, ramp_destroy};
    ramp->hole = 0x7f0000002000;
    return collection_memory(c, &memory, &ramp->source);
}

static void test_memory(void **state)
{
    _cleanup_dumps_ struct dumps dumps = {0};
    _cleanup_(mem_source_destroyp) struct mem_source *source = NULL;
    uint8_t bytes[4096];
    struct imports t;
    size_t got;

    (void)state;
    imports_init(&t);
    scripted(&t, "memory", some_memory);
    must(collection_write(t.collection, t.c));
    must(dumps_open(t.c->fd, &dumps));
    assert_int_equal(dumps.dumps.count, 1);
    assert_int_equal(dumps.damaged, 0);
    assert_int_equal(dumps.dumps.items[0]->pid, 7);
    must(dump_source_create(dumps.dumps.items[0], &source));
    must(mem_source_read(source, 0x7f0000000800, bytes, 16, &got));
    assert_int_equal(got, 16);
    assert_int_equal(bytes[0], 0x7f0000000800 % 251 + 1);
    must(mem_source_read(source, 0x7f0000001ffc, bytes, 16, &got));
    assert_int_equal(got, 4);
    must(mem_source_read(source, 0x7f0000304000, bytes, 64, &got));
    assert_int_equal(got, 64);
    assert_int_equal(bytes[15], 0x7f000030400f % 251 + 1);
    assert_int_equal(bytes[16], 0);
    imports_deinit(&t);
}

static struct seep_error *some_facts(struct collection *c)
{
    const struct fact used = {.kind = FACT_JAVA_HEAP_USED,
                              .pid = 17667,
                              .has_value = true,
                              .value = 1000358912,
                              .line = 26};
    const struct fact odd = {.kind = FACT_OUT_OF_MEMORY, .text = "a \xff byte"};
    struct seep_error *err = put_call(c, WHEN_ABSOLUTE, 7, 7, 100, 200);

    if (!err)
        err = collection_fact(c, (struct when){WHEN_ABSOLUTE, 150}, &used);
    return err ? err : collection_fact(c, (struct when){0}, &odd);
}

static void test_facts(void **state)
{
    const json_t *facts;
    struct imports t;
    struct fact fact;

    (void)state;
    imports_init(&t);
    scripted(&t, "jmap.txt", some_facts);
    imports_write(&t);
    facts = json_object_get(t.c->json, "facts");
    assert_int_equal(json_array_size(facts), 2);
    assert_true(fact_from_json(json_array_get(facts, 0), &fact));
    assert_int_equal(fact.kind, FACT_JAVA_HEAP_USED);
    assert_int_equal(fact.pid, 17667);
    assert_true(fact.has_value);
    assert_int_equal(fact.value, 1000358912);
    assert_int_equal(fact.time_ns, 150);
    assert_int_equal(fact.line, 26);
    assert_non_null(strstr(fact.file, "jmap.txt"));
    assert_true(fact_from_json(json_array_get(facts, 1), &fact));
    assert_string_equal(fact.text, "a \\xff byte");
    assert_false(fact.has_value);
    assert_false(fact_from_json(t.c->json, &fact));
    assert_true(imports_says(&t, "is of process 17667, not of 7"));
    imports_deinit(&t);
}

static void test_kinds_have_words(void **state)
{
    (void)state;
    for (int kind = 0; kind < FACT_COUNT; kind++) {
        assert_non_null(fact_kind_name((enum fact_kind)kind));
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(fact_kind_name((enum fact_kind)kind),
                                    fact_kind_name((enum fact_kind)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processes_become_one),
        cmocka_unit_test(test_pid_of_other_evidence),
        cmocka_unit_test(test_pid_option),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_looks_that_cannot_be_compared),
        cmocka_unit_test(test_calls_that_cannot_be_compared),
        cmocka_unit_test(test_adding_sorts_in),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_kinds_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
