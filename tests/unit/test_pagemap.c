/* Which pages are there, by PAGEMAP_SCAN and by entries, against what the test itself touched. */
#include "child.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "target/pagemap.h"

enum { PAGE = 4096, COUNT = 20000 };

static uint8_t *area(int flags)
{
    void *bytes =
        mmap(NULL, (size_t)COUNT * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

    assert_true(bytes != MAP_FAILED);
    /* a huge page would be there as a whole */
    assert_int_equal(madvise(bytes, (size_t)COUNT * PAGE, MADV_NOHUGEPAGE), 0);
    return bytes;
}

/* Asks for all of AREA and compares with the pages TOUCHED. */
static void check(struct pagemap *pm, const uint8_t *bytes, const uint8_t *touched, uint8_t flags)
{
    uint64_t start = (uintptr_t)bytes, end = start + (uint64_t)COUNT * PAGE;
    struct pagemap_runs runs = {0};
    uint8_t *seen = calloc(COUNT, 1);

    for (uint64_t at = start, next = start; at < end; at = next) {
        uint64_t last = at;

        assert_null(pagemap_next(pm, at, end, &runs, &next));
        assert_true(next > at && next <= end);
        for (size_t i = 0; i < runs.count; i++) {
            const struct pagemap_run *run = &runs.items[i];

            assert_true(run->start >= last && run->start < run->end && run->end <= next);
            last = run->end;
            for (uint64_t page = run->start; page < run->end; page += PAGE)
                seen[(page - start) / PAGE] = run->flags;
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(seen[i], touched[i] ? flags : 0);
    free(seen);
    vector_deinit(&runs);
}

static struct pagemap *open_self(void)
{
    struct pagemap *pm = NULL;
    struct seep_error *err = pagemap_create(getpid(), &pm);

    if (err) {
        print_message("skipped: %s\n", err->message);
        error_destroy(err);
        skip();
    }
    return pm;
}

static void pages_are_there_where_they_were_touched(void **state)
{
    static const unsigned one_in[] = {1, 2, 5, 300, 6000};
    struct pagemap *scan = open_self(), *entries = open_self();
    unsigned seed = 11;

    (void)state;
    pagemap_read_entries(entries);
    for (size_t n = 0; n < 2 * sizeof(one_in) / sizeof(one_in[0]); n++) {
        bool shared = n % 2;
        uint8_t flags = shared ? PAGEMAP_PRESENT | PAGEMAP_FILE : PAGEMAP_PRESENT;
        uint8_t *bytes = area(shared ? MAP_SHARED : MAP_PRIVATE), *touched = calloc(COUNT, 1);

        for (size_t i = 0; i < COUNT; i++) {
            if ((unsigned)rand_r(&seed) % one_in[n / 2] == 0)
                bytes[i * PAGE] = touched[i] = 1;
        }
        check(scan, bytes, touched, flags);
        check(entries, bytes, touched, flags);
        munmap(bytes, (size_t)COUNT * PAGE);
        free(touched);
    }
    pagemap_destroy(scan);
    pagemap_destroy(entries);
}

static void a_page_that_was_only_read_is_the_zero_page(void **state)
{
    struct pagemap *pm = open_self();
    volatile uint8_t *bytes = area(MAP_PRIVATE);
    struct pagemap_runs runs = {0};
    uint64_t start = (uintptr_t)bytes, next = 0;

    (void)state;
    assert_int_equal(bytes[PAGE], 0);
    assert_null(pagemap_next(pm, start, start + 3 * PAGE, &runs, &next));
    assert_int_equal(runs.count, 1);
    assert_int_equal(runs.items[0].start, start + PAGE);
    assert_true(runs.items[0].flags == (PAGEMAP_PRESENT | PAGEMAP_ZERO) ||
                runs.items[0].flags == PAGEMAP_PRESENT);
    vector_deinit(&runs);
    munmap((void *)bytes, (size_t)COUNT * PAGE);
    pagemap_destroy(pm);
}

static void a_terabyte_never_touched_is_one_look(void **state)
{
    const size_t len = 1ULL << 40;
    struct pagemap *pm = open_self();
    struct pagemap_runs runs = {0};
    uint8_t *bytes = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint64_t start = (uintptr_t)bytes, next = 0;

    (void)state;
    if (bytes == MAP_FAILED)
        skip();
    assert_null(pagemap_next(pm, start, start + len, &runs, &next));
    assert_int_equal(next, start + len);
    assert_int_equal(runs.count, 0);
    vector_deinit(&runs);
    munmap(bytes, len);
    pagemap_destroy(pm);
}

static void a_process_that_ended_is_told(void **state)
{
    pid_t pid = start_child(NULL);
    struct pagemap *pms[2] = {NULL, NULL};
    struct pagemap_runs runs = {0};
    struct seep_error *err = pagemap_create(pid, &pms[0]);
    uint64_t next;

    (void)state;
    if (err) {
        error_destroy(err);
        end_child(pid);
        skip();
    }
    assert_null(pagemap_create(pid, &pms[1]));
    pagemap_read_entries(pms[1]);
    end_child(pid);
    for (int i = 0; i < 2; i++) {
        err = pagemap_next(pms[i], 0x400000, 0x500000, &runs, &next);
        assert_non_null(err);
        assert_int_equal(err->code, ERROR_GONE);
        error_destroy(err);
        pagemap_destroy(pms[i]);
    }
    vector_deinit(&runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_there_where_they_were_touched),
        cmocka_unit_test(a_page_that_was_only_read_is_the_zero_page),
        cmocka_unit_test(a_terabyte_never_touched_is_one_look),
        cmocka_unit_test(a_process_that_ended_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
