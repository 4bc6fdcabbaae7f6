/* Where names are found, what is refused, and files that are made to do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/units.h"
#include "tests/unit/programs.h"

static const char source[] =
    "volatile int sink;\n"
    "static __attribute__((noinline)) int hidden(int n)\n"
    "{\n"
    "    sink = n;\n"
    "    return sink + n;\n"
    "}\n"
    "__attribute__((noinline)) int shown(int n) { return hidden(n) * 2; }\n"
    "int main(void) { return shown(sink); }\n";

/* The program `a` with its debug information, its build-id recorded; where `hidden` is in it. */
static uint64_t build(struct programs *p, const char *options)
{
    programs_init(p);
    programs_put(p, "a.c", source);
    programs_run(p, "cc -g -O2 %s -o a a.c", options);
    programs_record(p, "a");
    return programs_symbol(p, "a", "hidden");
}

static void id_path(const struct programs *p, char path[256])
{
    size_t at = (size_t)snprintf(path, 256, ".build-id/%02x/", p->module.build_id[0]);

    for (size_t i = 1; i < p->module.build_id_len; i++)
        at += (size_t)snprintf(path + at, 256 - at, "%02x", p->module.build_id[i]);
}

static void symbol_tables_give_functions_alone(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "-rdynamic"), shown = programs_symbol(&p, "a", "shown");

    programs_run(&p, "objcopy --strip-debug a");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", false);
    programs_expect_trouble(&p, NULL);

    programs_run(&p, "objcopy --strip-all a");
    programs_resolve(&p, shown, 1, NULL);
    programs_expect(&p, "shown", false);
    programs_expect_trouble(&p, NULL);
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_expect_trouble(&p, "names of 1 of 1 places are not known");
    programs_deinit(&p);
}

static void debug_links_are_followed(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");

    programs_run(&p, "objcopy --only-keep-debug a a.dbg && objcopy --strip-all a && "
                     "objcopy --add-gnu-debuglink=a.dbg a");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", true);
    programs_run(&p, "mkdir .debug && mv a.dbg .debug/");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", true);
    programs_run(&p, "mkdir -p debug/$PWD && mv .debug/a.dbg debug/$PWD/");
    programs_resolve(&p, hidden, 1, "debug");
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, NULL);
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);

    /* One of another build-id does not count. */
    programs_run(&p, "cc -g -O1 -DOTHER -o b a.c && objcopy --only-keep-debug b a.dbg");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_deinit(&p);
}

static void without_a_build_id_the_checksum_counts(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "-Wl,--build-id=none");

    assert_int_equal(p.module.build_id_len, 0);
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, "has no build-id, and none was recorded");
    programs_run(&p, "objcopy --only-keep-debug a a.dbg && objcopy --strip-all a && "
                     "objcopy --add-gnu-debuglink=a.dbg a");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", true);
    programs_run(&p, "printf x >>a.dbg");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_deinit(&p);
}

static void debug_files_are_found_by_build_id(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");
    char path[256];

    id_path(&p, path);
    programs_run(&p,
                 "mkdir -p debug/$(dirname %s) && objcopy --only-keep-debug a debug/%s.debug && "
                 "objcopy --strip-all a",
                 path, path);
    programs_resolve(&p, hidden, 1, "debug");
    programs_expect(&p, "hidden", true);

    /* The file itself is missing. */
    programs_run(&p, "mv a away");
    programs_resolve(&p, hidden, 1, "debug");
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, NULL);

    /* Another is in its place. */
    programs_run(&p, "cc -O1 -DOTHER -o a a.c");
    programs_resolve(&p, hidden, 1, "debug");
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, "is not the recorded");

    /* Some distributions link to the file itself there. */
    programs_run(&p, "rm debug/%s.debug && cc -g -O2 -o c a.c && ln -s $PWD/c debug/%s", path,
                 path);
    programs_resolve(&p, hidden, 1, "debug");
    programs_expect(&p, "hidden", true);
    programs_deinit(&p);
}

static void what_several_files_share_is_found(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");

    programs_need("dwz");
    programs_run(&p, "printf '#include <stdio.h>\\nFILE *kept;\\n' >types.c && "
                     "cc -g -O2 -o a a.c types.c");
    hidden = programs_symbol(&p, "a", "hidden");
    programs_run(&p,
                 "cp a b && cp a c && mkdir -p there/x && dwz -m there/common -M ../common b c && "
                 "readelf -SW b | grep gnu_debugaltlink && mv b there/x/ && rm c");
    programs_record(&p, "there/x/b");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, NULL);

    /* Without it, what the file itself says is still known; and no other is taken. */
    programs_run(&p, "rm there/common");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, "shares with other files");
    programs_deinit(&p);
}

static void compressed_symbol_tables_are_read(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");

    programs_need("xz");
    programs_run(&p, "objcopy --strip-debug a mini && xz -k mini && objcopy --strip-all a && "
                     "objcopy --add-section .gnu_debugdata=mini.xz a");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", false);
    programs_expect_trouble(&p, NULL);
    programs_deinit(&p);
}

static void another_file_is_refused_and_named(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");

    p.module.build_id[0] ^= 1;
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_expect_trouble(&p, "is not the recorded");
    assert_non_null(strstr(p.troubles.items[0], p.module.path));
    assert_non_null(strstr(p.troubles.items[0], "names of its functions are not known"));

    p.module.build_id_len = 0;
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_expect_trouble(&p, "was not recorded");

    programs_run(&p, "cc -g -O2 -Wl,--build-id=none -o a a.c");
    p.module.build_id_len = 20;
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_expect_trouble(&p, "it has no build-id");
    programs_deinit(&p);
}

static void what_is_no_file_is_told(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");

    /* The file was unlinked while it ran, and is there again. */
    char *path = p.module.path;

    assert_true(asprintf(&p.module.path, "%s (deleted)", path) > 0);
    free(path);
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", true);
    programs_expect_trouble(&p, NULL);

    programs_run(&p, "mkdir -p debug; rm a");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_expect_trouble(&p, "is not found");

    /* Opening it would wait for a writer. */
    programs_run(&p, "mkfifo a");
    p.module.path[strlen(p.module.path) - strlen(" (deleted)")] = '\0';
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect_trouble(&p, "not an ELF file");

    static const char *const names[] = {"a", "../a", "", "/", "/dev/null", "[heap]"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        free(p.module.path);
        p.module.path = strdup(names[i]);
        programs_resolve(&p, hidden, 1, NULL);
        programs_expect(&p, NULL, false);
        assert_int_equal(p.troubles.count, names[i][0] == '[' ? 0 : 1);
    }
    free(p.module.path);
    p.module.path = NULL;
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect_trouble(&p, "is not found");
    programs_deinit(&p);
}

static void the_vdso_is_this_machines_when_it_is_the_same(void **state)
{
    (void)state;
    const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
    struct programs p;

    if (!image)
        skip();
    programs_init(&p);

    const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
    size_t len = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;

    temporary_put(&p.directory, "vdso", image, len);
    programs_record(&p, "vdso");

    _cleanup_buffer_ struct buffer text = {0};
    uint64_t address;

    programs_output(&p, &text, "nm -D vdso | grep -w __vdso_gettimeofday");
    assert_int_equal(sscanf(text.bytes, "%" SCNx64, &address), 1);
    free(p.module.path);
    p.module.path = strdup("[vdso]");
    programs_resolve(&p, address, 1, NULL);
    assert_int_equal(p.places[0].lines.count, 1);
    programs_expect_trouble(&p, NULL);
    p.module.build_id[0] ^= 1;
    programs_resolve(&p, address, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_expect_trouble(&p, NULL);
    programs_deinit(&p);
}

/* Whatever the file is, there is an answer; the build-id is that of the whole one. */
static void try_bytes(struct programs *p, const char *bytes, size_t len, uint64_t offset)
{
    temporary_put(&p->directory, "a", bytes, len);
    programs_resolve(p, offset, 16, NULL);
}

static void files_that_are_broken_harm_nothing(void **state)
{
    (void)state;
    enum { CUTS = 60, FLIPS = 300 };
    _cleanup_buffer_ struct buffer whole = {0};
    struct programs p;
    uint64_t hidden = build(&p, "");
    unsigned seed = 1;

    temporary_get(&p.directory, "a", &whole);
    for (int i = 0; i < CUTS; i++)
        try_bytes(&p, whole.bytes, whole.len * (size_t)i / CUTS, hidden);
    for (int i = 0; i < FLIPS; i++) {
        _cleanup_free_ char *bytes = malloc(whole.len);

        assert_non_null(bytes);
        memcpy(bytes, whole.bytes, whole.len);
        for (int k = 0; k < 1 + i % 16; k++)
            bytes[(size_t)rand_r(&seed) % whole.len] = (char)rand_r(&seed);
        try_bytes(&p, bytes, whole.len, hidden);
    }
    for (size_t i = 4; i < whole.len; i++)
        whole.bytes[i] = (char)rand_r(&seed);
    try_bytes(&p, whole.bytes, whole.len, hidden);
    programs_expect(&p, NULL, false);
    programs_deinit(&p);
}

/* A C++ name of 12 KiB takes more stack to demangle than the child is given here. */
static void put_deep_name(struct programs *p)
{
    _cleanup_buffer_ struct buffer text = {0};

    buffer_printf(&text, "__attribute__((noinline)) int deep(int n) __asm__(\"_Z4deep");
    for (int i = 0; i < 12 << 10; i++)
        buffer_printf(&text, "i");
    buffer_printf(&text, "\");\nvolatile int sink;\nint deep(int n) { sink = n; return n; }\n"
                         "int main(void) { return deep(sink); }\n");
    assert_false(text.failed);
    programs_put(p, "deep.c", text.bytes);
    programs_run(p, "cc -g -O2 -o deep deep.c");
}

static void a_crash_costs_the_names_of_its_file_only(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");
    struct rlimit before, small;
    struct symbols_troubles troubles;

    put_deep_name(&p);

    uint64_t deep = programs_symbol(&p, "deep", "_Z4deepi*");
    struct stack_module good = p.module;

    p.module.path = NULL;
    programs_record(&p, "deep");

    struct stack_module bad = p.module, last = good;
    char *last_path = NULL;

    programs_run(&p, "cp a z");
    assert_true(asprintf(&last_path, "%s/z", p.directory.path) > 0);
    last.path = last_path;

    /* By path: a, deep, z. */
    struct symbols_place places[] = {
        {.module = &bad, .offset = deep},
        {.module = &last, .offset = hidden},
        {.module = &good, .offset = hidden},
    };

    assert_int_equal(getrlimit(RLIMIT_STACK, &before), 0);
    small = (struct rlimit){256 << 10, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_STACK, &small), 0);
    must(symbols_resolve(places, ARRAY_SIZE(places), &(struct symbols_options){0}, &troubles));
    assert_int_equal(setrlimit(RLIMIT_STACK, &before), 0);

    assert_int_equal(places[1].lines.count, 1);
    assert_string_equal(places[1].lines.items[0].function, "hidden");
    assert_int_equal(places[2].lines.count, 1);
    assert_string_equal(places[2].lines.items[0].function, "hidden");
    assert_int_equal(troubles.count, 1);
    assert_non_null(strstr(troubles.items[0], bad.path));
    assert_non_null(strstr(troubles.items[0], "crashed (SIGSEGV)"));
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        symbols_place_deinit(&places[i]);
    symbols_troubles_deinit(&troubles);
    free(last_path);
    free(good.path);
    programs_deinit(&p);
}

/* Has a section hold 200 MB, in little room. */
static void swell(struct programs *p, const char *file, const char *section)
{
    programs_run(p,
                 "head -c 200000000 /dev/zero >zeros && objcopy --update-section %s=zeros %s && "
                 "rm zeros && objcopy --compress-debug-sections=zlib %s",
                 section, file, file);
}

/* What happens to the child when it begins to read a certain file. */
struct accident {
    const char *file;
    int signal;
};

static void cause(const char *text, void *context)
{
    const struct accident *accident = context;
    const char *slash = strrchr(text, '/');
    _cleanup_buffer_ struct buffer children = {0};
    char path[64];

    if (!slash || strcmp(slash + 1, accident->file) != 0)
        return;
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    must(io_read_file(AT_FDCWD, path, 4096, &children));
    kill((pid_t)atoi(children.bytes), accident->signal);
}

/* Three copies of a program, the second of which takes a while to read, and meets with an accident. */
static void check_accident(struct programs *p, uint64_t hidden, int signal, const char *trouble,
                           bool last_is_read)
{
    enum { FILES = 3 };
    struct stack_module modules[FILES];
    struct symbols_place places[FILES];
    struct symbols_troubles troubles;
    struct accident accident = {"b", signal};

    for (size_t i = 0; i < FILES; i++) {
        modules[i] = p->module;
        modules[i].path = strdup(p->module.path);
        modules[i].path[strlen(modules[i].path) - 1] = (char)('a' + i);
        places[i] = (struct symbols_place){.module = &modules[i], .offset = hidden};
    }
    must(symbols_resolve(places, FILES,
                         &(struct symbols_options){.limit_ns = UINT64_C(6) * NS_PER_S,
                                                   .progress = cause,
                                                   .context = &accident},
                         &troubles));
    assert_int_equal(troubles.count, 1);
    if (!strstr(troubles.items[0], trouble))
        print_error("%s\n", troubles.items[0]);
    assert_non_null(strstr(troubles.items[0], trouble));
    assert_int_equal(places[0].lines.count, 1);
    assert_int_equal(places[2].lines.count, last_is_read);
    symbols_troubles_deinit(&troubles);
    for (size_t i = 0; i < FILES; i++) {
        symbols_place_deinit(&places[i]);
        free(modules[i].path);
    }
}

static void what_ends_the_child_is_told(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");

    programs_run(&p, "cp a b && cp a c");
    swell(&p, "b", ".debug_line");
    check_accident(&p, hidden, SIGSTOP, "took too long", true);
    check_accident(&p, hidden, SIGBUS, "crashed (SIGBUS)", true);
    check_accident(&p, hidden, SIGXCPU, "took too long", true);
    check_accident(&p, hidden, SIGINT, "interrupted", false);
    programs_deinit(&p);
}

static void time_is_bounded(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");

    p.limit_ns = 1;
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect_trouble(&p, "time ran out");
    p.limit_ns = UINT64_MAX;
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", true);
    programs_deinit(&p);
}

/* 200 MB of debug information in a small file: reading it ends by the limit or by itself. */
static void a_file_that_swells_is_bounded(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");

    swell(&p, "a", ".debug_info");
    p.limit_ns = UINT64_C(500) * NS_PER_MS;
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", false);
    programs_deinit(&p);
}

/* It takes connections and says nothing. */
static int silent_server(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void a_silent_server_costs_only_what_it_could_give(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");
    uint16_t port;
    int fd = silent_server(&port);
    char url[64], cache[128];

    programs_run(&p, "objcopy --strip-debug a");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
    snprintf(cache, sizeof(cache), "%s/cache", p.directory.path);
    setenv("DEBUGINFOD_URLS", url, 1);
    setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
    p.limit_ns = UINT64_C(1500) * NS_PER_MS;
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect(&p, "hidden", false);
    assert_int_equal(p.troubles.count, 1);

    /* It was asked. */
    int flags = fcntl(fd, F_SETFL, O_NONBLOCK);
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    assert_int_equal(flags, 0);
    assert_true(connection >= 0);
    close(connection);
    while ((connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(connection);

    /* Without the variable, or with an empty one, it is not. */
    setenv("DEBUGINFOD_URLS", "", 1);
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect_trouble(&p, NULL);
    unsetenv("DEBUGINFOD_URLS");
    programs_resolve(&p, hidden, 1, NULL);
    programs_expect_trouble(&p, NULL);
    assert_true(accept4(fd, NULL, NULL, SOCK_CLOEXEC) < 0);
    unsetenv("DEBUGINFOD_CACHE_PATH");
    close(fd);
    programs_deinit(&p);
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    struct programs p;
    uint64_t hidden = build(&p, "");
    int before = dup(0);

    programs_resolve(&p, hidden, 1, NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    close(before);

    int after = dup(0);

    assert_int_equal(after, before);
    close(after);
    programs_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbol_tables_give_functions_alone),
        cmocka_unit_test(debug_links_are_followed),
        cmocka_unit_test(without_a_build_id_the_checksum_counts),
        cmocka_unit_test(debug_files_are_found_by_build_id),
        cmocka_unit_test(what_several_files_share_is_found),
        cmocka_unit_test(compressed_symbol_tables_are_read),
        cmocka_unit_test(another_file_is_refused_and_named),
        cmocka_unit_test(what_is_no_file_is_told),
        cmocka_unit_test(the_vdso_is_this_machines_when_it_is_the_same),
        cmocka_unit_test(files_that_are_broken_harm_nothing),
        cmocka_unit_test(a_crash_costs_the_names_of_its_file_only),
        cmocka_unit_test(what_ends_the_child_is_told),
        cmocka_unit_test(time_is_bounded),
        cmocka_unit_test(a_file_that_swells_is_bounded),
        cmocka_unit_test(a_silent_server_costs_only_what_it_could_give),
        cmocka_unit_test(nothing_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
