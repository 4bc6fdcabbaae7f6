/* A dump written, opened and read by address, against a plain copy of the same memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "evidence/dump_writer.h"

enum { PAGE = DUMP_PAGE_BYTES, MODEL_PAGES = 1200 };

static const uint64_t base = 0x7f0000000000;

/* Every page of MODEL: its state, and the byte its bytes are made of. */
struct model {
    int8_t states[MODEL_PAGES]; /* enum dump_page; -1: in no range */
    uint8_t bytes[MODEL_PAGES];
};

static int make_case(char *path)
{
    strcpy(path, "/tmp/seep-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void remove_case(const char *path)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", path);
    assert_int_equal(system(command), 0);
}

static int cut_file(int dir_fd, const char *name)
{
    _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);

    return ftruncate(fd, 10);
}

static void page_bytes(const struct model *m, size_t page, uint8_t *out)
{
    if (m->states[page] != DUMP_PAGE_DATA) {
        memset(out, 0, PAGE);
        return;
    }
    for (size_t i = 0; i < PAGE; i++)
        out[i] = (uint8_t)(m->bytes[page] + i % 7);
}

/* Runs of all states, pages in no range among them. */
static void make_model(struct model *m, unsigned seed)
{
    int state = DUMP_PAGE_DATA;

    for (size_t i = 0; i < MODEL_PAGES; i++) {
        if (rand_r(&seed) % 40 == 0)
            state = (int)((unsigned)rand_r(&seed) % 6) - 1;
        m->states[i] = (int8_t)state;
        m->bytes[i] = (uint8_t)(1 + rand_r(&seed) % 200);
    }
}

static void write_model(const struct model *m, struct dump_writer *w)
{
    uint8_t page[PAGE];

    for (size_t i = 0; i < MODEL_PAGES; i++) {
        if (m->states[i] < 0) {
            assert_null(dump_writer_end(w, false));
            continue;
        }
        if (!dump_writer_is_open(w))
            assert_null(dump_writer_begin(w, base + i * PAGE));
        page_bytes(m, i, page);
        if (m->states[i] == DUMP_PAGE_DATA || m->states[i] == DUMP_PAGE_ZERO)
            assert_null(dump_writer_put(w, page, PAGE));
        else
            assert_null(dump_writer_fill(w, (enum dump_page)m->states[i], PAGE));
    }
    assert_null(dump_writer_end(w, false));
}

static bool readable(const struct model *m, uint64_t addr)
{
    uint64_t page = (addr - base) / PAGE;

    return addr >= base && page < MODEL_PAGES &&
           (m->states[page] == DUMP_PAGE_DATA || m->states[page] == DUMP_PAGE_ZERO ||
            m->states[page] == DUMP_PAGE_ABSENT);
}

static void check_read(const struct model *m, struct mem_source *src, uint64_t addr, size_t len)
{
    _cleanup_free_ uint8_t *got_bytes = malloc(len + 1);
    size_t got = SIZE_MAX, expected = 0;
    uint8_t page[PAGE];

    while (expected < len && readable(m, addr + expected)) {
        uint64_t next = (addr + expected) / PAGE * PAGE + PAGE;

        expected = next - addr < len ? (size_t)(next - addr) : len;
    }
    assert_null(mem_source_read(src, addr, got_bytes, len, &got));
    assert_int_equal(got, expected);
    for (size_t i = 0; i < got;) {
        size_t in_page = (addr + i) % PAGE;
        size_t step = got - i < PAGE - in_page ? got - i : PAGE - in_page;

        page_bytes(m, (size_t)((addr + i - base) / PAGE), page);
        assert_memory_equal(got_bytes + i, page + in_page, step);
        i += step;
    }
}

static void reads_equal_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 5; seed++) {
        char path[32];
        _cleanup_close_ int case_fd = make_case(path);
        _cleanup_dumps_ struct dumps dumps = {0};
        _cleanup_(mem_source_destroyp) struct mem_source *src = NULL;
        struct dump_writer *w = NULL;
        struct model m;
        unsigned walk = seed;

        make_model(&m, seed);
        assert_null(dump_writer_create(case_fd, 4242, &w));
        assert_null(dump_writer_start(w));
        write_model(&m, w);
        w->dump.complete = true;
        assert_null(dump_writer_finish(w));
        dump_writer_destroy(w);

        assert_null(dumps_open(case_fd, &dumps));
        assert_int_equal(dumps.damaged, 0);
        assert_int_equal(dumps.dumps.count, 1);
        assert_null(dump_source_create(dumps.dumps.items[0], &src));
        for (int i = 0; i < 2000; i++) {
            uint64_t addr = base - PAGE + (uint64_t)rand_r(&walk) % ((MODEL_PAGES + 2) * PAGE);
            size_t len = (size_t)rand_r(&walk) % (i % 10 ? 3 * PAGE : 2 << 20);

            check_read(&m, src, addr, len);
        }
        check_read(&m, src, UINT64_MAX - 10, 100);
        remove_case(path);
    }
}

static void what_was_written_is_told(void **state)
{
    char path[32];
    _cleanup_close_ int case_fd = make_case(path);
    _cleanup_dumps_ struct dumps dumps = {0};
    uint8_t page[PAGE];

    (void)state;
    memset(page, 'x', PAGE);
    for (int n = 0; n < 2; n++) {
        struct dump_writer *w = NULL;
        struct dump_region region = {.start = base, .end = base + (1ULL << 40), .perms = VMA_READ};
        struct dump_gap gap = {base + PAGE, base + (1ULL << 40), DUMP_PAGE_ABSENT};

        assert_null(dump_writer_create(case_fd, 7, &w));
        region.name = strdup(n ? "/a\xff\n" : "[heap]");
        region.skipped = n ? strdup("a device") : NULL;
        assert_null(vector_push(&w->dump.regions, region));
        assert_null(vector_push(&w->dump.gaps, gap));
        w->dump.why = strdup("heap");
        w->dump.begin_ns = 5;
        assert_null(dump_writer_start(w));
        assert_null(dump_writer_begin(w, base));
        assert_null(dump_writer_put(w, page, PAGE));
        assert_null(dump_writer_end(w, n == 1));
        w->dump.complete = n == 0;
        assert_null(dump_writer_finish(w));
        dump_writer_destroy(w);
    }

    assert_null(dumps_open(case_fd, &dumps));
    assert_int_equal(dumps.damaged, 0);
    assert_int_equal(dumps.dumps.count, 2);
    for (uint32_t n = 0; n < 2; n++) {
        const struct dump *dump = dumps.dumps.items[n];
        _cleanup_(mem_source_destroyp) struct mem_source *src = NULL;
        uint8_t back[2 * PAGE];
        size_t got = 0;

        assert_int_equal(dump->number, n + 1);
        assert_int_equal(dump->pid, 7);
        assert_string_equal(dump->why, "heap");
        assert_int_equal(dump->begin_ns, 5);
        assert_int_equal(dump->complete, n == 0);
        assert_int_equal(dump->regions.count, 1);
        assert_string_equal(dump->regions.items[0].name, n ? "/a\\xff\\n" : "[heap]");
        assert_true(n ? strcmp(dump->regions.items[0].skipped, "a device") == 0
                      : dump->regions.items[0].skipped == NULL);
        assert_int_equal(dump->ranges.items[0].truncated, n == 1);
        /* behind the file's end the gap is zeros */
        assert_null(dump_source_create(dump, &src));
        assert_null(mem_source_read(src, base, back, sizeof(back), &got));
        assert_int_equal(got, sizeof(back));
        assert_memory_equal(back, page, PAGE);
        assert_int_equal(back[PAGE], 0);
    }
    remove_case(path);
}

static void damaged_files_are_counted_and_left_out(void **state)
{
    char path[32];
    _cleanup_close_ int case_fd = make_case(path);
    struct dump_writer *w = NULL;
    uint8_t page[PAGE];

    (void)state;
    memset(page, 'x', PAGE);
    assert_null(dump_writer_create(case_fd, 1, &w));
    assert_null(dump_writer_start(w));
    for (int i = 0; i < 4; i++) {
        assert_null(dump_writer_begin(w, 0x100000 + (uint64_t)i * 2 * PAGE));
        assert_null(dump_writer_put(w, page, PAGE));
        assert_null(dump_writer_end(w, false));
    }
    assert_null(dump_writer_finish(w));
    assert_int_equal(cut_file(w->dump.dir_fd, "00100000-00101000.gz"), 0);
    assert_int_equal(unlinkat(w->dump.dir_fd, "00102000-00103000.gz", 0), 0);
    assert_int_equal(
        renameat(w->dump.dir_fd, "00104000-00105000.idx", w->dump.dir_fd, "00104000-00106000.idx"),
        0);
    assert_null(io_replace_file(w->dump.dir_fd, "dump.json", "{", 1));
    dump_writer_destroy(w);

    _cleanup_dumps_ struct dumps dumps = {0};

    assert_null(dumps_open(case_fd, &dumps));
    assert_int_equal(dumps.damaged, 4);
    assert_int_equal(dumps.dumps.items[0]->ranges.count, 1);
    assert_int_equal(dumps.dumps.items[0]->ranges.items[0].start, 0x106000);
    remove_case(path);
}

static void an_unfinished_range_leaves_nothing(void **state)
{
    char path[32];
    _cleanup_close_ int case_fd = make_case(path);
    _cleanup_dumps_ struct dumps dumps = {0};
    struct dump_writer *w = NULL;
    char leftover[64];

    (void)state;
    assert_null(dump_writer_create(case_fd, 1, &w));
    assert_null(dump_writer_start(w));
    assert_null(dump_writer_begin(w, 0x100000));
    assert_null(dump_writer_fill(w, DUMP_PAGE_ABSENT, 5ULL << 20));
    dump_writer_destroy(w);
    snprintf(leftover, sizeof(leftover), "ls %s/mem/1-1 | grep -qv dump.json", path);
    assert_int_not_equal(system(leftover), 0);
    assert_null(dumps_open(case_fd, &dumps));
    assert_int_equal(dumps.dumps.count, 1);
    assert_int_equal(dumps.dumps.items[0]->ranges.count, 0);
    assert_false(dumps.dumps.items[0]->complete);
    remove_case(path);
}

static void a_case_without_memory_has_no_dumps(void **state)
{
    char path[32];
    _cleanup_close_ int case_fd = make_case(path);
    _cleanup_dumps_ struct dumps dumps = {0};

    (void)state;
    assert_null(dumps_open(case_fd, &dumps));
    assert_int_equal(dumps.dumps.count, 0);
    remove_case(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_equal_the_model),
        cmocka_unit_test(what_was_written_is_told),
        cmocka_unit_test(damaged_files_are_counted_and_left_out),
        cmocka_unit_test(an_unfinished_range_leaves_nothing),
        cmocka_unit_test(a_case_without_memory_has_no_dumps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
