/* Dumps of a child: how a region becomes files, and what each page is said to be. */
#include "child.h"

#include <sys/mman.h>

#include "dumper/dumper.h"
#include "evidence/dump.h"
#include "target/mapped.h"
#include "temporary.h"

enum { PAGE = 4096, MIB = 1 << 20 };

static uint8_t *area; /* where the children map; nothing is there in the test itself */
static const size_t area_len = 512UL * MIB;

/* Touched from 10 MiB on: 2 pages, and at 200 MiB: 3 pages, the middle one zeros. */
static void set_up(void)
{
    uint8_t *bytes = mmap(area, area_len, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

    if (bytes != area || madvise(bytes, area_len, MADV_NOHUGEPAGE) < 0)
        _exit(1);
    memset(bytes + 10 * MIB, 'a', 2 * PAGE);
    memset(bytes + 200 * MIB, 'b', 3 * PAGE);
    memset(bytes + 200 * MIB + PAGE, 0, PAGE);
}

static int choose_area(void **state)
{
    (void)state;
    area = mmap(NULL, area_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return area == MAP_FAILED ? -1 : munmap(area, area_len);
}

struct dumped {
    struct temporary t;
    struct dumper_result result;
    struct dumps dumps;
    const struct dump *dump;
};

static bool refused(struct seep_error *err)
{
    bool denied = err && err->code == ERROR_DENIED;

    if (denied)
        error_destroy(err);
    return denied;
}

/* Dumps AREA of a fresh child; false: this machine does not let us. */
static bool start_dump(struct dumped *d, struct dumper_options *options)
{
    const struct dumper_range range = {(uintptr_t)area, (uintptr_t)area + area_len};
    struct seep_error *err;
    pid_t pid;

    *d = (struct dumped){0};
    temporary_init(&d->t);
    pid = start_child(set_up);
    if (!options->range_count) {
        options->ranges = &range;
        options->range_count = 1;
    }
    options->why = "region";
    err = dumper_dump(d->t.fd, pid, options, &d->result);
    end_child(pid);
    if (refused(err)) {
        temporary_deinit(&d->t);
        return false;
    }
    must(err);
    must(dumps_open(d->t.fd, &d->dumps));
    assert_int_equal(d->dumps.damaged, 0);
    assert_int_equal(d->dumps.dumps.count, 1);
    d->dump = d->dumps.dumps.items[0];
    return true;
}

static void end_dump(struct dumped *d)
{
    dumps_deinit(&d->dumps);
    temporary_deinit(&d->t);
}

static enum dump_page state_at(const struct dump_range *range, uint64_t offset)
{
    return (enum dump_page)range->pages[((uintptr_t)area + offset - range->start) / PAGE];
}

static void a_region_is_split_at_long_absent_runs(void **state)
{
    const uint64_t base = (uint64_t)10 * MIB, middle = (uint64_t)200 * MIB;
    struct dumper_options options = {0};
    struct dumped d;

    (void)state;
    if (!start_dump(&d, &options))
        skip();

    uint64_t start = (uintptr_t)area;
    const struct dump_range *ranges = d.dump->ranges.items;

    assert_int_equal(d.dump->ranges.count, 2);
    /* what is absent before and after, for less than 64 MiB, is zeros in the file */
    assert_int_equal(ranges[0].start, start);
    assert_int_equal(ranges[0].end, start + base + 2 * PAGE);
    assert_int_equal(ranges[1].start, start + middle);
    assert_int_equal(ranges[1].end, start + middle + 3 * PAGE);
    assert_int_equal(d.dump->gaps.count, 2);
    assert_int_equal(d.dump->gaps.items[0].start, ranges[0].end);
    assert_int_equal(d.dump->gaps.items[0].end, ranges[1].start);
    assert_int_equal(d.dump->gaps.items[1].end, start + area_len);
    assert_int_equal(d.dump->gaps.items[1].state, DUMP_PAGE_ABSENT);

    assert_int_equal(state_at(&ranges[0], 0), DUMP_PAGE_ABSENT);
    assert_int_equal(state_at(&ranges[0], base), DUMP_PAGE_DATA);
    assert_int_equal(state_at(&ranges[1], middle), DUMP_PAGE_DATA);
    assert_int_equal(state_at(&ranges[1], middle + PAGE), DUMP_PAGE_ZERO);
    /* the same bytes, the same hash */
    assert_int_equal(ranges[0].hashes[base / PAGE], ranges[0].hashes[base / PAGE + 1]);
    assert_int_not_equal(ranges[0].hashes[base / PAGE], ranges[1].hashes[0]);

    assert_int_equal(d.result.read_bytes, 5 * PAGE);
    assert_int_equal(d.result.ranges, 2);
    assert_false(d.result.stopped);
    assert_true(d.dump->complete);
    assert_int_equal(d.dump->regions.count, 1);
    assert_int_equal(d.dump->regions.items[0].saved_bytes, 5 * PAGE);
    assert_false(d.dump->regions.items[0].vanished);
    assert_true(d.result.file_bytes < 40000); /* ten members of zeros among it */
    end_dump(&d);
}

static void a_part_of_a_region_is_a_file_of_that_part(void **state)
{
    struct dumper_range range;
    struct dumper_options options = {.ranges = &range, .range_count = 1};
    struct dumped d;

    (void)state;
    range.start = (uintptr_t)area + 10 * MIB - 3 * PAGE;
    range.end = (uintptr_t)area + 10 * MIB + 20 * PAGE;
    if (!start_dump(&d, &options))
        skip();
    assert_int_equal(d.dump->ranges.count, 1);
    assert_int_equal(d.dump->ranges.items[0].start, range.start);
    assert_int_equal(d.dump->ranges.items[0].end, range.end);
    end_dump(&d);
}

static void a_region_without_pages_writes_no_file(void **state)
{
    struct dumper_range range;
    struct dumper_options options = {.ranges = &range, .range_count = 1};
    struct dumped d;

    (void)state;
    range.start = (uintptr_t)area;
    range.end = (uintptr_t)area + 5 * MIB;
    if (!start_dump(&d, &options))
        skip();
    assert_int_equal(d.dump->ranges.count, 0);
    assert_int_equal(d.dump->regions.count, 1);
    assert_int_equal(d.dump->gaps.count, 1);
    assert_int_equal(d.dump->gaps.items[0].start, range.start);
    assert_int_equal(d.dump->gaps.items[0].end, range.end);
    end_dump(&d);
}

static void asked_to_stop_it_stops(void **state)
{
    const volatile int stop = 1;
    struct dumper_options options = {.stop = &stop};
    struct dumped d;

    (void)state;
    if (!start_dump(&d, &options))
        skip();
    assert_true(d.result.stopped);
    assert_false(d.dump->complete);
    assert_non_null(strstr(d.dump->reason, "interrupted"));
    assert_non_null(strstr(d.dump->regions.items[0].skipped, "interrupted"));
    end_dump(&d);
}

static void everything_of_a_child_can_be_read_back(void **state)
{
    struct dumper_options options = {.what = DUMPER_ALL};
    struct dumped d;
    uint64_t read_back = 0;

    (void)state;
    if (!start_dump(&d, &options))
        skip();
    for (size_t r = 0; r < d.dump->ranges.count; r++) {
        const struct dump_range *range = &d.dump->ranges.items[r];
        _cleanup_(mem_source_destroyp) struct mem_source *src = NULL;
        static uint8_t bytes[MIB];
        size_t got = 0;

        must(dump_source_create(d.dump, &src));
        for (uint64_t at = range->start; at < range->end; at += got ? got : PAGE) {
            must(mem_source_read(src, at, bytes,
                                 range->end - at < MIB ? (size_t)(range->end - at) : MIB, &got));
            read_back += got;
        }
    }
    assert_true(read_back >= d.result.read_bytes);
    assert_true(d.result.skipped > 0); /* [vvar], text */
    end_dump(&d);
}

static void nothing_is_written_for_a_process_that_is_not_there(void **state)
{
    const struct dumper_options options = {.what = DUMPER_ALL};
    struct dumper_result result;
    struct temporary t;
    pid_t pid = start_child(NULL);

    (void)state;
    end_child(pid);
    temporary_init(&t);
    must_fail(dumper_dump(t.fd, pid, &options, &result), ERROR_GONE);
    assert_int_equal(faccessat(t.fd, "mem", F_OK, 0), -1);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_is_split_at_long_absent_runs),
        cmocka_unit_test(a_part_of_a_region_is_a_file_of_that_part),
        cmocka_unit_test(a_region_without_pages_writes_no_file),
        cmocka_unit_test(asked_to_stop_it_stops),
        cmocka_unit_test(everything_of_a_child_can_be_read_back),
        cmocka_unit_test(nothing_is_written_for_a_process_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, choose_area, NULL);
}
