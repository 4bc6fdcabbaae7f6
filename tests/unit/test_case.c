#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "evidence/case.h"
#include "tests/unit/temporary.h"

/* PATH below the temporary directory, valid until the next call. */
static const char *below(const struct temporary *t, const char *path)
{
    static char whole[256];

    snprintf(whole, sizeof(whole), "%s/%s", t->path, path);
    return whole;
}

static unsigned mode_of(const struct temporary *t, const char *path)
{
    struct stat st;

    assert_int_equal(fstatat(t->fd, path, &st, 0), 0);
    return st.st_mode & 07777;
}

static void put_file(const struct case_dir *c, const char *name, const char *text)
{
    int fd;

    must(case_create_file(c, name, &fd));
    must(io_write(fd, text, strlen(text)));
    close(fd);
}

/* The entry of PATH in the list of files; NULL. */
static const json_t *listed(const struct case_dir *c, const char *path)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (json_object_get(c->json, "files"), i, entry)
        if (strcmp(json_string_value(json_object_get(entry, "path")), path) == 0)
            return entry;
    return NULL;
}

static const char *sha256_of(const struct case_dir *c, const char *path)
{
    return json_string_value(json_object_get(listed(c, path), "sha256"));
}

static void test_recording(void **state)
{
    struct temporary t;
    struct case_dir *c, *opened;
    struct case_info info;

    (void)state;
    temporary_init(&t);
    must(case_create(below(&t, "x.seep"), "/usr/bin/redis-server", 4242, &c));
    assert_int_equal(mode_of(&t, "x.seep"), 0700);
    assert_int_equal(mode_of(&t, "x.seep/case.json"), 0600);
    assert_int_equal(case_state(c), CASE_RECORDING);
    must(case_set_number(c, "target", "pid", 4242));
    must(case_set_text(c, "target", "exe", "/opt/caf\xe9/redis"));
    must(case_set_text(c, "target", "command", "redis-server \xc3\xa9"));
    must(case_set_text(c, "target", "runtime", NULL));
    must(case_set_number(c, "clock", "wall_offset_ns", 1791536000000000001));
    must(case_set_number(c, "host", "page_size", 16384));
    must(case_set_number(c, "watch", "lost_events", 3));
    must(case_set_number(c, "target", "limit_bytes", UINT64_MAX));
    must(case_set(c, "target", "namespaces", json_pack("{s:i}", "pid", 12)));
    must(case_save(c, CASE_RECORDING, NULL));
    put_file(c, "events", "abc");
    assert_int_equal(mode_of(&t, "x.seep/events"), 0600);
    must(case_save(c, CASE_COMPLETE, NULL));
    case_destroy(c);

    must(case_open(below(&t, "x.seep"), &opened));
    assert_int_equal(case_state(opened), CASE_COMPLETE);
    case_info(opened, &info);
    assert_int_equal(strlen(info.case_id), 36);
    assert_int_equal(info.pid, 4242);
    assert_string_equal(info.exe, "/opt/caf\\xe9/redis");
    assert_string_equal(info.command, "redis-server \xc3\xa9");
    assert_null(info.runtime);
    assert_null(info.reason);
    assert_true(info.wall_offset_ns == 1791536000000000001);
    assert_int_equal(info.page_bytes, 16384);
    assert_int_equal(info.lost_events, 3);
    assert_true(
        json_is_null(json_object_get(json_object_get(opened->json, "target"), "limit_bytes")));
    /* sha256sum of "abc" (FIPS 180-2, B.1) */
    assert_string_equal(sha256_of(opened, "events"),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(json_integer_value(json_object_get(listed(opened, "events"), "size_bytes")),
                     3);
    assert_null(listed(opened, "case.json"));
    case_destroy(opened);
    temporary_deinit(&t);
}

static void test_where_a_case_may_be_created(void **state)
{
    struct temporary t;
    struct case_dir *c;

    (void)state;
    temporary_init(&t);
    assert_int_equal(mkdirat(t.fd, "empty", 0755), 0);
    must(case_create(below(&t, "empty"), NULL, 1, &c));
    assert_int_equal(mode_of(&t, "empty"), 0700);
    case_destroy(c);
    must_fail(case_create(below(&t, "empty"), NULL, 1, &c), ERROR_INVALID);
    temporary_put(&t, "file", "x", 1);
    must_fail(case_create(below(&t, "file"), NULL, 1, &c), ERROR_INVALID);
    must_fail(case_create(below(&t, "no/such"), NULL, 1, &c), ERROR_NOT_FOUND);
    temporary_deinit(&t);
}

static void test_default_name(void **state)
{
    static const struct {
        const char *exe, *begins;
    } cases[] = {
        {"/usr/bin/redis-server", "redis-server-4242-2"},
        {"/opt/a b/../we\nird\x1b\xff;(x (deleted)", "we_ird____x-4242-2"},
        {"/.hidden", "_hidden-4242-2"},
        {NULL, "process-4242-2"},
        {"/", "process-4242-2"},
    };
    struct temporary t;
    char was[4096];

    (void)state;
    temporary_init(&t);
    assert_non_null(getcwd(was, sizeof(was)));
    assert_int_equal(fchdir(t.fd), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct case_dir *c;

        must(case_create(NULL, cases[i].exe, 4242, &c));
        assert_memory_equal(c->path, cases[i].begins, strlen(cases[i].begins));
        assert_string_equal(c->path + strlen(c->path) - strlen("Z.seep"), "Z.seep");
        assert_int_equal(mode_of(&t, c->path), 0700);
        assert_int_equal(unlinkat(c->fd, "case.json", 0), 0);
        assert_int_equal(unlinkat(t.fd, c->path, AT_REMOVEDIR), 0);
        case_destroy(c);
    }
    assert_int_equal(chdir(was), 0);
    temporary_deinit(&t);
}

/* A recorder in a process of its own, which is killed. */
static void test_killed_recorder(void **state)
{
    struct temporary t;
    struct case_dir *c;
    struct case_info info;
    int ready[2];
    char byte;

    (void)state;
    temporary_init(&t);
    assert_int_equal(pipe(ready), 0);

    pid_t pid = fork();

    if (pid == 0) {
        struct case_dir *mine;

        if (case_create(below(&t, "x"), "/bin/sh", 7, &mine) ||
            case_set_number(mine, "target", "pid", 7) || case_save(mine, CASE_RECORDING, NULL) ||
            write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    must(case_open(below(&t, "x"), &c));
    assert_int_equal(case_state(c), CASE_RECORDING);

    /* What is added meanwhile waits for the recorder's list. */
    put_file(c, "added", "abc");
    must(case_save(c, case_state(c), NULL));
    assert_null(listed(c, "added"));

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    must(case_save(c, case_state(c), "its recorder was killed"));
    case_destroy(c);
    must(case_open(below(&t, "x"), &c));
    assert_int_equal(case_state(c), CASE_INTERRUPTED);
    case_info(c, &info);
    assert_int_equal(info.pid, 7);
    assert_string_equal(info.reason, "its recorder was killed");
    assert_non_null(sha256_of(c, "added"));
    case_destroy(c);
    close(ready[0]);
    close(ready[1]);
    temporary_deinit(&t);
}

static void test_adding_to_a_case(void **state)
{
    struct temporary t;
    struct case_dir *c;
    char sha[65];

    (void)state;
    temporary_init(&t);
    must(case_create(below(&t, "x"), NULL, 1, &c));
    put_file(c, "events", "abc");
    must(case_save(c, CASE_INTERRUPTED, "the disk is full"));
    snprintf(sha, sizeof(sha), "%s", sha256_of(c, "events"));
    case_destroy(c);

    /* Tampered with: the list keeps what was recorded. */
    temporary_put(&t, "x/events", "abd", 3);
    must(case_open(below(&t, "x"), &c));
    assert_int_equal(mkdirat(c->fd, "mem", 0700), 0);
    assert_int_equal(mkdirat(c->fd, "mem/1-7", 0700), 0);
    put_file(c, "mem/1-7/dump.json", "{}");
    assert_int_equal(symlinkat("/etc/passwd", c->fd, "mem/link"), 0);
    assert_int_equal(mkfifoat(c->fd, "mem/pipe", 0600), 0);
    must(case_save(c, case_state(c), NULL));
    case_destroy(c);

    must(case_open(below(&t, "x"), &c));
    assert_int_equal(case_state(c), CASE_INTERRUPTED);
    assert_string_equal(json_string_value(json_object_get(c->json, "reason")), "the disk is full");
    assert_string_equal(sha256_of(c, "events"), sha);
    assert_int_equal(json_array_size(json_object_get(c->json, "files")), 2);
    assert_non_null(sha256_of(c, "mem/1-7/dump.json"));
    case_destroy(c);

    /* Another size is another file. */
    temporary_put(&t, "x/events", "abcd", 4);
    must(case_open(below(&t, "x"), &c));
    must(case_save(c, case_state(c), NULL));
    assert_string_not_equal(sha256_of(c, "events"), sha);
    case_destroy(c);
    temporary_deinit(&t);
}

static void test_what_is_no_case(void **state)
{
    static const struct {
        const char *json;
        enum error_code code;
    } cases[] = {
        {"", ERROR_CORRUPT},
        {"{", ERROR_CORRUPT},
        {"[]", ERROR_CORRUPT},
        {"{}", ERROR_CORRUPT},
        {"{\"schema\": 1}", ERROR_CORRUPT},
        {"{\"schema\": \"seep-report/1\"}", ERROR_CORRUPT},
        {"{\"schema\": \"seep-case/2\"}", ERROR_UNSUPPORTED},
    };
    struct temporary t;
    struct case_dir *c;

    (void)state;
    temporary_init(&t);
    must_fail(case_open(below(&t, "x"), &c), ERROR_NOT_FOUND);
    must_fail(case_open(t.path, &c), ERROR_NOT_FOUND);
    temporary_put(&t, "file", "x", 1);
    must_fail(case_open(below(&t, "file"), &c), ERROR_CORRUPT);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        temporary_put(&t, "case.json", cases[i].json, strlen(cases[i].json));
        must_fail(case_open(t.path, &c), cases[i].code);
    }
    assert_int_equal(unlinkat(t.fd, "case.json", 0), 0);
    assert_int_equal(mkfifoat(t.fd, "case.json", 0600), 0);
    must_fail(case_open(t.path, &c), ERROR_CORRUPT);
    assert_int_equal(unlinkat(t.fd, "case.json", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", t.fd, "case.json"), 0);
    must_fail(case_open(t.path, &c), ERROR_CORRUPT);
    temporary_deinit(&t);
}

static void test_fields_of_the_wrong_kind(void **state)
{
    static const char json[] =
        "{\"schema\": \"seep-case/1\", \"case_id\": [1], \"state\": 7, \"reason\": {},"
        " \"target\": {\"pid\": 99999999999, \"exe\": 5, \"command\": \"\"}, \"host\": [],"
        " \"clock\": {\"wall_offset_ns\": -4, \"started_ns\": \"x\", \"ended_ns\": 1.5},"
        " \"watch\": \"ptrace\", \"files\": {\"a\": 1}}";
    static const char id[] = "{\"schema\": \"seep-case/1\", \"host\": {\"page_size\": 12288},"
                             " \"case_id\": \"a case id that is longer than one of seep's own\"}";
    struct temporary t;
    struct case_dir *c;
    struct case_info info;

    (void)state;
    temporary_init(&t);
    temporary_put(&t, "case.json", json, strlen(json));
    must(case_open(t.path, &c));
    assert_int_equal(case_state(c), CASE_INTERRUPTED);
    case_info(c, &info);
    assert_string_equal(info.case_id, "");
    assert_int_equal(info.pid, 0);
    assert_null(info.exe);
    assert_null(info.command);
    assert_null(info.host_name);
    assert_null(info.backend);
    assert_null(info.reason);
    assert_int_equal(info.page_bytes, 4096);
    assert_true(info.wall_offset_ns == 0 && info.started_ns == 0 && info.ended_ns == 0);
    must(case_set_number(c, "host", "page_size", 4096));
    must(case_save(c, CASE_COMPLETE, NULL));
    case_destroy(c);

    temporary_put(&t, "case.json", id, strlen(id));
    must(case_open(t.path, &c));
    case_info(c, &info);
    assert_int_equal(info.page_bytes, 4096);
    assert_string_equal(info.case_id, "a case id that is longer than one of se");
    case_destroy(c);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recording),
        cmocka_unit_test(test_where_a_case_may_be_created),
        cmocka_unit_test(test_default_name),
        cmocka_unit_test(test_killed_recorder),
        cmocka_unit_test(test_adding_to_a_case),
        cmocka_unit_test(test_what_is_no_case),
        cmocka_unit_test(test_fields_of_the_wrong_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
