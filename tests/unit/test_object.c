/* What lies behind mappings of the test itself: files, shared memory, a device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "target/mapped.h"
#include "target/object.h"
#include "temporary.h"

enum { PAGE = 4096 };

static void open_behind(const void *bytes, struct object *ret_object)
{
    _cleanup_(maps_deinit) struct maps maps = {0};

    must(mapped_regions(getpid(), &maps));
    object_open(getpid(), maps_find(&maps, (uintptr_t)bytes), ret_object);
}

static void *map(int fd, size_t len, int flags)
{
    void *bytes = mmap(NULL, len, PROT_READ, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

    assert_true(bytes != MAP_FAILED);
    return bytes;
}

static void anonymous_memory_has_none(void **state)
{
    void *bytes = map(-1, PAGE, MAP_PRIVATE);
    struct object object;

    (void)state;
    open_behind(bytes, &object);
    assert_int_equal(object.kind, OBJECT_NONE);
    object_deinit(&object);
    munmap(bytes, PAGE);
}

static void shared_memory_tells_its_data_and_holes(void **state)
{
    int fd = memfd_create("seep-test", MFD_CLOEXEC);
    void *bytes;
    struct object object;
    uint64_t start, end;
    char back[8] = "";
    size_t got = 0;
    bool resident = false;

    (void)state;
    assert_int_equal(ftruncate(fd, 100 * PAGE), 0);
    assert_int_equal(pwrite(fd, "hello", 5, 40 * PAGE), 5);
    assert_int_equal(pwrite(fd, "hello", 5, 41 * PAGE), 5);
    bytes = map(fd, 100 * PAGE, MAP_SHARED);
    open_behind(bytes, &object);
    assert_int_equal(object.kind, OBJECT_MEMORY);
    assert_int_equal(object.size_bytes, 100 * PAGE);

    object_data(&object, 0, 100 * PAGE, &start, &end);
    assert_int_equal(start, 40 * PAGE);
    assert_int_equal(end, 42 * PAGE);
    object_data(&object, 41 * PAGE, 100 * PAGE, &start, &end);
    assert_int_equal(start, 41 * PAGE);
    object_data(&object, 0, 30 * PAGE, &start, &end);
    assert_int_equal(start, 30 * PAGE);
    object_data(&object, 42 * PAGE, 100 * PAGE, &start, &end);
    assert_int_equal(start, 100 * PAGE);

    object_read(&object, 41 * PAGE, back, 5, &got);
    assert_int_equal(got, 5);
    assert_string_equal(back, "hello");
    object_read(&object, 100 * PAGE - 3, back, 5, &got);
    assert_int_equal(got, 3);
    assert_int_equal(object_resident(&object, 40 * PAGE, 42 * PAGE, &resident), 2 * PAGE);
    assert_true(resident);

    object_deinit(&object);
    munmap(bytes, 100 * PAGE);
    close(fd);
}

static void a_file_is_told_from_shared_memory(void **state)
{
    void *bytes;
    struct object object;
    struct temporary t;
    int fd;

    (void)state;
    temporary_init(&t);
    temporary_put(&t, "file", "0123456789", 10);
    fd = temporary_open(&t, "file");
    bytes = map(fd, PAGE, MAP_PRIVATE);
    open_behind(bytes, &object);
    assert_true(object.kind == OBJECT_FILE || object.kind == OBJECT_MEMORY); /* /tmp: tmpfs? */
    assert_int_equal(object.size_bytes, 10);
    object_deinit(&object);

    /* deleted, and reached all the same: by map_files, or by the descriptor */
    munmap(bytes, PAGE);
    bytes = map(fd, PAGE, MAP_SHARED);
    assert_int_equal(unlinkat(t.fd, "file", 0), 0);
    open_behind(bytes, &object);
    assert_int_equal(object.size_bytes, 10);
    object_deinit(&object);
    munmap(bytes, PAGE);
    close(fd);
    temporary_deinit(&t);
}

static void devices_are_not_opened(void **state)
{
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    void *bytes = map(fd, PAGE, MAP_PRIVATE);
    struct object object;

    (void)state;
    open_behind(bytes, &object);
    assert_int_equal(object.kind, OBJECT_NONE); /* anonymous memory by another name */
    object_deinit(&object);

    struct vma device = {.start = 1, .end = 2, .inode = 1, .name = "/dev/null"};
    struct stat st;

    assert_int_equal(stat("/dev/null", &st), 0);
    device.inode = st.st_ino;
    device.major = major(st.st_dev);
    device.minor = minor(st.st_dev);
    object_open(getpid(), &device, &object);
    assert_int_equal(object.kind, OBJECT_DEVICE);
    assert_int_equal(object.fd, -1);
    munmap(bytes, PAGE);
    close(fd);
}

static void another_file_under_the_same_name_is_not_taken(void **state)
{
    struct vma vma = {.start = 1, .end = 2, .inode = 999999999, .name = "/proc/self/exe"};
    struct object object;

    (void)state;
    object_open(getpid(), &vma, &object);
    assert_int_equal(object.kind, OBJECT_UNKNOWN);
    object_deinit(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anonymous_memory_has_none),
        cmocka_unit_test(shared_memory_tells_its_data_and_holes),
        cmocka_unit_test(a_file_is_told_from_shared_memory),
        cmocka_unit_test(devices_are_not_opened),
        cmocka_unit_test(another_file_under_the_same_name_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
