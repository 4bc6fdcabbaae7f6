/* `seep show CASE times` of a case made here: what was written, and who mapped it nearest to that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "cmd/show.h"
#include "evidence/case.h"
#include "evidence/dump_writer.h"
#include "evidence/events_file.h"
#include "temporary.h"

extern const struct show_topic show_times;

#define BASE   UINT64_C(0x7f46d34e2000)
#define MAIL_S UINT64_C(1614644953) /* of the mail in netty-mail.bin; 08:29:13 in Shanghai */

enum { PID = 16067, PAGES = 4 };

/* Monotonic time is SECONDS after the recording began, ten minutes before the mail. */
static uint64_t at(uint64_t seconds)
{
    return (1000 + seconds) * NS_PER_S;
}

static void put_event(struct events_writer *w, uint8_t kind, pid_t pid, pid_t tid, uint64_t seconds,
                      const uint64_t args[3], int64_t result)
{
    struct event ev = {
        .enter_ns = at(seconds),
        .exit_ns = at(seconds),
        .args = {args[0], args[1], args[2]},
        .result = result,
        .pid = pid,
        .tid = tid,
        .kind = kind,
    };

    must(event_sink_put(&w->sink, &ev));
}

/* Two regions, of which the first holds mail; calls of several threads that map some of it. */
static void make_case(const char *path, bool with_events)
{
    _cleanup_buffer_ struct buffer page = {0};
    _cleanup_(dump_writer_destroyp) struct dump_writer *w = NULL;
    uint8_t bytes[PAGES * DUMP_PAGE_BYTES] = {0};
    struct case_dir *c;
    int fd;

    must(io_read_file(AT_FDCWD, "unit/data/netty-mail.bin", 1 << 20, &page));
    memcpy(bytes, page.bytes, page.len);
    must(case_create(path, "/usr/bin/java", PID, &c));
    must(case_set_number(c, "clock", "wall_offset_ns", (MAIL_S - 600 - 1000) * NS_PER_S));
    must(case_set_number(c, "clock", "started_ns", at(0)));
    must(case_set_number(c, "clock", "ended_ns", at(700)));
    must(case_set_text(c, "host", "time_zone", "<+0800>-08:00"));
    must(dump_writer_create(c->fd, PID, &w));
    for (uint64_t i = 0; i < 2; i++) {
        struct dump_region region = {.start = BASE + i * sizeof(bytes),
                                     .end = BASE + (i + 1) * sizeof(bytes),
                                     .perms = VMA_READ | (i ? 0 : VMA_WRITE),
                                     .name = strdup(i ? "" : "[b\033d]")};

        must(vector_push(&w->dump.regions, region));
    }
    must(dump_writer_start(w));
    for (uint64_t i = 0; i < 2; i++) {
        must(dump_writer_begin(w, BASE + i * sizeof(bytes)));
        must(dump_writer_put(w, bytes, sizeof(bytes)));
        must(dump_writer_end(w, false));
        memset(bytes, 0, sizeof(bytes));
    }
    must(dump_writer_finish(w));
    if (with_events) {
        struct events_writer *events;
        const uint64_t whole[3] = {0, sizeof(bytes), 3};
        const uint64_t commit[3] = {BASE + DUMP_PAGE_BYTES, DUMP_PAGE_BYTES,
                                    PROT_READ | PROT_WRITE};
        const uint64_t protect[3] = {BASE, DUMP_PAGE_BYTES, PROT_READ};

        must(case_create_file(c, "events", &fd));
        must(events_writer_create(fd, &events));
        put_event(events, EVENT_MMAP, PID, 25893, 10, whole, (int64_t)(BASE - sizeof(bytes) / 2));
        put_event(events, EVENT_MPROTECT, PID, 25897, 207, commit, 0);
        /* None of these made memory of that region usable. */
        put_event(events, EVENT_MMAP, PID, 1, 600, whole, (int64_t)(BASE - sizeof(bytes)));
        put_event(events, EVENT_MMAP, PID, 2, 600, whole, (int64_t)(BASE + sizeof(bytes)));
        put_event(events, EVENT_MMAP, PID + 1, 3, 600, whole, (int64_t)BASE);
        put_event(events, EVENT_MMAP, PID, 4, 600, whole, -12);
        put_event(events, EVENT_MPROTECT, PID, 5, 600, protect, 0);
        put_event(events, EVENT_MUNMAP, PID, 6, 600, protect, 0);
        must(event_sink_finish(&events->sink));
        events_writer_destroy(events);
        close(fd);
    }
    must(case_save(c, CASE_COMPLETE, NULL));
    case_destroy(c);
}

/* What the topic prints with one OPTION (NULL: none), in a process of its own. */
static int show(const struct temporary *t, const char *path, const char *option,
                struct buffer *ret_text)
{
    char *argv[] = {(char *)"seep show CASE times", (char *)option, NULL};
    int status;

    fflush(NULL);

    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        int out = openat(t->fd, "out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
            _exit(99);
        status = show_times.run(&show_times, path, option ? 2 : 1, argv);
        fflush(stdout);
        _exit(status);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    temporary_get(t, "out", ret_text);
    return status;
}

static void test_text(void **state)
{
    struct temporary t;

    (void)state;
    temporary_init(&t);
    for (int with_events = 0; with_events < 2; with_events++) {
        _cleanup_buffer_ struct buffer text = {0};
        char path[100];

        snprintf(path, sizeof(path), "%s/%d.seep", t.path, with_events);
        make_case(path, with_events);
        assert_int_equal(show(&t, path, NULL, &text), 0);
        assert_non_null(strstr(text.bytes, "pid 16067  7f46d34e2000-7f46d34e6000 rw-p  [b\\x1bd]"));
        assert_non_null(strstr(text.bytes, "epoch-ms 4\n"));
        assert_non_null(strstr(text.bytes, "1 region, 16.0 KiB, without any time"));
        assert_non_null(
            strstr(text.bytes, with_events
                                   ? "content written 08:29:13, mapped at 08:22:40 by thread 25897 "
                                     "(the nearest of 2 mappings)\n"
                                   : "content written 08:29:13\n"));
    }
    temporary_deinit(&t);
}

static void test_json(void **state)
{
    _cleanup_buffer_ struct buffer text = {0};
    const char *time, *name, *first;
    int tid, of, count, forms;
    struct temporary t;
    char path[100], *end;
    json_t *line;

    (void)state;
    temporary_init(&t);
    snprintf(path, sizeof(path), "%s/x.seep", t.path);
    make_case(path, true);
    assert_int_equal(show(&t, path, "--json", &text), 0);
    end = strchr(text.bytes, '\n');
    assert_non_null(end);
    line = json_loadb(text.bytes, (size_t)(end - text.bytes), 0, NULL);
    assert_int_equal(json_unpack(line, "{s:{s:s, s:i, s:i}, s:s, s:{s:i, s:s}, s:{s:{s:i}}}",
                                 "mapped", "time", &time, "tid", &tid, "of", &of, "name", &name,
                                 "times", "count", &count, "first", &first, "forms", "epoch-ms",
                                 "count", &forms),
                     0);
    assert_string_equal(time, "2021-03-02T00:22:40.000000000Z");
    assert_string_equal(first, "2021-03-02T00:29:13.220000000Z");
    assert_int_equal(tid, 25897);
    assert_int_equal(of, 2);
    assert_int_equal(count, 4);
    assert_int_equal(forms, 4);
    json_decref(line);
    line = json_loads(end + 1, JSON_DISABLE_EOF_CHECK, NULL);
    assert_true(json_is_null(json_object_get(line, "mapped")));
    assert_true(json_is_null(json_object_get(json_object_get(line, "times"), "first")));
    json_decref(line);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
