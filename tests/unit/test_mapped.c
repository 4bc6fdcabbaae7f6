/* Whether addresses are mapped, by the ioctl and by the text. */
#include "child.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "target/mapped.h"

enum { PAGE = 4096, COUNT = 40 };

static uint8_t *pages;
static bool model[COUNT]; /* which of them the child keeps */

static void set_up(void)
{
    for (size_t i = 0; i < COUNT; i++) {
        int status = 0;

        if (!model[i])
            status = munmap(pages + i * PAGE, PAGE);
        else if (i % 2) /* a VMA of its own */
            status = mprotect(pages + i * PAGE, PAGE, PROT_NONE);
        if (status < 0)
            _exit(1);
    }
}

static void both_ways_agree_with_the_model(void **state)
{
    struct mapped *mapped[2] = {NULL, NULL};
    unsigned seed = 5;
    pid_t pid;

    (void)state;
    pages = mmap(NULL, COUNT * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    for (size_t i = 0; i < COUNT; i++)
        model[i] = rand_r(&seed) % 3;
    pid = start_child(set_up);
    assert_null(mapped_create(pid, &mapped[0]));
    assert_null(mapped_create(pid, &mapped[1]));
    mapped_read_text(mapped[1]);
    for (int n = 0; n < 300; n++) {
        size_t from = (size_t)rand_r(&seed) % COUNT;
        size_t to = from + 1 + (size_t)rand_r(&seed) % (COUNT - from), first = from, last;
        uint64_t base = (uintptr_t)pages, start, end;

        while (first < to && !model[first])
            first++;
        for (last = first; last < to && model[last];)
            last++;
        for (int i = 0; i < 2; i++) {
            assert_null(mapped_run(mapped[i], base + from * PAGE, base + to * PAGE, &start, &end));
            assert_int_equal(start, base + first * PAGE);
            assert_int_equal(end, base + last * PAGE);
        }
    }
    end_child(pid);
    munmap(pages, COUNT * PAGE);
    mapped_destroy(mapped[0]);
    mapped_destroy(mapped[1]);
}

static void a_process_that_ended_is_told(void **state)
{
    pid_t pid = start_child(NULL);
    struct mapped *mapped[2] = {NULL, NULL};
    uint64_t start, end;

    (void)state;
    assert_null(mapped_create(pid, &mapped[0]));
    assert_null(mapped_create(pid, &mapped[1]));
    mapped_read_text(mapped[1]);
    end_child(pid);
    for (int i = 0; i < 2; i++) {
        struct seep_error *err = mapped_run(mapped[i], 0, 1ULL << 47, &start, &end);

        assert_non_null(err);
        assert_int_equal(err->code, ERROR_GONE);
        error_destroy(err);
        mapped_destroy(mapped[i]);
    }
}

static void regions_hold_the_test_itself(void **state)
{
    _cleanup_(maps_deinit) struct maps maps = {0};
    int here;

    (void)state;
    assert_null(mapped_regions(getpid(), &maps));
    assert_non_null(maps_find(&maps, (uintptr_t)&here));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_agree_with_the_model),
        cmocka_unit_test(a_process_that_ended_is_told),
        cmocka_unit_test(regions_hold_the_test_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
