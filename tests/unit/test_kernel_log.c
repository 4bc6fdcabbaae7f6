#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "recorded_collection.h"

extern const struct importer importer_kernel_log;

static const char cgroup_new[] =
    "[12345.678901] java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
    "[12345.678902] CPU: 0 PID: 25893 Comm: java Not tainted 6.1.0 #1\n"
    "[12345.678903] memory: usage 524288kB, limit 524288kB, failcnt 4711\n"
    "[12345.678904] Tasks state (memory values in pages):\n"
    "[12345.678905] [  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem "
    "pgtables_bytes swapents oom_score_adj name\n"
    "[12345.678906] [  17667]     0 17667  3170304   131002   131000        2         0  1234944  "
    "      0             0 java\n"
    "[12345.678907] [      7]  1000     7      600      100       90       10         0    12288   "
    "     0         -1000 my shell\n"
    "[12345.678908] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=ab,mems_allowed=0,"
    "oom_memcg=/docker/ab,task_memcg=/docker/ab,task=java,pid=17667,uid=0\n"
    "[12345.678909] Memory cgroup out of memory: Killed process 17667 (java) total-vm:12681216kB, "
    "anon-rss:524000kB, file-rss:8kB, shmem-rss:0kB, UID:0 pgtables:1206kB oom_score_adj:0\n"
    "[12345.678910] oom_reaper: reaped process 17667 (java), now anon-rss:0kB\n";

static const char system_old[] =
    "Mar  2 08:22:39 host kernel: [123.4] sshd invoked oom-killer: gfp_mask=0x201da, order=0\r\n"
    "Mar  2 08:22:39 host kernel: [123.4] [ pid ]   uid  tgid total_vm      rss nr_ptes swapents "
    "oom_score_adj name\r\n"
    "Mar  2 08:22:39 host kernel: [123.4] [17667]     0 17667  3170304   131002     123       0    "
    "  "
    "       0 java\r\n"
    "Mar  2 08:22:40 host kernel: [123.4] Out of memory: Kill process 17667 (java) score 987 or "
    "sacrifice child\r\n"
    "Mar  2 08:22:40 host kernel: [123.4] Killed process 17667, UID 0, (java (x)) "
    "total-vm:12681216kB, anon-rss:524000kB, file-rss:0kB\r\n"
    "Mar  2 08:22:41 host systemd[1]: Killed process 5\r\n";

static const char cgroup_old[] =
    "[Tue Mar  2 08:22:40 2021] java invoked oom-killer: gfp_mask=0xd0, order=0\n"
    "[Tue Mar  2 08:22:40 2021] Task in /docker/cd killed as a result of limit of /docker/cd\n"
    "[Tue Mar  2 08:22:40 2021] memory: usage 1024kB, limit 1024kB, failcnt 1\n"
    "[Tue Mar  2 08:22:40 2021] Memory cgroup out of memory: Kill process 9 (java) score 9 or "
    "sacrifice child\n"
    "[Tue Mar  2 08:22:40 2021] Killed process 9 (java) total-vm:1kB, anon-rss:2kB, file-rss:0kB\n";

static struct collection imported(const char *text)
{
    struct seep_error *err;
    struct collection c = recorded_import_text(&importer_kernel_log, text, strlen(text), &err);

    assert_null(err);
    return c;
}

static void assert_has(const struct collection *c, const char *line)
{
    if (!recorded_has(c, line))
        fail_msg("\"%s\" is not in:\n%s", line, c->lines.bytes);
}

static void test_new_cgroup(void **state)
{
    struct collection c = imported(cgroup_new);

    (void)state;
    assert_has(&c, "fact oom-killed pid=17667 line=9 when=relative:12345678909000 name=java "
                   "value=536576000\n");
    assert_has(&c, "fact oom-limit pid=0 line=9 when=relative:12345678909000 "
                   "name=cgroup /docker/ab value=536870912\n");
    assert_has(&c, "name=java value=536584192\n");
    assert_has(&c, "fact process pid=7 line=9 when=relative:12345678909000 name=my shell "
                   "value=409600\n");
    assert_has(&c, "text=java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, "
                   "oom_score_adj=0\nmemory: usage");
    recorded_deinit(&c);
}

static void test_old_system(void **state)
{
    struct collection c = imported(system_old);

    (void)state;
    assert_has(&c, "fact oom-killed pid=17667 line=5 when=local:");
    assert_has(&c, "name=java (x) value=536576000\n");
    assert_has(&c, "name=system\n");
    assert_has(&c, "name=java value=536584192\n");
    assert_has(&c, "Out of memory: Kill process 17667 (java) score 987 or sacrifice child\n");
    recorded_deinit(&c);
}

static void test_old_cgroup(void **state)
{
    struct collection c = imported(cgroup_old);

    (void)state;
    assert_has(&c, "fact oom-killed pid=9 line=5 when=local:1614673360000000000 name=java "
                   "value=2048\n");
    assert_has(&c, "name=cgroup /docker/cd value=1048576\n");
    recorded_deinit(&c);
}

static void test_one_line(void **state)
{
    struct collection c = imported(
        "2026-11-20T08:22:40+08:00 host kernel: Out of memory: Killed process 17667 (java) "
        "total-vm:1kB, anon-rss:3kB, file-rss:0kB, shmem-rss:0kB\n");
    struct seep_error *err;

    (void)state;
    assert_has(&c, "fact oom-killed pid=17667 line=1 when=absolute:1795134160000000000 name=java "
                   "value=3072\n");
    recorded_deinit(&c);
    c = recorded_import_text(&importer_kernel_log, "[1.0] hello\n", 12, &err);
    assert_non_null(err);
    error_destroy(err);
    recorded_deinit(&c);
}

static int score(const char *text)
{
    return importer_kernel_log.recognise(text, strlen(text));
}

static void test_recognise(void **state)
{
    (void)state;
    assert_int_equal(score(cgroup_new), IMPORTER_CERTAIN);
    assert_int_equal(score(system_old), IMPORTER_CERTAIN);
    assert_int_equal(score(cgroup_old), IMPORTER_CERTAIN);
    assert_int_equal(score("[    0.000000] Linux version 6.1\n"), IMPORTER_PERHAPS);
    assert_int_equal(score("25893 mmap(NULL, 16781312) = 0\n"), IMPORTER_NEVER);
    assert_int_equal(score("25893 write(1, \"x invoked oom-killer: \", 22) = 22\n"),
                     IMPORTER_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_cgroup), cmocka_unit_test(test_old_system),
        cmocka_unit_test(test_old_cgroup), cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_recognise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
