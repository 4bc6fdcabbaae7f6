#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/io.h"
#include "evidence/thread_dump.h"

static const char jdk8[] =
    "2021-03-02 08:22:40\n"
    "Full thread dump Java HotSpot(TM) 64-Bit Server VM (25.191-b12 mixed mode):\n"
    "\n"
    "\"nioEventLoopGroup-3-5\" #458 prio=10 os_prio=0 tid=0x00007fce64a0 nid=0x6529 runnable "
    "[0x00007f46d0]\n"
    "   java.lang.Thread.State: RUNNABLE\n"
    "\tat sun.misc.Unsafe.allocateMemory(Native Method)\n"
    "\tat io.netty.util.internal.PlatformDependent.allocateDirectNoCleaner("
    "PlatformDependent.java:697)\n"
    "\t- locked <0x00000005c0> (a io.netty.buffer.PoolArena$DirectArena)\n"
    "\tat io.netty.buffer.PoolArena$DirectArena.newChunk(PoolArena.java:734)\n"
    "\tat a.B$$Lambda$12/1325547227.run(Unknown Source)\n"
    "\n"
    "   Locked ownable synchronizers:\n"
    "\t- None\n"
    "\n"
    "\"GC task thread#0 (ParallelGC)\" os_prio=0 tid=0x00007fce6401 nid=0x4504 runnable \n"
    "\n"
    "\"VM Periodic Task Thread\" os_prio=0 tid=0x00007fce6402 nid=0x4520 waiting on condition \n"
    "\n"
    "JNI global references: 240\n"
    "\n"
    "\n"
    "Found one Java-level deadlock:\n"
    "=============================\n"
    "\"a\":\n"
    "  waiting to lock monitor 0x00007f (object 0x00, a java.lang.Object),\n"
    "  which is held by \"b\"\n"
    "Java stack information for the threads listed above:\n"
    "===================================================\n"
    "\"a\":\n"
    "\tat a.B.c(B.java:1)\n"
    "Found 1 deadlock.\n";

static const char jdk25[] =
    "17667:\n"
    "2026-11-20 08:22:40\n"
    "Full thread dump OpenJDK 64-Bit Server VM (25.0.3+9-LTS mixed mode, sharing):\n"
    "\n"
    "Threads class SMR info:\n"
    "_java_thread_list=0x00007f754c003a80, length=2, elements={\n"
    "0x00007f75d0021d70, 0x00007f75d00fe3d0\n"
    "}\n"
    "\n"
    "\"worker-3-1\" #24 [22322] prio=5 os_prio=0 cpu=52.67ms elapsed=1.5s allocated=343K "
    "defined_classes=34 tid=0x00007f75d0 nid=22322 runnable  [0x00007f75d6]\n"
    "   java.lang.Thread.State: TIMED_WAITING (sleeping)\n"
    "\tat java.lang.Thread.sleep0(java.base@25.0.3/Native Method)\n"
    "\n"
    "\"ForkJoinPool-1-worker-1\" #31 [22330] daemon prio=5 os_prio=0 tid=0x7f nid=22330  [0x00]\n"
    "   Carrying virtual thread #32\n"
    "\tat jdk.internal.vm.Continuation.run(java.base@25.0.3/Continuation.java:251)\n"
    "   Mounted virtual thread \"orders \"1\"\" #32\n"
    "\tat app//com.example.Orders.take(Orders.java:12)\n"
    "\n"
    "JNI global refs: 19, weak refs: 0\n";

static const char to_file[] =
    "17667\n"
    "2026-11-20T08:22:40.123456Z\n"
    "25.0.3+9-LTS\n"
    "\n"
    "#1 \"main\"\n"
    "      java.base/java.lang.Thread.sleep0(Native Method)\n"
    "      Main.main(Main.java:3)\n"
    "\n"
    "#32 \"\" virtual\n"
    "      - parked on java.lang.Object@1\n"
    "      java.base/java.lang.VirtualThread.park(VirtualThread.java:1)\n";

static struct thread_dump parsed(const char *text)
{
    struct thread_dump dump;

    assert_null(thread_dump_parse(span_text(text), &dump));
    return dump;
}

static const struct thread_dump_frame *frame(const struct thread_dump *dump, size_t thread,
                                             size_t index)
{
    assert_true(index < dump->threads.items[thread].frame_count);
    return &dump->frames.items[dump->threads.items[thread].first_frame + index];
}

static void test_jdk8(void **state)
{
    struct thread_dump dump = parsed(jdk8);
    const struct thread_dump_thread *thread = dump.threads.items;

    (void)state;
    assert_int_equal(dump.pid, 0);
    assert_true(dump.has_time && dump.whole && !dump.time.has_zone);
    assert_int_equal(dump.time.seconds, 1614673360);
    assert_true(span_is(dump.vm, "Java HotSpot(TM) 64-Bit Server VM (25.191-b12 mixed mode)"));
    assert_int_equal(dump.threads.count, 3);
    assert_int_equal(dump.strange, 0);
    assert_true(span_is(thread->name, "nioEventLoopGroup-3-5"));
    assert_int_equal(thread->nid, 25897);
    assert_int_equal(thread->id, 458);
    assert_true(span_is(thread->status, "runnable"));
    assert_true(span_is(thread->state, "RUNNABLE"));
    assert_int_equal(thread->frame_count, 4);
    assert_true(span_is(frame(&dump, 0, 0)->method, "sun.misc.Unsafe.allocateMemory"));
    assert_true(span_is(frame(&dump, 0, 0)->file, "Native Method"));
    assert_true(span_is(frame(&dump, 0, 1)->file, "PlatformDependent.java"));
    assert_int_equal(frame(&dump, 0, 1)->line, 697);
    assert_true(span_is(frame(&dump, 0, 3)->method, "a.B$$Lambda$12/1325547227.run"));
    assert_true(span_is(thread[1].name, "GC task thread#0 (ParallelGC)"));
    assert_int_equal(thread[1].frame_count, 0);
    assert_true(span_is(thread[2].status, "waiting on condition"));
    thread_dump_deinit(&dump);
}

static void test_jdk25(void **state)
{
    struct thread_dump dump = parsed(jdk25);
    const struct thread_dump_thread *thread = dump.threads.items;

    (void)state;
    assert_int_equal(dump.pid, 17667);
    assert_int_equal(dump.threads.count, 3);
    assert_int_equal(thread[0].nid, 22322);
    assert_int_equal(thread[0].cpu_ns, 52670000);
    assert_int_equal(thread[0].elapsed_ns, 1500000000);
    assert_int_equal(thread[0].allocated_bytes, 343 * 1024);
    assert_true(span_is(frame(&dump, 0, 0)->method, "java.lang.Thread.sleep0"));
    assert_true(span_is(frame(&dump, 0, 0)->module, "java.base"));
    assert_true(thread[1].daemon && !thread[1].is_virtual);
    assert_true(thread[2].is_virtual);
    assert_true(span_is(thread[2].name, "orders \"1\""));
    assert_int_equal(thread[2].id, 32);
    assert_ptr_equal(thread_dump_find(&dump, 22330), &thread[2]);
    assert_ptr_equal(thread_dump_find(&dump, 22322), &thread[0]);
    assert_null(thread_dump_find(&dump, 0));
    assert_true(span_is(frame(&dump, 2, 0)->method, "com.example.Orders.take"));
    assert_int_equal(frame(&dump, 2, 0)->module.len, 0);
    thread_dump_deinit(&dump);
}

static void test_dump_to_file(void **state)
{
    struct thread_dump dump = parsed(to_file);

    (void)state;
    assert_int_equal(dump.pid, 17667);
    assert_true(dump.time.has_zone && dump.whole);
    assert_int_equal(dump.time.ns, 123456000);
    assert_int_equal(dump.threads.count, 2);
    assert_int_equal(dump.threads.items[0].frame_count, 2);
    assert_true(span_is(frame(&dump, 0, 0)->module, "java.base"));
    assert_true(span_is(frame(&dump, 0, 1)->method, "Main.main"));
    assert_true(dump.threads.items[1].is_virtual);
    assert_int_equal(dump.threads.items[1].frame_count, 1);
    thread_dump_deinit(&dump);
}

static void test_hostile_names(void **state)
{
    struct thread_dump dump = parsed("Full thread dump X:\n"
                                     "\"say \"hi\" #5 nid=0x5 \" #17 prio=5 nid=0x11 runnable\n"
                                     "\"two\nlines\" #18 prio=5 tid=0x1 nid=0x12 runnable\n"
                                     "\tat a.B.c(D.java:4294967296)\n"
                                     "\tat nonsense\n"
                                     "\"no end\n"
                                     "\"\" #19 nid=0x13\n");

    (void)state;
    assert_int_equal(dump.threads.count, 3);
    assert_true(span_is(dump.threads.items[0].name, "say \"hi\" #5 nid=0x5 "));
    assert_int_equal(dump.threads.items[0].nid, 17);
    assert_true(span_is(dump.threads.items[1].name, "two\nlines"));
    assert_int_equal(dump.threads.items[1].frame_count, 1);
    assert_int_equal(frame(&dump, 1, 0)->line, 0);
    assert_int_equal(dump.threads.items[2].name.len, 0);
    assert_int_equal(dump.strange, 2);
    assert_false(dump.whole);
    thread_dump_deinit(&dump);
}

static void test_frames(void **state)
{
    struct span text = span_text(
        "at ty.buffer.PoolArena.allocate(PoolArena.java:215) ~[netty.jar!/:?] at a.B.c(B.java:1)");
    struct thread_dump_frame frame;

    (void)state;
    assert_true(thread_dump_take_frame(&text, &frame));
    assert_true(span_is(frame.method, "ty.buffer.PoolArena.allocate"));
    assert_true(span_starts(text, " ~[netty"));
    text = span_text("\tat loader/java.base@17/a.B$$Lambda/0x00007f75.run(Unknown Source)");
    assert_true(thread_dump_take_frame(&text, &frame));
    assert_true(span_is(frame.method, "a.B$$Lambda/0x00007f75.run"));
    assert_true(span_is(frame.module, "java.base"));
    assert_true(span_is(frame.file, "Unknown Source"));
    text = span_text("at look here (it is a sentence)");
    assert_false(thread_dump_take_frame(&text, &frame));
    text = span_text("at a.b(");
    assert_false(thread_dump_take_frame(&text, &frame));
}

/* How many dumps a log has, and how many of its lines are in them. */
static size_t count_dumps(const char *log, size_t *ret_lines)
{
    struct thread_dump_splitter splitter = {0};
    struct span rest = span_text(log), line;
    size_t dumps = 0, lines = 0, *held = ret_lines;

    while (span_next_line(&rest, &line)) {
        bool was_one = thread_dump_is_one(&splitter);
        enum thread_dump_line what = thread_dump_split(&splitter, line);

        if (what != THREAD_DUMP_GOES_ON)
            dumps += was_one;
        if (what == THREAD_DUMP_BEGINS)
            lines = 0;
        lines += what != THREAD_DUMP_OTHER;
        *held = lines;
    }
    return dumps + thread_dump_is_one(&splitter);
}

static size_t line_count(const char *text)
{
    size_t lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void test_split(void **state)
{
    _cleanup_buffer_ struct buffer log = {0};
    size_t lines;

    (void)state;
    assert_int_equal(count_dumps(jdk8, &lines), 1);
    assert_int_equal(lines, line_count(jdk8));
    assert_int_equal(count_dumps(jdk25, &lines), 1);
    assert_int_equal(lines, line_count(jdk25));
    assert_int_equal(count_dumps(to_file, &lines), 1);
    assert_int_equal(lines, line_count(to_file));
    assert_int_equal(count_dumps("17667\n2026-11-20 08:22:40\nhello\n", &lines), 0);

    buffer_printf(&log,
                  "hello\nFri Nov 20 08:22:40 CST 2026\n%s%s%s\n12:00 and on\n\tat a.B.c(D)\n",
                  jdk8, jdk25, to_file);
    buffer_printf(&log, "%s%s%s", jdk25, jdk8, to_file);
    assert_int_equal(count_dumps(log.bytes, &lines), 6);
    assert_int_equal(lines, line_count(to_file));
}

static void test_real(void **state)
{
    static const char *const names[] = {"unit/data/java/jstack-17.txt",
                                        "unit/data/java/thread-print-17.txt"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        _cleanup_buffer_ struct buffer text = {0};
        size_t lines;

        assert_null(io_read_file(AT_FDCWD, names[i], 1 << 20, &text));
        assert_int_equal(count_dumps(text.bytes, &lines), 1);
        assert_int_equal(lines, line_count(text.bytes));

        struct thread_dump dump = parsed(text.bytes), head;

        assert_int_equal(dump.threads.count, 24);
        assert_int_equal(dump.strange, 0);
        assert_true(dump.whole && dump.has_time);
        assert_int_equal(dump.pid, i == 0 ? 0 : 11930);
        assert_int_equal(dump.threads.items[0].nid, 0x2e9d);
        assert_true(
            span_is(thread_dump_find(&dump, 0x2eb4)->name, "say \"quoted\" #5 prio=3 nid=0x5"));
        thread_dump_parse_head(span_text(text.bytes), &head);
        assert_int_equal(head.pid, dump.pid);
        assert_int_equal(head.time.seconds, dump.time.seconds);
        assert_true(span_equal(head.vm, dump.vm));
        thread_dump_deinit(&dump);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jdk8),         cmocka_unit_test(test_jdk25),
        cmocka_unit_test(test_dump_to_file), cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_frames),       cmocka_unit_test(test_split),
        cmocka_unit_test(test_real),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
