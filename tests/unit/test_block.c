#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "evidence/block.h"
#include "tests/unit/temporary.h"

enum { BLOCKS = 5 };

/* Block NUMBER: text that compresses, bytes that do not, nothing at all. */
static void fill(int number, struct buffer *raw)
{
    unsigned seed = (unsigned)number + 1;

    buffer_clear(raw);
    if (number == 3)
        return;
    for (int i = 0; i < 60; i++)
        buffer_u8(raw, number % 2 ? (uint8_t)rand_r(&seed) : (uint8_t)(i / 8));
}

static void write_blocks(const struct temporary *t, struct buffer *ret_bytes,
                         size_t ends[BLOCKS + 1])
{
    struct buffer raw = {0};
    int fd = temporary_open(t, "blocks");

    must(block_write_mark(fd));
    ends[0] = BLOCK_MARK_BYTES;
    for (int i = 0; i < BLOCKS; i++) {
        uint64_t written;

        fill(i, &raw);
        must(block_write(fd, (uint8_t)(10 + i), raw.bytes, raw.len, &written));
        ends[i + 1] = ends[i] + written;
    }
    close(fd);
    buffer_deinit(&raw);
    temporary_get(t, "blocks", ret_bytes);
    assert_int_equal(ret_bytes->len, ends[BLOCKS]);
}

/* Reads all blocks, each as it was written. */
static struct seep_error *read_blocks(const struct temporary *t, int *ret_count,
                                      enum block_step *ret_step)
{
    struct block_reader reader;
    struct buffer raw = {0};
    struct seep_error *err;
    uint8_t type;
    int fd = temporary_open(t, "blocks");

    *ret_count = 0;
    block_reader_init(&reader, fd);
    while (!(err = block_reader_next(&reader, &type, ret_step)) && *ret_step == BLOCK_MORE) {
        fill(*ret_count, &raw);
        assert_int_equal(type, 10 + *ret_count);
        assert_int_equal(reader.raw.len, raw.len);
        if (raw.len)
            assert_memory_equal(reader.raw.bytes, raw.bytes, raw.len);
        ++*ret_count;
    }
    close(fd);
    block_reader_deinit(&reader);
    buffer_deinit(&raw);
    return err;
}

static void test_round_trip(void **state)
{
    struct temporary t;
    struct buffer bytes = {0};
    enum block_step step;
    size_t ends[BLOCKS + 1];
    int count;

    (void)state;
    temporary_init(&t);
    write_blocks(&t, &bytes, ends);
    must(read_blocks(&t, &count, &step));
    assert_int_equal(count, BLOCKS);
    assert_int_equal(step, BLOCK_END);
    assert_memory_equal(bytes.bytes, "SEEPBLK1SBLK", 12);
    assert_true(ends[1] - ends[0] < 24 + 60);     /* compressed */
    assert_int_equal(ends[2] - ends[1], 24 + 60); /* as it is */
    buffer_deinit(&bytes);
    temporary_deinit(&t);
}

static void test_cut_at_every_byte(void **state)
{
    struct temporary t;
    struct buffer bytes = {0};
    size_t ends[BLOCKS + 1];

    (void)state;
    temporary_init(&t);
    write_blocks(&t, &bytes, ends);
    for (size_t len = 0; len < bytes.len; len++) {
        enum block_step step;
        int count, whole = 0;
        bool between = false;

        for (int i = 0; i <= BLOCKS; i++) {
            between |= ends[i] == len;
            whole += i && ends[i] <= len;
        }
        temporary_put(&t, "blocks", bytes.bytes, len);
        must(read_blocks(&t, &count, &step));
        assert_int_equal(count, whole);
        assert_int_equal(step, between ? BLOCK_END : BLOCK_CUT);
    }
    buffer_deinit(&bytes);
    temporary_deinit(&t);
}

static void test_every_flipped_byte_is_noticed(void **state)
{
    struct temporary t;
    struct buffer bytes = {0};
    size_t ends[BLOCKS + 1];

    (void)state;
    temporary_init(&t);
    write_blocks(&t, &bytes, ends);
    for (size_t at = 0; at < bytes.len; at++) {
        enum block_step step;
        int count, before = 0;

        for (int i = 1; i <= BLOCKS; i++)
            before += ends[i] <= at;
        bytes.bytes[at] ^= 1 << at % 8;
        temporary_put(&t, "blocks", bytes.bytes, bytes.len);
        if (at < BLOCK_MARK_BYTES) {
            must_fail(read_blocks(&t, &count, &step), ERROR_CORRUPT);
        } else {
            must(read_blocks(&t, &count, &step));
            assert_int_equal(step, BLOCK_CUT);
        }
        assert_int_equal(count, before);
        bytes.bytes[at] ^= 1 << at % 8;
    }
    buffer_deinit(&bytes);
    temporary_deinit(&t);
}

static void test_going_on_after_a_cut(void **state)
{
    struct temporary t;
    struct buffer bytes = {0}, raw = {0};
    size_t ends[BLOCKS + 1];
    enum block_step step;
    struct stat st;
    int count, fd;

    (void)state;
    temporary_init(&t);
    write_blocks(&t, &bytes, ends);
    temporary_put(&t, "blocks", bytes.bytes, ends[2] + 7);
    must(block_open_append(t.fd, "blocks", &fd));
    fill(2, &raw);
    must(block_write(fd, 12, raw.bytes, raw.len, NULL));
    close(fd);
    must(read_blocks(&t, &count, &step));
    assert_int_equal(count, 3);
    assert_int_equal(step, BLOCK_END);

    must(block_open_append(t.fd, "fresh", &fd));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, BLOCK_MARK_BYTES);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(fd);

    temporary_put(&t, "other", "PNG", 3);
    must_fail(block_open_append(t.fd, "other", &fd), ERROR_CORRUPT);
    temporary_get(&t, "other", &bytes);
    assert_int_equal(bytes.len, 3);
    buffer_deinit(&raw);
    buffer_deinit(&bytes);
    temporary_deinit(&t);
}

/* A limit on the file's size fails half way through a write, as a full disk does. */
static void test_full_disk(void **state)
{
    struct temporary t;
    struct buffer raw = {0};
    struct rlimit was, limit;
    struct stat st;
    int fd;

    (void)state;
    temporary_init(&t);
    fd = temporary_open(&t, "blocks");
    fill(1, &raw);
    must(block_write_mark(fd));
    must(block_write(fd, 10, raw.bytes, raw.len, NULL));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){8 + 84 + 50, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    must_fail(block_write(fd, 11, raw.bytes, raw.len, NULL), ERROR_FULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 8 + 84);
    must(block_write(fd, 11, raw.bytes, raw.len, NULL));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 8 + 84 + 84);
    close(fd);
    buffer_deinit(&raw);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_flipped_byte_is_noticed),
        cmocka_unit_test(test_going_on_after_a_cut),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
