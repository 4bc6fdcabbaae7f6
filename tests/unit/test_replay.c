/* Events and snapshots together: what is compared when, and what counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "analyzer/replay.h"
#include "base/buffer.h"
#include "evidence/events_file.h"
#include "tests/unit/simulated_kernel.h"

static struct seep_error *next_snap(void *context, struct snapshot *ret_snap, bool *ret_more)
{
    struct sim *sim = context;

    *ret_more = sim->next_snap < sim->snaps.count;
    if (*ret_more)
        *ret_snap = sim->snaps.items[sim->next_snap++];
    return NULL;
}

static struct replay_result run(struct sim *sim, struct ledger *ledger)
{
    struct replay_input input = {
        .events = &sim->source, .next_snapshot = next_snap, .context = sim};
    struct replay_result result;

    sim->source.next = sim_next;
    assert_null(replay_run(&input, ledger, NULL, &result));
    return result;
}

/* --- random histories, their snapshots torn by the threads --- */

static void run_history(uint64_t seed, unsigned threads)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;

    sim_create(sim, seed, threads);
    sim_run(sim, 20000);
    assert_true(sim->snaps.count > 10);
    assert_null(ledger_create(&ledger));

    struct replay_result result = run(sim, ledger);
    struct sim_check check = sim_compare(sim, ledger);

    assert_int_equal(result.events, sim->events.count);
    assert_int_equal(result.snapshots, sim->snaps.count);
    assert_int_equal(result.comparisons, sim->snaps.count - 1);
    assert_int_equal(result.unexplained_max, 0);
    assert_int_equal(check.wrong_pages, 0);
    assert_int_equal(check.wrong_charges, 0);
    assert_int_equal(check.wrong_perms, 0);
    sim_destroy(sim);
    free(sim);
}

static void test_histories(void **state)
{
    (void)state;
    run_history(1, 1);
    for (uint64_t seed = 2; seed < 12; seed++)
        run_history(seed, 2 + (unsigned)(seed % (SIM_THREADS - 1)));
}

static bool is_still_there(const struct sim *sim, const struct event *ev)
{
    const struct sim_page *page;

    if (ev->kind != EVENT_MMAP || event_failed(ev))
        return false;
    page = &sim->pages[sim_page_of((uint64_t)ev->result)];
    return page->owner >= 2 && sim->exits.items[page->owner - 2] == ev->exit_ns;
}

/* A call that seep never saw, and whose pages are still there, shows at the next comparison. */
static void test_unseen(void **state)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    size_t at;

    (void)state;
    sim_create(sim, 77, 3);
    sim_run(sim, 20000);
    for (at = sim->events.count - 1; !is_still_there(sim, &sim->events.items[at]);)
        at--;
    memmove(&sim->events.items[at], &sim->events.items[at + 1],
            (--sim->events.count - at) * sizeof(*sim->events.items));
    assert_null(ledger_create(&ledger));

    struct replay_result result = run(sim, ledger);

    assert_true(result.unexplained_max > 0);
    assert_int_equal(sim_compare(sim, ledger).wrong_pages, 0);
    sim_destroy(sim);
    free(sim);
}

/* Events lost, and said to be lost: never a difference, never a leak. */
static void test_lost(void **state)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;

    (void)state;
    sim_create(sim, 78, 6);
    sim_run(sim, 20000);

    size_t from = sim->events.count / 3, lost = 500;
    struct event *events = sim->events.items;

    events[from] = (struct event){.kind = EVENT_LOST,
                                  .enter_ns = events[from].exit_ns,
                                  .exit_ns = events[from].exit_ns,
                                  .pending_ns = events[from].pending_ns,
                                  .args = {lost}};
    memmove(&events[from + 1], &events[from + lost],
            (sim->events.count - from - lost) * sizeof(*events));
    sim->events.count -= lost - 1;
    assert_null(ledger_create(&ledger));

    struct replay_result result = run(sim, ledger);

    assert_int_equal(result.lost_events, lost);
    assert_int_equal(result.unexplained_bytes, 0);
    assert_int_equal(sim_compare(sim, ledger).wrong_pages, 0);
    assert_int_equal(result.comparisons, sim->snaps.count - 2);
    sim_destroy(sim);
    free(sim);
}

/* --- small stories --- */

static struct sim story;
static uint64_t story_ns;

static void story_begin(void)
{
    story = (struct sim){.chunk = SIM_CHUNKS + 1};
    story_ns = 1000;
}

static struct event *story_event(pid_t pid, uint8_t kind, uint64_t result, uint64_t a, uint64_t b,
                                 uint64_t c, uint64_t d)
{
    struct event ev = {.enter_ns = story_ns,
                       .exit_ns = story_ns + 5,
                       .args = {a, b, c, d},
                       .result = (int64_t)result,
                       .pid = pid,
                       .tid = pid,
                       .kind = kind};

    story_ns += 10;
    assert_null(vector_push(&story.events, ev));
    return &story.events.items[story.events.count - 1];
}

static struct event *story_map(pid_t pid, uint32_t page, uint32_t count)
{
    return story_event(pid, EVENT_MMAP, sim_address(page), 0, (uint64_t)count * SIM_PAGE, 3,
                       MAP_PRIVATE | MAP_ANONYMOUS);
}

/* RUNS: "0-4 8-9", in pages. */
static struct snapshot *story_snap(pid_t pid, enum snapshot_reason reason, bool stopped,
                                   const char *runs)
{
    struct snapshot snap = {.pid = pid,
                            .start_ticks = (uint64_t)pid,
                            .reason = reason,
                            .stopped = stopped,
                            .begin_ns = story_ns,
                            .end_ns = story_ns + 5};
    int used;

    story_ns += 10;
    snap.maps.vmas = calloc(16, sizeof(struct vma));
    for (unsigned from, to; sscanf(runs, "%u-%u%n", &from, &to, &used) == 2; runs += used)
        snap.maps.vmas[snap.maps.count++] = (struct vma){
            .start = sim_address(from), .end = sim_address(to), .perms = 3, .name = ""};
    assert_null(vector_push(&story.snaps, snap));
    return &story.snaps.items[story.snaps.count - 1];
}

static struct replay_result story_end(void)
{
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    struct replay_result result;

    assert_null(ledger_create(&ledger));
    result = run(&story, ledger);
    sim_destroy(&story);
    return result;
}

static void test_sums(void **state)
{
    struct replay_result result;

    (void)state;
    story_begin();
    story_event(1, EVENT_PROCESS_START, 0, EVENT_START_ATTACHED, 0, 0, 0);
    story_snap(1, SNAPSHOT_START, true, "0-4");
    story_snap(1, SNAPSHOT_PERIODIC, false, "0-3"); /* 1 page */
    story_event(2, EVENT_PROCESS_START, 0, EVENT_START_ATTACHED, 0, 0, 0);
    story_snap(2, SNAPSHOT_START, true, "0-4");
    story_snap(2, SNAPSHOT_PERIODIC, false, "0-6"); /* 2 pages */
    story_snap(1, SNAPSHOT_PERIODIC, false, "0-3"); /* none now */
    result = story_end();
    assert_int_equal(result.comparisons, 3);
    assert_int_equal(result.unexplained_bytes, 2 * SIM_PAGE);
    assert_int_equal(result.unexplained_max, 3 * SIM_PAGE);
    assert_true(result.compared);
}

/* A map that the text may or may not show, as its call was under way when the reading ended. */
static void test_pending(void **state)
{
    struct replay_result result;

    (void)state;
    for (int shown = 0; shown < 2; shown++) {
        story_begin();
        story_snap(1, SNAPSHOT_START, true, "0-4");
        story_ns += 100;

        struct snapshot *snap = story_snap(1, SNAPSHOT_PERIODIC, false, shown ? "0-4 8-10" : "0-4");
        struct event *ev = story_map(1, 8, 2);

        ev->enter_ns = snap->end_ns - 1;
        story_snap(1, SNAPSHOT_END, false, "0-4 8-10");
        result = story_end();
        assert_int_equal(result.comparisons, 2);
        assert_int_equal(result.unexplained_max, 0);
    }
}

/* A call whose outcome nobody saw: that comparison does not count, nor does it correct. */
static void test_unknown(void **state)
{
    struct replay_result result;
    struct snapshot *snap;
    struct event *ev;

    (void)state;
    story_begin();
    story_snap(1, SNAPSHOT_START, true, "0-4");
    snap = story_snap(1, SNAPSHOT_PERIODIC, false, "0-4 8-10");
    ev = story_map(1, 8, 2);
    ev->enter_ns = snap->end_ns - 1;
    ev->result = EVENT_RESULT_UNKNOWN;
    story_snap(1, SNAPSHOT_PERIODIC, false, "0-4 8-10"); /* corrects silently */
    story_snap(1, SNAPSHOT_END, false, "0-4 8-10");
    result = story_end();
    assert_int_equal(result.comparisons, 1);
    assert_int_equal(result.unexplained_max, 0);
}

static void test_lives(void **state)
{
    struct replay_result result;

    (void)state;
    story_begin();
    story_event(1, EVENT_PROCESS_START, 0, EVENT_START_ATTACHED, 0, 0, 0);
    story_snap(1, SNAPSHOT_START, true, "0-4");
    story_event(2, EVENT_PROCESS_START, 0, EVENT_START_FORK, 1, 0, 0);
    story_snap(2, SNAPSHOT_FORK, true, "0-5"); /* another thread mapped just before the fork */
    story_snap(2, SNAPSHOT_PERIODIC, false, "0-5");
    story_event(2, EVENT_EXEC, 0, 2, 0, 0, 0);
    story_snap(2, SNAPSHOT_EXEC, true, "20-24");
    story_map(2, 30, 2);
    story_snap(2, SNAPSHOT_EXIT, true, "20-24 30-32");
    story_snap(2, SNAPSHOT_EXIT, true, ""); /* nothing could be read */
    story_event(2, EVENT_PROCESS_EXIT, 0, 0, 0, 0, 0);
    story_snap(1, SNAPSHOT_END, true, "0-4");
    result = story_end();
    assert_int_equal(result.comparisons, 3);
    assert_int_equal(result.unexplained_max, 0);
}

/* A fork by one of several threads copies what another may be about to change: no look at the child
 * can be compared before one has told what it got. */
static void test_fork_among_threads(void **state)
{
    struct replay_result result;

    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        story_begin();
        story_event(1, EVENT_PROCESS_START, 0, EVENT_START_ATTACHED, 0, 0, 0);
        for (unsigned i = 0; i < threads; i++)
            story_event(1, EVENT_THREAD_START, 0, 0, 0, 0, 0);
        story_snap(1, SNAPSHOT_START, true, "0-4");
        story_event(2, EVENT_PROCESS_START, 0, EVENT_START_FORK, 1, 0, 0);
        story_snap(2, SNAPSHOT_PERIODIC, false, "0-5");
        story_snap(2, SNAPSHOT_PERIODIC, false, "0-5");
        result = story_end();
        assert_int_equal(result.comparisons, threads == 1 ? 2 : 1);
        assert_int_equal(result.unexplained_max, threads == 1 ? SIM_PAGE : 0);
    }
}

/* A look that began before an exec shows what was there until then. */
static void test_exec_while_looking(void **state)
{
    struct replay_result result;
    uint64_t before_ns;

    (void)state;
    story_begin();
    story_event(1, EVENT_PROCESS_START, 0, EVENT_START_ATTACHED, 0, 0, 0);
    story_snap(1, SNAPSHOT_START, true, "0-4");
    before_ns = story_ns;
    story_ns += 10;
    story_event(1, EVENT_EXEC, 0, 1, 0, 0, 0);
    story_snap(1, SNAPSHOT_EXEC, true, "20-24");
    story_snap(1, SNAPSHOT_PERIODIC, false, "0-4")->begin_ns = before_ns;
    story_snap(1, SNAPSHOT_END, true, "20-24");
    result = story_end();
    assert_int_equal(result.comparisons, 1);
    assert_int_equal(result.unexplained_max, 0);
}

/* The base was written before the start was told. */
static void test_base_first(void **state)
{
    struct replay_result result;

    (void)state;
    story_begin();
    story_snap(1, SNAPSHOT_START, true, "0-4");
    story_event(1, EVENT_PROCESS_START, 0, EVENT_START_ATTACHED, 0, 0, 0);
    story_snap(1, SNAPSHOT_END, true, "0-4");
    result = story_end();
    assert_int_equal(result.comparisons, 1);
    assert_int_equal(result.unexplained_max, 0);
}

/* --- from files --- */

static struct seep_error *count_event(void *context, const struct event *ev)
{
    (void)ev;
    ((unsigned *)context)[0]++;
    return NULL;
}

static struct seep_error *count_snapshot(void *context, const struct snapshot *snap)
{
    (void)snap;
    ((unsigned *)context)[1]++;
    return NULL;
}

static void write_snapshot(int dir, enum snapshot_reason reason, uint64_t at_ns, const char *text)
{
    struct snapshot_record record = {
        .pid = 1, .begin_ns = at_ns, .end_ns = at_ns + 1, .reason = reason, .stopped = true};
    int fd = openat(dir, "snapshots", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    uint64_t written;

    assert_true(fd >= 0);
    assert_null(snapshot_record_add(&record, "maps", text, strlen(text)));
    assert_null(snapshot_write(fd, &record, &written));
    snapshot_record_deinit(&record);
    close(fd);
}

static void write_events(int dir)
{
    int fd = openat(dir, "events", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    _cleanup_(events_writer_destroyp) struct events_writer *writer = NULL;
    struct event ev = {.enter_ns = 200,
                       .exit_ns = 210,
                       .args = {0, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX},
                       .result = 0x7f0000010000,
                       .pid = 1,
                       .tid = 1,
                       .kind = EVENT_MMAP};

    assert_true(fd >= 0);
    assert_null(events_writer_create(fd, &writer));
    assert_null(event_sink_put(&writer->sink, &ev));
    assert_null(event_sink_finish(&writer->sink));
    close(fd);
}

static void test_case(void **state)
{
    char path[] = "/tmp/test_replay.XXXXXX";
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    struct replay_result result;
    unsigned seen[2] = {0};
    struct replay_observer observer = {count_event, count_snapshot, seen};
    int dir;

    (void)state;
    assert_non_null(mkdtemp(path));
    dir = open(path, O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    assert_null(ledger_create(&ledger));
    assert_null(replay_case(dir, ledger, &observer, NULL, &result)); /* an empty case */
    assert_int_equal(result.events + result.snapshots, 0);
    assert_false(result.compared);
    write_snapshot(dir, SNAPSHOT_START, 100, "7f0000000000-7f0000001000 rw-p 0 00:00 0\n");
    write_events(dir);
    write_snapshot(dir, SNAPSHOT_END, 300,
                   "7f0000000000-7f0000001000 rw-p 0 00:00 0\n"
                   "7f0000010000-7f0000012000 rw-p 0 00:00 0\n");
    assert_null(replay_case(dir, ledger, &observer, NULL, &result));
    assert_int_equal(result.events, 1);
    assert_int_equal(result.snapshots, 2);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 2);
    assert_int_equal(result.comparisons, 1);
    assert_int_equal(result.unexplained_bytes, 0);
    assert_int_equal(result.first_ns, 100);
    assert_int_equal(result.last_ns, 301);
    assert_false(result.cut);
    assert_int_equal(unlinkat(dir, "events", 0) + unlinkat(dir, "snapshots", 0), 0);
    close(dir);
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
        cmocka_unit_test(test_unseen),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_base_first),
        cmocka_unit_test(test_fork_among_threads),
        cmocka_unit_test(test_exec_while_looking),
        cmocka_unit_test(test_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
