#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "evidence/block.h"
#include "evidence/events_file.h"
#include "tests/event_workload.h"
#include "tests/unit/temporary.h"

static void assert_same(const struct event *a, const struct event *b)
{
    assert_true(a->enter_ns == b->enter_ns && a->exit_ns == b->exit_ns);
    assert_true(a->pending_ns == b->pending_ns);
    assert_memory_equal(a->args, b->args, sizeof(a->args));
    assert_true(a->result == b->result);
    assert_int_equal(a->pid, b->pid);
    assert_int_equal(a->tid, b->tid);
    assert_int_equal(a->stack_id, b->stack_id);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->abi, b->abi);
    assert_int_equal(!a->name, !b->name);
    if (a->name)
        assert_string_equal(a->name, b->name);
}

/* Writes EVENTS, a block after every FLUSH of them; finishes the file unless told not to. */
static uint64_t write_events(const struct temporary *t, const struct event *events, size_t count,
                             size_t flush, bool finish)
{
    struct events_writer *writer;
    int fd = temporary_open(t, "events");
    uint64_t written;

    assert_int_equal(ftruncate(fd, 0), 0);
    must(events_writer_create(fd, &writer));
    for (size_t i = 0; i < count; i++) {
        must(event_sink_put(&writer->sink, &events[i]));
        if ((i + 1) % flush == 0)
            must(events_writer_flush(writer));
    }
    must(finish ? event_sink_finish(&writer->sink) : events_writer_flush(writer));
    assert_int_equal(writer->event_count, count);
    written = writer->written_bytes;
    assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)written);
    events_writer_destroy(writer);
    close(fd);
    return written;
}

/* Reads what there is, all of it as in EVENTS. */
static struct seep_error *read_events(const struct temporary *t, const struct event *events,
                                      size_t *ret_count, bool *ret_cut)
{
    struct events_reader *reader;
    struct event ev;
    enum event_source_step step;
    struct seep_error *err = events_reader_create(t->fd, NULL, &reader);

    must(err);
    *ret_count = 0;
    while (!(err = event_source_next(&reader->source, &ev, &step)) && step == EVENT_SOURCE_MORE)
        assert_same(&ev, &events[(*ret_count)++]);
    assert_int_equal(reader->event_count, *ret_count);
    *ret_cut = reader->cut;
    event_source_destroy(&reader->source);
    return err;
}

/* --- any values at all --- */

static uint64_t any_number(unsigned *seed)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     4095,
                                     4096,
                                     4097,
                                     INT32_MAX,
                                     UINT32_MAX,
                                     INT64_MAX,
                                     1ULL << 63,
                                     UINT64_MAX,
                                     UINT64_MAX - 4095,
                                     UINT64_MAX - 4096,
                                     0x7f46d34e2000};
    uint64_t wide =
        (uint64_t)rand_r(seed) << 40 ^ (uint64_t)rand_r(seed) << 20 ^ (uint64_t)rand_r(seed);

    switch (rand_r(seed) % 6) {
    case 0:
        return edges[(unsigned)rand_r(seed) % ARRAY_SIZE(edges)];
    case 1:
        return wide;
    case 2:
        return wide & ~4095ULL;
    case 3:
        return 0x7f0000000000 + ((uint64_t)rand_r(seed) % 64 << 12);
    default:
        return (uint64_t)rand_r(seed) % 8 * 4096;
    }
}

static void any_event(unsigned *seed, struct event *ev)
{
    static char names[][40] = {"", "x", "memfd:buffer", "a name with \n and \xff in it"};
    static const uint8_t kinds[] = {EVENT_MMAP, EVENT_MUNMAP,   EVENT_MREMAP,
                                    EVENT_BRK,  EVENT_MPROTECT, EVENT_MEMFD_CREATE,
                                    EVENT_LOST, EVENT_EXEC,     0,
                                    255,        EVENT_MMAP,     EVENT_MUNMAP};
    bool orderly = rand_r(seed) % 4;

    *ev = (struct event){
        .enter_ns = orderly ? 1000000 + (uint64_t)rand_r(seed) % 16 : any_number(seed),
        .exit_ns = orderly ? 1000000 + (uint64_t)rand_r(seed) % 9999 : any_number(seed),
        .pending_ns = orderly ? (uint64_t)rand_r(seed) % 2 * (1000000 + (uint64_t)rand_r(seed) % 16)
                              : any_number(seed),
        .result = (int64_t)any_number(seed),
        .pid = (pid_t)any_number(seed),
        .tid = (pid_t)any_number(seed),
        .stack_id = rand_r(seed) % 2 ? (uint32_t)any_number(seed) : 0,
        .kind = rand_r(seed) % 8 ? kinds[(unsigned)rand_r(seed) % ARRAY_SIZE(kinds)]
                                 : (uint8_t)rand_r(seed),
        .abi = (uint8_t)(rand_r(seed) % 8 ? 0 : rand_r(seed)),
    };
    if (rand_r(seed) % 3 == 0)
        ev->result = EVENT_RESULT_UNKNOWN;
    for (int i = 0; i < 6; i++)
        ev->args[i] = any_number(seed);
    if (rand_r(seed) % 4 == 0)
        ev->result = (int64_t)ev->args[0];
    if (rand_r(seed) % 4 == 0)
        ev->name = names[(unsigned)rand_r(seed) % ARRAY_SIZE(names)];
}

static void test_any_values_round_trip(void **state)
{
    enum { COUNT = 60000 };
    struct event *events = calloc(COUNT, sizeof(*events));
    unsigned seed = 20261120;
    struct temporary t;
    size_t count;
    bool cut;

    (void)state;
    assert_non_null(events);
    temporary_init(&t);
    for (size_t i = 0; i < COUNT; i++)
        any_event(&seed, &events[i]);
    write_events(&t, events, COUNT, SIZE_MAX, true);
    must(read_events(&t, events, &count, &cut));
    assert_int_equal(count, COUNT);
    assert_false(cut);
    temporary_deinit(&t);
    free(events);
}

static void test_long_names(void **state)
{
    struct event events[3] = {{.kind = EVENT_EXEC}, {.kind = EVENT_EXEC}, {.kind = EVENT_EXEC}};
    struct events_writer *writer;
    struct temporary t;
    size_t count;
    bool cut;
    int fd;
    char *name = malloc(64 * 1024 + 2);

    (void)state;
    assert_non_null(name);
    memset(name, 'n', 64 * 1024 + 1);
    name[64 * 1024 + 1] = '\0';
    temporary_init(&t);
    fd = temporary_open(&t, "events");
    must(events_writer_create(fd, &writer));
    events[1].name = name;
    must(event_sink_put(&writer->sink, &events[0]));
    must_fail(event_sink_put(&writer->sink, &events[1]), ERROR_INVALID);
    name[64 * 1024] = '\0';
    must(event_sink_put(&writer->sink, &events[1]));
    must(event_sink_put(&writer->sink, &events[2]));
    must(event_sink_finish(&writer->sink));
    events_writer_destroy(writer);
    must(read_events(&t, events, &count, &cut));
    assert_int_equal(count, 3);
    assert_false(cut);
    close(fd);
    free(name);
    temporary_deinit(&t);
}

/* --- what it is for --- */

static void test_eight_bytes_an_event(void **state)
{
    static const unsigned thread_counts[] = {1, 4, 16, 64};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(thread_counts); i++) {
        enum { COUNT = 100000 };
        struct workload w;
        struct temporary t;
        uint64_t written;
        size_t count;
        bool cut;

        temporary_init(&t);
        workload_init(&w, thread_counts[i], COUNT);
        written = write_events(&t, w.events, w.count, SIZE_MAX, true);
        print_message("%u threads: %.2f bytes an event\n", thread_counts[i],
                      (double)written / COUNT);
        assert_in_range(written, COUNT, 8 * COUNT);
        must(read_events(&t, w.events, &count, &cut));
        assert_int_equal(count, COUNT);
        assert_false(cut);
        workload_deinit(&w);
        temporary_deinit(&t);
    }
}

static void test_each_block_is_read_alone(void **state)
{
    enum { COUNT = 300, FLUSH = 100 };
    struct workload w;
    struct temporary t;
    struct buffer bytes = {0};
    struct block_reader blocks;
    enum block_step step;
    uint64_t end;
    uint8_t type;
    size_t count;
    bool cut;
    int fd;

    (void)state;
    temporary_init(&t);
    workload_init(&w, 4, COUNT);
    write_events(&t, w.events, COUNT, FLUSH, true);
    temporary_get(&t, "events", &bytes);
    fd = temporary_open(&t, "events");
    block_reader_init(&blocks, fd);
    must(block_reader_next(&blocks, &type, &step));
    must(block_reader_next(&blocks, &type, &step));
    end = blocks.offset;
    block_reader_deinit(&blocks);
    close(fd);

    /* Without its first two blocks the third still reads, and the end says that some are missing.
     */
    memmove(bytes.bytes + BLOCK_MARK_BYTES, bytes.bytes + end, bytes.len - end);
    temporary_put(&t, "events", bytes.bytes, bytes.len - end + BLOCK_MARK_BYTES);
    must(read_events(&t, w.events + 2 * FLUSH, &count, &cut));
    assert_int_equal(count, FLUSH);
    assert_true(cut);
    buffer_deinit(&bytes);
    workload_deinit(&w);
    temporary_deinit(&t);
}

/* The bytes that docs/FORMAT.md takes apart. */
static void test_example_of_the_format(void **state)
{
    static const uint8_t expected[] = {
        0x02, 0x28, 0x02, 0x02, 0x03, 0x02, 0x02, 0x02, 0x06, 0x03, 0x86, 0xfb, 0x01, 0xd2, 0x99,
        0x01, 0x01, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x06, 0x44,
        0x01, 0x00, 0x00, 0x02, 0x00, 0x00, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0xf1, 0x1e, 0x46, 0x20, 0x50, 0x2e,
        0x27, 0xe0, 0x10, 0x20, 0xe9, 0xb4, 0xa3, 0x7f, 0x00, 0x02, 0xc4, 0x00,
    };
    static const struct event events[] = {
        {.enter_ns = 1000000,
         .exit_ns = 1012000,
         .args = {0, 16781312, 3, 0x22, UINT64_MAX, 0},
         .result = 0x7f46d34e2000,
         .pid = 16067,
         .tid = 25900,
         .kind = EVENT_MMAP},
        {.enter_ns = 1020000,
         .exit_ns = 1030000,
         .args = {0x7f46d34e2000, 16781312},
         .pid = 16067,
         .tid = 25900,
         .kind = EVENT_MUNMAP},
    };
    struct block_reader blocks;
    struct temporary t;
    enum block_step step;
    uint8_t type;
    int fd;

    (void)state;
    temporary_init(&t);
    write_events(&t, events, ARRAY_SIZE(events), SIZE_MAX, true);
    fd = temporary_open(&t, "events");
    block_reader_init(&blocks, fd);
    must(block_reader_next(&blocks, &type, &step));
    assert_int_equal(type, BLOCK_EVENTS);
    assert_int_equal(blocks.raw.len, sizeof(expected));
    assert_memory_equal(blocks.raw.bytes, expected, sizeof(expected));
    block_reader_deinit(&blocks);
    close(fd);
    temporary_deinit(&t);
}

/* --- damage --- */

static void test_cut_at_every_byte(void **state)
{
    enum { COUNT = 60, FLUSH = 20 };
    struct workload w;
    struct temporary t;
    struct buffer bytes = {0};
    size_t count, last = 0;
    bool cut;

    (void)state;
    temporary_init(&t);
    workload_init(&w, 3, COUNT);
    write_events(&t, w.events, COUNT, FLUSH, true);
    temporary_get(&t, "events", &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        temporary_put(&t, "events", bytes.bytes, len);
        must(read_events(&t, w.events, &count, &cut));
        assert_true(cut);
        assert_int_equal(count % FLUSH, 0);
        assert_true(count == last || count == last + FLUSH);
        last = count;
    }
    assert_int_equal(last, COUNT);
    buffer_deinit(&bytes);
    workload_deinit(&w);
    temporary_deinit(&t);
}

static void test_every_flipped_byte_is_noticed(void **state)
{
    enum { COUNT = 60, FLUSH = 20 };
    struct workload w;
    struct temporary t;
    struct buffer bytes = {0};
    size_t count;

    (void)state;
    temporary_init(&t);
    workload_init(&w, 3, COUNT);
    write_events(&t, w.events, COUNT, FLUSH, true);
    temporary_get(&t, "events", &bytes);
    for (size_t at = 0; at < bytes.len; at++) {
        bool cut = false;

        bytes.bytes[at] ^= 1 << at % 8;
        temporary_put(&t, "events", bytes.bytes, bytes.len);

        struct seep_error *err = read_events(&t, w.events, &count, &cut);

        assert_true(cut || err);
        error_destroy(err);
        bytes.bytes[at] ^= 1 << at % 8;
    }
    buffer_deinit(&bytes);
    workload_deinit(&w);
    temporary_deinit(&t);
}

static void test_killed_recorder(void **state)
{
    struct workload w;
    struct temporary t;
    size_t count;
    bool cut;

    (void)state;
    temporary_init(&t);
    workload_init(&w, 3, 100);
    write_events(&t, w.events, w.count, 50, false);
    must(read_events(&t, w.events, &count, &cut));
    assert_int_equal(count, 100);
    assert_true(cut);
    workload_deinit(&w);
    temporary_deinit(&t);
}

/* The disk fills, then there is room again: nothing that was accepted is lost. */
static void test_full_disk(void **state)
{
    enum { COUNT = 30000 };
    struct workload w;
    struct temporary t;
    struct events_writer *writer;
    struct rlimit was, limit;
    struct seep_error *err = NULL;
    size_t count, put = 0;
    bool cut;
    int fd;

    (void)state;
    temporary_init(&t);
    workload_init(&w, 4, COUNT);
    fd = temporary_open(&t, "events");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){100 * 1000, was.rlim_max};
    must(events_writer_create(fd, &writer));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    while (put < COUNT && !(err = event_sink_put(&writer->sink, &w.events[put])))
        put++;
    must_fail(err, ERROR_FULL);
    must_fail(event_sink_put(&writer->sink, &w.events[put]), ERROR_FULL);
    must_fail(event_sink_finish(&writer->sink), ERROR_FULL);
    must(read_events(&t, w.events, &count, &cut));
    assert_true(count > 0 && count < put);
    assert_true(cut);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    must(event_sink_put(&writer->sink, &w.events[put++]));
    must(event_sink_finish(&writer->sink));
    must(read_events(&t, w.events, &count, &cut));
    assert_int_equal(count, put);
    assert_false(cut);
    events_writer_destroy(writer);
    close(fd);
    workload_deinit(&w);
    temporary_deinit(&t);
}

static void test_no_such_file(void **state)
{
    struct temporary t;
    struct events_reader *reader;

    (void)state;
    temporary_init(&t);
    must_fail(events_reader_create(t.fd, NULL, &reader), ERROR_NOT_FOUND);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_values_round_trip),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_eight_bytes_an_event),
        cmocka_unit_test(test_example_of_the_format),
        cmocka_unit_test(test_each_block_is_read_alone),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_flipped_byte_is_noticed),
        cmocka_unit_test(test_killed_recorder),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_no_such_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
