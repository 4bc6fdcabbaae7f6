/* What lies in which outstanding mapping, and when it was written against when that was mapped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "analyzer/mapped_pieces.h"
#include "analyzer/mapped_times.h"
#include "base/units.h"
#include "tests/unit/ledger_stories.h"

#define WALL_NS (UINT64_C(1614644560) * NS_PER_S) /* of the clock's zero */

static void seconds(uint64_t s)
{
    now_ns = s * NS_PER_S;
}

struct told {
    struct mapped_time times[8];
    size_t count;
};

static bool tell(const struct mapped_time *time, void *context)
{
    struct told *told = context;

    assert_true(told->count < ARRAY_SIZE(told->times));
    told->times[told->count++] = *time;
    return true;
}

static struct told told_of(const struct mapped_times *times, uint64_t from, uint64_t to)
{
    struct told told = {0};

    assert_null(mapped_times_each(times, PID, page(from), page(to), tell, &told));
    return told;
}

static void assert_sentence(const struct mapped_time *time, const char *expected)
{
    char *text = NULL;

    assert_null(mapped_times_sentence(time, &text));
    assert_string_equal(text, expected);
    free(text);
}

static void test_when(void **state)
{
    _cleanup_(mapped_times_destroyp) struct mapped_times *times = NULL;
    static const struct {
        uint64_t page, second;
    } written[] = {
        {0, 100},  {1, 101},  {6, 130}, {0, 40}, /* the first: also an old date, as mail has */
        {9, 200},  {9, 230},  {9, 593},          /* the second */
        {12, 250}, {13, 297},                    /* the third */
        {3, 101},                                /* its middle was given back */
        {20, 100},                               /* nobody's */
    };

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    seconds(100);
    map(page(0), 8);
    seconds(200);
    map(page(8), 4);
    seconds(300);
    map(page(12), 4);
    seconds(310);
    map(page(16), 1);
    CALL(EVENT_MUNMAP, 0, page(2), 2 * PAGE);
    assert_picture("0-2:a 4-8:a 8-12:b 12-16:c 16-17:d");

    assert_null(mapped_times_create(ledger, WALL_NS, &times));
    for (size_t i = 0; i < ARRAY_SIZE(written); i++)
        mapped_times_add(times, PID, page(written[i].page) + 8,
                         WALL_NS + written[i].second * NS_PER_S);
    mapped_times_add(times, PID + 1, page(0), WALL_NS + 100 * (uint64_t)NS_PER_S);

    struct told told = told_of(times, 0, 100);

    assert_int_equal(told.count, 3);
    assert_int_equal(told.times[0].count, 4);
    assert_int_equal(told.times[0].before, 1);
    assert_int_equal(told.times[0].soon, 3);
    assert_int_equal(told.times[0].mapped_ns, WALL_NS + 100 * (uint64_t)NS_PER_S + 2);
    assert_int_equal(told.times[0].last_ns, WALL_NS + 130 * (uint64_t)NS_PER_S);
    assert_int_equal(told.times[0].charge->start, page(0));
    assert_int_equal(mapped_times_kind(&told.times[0]), MAPPED_TIMES_ONCE);
    assert_sentence(&told.times[0], "written within 30 s of being mapped, never since");
    assert_int_equal(mapped_times_kind(&told.times[1]), MAPPED_TIMES_LATER);
    assert_sentence(&told.times[1], "written until 00:32:33, 7 min after it was mapped");
    assert_int_equal(mapped_times_kind(&told.times[2]), MAPPED_TIMES_OLDER);
    assert_sentence(&told.times[2], "only times from before it was mapped");

    /* Of a part. */
    assert_int_equal(told_of(times, 4, 9).count, 2);
    assert_int_equal(told_of(times, 2, 4).count, 0);
    assert_int_equal(told_of(times, 16, 100).count, 0);
}

/* --- pieces --- */

/* "0-2:a 4-8:a 2-4:.": the cut pieces in pages, with their charges by time. */
static void assert_cut(const struct saved_pieces *saved, enum mapped_pieces_order order,
                       const char *expected)
{
    struct mapped_pieces cut;
    char text[400];
    size_t used = 0;

    assert_null(mapped_pieces_make(saved, ledger, order, &cut));
    assert_int_equal(cut.pieces.count, cut.charges.count);
    for (size_t i = 0; i < cut.pieces.count; i++) {
        const struct saved_piece *piece = &cut.pieces.items[i];
        const struct ledger_charge *charge = cut.charges.items[i];

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu-%llu:%c", i ? " " : "",
                                 (unsigned long long)((piece->start - BASE) / PAGE),
                                 (unsigned long long)((piece->end - BASE) / PAGE),
                                 charge ? (char)('a' + charge->time_ns / NS_PER_S - 1) : '.');
    }
    assert_string_equal(text, expected);
    mapped_pieces_deinit(&cut);
}

static void map_by(uint64_t at, uint64_t pages, uint32_t stack_id)
{
    uint64_t args[] = {0, pages * PAGE, RW, ANON, (uint64_t)-1, 0};
    struct event ev = call_of(PID, EVENT_MMAP, (int64_t)at, args, ARRAY_SIZE(args));

    ev.stack_id = stack_id;
    assert_null(ledger_apply(ledger, &ev));
}

static void test_cut(void **state)
{
    struct dump dump = {.pid = PID}, other = {.pid = PID + 7};
    struct dump_range range = {.start = page(0), .end = page(40)};
    struct saved_piece items[] = {{&dump, &range, page(1), page(11)},
                                  {&dump, &range, page(20), page(30)},
                                  {&other, &range, page(0), page(2)}};
    struct saved_pieces saved = {items, ARRAY_SIZE(items), ARRAY_SIZE(items)};

    (void)state;
    seconds(1);
    map_by(page(8), 4, 7);
    seconds(2);
    map_by(page(0), 2, 9);
    seconds(3);
    map_by(page(22), 4, 9);
    seconds(4);
    map_by(page(26), 1, 0);
    seconds(5);
    map_by(page(4), 2, 7);
    assert_picture("0-2:b 4-6:e 8-12:a 22-26:c 26-27:d");
    assert_cut(&saved, MAPPED_PIECES_BY_EVENT,
               "8-11:a 1-2:b 22-26:c 26-27:d 4-6:e 2-4:. 6-8:. 20-22:. 27-30:. 0-2:.");
    /* Paths 7 and 9 have five pages each, which the number settles; an unknown path has one. */
    assert_cut(&saved, MAPPED_PIECES_BY_PATH,
               "8-11:a 4-6:e 1-2:b 22-26:c 26-27:d 2-4:. 6-8:. 20-22:. 27-30:. 0-2:.");

    struct mapped_pieces none;

    saved.count = 0;
    assert_null(mapped_pieces_make(&saved, ledger, MAPPED_PIECES_BY_EVENT, &none));
    assert_int_equal(none.pieces.count, 0);
    mapped_pieces_deinit(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_when),
        STORY(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
