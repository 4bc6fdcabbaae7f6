#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/io.h"
#include "recorded_collection.h"

extern const struct importer importer_hs_err;

static void assert_has(const struct collection *c, const char *line)
{
    if (!recorded_has(c, line))
        fail_msg("\"%s\" is not in:\n%s", line, c->lines.bytes);
}

static void test_jdk17(void **state)
{
    struct seep_error *err;
    struct collection c = recorded_import(&importer_hs_err, "unit/data/java/hs-err-17.txt", &err);

    (void)state;
    assert_null(err);
    assert_has(&c, "process 18677 exe= command=-Xmx128m -XX:NativeMemoryTracking=summary "
                   "-XX:-CreateCoredumpOnCrash M runtime=java\n");
    assert_has(&c,
               "fact crash pid=18677 line=1 when=absolute:1795574385000000000 text=A fatal error "
               "has been detected by the Java Runtime Environment:\nSIGSEGV (0xb) at pc=");
    assert_has(&c,
               "name when=absolute:1795574385000000000 pid=18677 tid=18702 a worker with a name "
               "that is longer than fifteen-0\n");
    assert_has(&c, "tid=18708 say \"quoted\" #5 prio=3 nid=0x5\n");
    assert_has(&c, "tid=18689 VM Thread\n");
    assert_has(&c, "tid=18684 GC Thread#0\n");
    assert_has(&c, "name=Other value=16777216\n");
    assert_has(&c, "snapshot when=absolute:1795574385000000000 pid=18677\nsection maps ");
    assert_has(&c, "[stack]\n");
    assert_has(&c, "section meminfo MemTotal:");
    assert_has(&c, "section status VmSize:");
    assert_has(&c, "fact java-heap-max ");
    assert_has(&c, "fact java-heap-used ");
    recorded_deinit(&c);
}

static void test_jdk8(void **state)
{
    static const char text[] =
        "#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n"
        "#  SIGSEGV (0xb) at pc=0x00007f, pid=17667, tid=0x00007f4674483700\n#\n"
        "# JRE version: Java(TM) SE Runtime Environment (8.0_191-b12)\n"
        "# Java VM: Java HotSpot(TM) 64-Bit Server VM (25.191-b12 mixed mode linux-amd64)\n\n"
        "Java Threads: ( => current thread )\n"
        "=>0x00007f JavaThread \"say \"hi\"\" daemon [_thread_in_native, id=25897, "
        "stack(0x00007f,0x00008f)]\n\n"
        "Heap:\n garbage-first heap   total 8388608K, used 977891K [0x5c0000000, 0x5c0200000, "
        "0x7c0000000)\n\n"
        "Dynamic libraries:\n00400000-00401000 r-xp 00000000 fd:00 1 /usr/bin/java\n\n"
        "VM Arguments:\njvm_args: -Xmx8g -XX:MaxDirectMemorySize=2g\njava_command: app.jar x\n\n"
        "time: Tue Mar  2 08:22:40 2021\ntimezone: UTC\nelapsed time: 11425 seconds (0d 3h)\n";
    struct seep_error *err;
    struct collection c = recorded_import_text(&importer_hs_err, text, strlen(text), &err);

    (void)state;
    assert_null(err);
    assert_has(&c, "process 17667 exe= command=app.jar x runtime=java\n");
    assert_has(&c, "name when=absolute:1614673360000000000 pid=17667 tid=25897 say \"hi\"\n");
    assert_has(&c, "fact direct-memory-max pid=17667 line=19 when=absolute:1614673360000000000 "
                   "value=2147483648\n");
    assert_has(&c, "fact java-heap-used pid=17667 line=12 when=absolute:1614673360000000000 "
                   "value=1001360384\n");
    assert_has(&c, "section maps 00400000-00401000 r-xp 00000000 fd:00 1 /usr/bin/java\n");
    assert_int_equal(importer_hs_err.recognise(text, strlen(text)), IMPORTER_CERTAIN);
    recorded_deinit(&c);
}

static void test_others(void **state)
{
    static const char *const texts[] = {"", "# a shell script\nset -e\n", "#\n#\n#\n",
                                        "# comment\n\n\nlog # JRE version: 1\n"};
    struct seep_error *err;
    struct collection c = recorded_import_text(&importer_hs_err, "hello\n", 6, &err);

    (void)state;
    assert_non_null(err);
    error_destroy(err);
    recorded_deinit(&c);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(importer_hs_err.recognise(texts[i], strlen(texts[i])), IMPORTER_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jdk17),
        cmocka_unit_test(test_jdk8),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
