#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/io.h"
#include "recorded_collection.h"

extern const struct importer importer_jstack, importer_nmt, importer_jmap, importer_log;

static struct collection imported_file(const struct importer *importer, const char *path)
{
    struct seep_error *err;
    struct collection c = recorded_import(importer, path, &err);

    assert_null(err);
    return c;
}

static struct collection imported_text(const struct importer *importer, const char *text)
{
    struct seep_error *err;
    struct collection c = recorded_import_text(importer, text, strlen(text), &err);

    assert_null(err);
    return c;
}

static void assert_has(const struct collection *c, const char *line)
{
    if (!recorded_has(c, line))
        fail_msg("\"%s\" is not in:\n%s", line, c->lines.bytes);
}

/* The incident's own files: what each must give. */
static void test_netty_evidence(void **state)
{
    struct collection c = imported_file(&importer_nmt, "unit/data/java/nmt-detail-17667.txt");

    (void)state;
    assert_has(&c,
               "fact nmt-committed pid=17667 line=2 when=none:0 name=Internal value=5010096128");
    assert_has(&c, "fact nmt-reserved pid=17667 line=2 when=none:0 name=Total value=16049504256");
    assert_has(&c,
               "fact nmt-committed pid=17667 line=2 when=none:0 name=Java Heap value=5953814528");
    assert_has(&c, "fact nmt-threads pid=17667 line=2 when=none:0 value=458");
    assert_has(&c, "name=Java Heap text=0x5c0000000-0x7c0000000 ReservedSpace::initialize < "
                   "ReservedHeapSpace::ReservedHeapSpace < Universe::reserve_heap < "
                   "G1CollectedHeap::initialize");
    recorded_deinit(&c);

    c = imported_file(&importer_jmap, "unit/data/java/jmap-heap-17667.txt");
    assert_has(&c, "fact java-version pid=17667 line=4 when=none:0 text=25.191-b12");
    assert_has(&c, "fact java-heap-used pid=17667 line=10 when=none:0 value=1001361104");
    assert_has(&c, "fact java-heap-max pid=17667 line=10 when=none:0 value=8589934592");
    recorded_deinit(&c);

    c = imported_file(&importer_log, "unit/data/java/oom.log");
    assert_has(&c, "fact direct-memory-wanted pid=0 line=1 when=none:0 value=16777216");
    assert_has(&c, "fact direct-memory-used pid=0 line=1 when=none:0 value=2130706439");
    assert_has(&c, "fact direct-memory-max pid=0 line=1 when=none:0 value=2147483648");
    assert_has(&c, "fact out-of-memory pid=0 line=1 when=none:0 text=ty.util.internal."
                   "OutOfDirectMemoryError: failed to allocate 16777216 byte(s)");
    assert_has(&c, "\nat ng.Thread.run(Thread.java:748) [?:1.8.0_191]\n");
    recorded_deinit(&c);

    c = imported_file(&importer_log, "unit/data/java/direct-memory-reporter.log");
    assert_has(&c, "fact direct-memory-used pid=0 line=1 when=local:1614679139073000000 "
                   "value=2130706439");
    recorded_deinit(&c);
}

static void test_real(void **state)
{
    struct collection c = imported_file(&importer_jstack, "unit/data/java/jstack-17.txt");

    (void)state;
    assert_int_equal(c.dumps, 1);
    assert_int_equal(c.remarks, 0);
    assert_has(&c, "name when=local:1795573088000000000 pid=0 tid=11951 "
                   "a worker with a name that is longer than fifteen-0\n");
    recorded_deinit(&c);
    c = imported_file(&importer_jstack, "unit/data/java/thread-print-17.txt");
    assert_has(&c, "thread 11951 of 11930\n");
    assert_has(&c, "process 11930 exe= command= runtime=java\n");
    recorded_deinit(&c);
    c = imported_file(&importer_jmap, "unit/data/java/heap-info-17.txt");
    assert_has(&c, "fact java-heap-used pid=11930 line=2 when=none:0 value=1600512\n");
    recorded_deinit(&c);
    c = imported_file(&importer_jmap, "unit/data/java/vm-flags-17.txt");
    assert_has(&c, "fact java-heap-max pid=11930 line=2 when=none:0 value=134217728\n");
    recorded_deinit(&c);
    c = imported_file(&importer_jmap, "unit/data/java/command-line-17.txt");
    assert_has(&c, "fact java-heap-max pid=11930 line=3 when=none:0 value=134217728\n");
    assert_has(&c, "process 11930 exe= command=M runtime=java\n");
    recorded_deinit(&c);
}

/* What a loop of shell wrote into one file. */
static void test_mixture(void **state)
{
    struct collection c = imported_text(
        &importer_jstack,
        "Fri Nov 20 08:22:40 CST 2026\r\n"
        "2026-11-20 08:22:41\r\n"
        "Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):\r\n"
        "\r\n"
        "\"main\" #1 prio=5 nid=0x10 runnable\r\n"
        "\tat a.B.c(B.java:1)\r\n\r\n"
        "JNI global refs: 4, weak refs: 0\r\n\r\n"
        "Heap\r\n garbage-first heap   total 2048K, used 1024K [0x1, 0x2)\r\n"
        "Fri Nov 20 08:22:50 CST 2026\r\n"
        "17667:\r\n\r\nNative Memory Tracking:\r\n\r\n"
        "Total: reserved=2KB, committed=1KB\r\n\r\n"
        "-   Other (reserved=2KB, committed=1KB)\r\n"
        "          (malloc=1KB tag=Other #1)\r\n\r\n"
        "2026-11-20 08:23:00,5 ERROR java.lang.OutOfMemoryError: Java heap space\r\n"
        "\tat a.B.d(B.java:2)\r\n"
        "2026-11-20 08:23:01,5 INFO over\r\n"
        "2026-11-20 08:23:41\r\n"
        "Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):\r\n"
        "\"main\" #1 prio=5 nid=0x10 runnable\r\n"
        "\"renamed\" #2 prio=5 nid=0x11 runnable\r\n"
        "JNI global refs: 4, weak refs: 0\r\n");

    (void)state;
    assert_int_equal(c.dumps, 2);
    assert_int_equal(c.remarks, 0);
    assert_has(&c, "dump when=local:1795162961000000000 pid=0 jstack\n");
    assert_has(&c, "name when=local:1795162961000000000 pid=0 tid=16 main\n");
    assert_has(&c,
               "fact java-heap-used pid=0 line=11 when=local:1795162961000000000 value=1048576");
    assert_has(&c, "fact nmt-committed pid=17667 line=15 when=local:1795162970000000000 name=Other "
                   "value=1024");
    assert_has(&c, "fact out-of-memory pid=17667 line=22 when=local:1795162980500000000 "
                   "text=java.lang.OutOfMemoryError: Java heap space\n\tat a.B.d(B.java:2)\n");
    assert_has(&c, "tid=17 renamed");
    assert_has(&c, "dump when=local:1795163021000000000 pid=17667 jstack\n");
    recorded_deinit(&c);
}

static void test_bounds(void **state)
{
    _cleanup_buffer_ struct buffer log = {0};
    struct collection c;
    size_t facts = 0;

    (void)state;
    for (int i = 0; i < 5000; i++)
        buffer_printf(&log,
                      "netty_direct_memory:%dMB(%dB)\njava.lang.OutOfMemoryError: Metaspace\n", i,
                      i == 4321 ? 99999 : i);
    c = imported_text(&importer_log, log.bytes);
    for (const char *at = c.lines.bytes; (at = strstr(at, "fact direct-memory-used")); at++)
        facts++;
    assert_in_range(facts, 256, 515);
    assert_has(&c, "line=9999 when=none:0 value=4999\n");
    assert_has(&c, "value=99999\n");
    assert_has(&c, "remark of 5000 OutOfMemoryErrors the first 32 are kept\n");
    recorded_deinit(&c);
}

static void test_nothing_in_it(void **state)
{
    struct seep_error *err;
    struct collection c = recorded_import_text(&importer_jstack, "hello\n", 6, &err);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_INVALID);
    error_destroy(err);
    recorded_deinit(&c);
    c = imported_text(&importer_nmt, "17667:\nNative memory tracking is not enabled\n");
    assert_has(&c, "remark the JVM was started without -XX:NativeMemoryTracking");
    recorded_deinit(&c);
}

static int score_text(const struct importer *importer, const char *text)
{
    return importer->recognise(text, strlen(text));
}

static int score_file(const struct importer *importer, const char *path)
{
    _cleanup_buffer_ struct buffer text = {0};

    assert_null(io_read_file(AT_FDCWD, path, 1 << 20, &text));
    return importer->recognise(text.bytes, text.len);
}

static void test_recognise(void **state)
{
    static const char strace[] = "25893 22:48:40.293407 mmap(NULL, 16781312, PROT_READ|PROT_WRITE, "
                                 "MAP_PRIVATE, -1, 0) = 0x7f\n"
                                 "25894 22:48:40.293408 write(1, \"Full thread dump\", 16) = 16\n";

    (void)state;
    assert_int_equal(score_file(&importer_jstack, "unit/data/java/jstack-17.txt"),
                     IMPORTER_CERTAIN);
    assert_int_equal(score_file(&importer_nmt, "unit/data/java/nmt-detail-17667.txt"),
                     IMPORTER_CERTAIN);
    assert_int_equal(score_file(&importer_jmap, "unit/data/java/jmap-heap-17667.txt"),
                     IMPORTER_CERTAIN);
    assert_int_equal(score_file(&importer_jmap, "unit/data/java/heap-info-17.txt"),
                     IMPORTER_LIKELY);
    assert_int_equal(score_file(&importer_jmap, "unit/data/java/vm-flags-17.txt"), IMPORTER_LIKELY);
    assert_int_equal(score_file(&importer_log, "unit/data/java/oom.log"), IMPORTER_LIKELY);
    assert_int_equal(score_file(&importer_log, "unit/data/java/direct-memory-reporter.log"),
                     IMPORTER_LIKELY);
    assert_int_equal(score_text(&importer_log, "2021-03-02 09:58:59,073 INFO a\n"
                                               "2021-03-02 09:58:59,074 WARN mmap(0) = 0x7f\n"
                                               "2021-03-02 09:58:59,075 INFO b\n"),
                     IMPORTER_PERHAPS);
    assert_int_equal(score_text(&importer_jstack, "17667\n2026-11-20T08:22:40.123456Z\n25.0.3+9\n\n"
                                                  "#1 \"main\"\n"),
                     IMPORTER_LIKELY);
    assert_int_equal(score_text(&importer_jstack, strace), IMPORTER_NEVER);
    assert_int_equal(score_text(&importer_nmt, strace), IMPORTER_NEVER);
    assert_int_equal(score_text(&importer_jmap, strace), IMPORTER_NEVER);
    assert_int_equal(score_text(&importer_log, strace), IMPORTER_NEVER);
    assert_int_equal(score_file(&importer_jmap, "unit/data/smaps-kong.txt"), IMPORTER_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netty_evidence), cmocka_unit_test(test_real),
        cmocka_unit_test(test_mixture),        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_nothing_in_it),  cmocka_unit_test(test_recognise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
