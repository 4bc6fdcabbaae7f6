/* Which saved bytes are read, against a plain array in which later dumps overwrite earlier ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/saved_memory.h"
#include "evidence/dump_writer.h"
#include "temporary.h"

enum { PAGE = DUMP_PAGE_BYTES, PAGES = 600, NOWHERE = -1 };

static const uint64_t base = 0x7f0000000000;

/* Of every page: its state in the newest dump that has it, and what its bytes are made of. */
struct model {
    int states[PAGES];
    uint8_t fills[PAGES];
};

static uint8_t byte_at(uint8_t fill, size_t in_page)
{
    return (uint8_t)(fill + in_page % 5);
}

/* Writes one dump of random runs and lays it over MODEL. */
static void write_dump(const struct temporary *t, pid_t pid, struct model *m, unsigned *seed)
{
    _cleanup_(dump_writer_destroyp) struct dump_writer *w = NULL;
    int state = NOWHERE;
    bool open = false;

    must(dump_writer_create(t->fd, pid, &w));
    must(dump_writer_start(w));
    for (size_t i = 0; i < PAGES; i++) {
        uint8_t page[PAGE] = {0}, fill = (uint8_t)(1 + rand_r(seed) % 200);

        if (rand_r(seed) % 30 == 0)
            state = rand_r(seed) % 6 - 1;
        if (state == NOWHERE) {
            if (open)
                must(dump_writer_end(w, false));
            open = false;
            continue;
        }
        if (!open)
            must(dump_writer_begin(w, base + i * PAGE));
        open = true;
        for (size_t b = 0; b < PAGE && state == DUMP_PAGE_DATA; b++)
            page[b] = byte_at(fill, b);
        must(state == DUMP_PAGE_DATA || state == DUMP_PAGE_ZERO
                 ? dump_writer_put(w, page, PAGE)
                 : dump_writer_fill(w, (enum dump_page)state, PAGE));
        m->states[i] = state;
        m->fills[i] = fill;
    }
    if (open)
        must(dump_writer_end(w, false));
    w->dump.complete = true;
    must(dump_writer_finish(w));
}

struct seen {
    uint8_t bytes[PAGES * PAGE];
    bool here[PAGES * PAGE];
    uint64_t last_end;
};

/* A consumer that does all in merge. */
struct watcher {
    struct scan_consumer consumer;
    struct seen *seen;
    const struct saved_piece *piece;
};

static struct seep_error *watch(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                                void *part)
{
    struct watcher *watcher = (struct watcher *)consumer;
    const struct saved_piece *piece = stretch->origin;
    struct seen *seen = watcher->seen;

    assert_null(part);
    assert_true(stretch->address >= piece->start && stretch->address + stretch->len <= piece->end &&
                stretch->len > 0);
    assert_true(piece->start >= piece->range->start && piece->end <= piece->range->end);
    assert_true(stretch->address >= seen->last_end);
    assert_true(stretch->first == (stretch->address != seen->last_end || piece != watcher->piece));
    watcher->piece = piece;
    if (stretch->bytes)
        memcpy(seen->bytes + (stretch->address - base), stretch->bytes, stretch->len);
    memset(seen->here + (stretch->address - base), true, stretch->len);
    seen->last_end = stretch->address + stretch->len;
    return NULL;
}

static void check(const struct model *m, const struct dumps *dumps,
                  const struct saved_memory_selection *selection)
{
    static struct seen seen;
    struct watcher watcher = {{.merge = watch}, &seen, NULL};
    struct scan_consumer *consumers[] = {&watcher.consumer};
    struct scan_options options = {.threads = 1 + (unsigned)dumps->dumps.count % 3};
    struct saved_memory memory;
    struct saved_pieces pieces = {0};
    uint64_t total = 0, unsaved = 0;

    memset(&seen, 0, sizeof(seen));
    must(saved_memory_pieces(dumps, selection, &pieces));
    saved_memory_init(&memory, &pieces);
    must(scan_run(&memory.source, consumers, 1, &options));
    for (size_t i = 0; i < sizeof(seen.bytes); i++) {
        int state = m->states[i / PAGE];
        bool selected = selection->range_count == 0;

        for (size_t r = 0; r < selection->range_count && !selected; r++)
            selected =
                base + i >= selection->ranges[r].start && base + i < selection->ranges[r].end;
        if (!selected || state == NOWHERE) {
            assert_false(seen.here[i]);
            continue;
        }
        total++;
        if (state == DUMP_PAGE_SWAPPED || state == DUMP_PAGE_UNREADABLE) {
            assert_false(seen.here[i]);
            unsaved++;
        } else if (state == DUMP_PAGE_DATA) {
            assert_true(seen.here[i]);
            assert_int_equal(seen.bytes[i], byte_at(m->fills[i / PAGE], i % PAGE));
        } else {
            assert_true(seen.here[i]);
            assert_int_equal(seen.bytes[i], 0);
        }
    }
    assert_int_equal(memory.result.bytes, total);
    assert_int_equal(memory.result.unsaved_bytes, unsaved);
    assert_int_equal(memory.result.damaged_bytes, 0);
    assert_int_equal(saved_memory_bytes(&pieces), total);
    vector_deinit(&pieces);
}

static void test_model(void **state)
{
    unsigned seed = 17;

    (void)state;
    for (int round = 0; round < 6; round++) {
        struct temporary t;
        struct model model, other;
        _cleanup_dumps_ struct dumps dumps = {0};

        temporary_init(&t);
        for (size_t i = 0; i < PAGES; i++)
            model.states[i] = other.states[i] = NOWHERE;
        for (int d = 0; d <= round % 4; d++)
            write_dump(&t, 4242, &model, &seed);
        write_dump(&t, 99, &other, &seed);
        must(dumps_open(t.fd, &dumps));
        check(&model, &dumps, &(struct saved_memory_selection){.pid = 4242});
        check(&other, &dumps, &(struct saved_memory_selection){.pid = 99});
        check(&other, &dumps,
              &(struct saved_memory_selection){
                  .number = dumps.dumps.items[dumps.dumps.count - 1]->number});
        for (int r = 0; r < 4; r++) {
            struct saved_range ranges[5];

            for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
                ranges[i].start = base + (uint64_t)rand_r(&seed) % (PAGES * PAGE);
                ranges[i].end = ranges[i].start + 1 + (uint64_t)rand_r(&seed) % 300000;
            }
            check(&model, &dumps,
                  &(struct saved_memory_selection){
                      .pid = 4242, .ranges = ranges, .range_count = 1 + (size_t)r});
        }
        temporary_deinit(&t);
    }
}

struct counter {
    struct scan_consumer consumer;
    uint64_t bytes;
};

static struct seep_error *count_bytes(struct scan_consumer *consumer,
                                      const struct scan_stretch *stretch, void *part)
{
    assert_null(part);
    ((struct counter *)consumer)->bytes += stretch->len;
    return NULL;
}

/* A member that does not expand is left out, the others are read. */
static void test_damage(void **state)
{
    _cleanup_dumps_ struct dumps dumps = {0};
    _cleanup_free_ uint8_t *bytes = calloc(3, DUMP_MEMBER_BYTES);
    struct dump_writer *w = NULL;
    struct saved_pieces pieces = {0};
    struct counter counter = {.consumer = {.merge = count_bytes}};
    struct scan_consumer *consumers[] = {&counter.consumer};
    struct scan_options scan_options = {.threads = 2};
    struct saved_memory memory;
    struct temporary t;
    unsigned seed = 2;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < 3 * (size_t)DUMP_MEMBER_BYTES; i++)
        bytes[i] = (uint8_t)(1 + rand_r(&seed) % 250);
    temporary_init(&t);
    must(dump_writer_create(t.fd, 4242, &w));
    must(dump_writer_start(w));
    must(dump_writer_begin(w, base));
    must(dump_writer_put(w, bytes, 3 * (size_t)DUMP_MEMBER_BYTES));
    must(dump_writer_end(w, false));
    must(dump_writer_finish(w));
    dump_writer_destroy(w);
    must(dumps_open(t.fd, &dumps));
    assert_int_equal(dumps.dumps.items[0]->ranges.count, 1);

    const struct dump_range *range = &dumps.dumps.items[0]->ranges.items[0];
    int fd = openat(dumps.dumps.items[0]->dir_fd, range->file_name, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "damage", 6, (off_t)range->member_offsets[1] + 1000), 6);
    close(fd);
    must(saved_memory_pieces(&dumps, &(struct saved_memory_selection){0}, &pieces));
    saved_memory_init(&memory, &pieces);
    must(scan_run(&memory.source, consumers, 1, &scan_options));
    assert_int_equal(memory.result.bytes, 3 * DUMP_MEMBER_BYTES);
    assert_int_equal(memory.result.damaged_bytes, DUMP_MEMBER_BYTES);
    assert_int_equal(counter.bytes, 2 * DUMP_MEMBER_BYTES);
    vector_deinit(&pieces);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
