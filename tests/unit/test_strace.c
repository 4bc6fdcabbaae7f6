/* strace logs of each shape, and what they become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "tests/unit/imports.h"

extern const struct importer importer_strace;

enum { DAY_S = 86400 };

static void import_log(struct imports *t, const char *text)
{
    imports_init(t);
    imports_text(t, &importer_strace, "log", text);
    imports_write(t);
}

static uint64_t at(unsigned day, unsigned hour, unsigned minute, unsigned second, unsigned us)
{
    return ((uint64_t)(day * DAY_S) + hour * 3600 + minute * 60 + second) * NS_PER_S +
           (uint64_t)us * NS_PER_US;
}

/* --- the log of an incident --- */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void test_netty(void **state)
{
    enum { CALLS = 96, KNOWN = 49, UNIT = 16781312, THREADS = 8 };
    struct imports t;
    uint64_t results[KNOWN], last = 0;
    size_t known = 0, calls = 0;
    unsigned by_thread[THREADS] = {0};
    const struct event *newest = NULL;

    (void)state;
    imports_init(&t);
    t.options.pid = 16067;
    must(imports_try(&t, &importer_strace, "unit/data/netty-strace.txt"));
    imports_write(&t);
    for (size_t i = 0; i < t.events.count; i++) {
        const struct event *ev = &t.events.items[i];

        assert_true(ev->exit_ns >= last);
        last = ev->exit_ns;
        assert_int_equal(ev->pid, 16067);
        if (ev->kind != EVENT_MMAP)
            continue;
        assert_in_range(ev->tid, 25893, 25900);
        by_thread[ev->tid - 25893]++;
        assert_int_equal(ev->args[1], UNIT);
        assert_int_equal(ev->args[2], 3);
        assert_int_equal(ev->args[3], 0x22);
        newest = ev;
        calls++;
        if (ev->result == EVENT_RESULT_UNKNOWN)
            continue;
        assert_true(known < KNOWN);
        results[known++] = (uint64_t)ev->result;
    }
    assert_int_equal(calls, CALLS);
    assert_int_equal(known, KNOWN);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(by_thread[i], CALLS / THREADS);
    /* What is known lies in the VMA, and the gaps are whole multiples of the size. */
    qsort(results, known, sizeof(results[0]), compare_u64);
    for (size_t i = 0; i < known; i++) {
        assert_in_range(results[i], 0x7f4674483000, 0x7f46d46e3000 - UNIT);
        assert_true(i == 0 || results[i] > results[i - 1]);
        assert_int_equal(i ? (results[i] - results[i - 1]) % UNIT : 0, 0);
    }
    /* The log goes on over midnight. */
    assert_int_equal(newest->tid, 25897);
    assert_int_equal(newest->enter_ns / NS_PER_S, at(2, 8, 22, 40, 0) / NS_PER_S);
    assert_true(imports_says(&t, "47 calls whose result the log does not have"));
    assert_true(imports_says(&t, "--date and --tz"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(t.c->json, "clock"), "basis")),
        "time-of-day");
    imports_deinit(&t);
}

static void test_netty_placed(void **state)
{
    struct imports t;
    const struct event *ev;

    (void)state;
    imports_init(&t);
    must(when_parse_date("2021-03-01", &t.options.when));
    must(when_parse_zone("+08:00", &t.options.when));
    must(imports_try(&t, &importer_strace, "unit/data/netty-strace.txt"));
    imports_write(&t);
    ev = imports_call(&t, 0);
    /* 2021-03-01T22:48:40.293407+08:00 */
    assert_int_equal(ev->enter_ns, 1614610120293407000);
    assert_int_equal(ev->exit_ns - ev->enter_ns, 1026000);
    assert_int_equal(ev->pid, 25893);
    assert_true(imports_says(&t, "called 25893 after its smallest thread"));
    imports_deinit(&t);
}

/* --- shapes of lines --- */

static void test_prefixes(void **state)
{
    static const struct {
        const char *line;
        pid_t tid;
        uint64_t enter_ns, took_ns;
    } cases[] = {
        {"25900 22:48:40.293407 brk(NULL) = 0x1000 <0.001026>", 25900, 168520293407000, 1026000},
        {"25900 22:48:40 brk(NULL) = 0x1000", 25900, 168520000000000, 0},
        {"25900 1614644560.118204 brk(NULL) = 0x1000 <0.000009>", 25900, 1614644560118204000, 9000},
        {"[pid 25900] 1614644560.118204 brk(NULL) = 0x1000", 25900, 1614644560118204000, 0},
        {"[pid   900] 22:48:40.5 brk(NULL) = 0x1000", 900, 168520500000000, 0},
        {"25900<java> 22:48:40 brk(NULL) = 0x1000", 25900, 168520000000000, 0},
        {"25900 1614644560 brk(NULL) = 0x1000", 25900, 1614644560000000000, 0},
        {"25900      0.000250 brk(NULL) = 0x1000", 25900, 86400000250000, 0},
        {"25900 22:48:40.1 (+     0.000123) brk(NULL) = 0x1000", 25900, 168520100000000, 0},
        {"25900 22:48:40 [  12] [00007f1200001234] brk(NULL) = 0x1000", 25900, 168520000000000, 0},
        {"25900 brk(NULL) = 0x1000", 25900, 86400000001000, 0},
        {"25900 22:48:40.123456789 brk(NULL)           = 0x1000 <0.000000012>", 25900,
         168520123456789, 12},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct imports t;
        const struct event *ev;

        import_log(&t, cases[i].line);
        ev = imports_call(&t, 0);
        assert_int_equal(ev->tid, cases[i].tid);
        assert_int_equal(ev->enter_ns, cases[i].enter_ns);
        assert_int_equal(ev->exit_ns - ev->enter_ns, cases[i].took_ns);
        assert_int_equal(ev->result, 0x1000);
        assert_int_equal(imports_file(&t)->skipped, 0);
        imports_deinit(&t);
    }
}

static void test_relative_times_add_up(void **state)
{
    struct imports t;

    (void)state;
    import_log(&t, "7      0.000000 brk(NULL) = 0x1000\n"
                   "7      0.000100 getpid() = 7\n"
                   "7      1.000000 brk(0x2000) = 0x2000\n");
    assert_int_equal(imports_call(&t, 1)->enter_ns - imports_call(&t, 0)->enter_ns, 1000100000);
    assert_true(imports_says(&t, "since its first line only"));
    imports_deinit(&t);
}

static void test_records_joined_on_a_line(void **state)
{
    struct imports t;

    (void)state;
    import_log(&t,
               "1 10:00:00 mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7000 "
               "<0.000010>2 10:00:01 munmap(0x7000, 4096 <unfinished ...> 3 10:00:02 "
               "brk(NULL) = 0x5000 <0.1>2 10:00:03 <... munmap resumed>) = 0 <2.0>\n");
    assert_int_equal(imports_count(&t, EVENT_MMAP), 1);
    assert_int_equal(imports_count(&t, EVENT_BRK), 1);
    assert_int_equal(imports_count(&t, EVENT_MUNMAP), 1);
    assert_int_equal(imports_find(&t, EVENT_MUNMAP, 0)->exit_ns -
                         imports_find(&t, EVENT_MUNMAP, 0)->enter_ns,
                     2 * (uint64_t)NS_PER_S);
    assert_int_equal(imports_find(&t, EVENT_MUNMAP, 0)->result, 0);
    imports_deinit(&t);
}

static void test_order_and_what_was_under_way(void **state)
{
    struct imports t;
    const struct event *mmap_ev, *brk_ev;

    (void)state;
    import_log(&t, "1 10:00:00.1 munmap(0x7000, 4096 <unfinished ...>\n"
                   "2 10:00:00.2 mmap(0x7000, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
                   "0x7000 <0.01>\n"
                   "1 10:00:00.4 <... munmap resumed>) = 0 <0.3>\n"
                   "2 10:00:00.5 brk(NULL) = 0x5000 <0.01>\n");
    mmap_ev = imports_call(&t, 0);
    assert_int_equal(mmap_ev->kind, EVENT_MMAP);
    assert_int_equal(mmap_ev->pending_ns, at(1, 10, 0, 0, 100000));
    assert_int_equal(imports_call(&t, 1)->kind, EVENT_MUNMAP);
    assert_int_equal(imports_call(&t, 1)->pending_ns, 0);
    brk_ev = imports_call(&t, 2);
    assert_int_equal(brk_ev->pending_ns, 0);
    imports_deinit(&t);
}

/* --- logs with holes --- */

static void test_thinned_logs(void **state)
{
    struct imports t;
    const struct event *ev;

    (void)state;
    /* No return, since the thread is in its next call; a return without its call; another. */
    import_log(&t, "1 10:00:00 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 "
                   "<unfinished ...>\n"
                   "2 10:00:01 <... mmap resumed>) = 0x7000 <0.5>\n"
                   "2 10:00:02 <... brk resumed>) = 0x9000 <0.5>\n"
                   "1 10:00:03 munmap(0x1000, 4096) = 0 <0.1>\n"
                   "3 10:00:04 io_setup(64,  <unfinished ...>\n");
    ev = imports_find(&t, EVENT_MMAP, 0);
    assert_int_equal(ev->result, EVENT_RESULT_UNKNOWN);
    assert_int_equal(ev->args[1], 8192);
    assert_int_equal(ev->exit_ns, ev->enter_ns);
    ev = imports_find(&t, EVENT_BRK, 0);
    assert_int_equal(ev->result, 0x9000);
    assert_int_equal(ev->exit_ns - ev->enter_ns, NS_PER_S / 2);
    ev = imports_find(&t, EVENT_IO_SETUP, 0);
    assert_int_equal(ev->result, EVENT_RESULT_UNKNOWN);
    assert_int_equal(ev->args[0], 64);
    assert_true(imports_says(&t, "2 calls whose result"));
    assert_true(imports_says(&t, "2 returns of calls whose beginning"));
    imports_deinit(&t);
}

static void test_unreadable_lines_are_counted(void **state)
{
    struct imports t;
    const struct collection_file *file;

    (void)state;
    import_log(&t, "1 10:00:00 mmap(NULL, 8192, PROT_READ, MAP_PRI\n"
                   "\x01\x02\x1b[31m garbage\n"
                   "1 10:00:01 brk(NULL) = 0x1000\n"
                   "\n"
                   "1 10:00:02 munmap(0x99999999999999999999, 1) = 0\n"
                   "1 10:00:03 brk(\n");
    file = imports_file(&t);
    assert_int_equal(file->skipped, 4);
    assert_int_equal(file->first_skipped[0].number, 1);
    assert_int_equal(file->first_skipped[1].number, 2);
    assert_string_equal(file->first_skipped[1].text, "\\x01\\x02\\x1b[31m garbage");
    assert_int_equal(file->first_skipped[2].number, 5);
    assert_int_equal(imports_count(&t, EVENT_BRK), 1);
    imports_deinit(&t);
}

static void test_no_log_at_all(void **state)
{
    struct imports t;
    char path[160];

    (void)state;
    imports_init(&t);
    temporary_put(&t.files, "log", "hello\nworld\n", 12);
    snprintf(path, sizeof(path), "%s/log", t.files.path);
    must_fail(imports_try(&t, &importer_strace, path), ERROR_CORRUPT);
    imports_deinit(&t);
}

static void test_every_cut(void **state)
{
    static const char text[] = "25900 22:48:40.293407 mmap(NULL, 16781312, PROT_READ|PROT_WRITE, "
                               "MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f46d34e2000 <0.001026>";
    const char *closing = strchr(text, ')');

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct imports t;
        char path[160];

        imports_init(&t);
        temporary_put(&t.files, "log", text, len);
        snprintf(path, sizeof(path), "%s/log", t.files.path);
        error_destroy(imports_try(&t, &importer_strace, path));
        must(collection_write(t.collection, t.c));
        if (text + len > closing) {
            imports_read(&t);
            assert_int_equal(imports_call(&t, 0)->args[1], 16781312);
        }
        imports_deinit(&t);
    }
}

static void test_restarted_calls_are_one(void **state)
{
    struct imports t;
    const struct event *ev;

    (void)state;
    import_log(&t, "1 10:00:00 mmap(NULL, 8192, PROT_READ, MAP_SHARED, 3, 0) = ? ERESTARTNOINTR "
                   "(To be restarted) <0.1>\n"
                   "1 10:00:00.2 --- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---\n"
                   "1 10:00:00.3 mmap(NULL, 8192, PROT_READ, MAP_SHARED, 3, 0) = 0x7000 <0.1>\n");
    assert_int_equal(imports_count(&t, EVENT_MMAP), 1);
    ev = imports_call(&t, 0);
    assert_int_equal(ev->enter_ns, at(1, 10, 0, 0, 0));
    assert_int_equal(ev->exit_ns, at(1, 10, 0, 0, 400000));
    assert_int_equal(ev->result, 0x7000);
    imports_deinit(&t);
}

/* --- lives --- */

static void test_whose_thread(void **state)
{
    struct imports t;

    (void)state;
    import_log(
        &t, "100 10:00:00 execve(\"/usr/bin/leaky\", [\"leaky\", \"-x\"], 0x7ff /* 9 vars */) = 0\n"
            "100 10:00:01 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f00} => "
            "{parent_tid=[101]}, 88) = 101\n"
            "101 10:00:02 brk(0x1000) = 0x1000\n"
            "100 10:00:03 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD <unfinished "
            "...>\n"
            "102 10:00:04 brk(0x2000) = 0x2000\n"
            "100 10:00:05 <... clone resumed>, child_tidptr=0x7f) = 102\n"
            "102 10:00:06 prctl(PR_SET_NAME, \"worker\") = 0\n"
            "102 10:00:07 +++ killed by SIGSEGV (core dumped) +++\n"
            "101 10:00:08 +++ exited with 3 +++\n"
            "100 10:00:09 +++ exited with 3 +++\n");
    assert_int_equal(imports_find(&t, EVENT_BRK, 0)->pid, 100);
    assert_int_equal(imports_find(&t, EVENT_BRK, 0)->tid, 101);
    assert_int_equal(imports_find(&t, EVENT_BRK, 1)->pid, 102);
    assert_int_equal(imports_count(&t, EVENT_PROCESS_START), 2);
    assert_int_equal(imports_find(&t, EVENT_PROCESS_START, 1)->pid, 102);
    assert_int_equal(imports_find(&t, EVENT_PROCESS_START, 1)->args[0], EVENT_START_FORK);
    assert_int_equal(imports_find(&t, EVENT_PROCESS_START, 1)->args[1], 100);
    assert_string_equal(imports_find(&t, EVENT_EXEC, 0)->name, "/usr/bin/leaky");
    assert_string_equal(imports_find(&t, EVENT_THREAD_NAME, 0)->name, "worker");
    assert_int_equal(imports_find(&t, EVENT_THREAD_EXIT, 0)->result, 0x8b);
    assert_int_equal(imports_find(&t, EVENT_PROCESS_EXIT, 0)->pid, 102);
    assert_int_equal(imports_find(&t, EVENT_PROCESS_EXIT, 1)->pid, 100);
    assert_int_equal(imports_find(&t, EVENT_PROCESS_EXIT, 1)->result, 3 << 8);
    imports_deinit(&t);
}

static void test_files_of_threads(void **state)
{
    struct imports t;
    struct case_info info;

    (void)state;
    imports_init(&t);
    /* The thread's own file comes first. */
    imports_text(&t, &importer_strace, "trace.101", "1614644561.0 brk(0x1000) = 0x1000 <0.5>\n");
    imports_text(&t, &importer_strace, "trace.100",
                 "1614644560.0 execve(\"/bin/leaky\", [\"leaky\"], 0x7f /* 2 vars */) = 0\n"
                 "1614644560.5 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_THREAD) = 101\n"
                 "1614644561.2 munmap(0x5000, 4096) = 0 <0.1>\n");
    imports_write(&t);
    assert_int_equal(imports_find(&t, EVENT_BRK, 0)->pid, 100);
    assert_int_equal(imports_find(&t, EVENT_BRK, 0)->tid, 101);
    assert_int_equal(imports_count(&t, EVENT_PROCESS_START), 1);
    /* Of two files that overlap each other. */
    assert_int_equal(imports_call(&t, 0)->kind, EVENT_MUNMAP);
    assert_int_equal(imports_call(&t, 0)->pending_ns, 1614644561000000000);
    case_info(t.c, &info);
    assert_int_equal(info.pid, 100);
    assert_string_equal(info.exe, "/bin/leaky");
    imports_deinit(&t);
}

static void test_files_of_threads_over_midnight(void **state)
{
    struct imports t;

    (void)state;
    imports_init(&t);
    imports_text(&t, &importer_strace, "trace.100",
                 "23:59:58.0 brk(NULL) = 0x1000\n"
                 "23:59:59.5 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_THREAD) = 101\n"
                 "00:00:02.0 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_THREAD) = 102\n");
    imports_text(&t, &importer_strace, "trace.101",
                 "23:59:59.7 munmap(0x1000, 4096) = 0\n00:00:01.0 munmap(0x2000, 4096) = 0\n");
    imports_text(&t, &importer_strace, "trace.102", "00:00:02.5 munmap(0x3000, 4096) = 0\n");
    imports_write(&t);
    assert_int_equal(imports_call(&t, 0)->kind, EVENT_BRK);
    assert_int_equal(imports_call(&t, 1)->args[0], 0x1000);
    assert_int_equal(imports_call(&t, 2)->args[0], 0x2000);
    assert_int_equal(imports_call(&t, 3)->args[0], 0x3000);
    assert_int_equal(imports_call(&t, 3)->enter_ns, at(2, 0, 0, 2, 500000));
    imports_deinit(&t);
}

static void test_no_pid_at_all(void **state)
{
    struct imports t;

    (void)state;
    import_log(&t, "set_tid_address(0x7f10) = 4711\nbrk(NULL) = 0x1000\n");
    assert_int_equal(imports_call(&t, 0)->pid, 4711);
    assert_int_equal(imports_call(&t, 0)->tid, 4711);
    assert_true(imports_says(&t, "no times"));
    imports_deinit(&t);
    import_log(&t, "brk(NULL) = 0x1000\n");
    assert_int_equal(imports_call(&t, 0)->pid, 1);
    assert_true(imports_says(&t, "no file tells the process"));
    imports_deinit(&t);
}

static void test_modes(void **state)
{
    struct imports t;

    (void)state;
    import_log(&t, "[ Process PID=7 runs in 32 bit mode. ]\n"
                   "7 mmap2(NULL, 8192, PROT_READ, MAP_SHARED, 3, 0x1000) = 0xf7fb4000\n"
                   "7 mmap(NULL, 8192, PROT_READ, MAP_SHARED, 3, 0) = 0xf7fb0000\n"
                   "[ Process PID=7 runs in x32 mode. ]\n"
                   "7 brk(NULL) = 0x1000\n"
                   "[ Process PID=7 runs in 64 bit mode. ]\n"
                   "7 brk(NULL) = 0x1000\n");
    assert_int_equal(imports_call(&t, 0)->abi, EVENT_ABI_I386);
    assert_int_equal(imports_call(&t, 0)->args[5], 0x1000);
    assert_int_equal(imports_call(&t, 1)->abi, EVENT_ABI_I386_OLD);
    assert_int_equal(imports_call(&t, 2)->abi, EVENT_ABI_X32);
    assert_int_equal(imports_call(&t, 3)->abi, EVENT_ABI_X86_64);
    imports_deinit(&t);
}

/* --- call paths --- */

static void test_stacks(void **state)
{
    static const char path[] =
        " > /usr/lib/libc.so.6(__mmap+0x17) [0x10f1b7]\n"
        " > /opt/my app (deleted)(std::f(int, char const*)::{lambda()#1}+0x12) [0x1234]\n"
        " > /usr/bin/leaky() [0x1020]\n";
    struct imports t;
    const struct stack *stack;
    char log[2048];

    (void)state;
    snprintf(log, sizeof(log),
             "7 10:00:00 brk(NULL) = 0x1000\n%s7 10:00:01 getpid() = 7\n > /bin/x(f+0x1) [0x2]\n"
             "7 10:00:02 brk(NULL) = 0x1000\n%s"
             "7 10:00:03 brk(NULL) = 0x1000\n > unexpected_backtracing_error [0x7f12]\n"
             "7 10:00:04 brk(NULL) = 0x1000\n",
             path, path);
    import_log(&t, log);
    assert_int_equal(imports_call(&t, 0)->stack_id, 1);
    assert_int_equal(imports_call(&t, 1)->stack_id, 1);
    assert_int_equal(imports_call(&t, 2)->stack_id, 0);
    assert_int_equal(imports_call(&t, 3)->stack_id, 0);
    stack = stack_table_get(t.stacks, 1);
    assert_int_equal(stack->count, 3);
    assert_string_equal(stack->frames[0]->module->path, "/usr/lib/libc.so.6");
    assert_string_equal(stack->frames[0]->function, "__mmap");
    assert_int_equal(stack->frames[0]->offset, 0x10f1b7);
    assert_string_equal(stack->frames[1]->module->path, "/opt/my app (deleted)");
    assert_string_equal(stack->frames[1]->function, "std::f(int, char const*)::{lambda()#1}");
    assert_null(stack->frames[2]->function);
    assert_int_equal(imports_file(&t)->skipped, 0);
    imports_deinit(&t);
}

/* --- which files are strace's --- */

static int score(const char *text)
{
    return importer_strace.recognise(text, strlen(text));
}

static void test_recognise(void **state)
{
    (void)state;
    assert_true(score("25900 22:48:40 mmap(NULL, 4096, 3, 0x22, -1, 0) = 0x7f\n") >=
                IMPORTER_LIKELY);
    assert_true(score("execve(\"./s\", [\"./s\"], 0x7f /* 37 vars */) = 0\nbrk(NULL)   = 0x55\n") >=
                IMPORTER_LIKELY);
    assert_int_equal(score("2021-03-02 09:58:59,073|[INFO]|[pool-11-thread-1]|x\n"), 0);
    assert_int_equal(score("7f46d34e2000-7f46d44e3000 rw-p 00000000 00:00 0\nRss: 4 kB\n"), 0);
    assert_int_equal(score("Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode):\n\n"
                           "\"main\" #1 prio=5 os_prio=0 tid=0x1 nid=0x2 runnable\n"
                           "\tat java.lang.Thread.sleep(Native Method)\n"),
                     0);
    assert_int_equal(score("00219460 73 61 67 65 2d 49 44 3a |sage-ID:|\n"), 0);
    assert_int_equal(score(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netty),
        cmocka_unit_test(test_netty_placed),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_relative_times_add_up),
        cmocka_unit_test(test_records_joined_on_a_line),
        cmocka_unit_test(test_order_and_what_was_under_way),
        cmocka_unit_test(test_thinned_logs),
        cmocka_unit_test(test_unreadable_lines_are_counted),
        cmocka_unit_test(test_no_log_at_all),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_restarted_calls_are_one),
        cmocka_unit_test(test_whose_thread),
        cmocka_unit_test(test_files_of_threads),
        cmocka_unit_test(test_files_of_threads_over_midnight),
        cmocka_unit_test(test_no_pid_at_all),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_recognise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
