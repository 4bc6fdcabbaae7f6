#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "evidence/codec.h"
#include "evidence/thread_dumps.h"
#include "temporary.h"

static void put(int dir_fd, const char *name, const char *text, size_t cut)
{
    _cleanup_buffer_ struct buffer pressed = {0};
    struct codec_state *codec;

    must(codec_isal.begin(1, &codec));
    must(codec_isal.push(codec, text, strlen(text), &pressed));
    must(codec_isal.finish(codec, &pressed));
    codec_isal.destroy(codec);
    must(io_replace_file(dir_fd, name, pressed.bytes, pressed.len - cut));
}

static void test_dumps(void **state)
{
    struct temporary t;
    struct thread_dumps dumps;
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_close_ int fd = -1;

    (void)state;
    temporary_init(&t);
    must(thread_dumps_open(t.fd, &dumps));
    assert_int_equal(dumps.entries.count, 0);
    assert_null(thread_dumps_nearest(&dumps, 0, 5, "jstack"));
    thread_dumps_deinit(&dumps);

    assert_int_equal(mkdirat(t.fd, "threads", 0700), 0);
    fd = openat(t.fd, "threads", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put(fd, "1-17667-2000.jstack.gz", "the second", 0);
    put(fd, "2-17667-1000.jstack.gz", "the first", 0);
    put(fd, "3-0-3000.jstack.gz", "the third", 0);
    put(fd, "4-5-2100.jstack.gz", "of another", 0);
    put(fd, "5-17667-0.jstack.gz", "of no time", 0);
    put(fd, "6-17667-2001.go.gz", "of another kind", 0);
    put(fd, "7-9-9000.jstack.gz", "which is cut", 5);
    put(fd, "007-17667-2001.jstack.gz", "no name of ours", 0);
    put(fd, "x", "neither", 0);

    must(thread_dumps_open(t.fd, &dumps));
    assert_int_equal(dumps.entries.count, 7);
    assert_int_equal(dumps.entries.items[0].number, 5);
    assert_int_equal(dumps.entries.items[1].number, 2);
    assert_int_equal(thread_dumps_nearest(&dumps, 17667, 2100, "jstack")->number, 1);
    assert_int_equal(thread_dumps_nearest(&dumps, 17667, 1500, "jstack")->number, 2);
    assert_int_equal(thread_dumps_nearest(&dumps, 17667, 8000, "jstack")->number, 3);
    assert_int_equal(thread_dumps_nearest(&dumps, 0, 2100, "jstack")->number, 4);
    assert_int_equal(thread_dumps_nearest(&dumps, 17667, 2, "go")->number, 6);
    assert_null(thread_dumps_nearest(&dumps, 17667, 0, "python"));
    must(thread_dumps_read(&dumps, thread_dumps_nearest(&dumps, 0, 0, "jstack"), &text));
    must(thread_dumps_read(&dumps, thread_dumps_nearest(&dumps, 0, 2000, "jstack"), &text));
    assert_string_equal(text.bytes, "the firstthe second");
    must_fail(thread_dumps_read(&dumps, thread_dumps_nearest(&dumps, 9, 9000, "jstack"), &text),
              ERROR_CORRUPT);
    assert_int_equal(text.len, strlen("the firstthe second"));
    thread_dumps_deinit(&dumps);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dumps)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
