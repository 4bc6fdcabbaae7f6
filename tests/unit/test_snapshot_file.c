#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "evidence/block.h"
#include "evidence/snapshot.h"
#include "tests/unit/temporary.h"

enum { RECORDS = 3 };

static const char smaps[] = "7f4674483000-7f46d46e3000 rw-p 00000000 00:00 0\nRss: 4 kB\n";
static const char binary[] = "tasks\0with\xff bytes\0";

/* Record NUMBER, of as many sections. */
static void make_record(int number, struct snapshot_record *record)
{
    *record = (struct snapshot_record){
        .pid = 4242 + number,
        .start_ticks = 77000,
        .begin_ns = 5000000000000 + (uint64_t)number * 1000,
        .end_ns = 5000000000900 + (uint64_t)number * 1000,
        .reason = number == 0 ? SNAPSHOT_START : SNAPSHOT_PERIODIC,
        .stopped = number == 0,
    };
    if (number > 0)
        must(snapshot_record_add(record, "smaps", smaps, strlen(smaps)));
    if (number > 1)
        must(snapshot_record_add(record, "tasks", binary, sizeof(binary)));
}

static void assert_same(const struct snapshot_record *a, const struct snapshot_record *b)
{
    assert_int_equal(a->pid, b->pid);
    assert_true(a->start_ticks == b->start_ticks);
    assert_true(a->begin_ns == b->begin_ns && a->end_ns == b->end_ns);
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->stopped, b->stopped);
    assert_int_equal(a->sections.count, b->sections.count);
    for (size_t i = 0; i < a->sections.count; i++) {
        const struct snapshot_section *x = &a->sections.items[i], *y = &b->sections.items[i];

        assert_string_equal(x->name, y->name);
        assert_int_equal(x->len, y->len);
        assert_memory_equal(x->text, y->text, x->len);
        assert_int_equal(x->text[x->len], '\0');
        assert_ptr_equal(snapshot_record_find(a, x->name), x);
    }
    assert_null(snapshot_record_find(a, "smap"));
}

static void write_records(const struct temporary *t, size_t ends[RECORDS + 1])
{
    int fd = temporary_open(t, "snapshots");

    ends[0] = BLOCK_MARK_BYTES;
    for (int i = 0; i < RECORDS; i++) {
        struct snapshot_record record;
        uint64_t written;

        make_record(i, &record);
        must(snapshot_write(fd, &record, &written));
        ends[i + 1] = ends[i] + written - (i ? 0 : BLOCK_MARK_BYTES);
        snapshot_record_deinit(&record);
    }
    close(fd);
}

static struct seep_error *read_records(const struct temporary *t, int *ret_count, bool *ret_cut)
{
    struct snapshots_reader *reader;
    struct seep_error *err;
    bool more;

    *ret_count = 0;
    *ret_cut = false;
    must(snapshots_reader_create(t->fd, &reader));
    for (;;) {
        struct snapshot_record record, expected;

        err = snapshots_reader_next(reader, &record, &more);
        if (err || !more)
            break;
        make_record((*ret_count)++, &expected);
        assert_same(&record, &expected);
        snapshot_record_deinit(&record);
        snapshot_record_deinit(&expected);
    }
    *ret_cut = snapshots_reader_cut(reader);
    snapshots_reader_destroy(reader);
    return err;
}

static void test_round_trip(void **state)
{
    struct temporary t;
    size_t ends[RECORDS + 1];
    bool cut;
    int count;

    (void)state;
    temporary_init(&t);
    write_records(&t, ends);
    must(read_records(&t, &count, &cut));
    assert_int_equal(count, RECORDS);
    assert_false(cut);
    temporary_deinit(&t);
}

static void test_cut_and_flipped_at_every_byte(void **state)
{
    struct temporary t;
    struct buffer bytes = {0};
    size_t ends[RECORDS + 1];
    bool cut;
    int count;

    (void)state;
    temporary_init(&t);
    write_records(&t, ends);
    temporary_get(&t, "snapshots", &bytes);
    assert_int_equal(bytes.len, ends[RECORDS]);
    for (size_t at = 0; at < bytes.len; at++) {
        bool between = false;
        int whole = 0;

        for (int i = 0; i <= RECORDS; i++) {
            between |= ends[i] == at;
            whole += i && ends[i] <= at;
        }
        temporary_put(&t, "snapshots", bytes.bytes, at);
        must(read_records(&t, &count, &cut));
        assert_int_equal(count, whole);
        assert_int_equal(cut, !between);

        bytes.bytes[at] ^= 1 << at % 8;
        temporary_put(&t, "snapshots", bytes.bytes, bytes.len);

        struct seep_error *err = read_records(&t, &count, &cut);

        assert_true(cut || err);
        assert_int_equal(count, whole);
        error_destroy(err);
        bytes.bytes[at] ^= 1 << at % 8;
    }
    buffer_deinit(&bytes);
    temporary_deinit(&t);
}

/* smaps of a process with hundreds of thousands of mappings is longer than a block may be. */
static void test_record_of_several_blocks(void **state)
{
    enum { LEN = 70 << 20 };
    struct snapshot_record record = {.pid = 1, .reason = SNAPSHOT_SINGLE}, got;
    struct snapshots_reader *reader;
    struct temporary t;
    char *text = malloc(LEN + 1);
    bool more;
    int fd;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < LEN; i++)
        text[i] = (char)('a' + i / 1000 % 26);
    text[LEN] = '\0';
    temporary_init(&t);
    fd = temporary_open(&t, "snapshots");
    must(snapshot_record_add(&record, "smaps", text, LEN));
    must(snapshot_write(fd, &record, NULL));
    must(snapshots_reader_create(t.fd, &reader));
    must(snapshots_reader_next(reader, &got, &more));
    assert_true(more);
    assert_same(&got, &record);
    snapshot_record_deinit(&got);
    must(snapshots_reader_next(reader, &got, &more));
    assert_false(more || snapshots_reader_cut(reader));
    snapshots_reader_destroy(reader);

    /* Without its last block there is no record, and it shows. */
    assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), 0);
    close(fd);
    must(block_open_append(t.fd, "snapshots", &fd));
    must(snapshots_reader_create(t.fd, &reader));
    must(snapshots_reader_next(reader, &got, &more));
    assert_false(more);
    assert_true(snapshots_reader_cut(reader));
    snapshots_reader_destroy(reader);
    close(fd);
    snapshot_record_deinit(&record);
    free(text);
    temporary_deinit(&t);
}

/* The recorder writes records when it gets to them; a reader of a history wants them in time. */
static void test_sorted(void **state)
{
    static const uint64_t written[] = {50, 30, 70, 30, 60}, sorted[] = {30, 30, 50, 60, 70};
    static const pid_t pids[] = {1, 3, 0, 4, 2}; /* of SORTED */
    struct snapshots_reader *reader;
    struct snapshot_record got;
    struct temporary t;
    bool more;
    int fd;

    (void)state;
    temporary_init(&t);
    fd = temporary_open(&t, "snapshots");
    for (int i = 0; i < 5; i++) {
        struct snapshot_record record = {.pid = i, .end_ns = written[i]};

        must(snapshot_write(fd, &record, NULL));
    }
    close(fd);
    must(snapshots_reader_create(t.fd, &reader));
    must(snapshots_reader_sort(reader));
    for (int i = 0; i < 5; i++) {
        must(snapshots_reader_next(reader, &got, &more));
        assert_true(more);
        assert_int_equal(got.end_ns, sorted[i]);
        assert_int_equal(got.pid, pids[i]);
        snapshot_record_deinit(&got);
    }
    must(snapshots_reader_next(reader, &got, &more));
    assert_false(more || snapshots_reader_cut(reader));
    snapshots_reader_destroy(reader);
    temporary_deinit(&t);
}

static void test_full_disk(void **state)
{
    struct snapshot_record record;
    struct temporary t;
    struct rlimit was, limit;
    size_t ends[RECORDS + 1];
    bool cut;
    int count, fd;

    (void)state;
    temporary_init(&t);
    write_records(&t, ends);
    fd = temporary_open(&t, "snapshots");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){ends[RECORDS] + 10, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    make_record(2, &record);
    must_fail(snapshot_write(fd, &record, NULL), ERROR_FULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    must(read_records(&t, &count, &cut));
    assert_int_equal(count, RECORDS);
    assert_false(cut);
    close(fd);
    snapshot_record_deinit(&record);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut_and_flipped_at_every_byte),
        cmocka_unit_test(test_record_of_several_blocks),
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
