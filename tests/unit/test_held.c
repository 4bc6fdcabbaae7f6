#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "target/held.h"

static void test_descriptors(void **state)
{
    _cleanup_buffer_ struct buffer out = {0};
    _cleanup_close_ int memfd = memfd_create("a b\nc\\", MFD_CLOEXEC);
    _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char expected[200], bytes[8192] = "x";
    struct stat stat;
    int fifo[2];

    (void)state;
    assert_true(memfd >= 0 && null >= 0);
    assert_int_equal(pipe(fifo), 0);
    assert_int_equal(ftruncate(memfd, 1 << 30), 0);
    assert_int_equal(pwrite(memfd, bytes, sizeof(bytes), 1 << 20), sizeof(bytes));
    assert_int_equal(fstat(memfd, &stat), 0);
    held_append_descriptors(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &out);
    snprintf(expected, sizeof(expected),
             "fd %d %02x:%02x %lu 1073741824 8192 - /memfd:a b\\nc\\\\ (deleted)\n", memfd,
             major(stat.st_dev), minor(stat.st_dev), stat.st_ino);
    assert_string_equal(out.bytes, expected);
    close(fifo[0]);
    close(fifo[1]);
}

static void test_posix_shared_memory(void **state)
{
    _cleanup_buffer_ struct buffer out = {0};
    char name[64];

    (void)state;
    snprintf(name, sizeof(name), "/seep-test-%d", getpid());

    _cleanup_close_ int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 65536), 0);
    held_append_descriptors(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &out);
    assert_non_null(strstr(out.bytes, " 65536 0 - /dev/shm/seep-test-"));
    assert_int_equal(shm_unlink(name), 0);
    out.len = 0;
    held_append_descriptors(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &out);
    assert_non_null(strstr(out.bytes, " (deleted)\n"));
}

static void test_sysv(void **state)
{
    static const char text[] =
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  "
        "cgid      atime      dtime      ctime                   rss                  swap\n"
        "      5678      32769   600               1048576    77    88      2     0     0     0"
        "     0          0          0 1763638800                  4096                  8192\n"
        "-559038737      32770  1600                  4096    78     0      0     0     0     0"
        "     0          0          0 1763638800                  4096                     0\n"
        "-559038737      32771  1600                  4096    77     0      0     0     0     0"
        "     0          0          0 1763638800                     0                     0";
    _cleanup_buffer_ struct buffer out = {0};

    (void)state;
    held_append_sysv(text, strlen(text), 77, &out);
    assert_string_equal(out.bytes,
                        "sysv 32769 00:00 32769 1048576 12288 2 /SYSV0000162e (deleted)\n"
                        "sysv 32771 00:00 32771 4096 0 0 /SYSVdeadbeef (deleted)\n");
    held_append_sysv(NULL, 0, 77, &out);
}

static void test_no_directory(void **state)
{
    _cleanup_buffer_ struct buffer out = {0};

    (void)state;
    held_append_descriptors(open("/dev/null", O_RDONLY | O_CLOEXEC), &out);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_posix_shared_memory),
        cmocka_unit_test(test_sysv),
        cmocka_unit_test(test_no_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
