/* The memory of a live child: what can be read, what is a hole, and what becomes of the rest. */
#include "child.h"

#include <string.h>
#include <sys/mman.h>

#include "target/memory.h"

enum { PAGE = 4096 };

static uint8_t *pages; /* mapped before the fork: the child has them at the same address */

/* 0: text, 1: no permissions, 2: not mapped, 3: text */
static void set_up(void)
{
    memset(pages, 'a', PAGE);
    memset(pages + PAGE, 'b', PAGE);
    memset(pages + 3 * PAGE, 'd', PAGE);
    if (mprotect(pages + PAGE, PAGE, PROT_NONE) < 0 || munmap(pages + 2 * PAGE, PAGE) < 0)
        _exit(1);
}

static pid_t start(struct mem_source **ret_source)
{
    pid_t pid;

    pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    pid = start_child(set_up);
    assert_null(memory_create(pid, ret_source));
    return pid;
}

static size_t read_at(struct mem_source *src, uint64_t addr, void *buf, size_t len)
{
    size_t got = SIZE_MAX;

    assert_null(mem_source_read(src, addr, buf, len, &got));
    return got;
}

static void reading_stops_at_the_hole_and_goes_on_behind_it(void **state)
{
    struct mem_source *src = NULL;
    pid_t pid = start(&src);
    uint64_t at = (uintptr_t)pages;
    uint8_t buf[4 * PAGE];

    (void)state;
    /* PROT_NONE is no hole */
    assert_int_equal(read_at(src, at, buf, sizeof(buf)), 2 * PAGE);
    assert_int_equal(buf[PAGE - 1], 'a');
    assert_int_equal(buf[PAGE], 'b');
    assert_int_equal(buf[2 * PAGE - 1], 'b');
    assert_int_equal(read_at(src, at + PAGE - 5, buf, 10), 10);
    assert_memory_equal(buf, "aaaaabbbbb", 10);
    assert_int_equal(read_at(src, at + 2 * PAGE, buf, 10), 0);
    assert_int_equal(read_at(src, at + 3 * PAGE - 1, buf, 10), 0);
    assert_int_equal(read_at(src, at + 3 * PAGE, buf, 10), 10);
    assert_memory_equal(buf, "dddddddddd", 10);
    assert_int_equal(read_at(src, at, buf, 0), 0);
    assert_int_equal(read_at(src, UINT64_MAX - 4095, buf, 10), 0);
    mem_source_destroy(src);
    end_child(pid);
}

static void a_process_that_ended_is_all_hole(void **state)
{
    struct mem_source *src = NULL;
    pid_t pid = start(&src);
    uint8_t buf[PAGE];

    (void)state;
    end_child(pid);
    assert_int_equal(read_at(src, (uintptr_t)pages, buf, sizeof(buf)), 0);
    mem_source_destroy(src);
}

static void no_such_process_is_an_error(void **state)
{
    struct mem_source *src = NULL;
    pid_t pid = start_child(NULL);

    (void)state;
    end_child(pid);

    struct seep_error *err = memory_create(pid, &src);

    assert_non_null(err);
    assert_int_equal(err->code, ERROR_GONE);
    error_destroy(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_stops_at_the_hole_and_goes_on_behind_it),
        cmocka_unit_test(a_process_that_ended_is_all_hole),
        cmocka_unit_test(no_such_process_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
