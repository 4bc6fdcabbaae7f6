/* Names from a debuginfod server of this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/units.h"
#include "stacks/debug_fetch.h"
#include "tests/unit/programs.h"

static const char source[] = "volatile int sink;\n"
                             "static __attribute__((noinline)) int hidden(int n)\n"
                             "{\n"
                             "    sink = n;\n"
                             "    return sink + n;\n"
                             "}\n"
                             "int main(void) { return hidden(sink); }\n";

struct server {
    pid_t pid;
    unsigned port;
};

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* Serves the files below DIRECTORY/served. */
static struct server start(const char *directory)
{
    struct server server = {.port = free_port()};
    char port[16], served[128], database[128], log[128];

    snprintf(port, sizeof(port), "%u", server.port);
    snprintf(served, sizeof(served), "%s/served", directory);
    snprintf(database, sizeof(database), "%s/database", directory);
    snprintf(log, sizeof(log), "%s/server.log", directory);
    server.pid = fork();
    assert_true(server.pid >= 0);
    if (server.pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execlp("debuginfod", "debuginfod", "-F", "-p", port, "-d", database, served, NULL);
        _exit(127);
    }
    return server;
}

static void end(const struct server *server)
{
    kill(server->pid, SIGKILL);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
}

/* With a cache of its own: what a server did not have is remembered there too. */
static void ask(struct programs *p, const struct server *server, uint64_t offset)
{
    static unsigned asked;
    char url[64], cache[128];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server->port);
    snprintf(cache, sizeof(cache), "%s/cache%u", p->directory.path, asked++);
    setenv("DEBUGINFOD_URLS", url, 1);
    setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
    programs_resolve(p, offset, 1, NULL);
    unsetenv("DEBUGINFOD_URLS");
    unsetenv("DEBUGINFOD_CACHE_PATH");
}

/* Until the server is up and has scanned its files. */
static void ask_until_known(struct programs *p, const struct server *server, uint64_t offset)
{
    for (int i = 0; i < 300; i++) {
        ask(p, server, offset);
        if (p->places[0].lines.count && p->places[0].lines.items[0].line)
            return;
        usleep(100000);
    }
    print_error("the server does not know it within 30 s\n");
    fail();
}

static void names_come_from_a_server(void **state)
{
    (void)state;
    struct programs p;

    programs_need("debuginfod");
    programs_init(&p);
    programs_put(&p, "a.c", source);
    programs_run(
        &p, "cc -g -O2 -o a a.c && mkdir served && objcopy --only-keep-debug a served/a.dbg && "
            "cc -g -O1 -o b a.c && cp b bare && objcopy --strip-debug bare served/bare");

    uint64_t hidden = programs_symbol(&p, "a", "hidden"), main_b = programs_symbol(&p, "b", "main");

    programs_run(&p, "objcopy --strip-all a");

    struct server server = start(p.directory.path);

    /* The file is stripped. */
    programs_record(&p, "a");
    ask_until_known(&p, &server, hidden);
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, NULL);
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);

    /* The file is not there at all. */
    programs_run(&p, "rm a");
    ask(&p, &server, hidden);
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, NULL);

    /* The server has the file, but no debug information. */
    programs_record(&p, "b");
    programs_run(&p, "rm b");
    ask(&p, &server, main_b);
    programs_expect(&p, "main", false);
    programs_expect_trouble(&p, NULL);

    /* It has neither. */
    p.module.build_id[0] ^= 1;
    ask(&p, &server, main_b);
    programs_expect(&p, NULL, false);
    programs_expect_trouble(&p, "is not found");

    /* It is gone. */
    end(&server);
    ask(&p, &server, main_b);
    programs_expect(&p, NULL, false);
    assert_int_equal(p.troubles.count, 2);
    assert_non_null(strstr(p.troubles.items[0], "debuginfod is not asked any more"));
    programs_deinit(&p);
}

static void only_the_variable_lets_it_ask(void **state)
{
    (void)state;
    static const struct {
        const char *urls;
        bool wanted;
    } cases[] = {{NULL, false}, {"", false}, {"  ", false}, {"http://127.0.0.1/", true}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (cases[i].urls)
            setenv("DEBUGINFOD_URLS", cases[i].urls, 1);
        else
            unsetenv("DEBUGINFOD_URLS");
        assert_int_equal(debug_fetch_wanted(), cases[i].wanted);
    }
    unsetenv("DEBUGINFOD_URLS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_variable_lets_it_ask),
        cmocka_unit_test(names_come_from_a_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
