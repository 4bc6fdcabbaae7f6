/* Functions, files and lines, against addr2line, in programs of several languages and compilers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/programs.h"

static const char c_source[] =
    "volatile int sink;\n"
    "static inline __attribute__((always_inline)) void store(int value)\n"
    "{\n"
    "    sink = value;\n"
    "    if (value > 3)\n"
    "        sink++;\n"
    "}\n"
    "static inline __attribute__((always_inline)) void keep(int value)\n"
    "{\n"
    "    store(value * 3);\n"
    "    { int twice = value * 2; store(twice); }\n"
    "}\n"
    "__attribute__((noinline)) void handle(int value)\n"
    "{\n"
    "    keep(value);\n"
    "    for (int i = 0; i < value; i++)\n"
    "        keep(i);\n"
    "}\n"
    "static __attribute__((noinline)) int hidden(int value)\n"
    "{\n"
    "    handle(value);\n"
    "    return sink + value;\n"
    "}\n"
    "int main(void)\n"
    "{\n"
    "    handle(7);\n"
    "    return hidden(sink) > 9;\n"
    "}\n";

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* One place as lines "FUNCTION FILE:LINE". */
static void describe(const struct symbols_place *place, struct buffer *text)
{
    for (size_t i = 0; i < place->lines.count; i++) {
        const struct symbols_line *line = &place->lines.items[i];

        assert_int_equal(line->inlined, i + 1 < place->lines.count);
        buffer_printf(text, "%s %s:%u\n", line->function ? line->function : "??",
                      line->file ? file_name(line->file) : "??", line->line);
    }
    buffer_printf(text, "-\n");
}

/* The same of what addr2line says about all places of P. */
static void ask_addr2line(struct programs *p, const char *name, struct buffer *text)
{
    _cleanup_buffer_ struct buffer out = {0}, addresses = {0};
    char *rest = NULL;
    bool first = true;

    for (size_t i = 0; i < p->count; i++)
        buffer_printf(&addresses, "0x%" PRIx64 "\n", p->places[i].offset);
    assert_false(addresses.failed);
    temporary_put(&p->directory, "addresses", addresses.bytes, addresses.len);
    programs_output(p, &out, "addr2line -a -i -f -C -e %s <addresses", name);
    for (char *line = strtok_r(out.bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "0x", 2) == 0) {
            buffer_printf(text, "%s", first ? "" : "-\n");
            first = false;
            continue;
        }

        char *place = strtok_r(NULL, "\n", &rest);

        assert_non_null(place);
        place[strcspn(place, " ")] = '\0'; /* (discriminator 2) */
        if (strcmp(place + strlen(place) - 2, ":?") == 0)
            place[strlen(place) - 1] = '0';
        buffer_printf(text, "%s %s\n", line, file_name(place));
    }
    buffer_printf(text, "-\n");
}

/* Where the line begins in which A and B differ. */
static size_t first_difference(const char *a, const char *b)
{
    size_t line = 0;

    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '\n')
            line = i + 1;
    return line;
}

/* Every address of FUNCTION, not only those where instructions begin. */
static void compare(struct programs *p, const char *name, const char *function)
{
    _cleanup_buffer_ struct buffer ours = {0}, theirs = {0};
    uint64_t size, address = programs_symbol_size(p, name, function, &size);

    programs_record(p, name);
    programs_resolve(p, address, size, NULL);
    programs_expect_trouble(p, NULL);
    for (size_t i = 0; i < p->count; i++)
        describe(&p->places[i], &ours);
    ask_addr2line(p, name, &theirs);
    assert_false(ours.failed || theirs.failed);
    assert_non_null(strstr(ours.bytes, function));
    if (strcmp(ours.bytes, theirs.bytes) != 0) {
        size_t same = first_difference(ours.bytes, theirs.bytes);

        print_error("%s differs at:\n%.200s\naddr2line:\n%.200s\n", function, ours.bytes + same,
                    theirs.bytes + same);
        fail();
    }
}

static void check_options(struct programs *p, const char *compiler, const char *options)
{
    programs_run(p, "%s -g %s -o a a.c", compiler, options);
    compare(p, "a", "handle");
    compare(p, "a", "hidden");
    compare(p, "a", "main");
}

static void c_is_as_addr2line_has_it(void **state)
{
    (void)state;
    static const char *const options[] = {
        "-gdwarf-4 -O2",         "-gdwarf-4 -O0",
        "-gdwarf-4 -O2 -no-pie", "-gdwarf-4 -O2 -gz",
        "-gdwarf-3 -O2",         "-gdwarf-4 -O2 -fdebug-types-section -ffunction-sections"};
    struct programs p;

    programs_init(&p);
    programs_need("addr2line");
    programs_put(&p, "a.c", c_source);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        check_options(&p, "cc", options[i]);
        if (programs_have("clang"))
            check_options(&p, "clang", options[i]);
    }
    check_options(&p, "cc", "-gdwarf-5 -O2");
    programs_deinit(&p);
}

/* What addr2line of 2023 makes nothing of: ranges by index (DW_FORM_rnglistx). */
static void one_code_is_the_same_in_all_versions_of_dwarf(void **state)
{
    (void)state;
    static const char *const options[] = {"-gdwarf-4", "-gdwarf-5", "-gdwarf-5 -gno-column-info"};
    _cleanup_buffer_ struct buffer first = {0};
    struct programs p;

    programs_init(&p);
    programs_need("clang");
    programs_put(&p, "a.c", c_source);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        _cleanup_buffer_ struct buffer text = {0};
        uint64_t size, address;

        programs_run(&p, "clang -g -O2 %s -o a a.c", options[i]);
        programs_record(&p, "a");
        address = programs_symbol_size(&p, "a", "handle", &size);
        programs_resolve(&p, address, size, NULL);
        for (size_t k = 0; k < p.count; k++)
            describe(&p.places[k], &text);
        assert_false(text.failed);
        if (i == 0)
            buffer_bytes(&first, text.bytes, text.len);
        assert_string_equal(text.bytes, first.bytes);
    }
    assert_non_null(strstr(first.bytes, "store a.c:4\nkeep a.c:11\nhandle a.c:17\n-\n"));
    programs_deinit(&p);
}

static void functions_of_32_bits_are_found_too(void **state)
{
    (void)state;
    struct programs p;

    programs_init(&p);
    programs_need("addr2line");
    programs_put(&p, "a.c", c_source);
    programs_put(&p, "empty.c", "int main(void) { return 0; }\n");
    programs_run(&p, "cc -m32 -o empty empty.c || touch none");
    if (faccessat(p.directory.fd, "none", F_OK, 0) == 0) {
        programs_deinit(&p);
        print_message("gcc-multilib is missing\n");
        skip();
    }
    programs_run(&p, "cc -m32 -g -O2 -o a a.c");
    compare(&p, "a", "handle");
    programs_deinit(&p);
}

/* The places may come in any order, more than once, and of several descriptions of one module. */
static void order_and_repetition_do_not_matter(void **state)
{
    (void)state;
    struct programs p;

    programs_init(&p);
    programs_put(&p, "a.c", c_source);
    programs_run(&p, "cc -g -O2 -o a a.c && cp a b");
    programs_record(&p, "a");

    struct stack_module same = p.module, other = p.module;
    _cleanup_free_ char *same_path = strdup(p.module.path), *other_path = strdup(p.module.path);
    uint64_t main_offset = programs_symbol(&p, "a", "main"),
             handle_offset = programs_symbol(&p, "a", "handle");
    struct symbols_place places[] = {
        {.module = &other, .offset = main_offset},
        {.module = &p.module, .offset = main_offset},
        {.module = &same, .offset = handle_offset},
        {.module = NULL, .offset = handle_offset},
        {.module = &p.module, .offset = handle_offset},
        {.module = &same, .offset = main_offset},
        {.module = &p.module, .offset = UINT64_MAX},
        {.module = &p.module, .offset = 0},
    };
    static const char *const expected[] = {"main",   "main", "handle", NULL,
                                           "handle", "main", NULL,     NULL};
    struct symbols_troubles troubles;

    same.path = same_path;
    other.path = other_path;
    other_path[strlen(other_path) - 1] = 'b';
    must(symbols_resolve(places, ARRAY_SIZE(places), &(struct symbols_options){0}, &troubles));
    assert_int_equal(troubles.count, 0);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const struct symbols_lines *lines = &places[i].lines;
        const char *found = lines->count ? lines->items[lines->count - 1].function : NULL;

        assert_int_equal(found != NULL, expected[i] != NULL);
        if (found)
            assert_string_equal(found, expected[i]);
        symbols_place_deinit(&places[i]);
    }
    must(symbols_resolve(NULL, 0, &(struct symbols_options){0}, &troubles));
    assert_int_equal(troubles.count, 0);
    programs_deinit(&p);
}

static const char cxx_source[] =
    "volatile int sink;\n"
    "namespace cache {\n"
    "struct Store {\n"
    "    Store(int n);\n"
    "    int put(const char *key, unsigned n);\n"
    "    template <class T> __attribute__((noinline)) T twice(T value) { sink++; return value + "
    "value; }\n"
    "};\n"
    "__attribute__((noinline)) Store::Store(int n) { sink = n; }\n"
    "__attribute__((noinline)) int Store::put(const char *key, unsigned n) { sink = n; return "
    "*key; }\n"
    "}\n"
    "namespace {\n"
    "struct Local { static inline __attribute__((always_inline)) void poke(int n) { sink = n; } "
    "};\n"
    "__attribute__((noinline)) int hidden(int n) { Local::poke(n); return sink; }\n"
    "}\n"
    "static __attribute__((noinline)) int alone(int n) { sink = n; return n + sink; }\n"
    "extern \"C\" __attribute__((noinline)) int plain(int n) { sink = n; return n; }\n"
    "int main()\n"
    "{\n"
    "    cache::Store store(3);\n"
    "    auto lambda = [](int n) __attribute__((noinline)) { sink += n; return sink; };\n"
    "    return store.put(\"k\", 2) + store.twice(4) + hidden(sink) + alone(sink) + plain(1) + "
    "lambda(2);\n"
    "}\n";

static void check_cxx(struct programs *p, const char *symbol, const char *name)
{
    programs_resolve(p, programs_symbol(p, "a", symbol), 1, NULL);
    programs_expect(p, name, true);
}

static void names_of_cxx_are_whole(void **state)
{
    (void)state;
    static const char *const compilers[] = {"c++", "clang++"};
    struct programs p;

    programs_init(&p);
    programs_need("c++");
    programs_put(&p, "a.cc", cxx_source);
    for (size_t i = 0; i < ARRAY_SIZE(compilers); i++) {
        if (!programs_have(compilers[i]))
            continue;
        programs_run(&p, "%s -g -O1 -o a a.cc", compilers[i]);
        programs_record(&p, "a");
        check_cxx(&p, "_ZN5cache5Store3putEPKcj", "cache::Store::put(char const*, unsigned int)");
        check_cxx(&p, "_ZN5cache5StoreC[12]Ei", "cache::Store::Store(int)");
        check_cxx(&p, "_ZN5cache5Store5twiceIiEET_S2_", "cache::Store::twice<int>(int)");
        check_cxx(&p, "_ZL5alonei", "alone(int)");
        check_cxx(&p, "plain", "plain");
        check_cxx(&p, "main", "main");
        check_cxx(&p, "_ZN12_GLOBAL__N_16hiddenEi", "(anonymous namespace)::hidden(int)");
        if (i == 0) /* clang numbers it by a rule of its own */
            check_cxx(&p, "_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const");

        uint64_t size, address = programs_symbol_size(&p, "a", "_ZN12_GLOBAL__N_16hiddenEi", &size);
        size_t inlined = 0;

        programs_resolve(&p, address, size, NULL);
        for (size_t k = 0; k < p.count; k++) {
            const struct symbols_lines *lines = &p.places[k].lines;

            if (lines->count == 2 && lines->items[0].function &&
                strncmp(lines->items[0].function, "(anonymous namespace)::Local::poke", 34) == 0)
                inlined++;
        }
        assert_true(inlined > 0);
    }
    programs_deinit(&p);
}

static void names_of_rust_are_whole(void **state)
{
    (void)state;
    struct programs p;

    programs_init(&p);
    programs_need("rustc");
    programs_put(
        &p, "bag.rs",
        "pub struct Bag(Vec<u64>);\n"
        "impl Bag {\n"
        "    #[inline(never)] pub fn put(&mut self, n: u64) -> usize { self.0.push(n); "
        "self.0.len() }\n"
        "}\n"
        "fn main() { let mut b = Bag(Vec::new()); std::process::exit(b.put(7) as i32 - 1); }\n");
    for (int v0 = 0; v0 < 2; v0++) {
        _cleanup_buffer_ struct buffer symbol = {0};

        programs_run(&p,
                     "RUSTC_BOOTSTRAP=1 rustc -g -O -Z unstable-options "
                     "-C symbol-mangling-version=%s --edition 2021 -o bag bag.rs",
                     v0 ? "v0" : "legacy");
        programs_record(&p, "bag");
        programs_output(&p, &symbol, "nm bag | grep -E '%s' | head -1 | sed 's/.* //'",
                        v0 ? " _R.*3Bag3put" : " _ZN3bag3Bag3put17h");
        symbol.bytes[strcspn(symbol.bytes, "\n")] = '\0';
        programs_resolve(&p, programs_symbol(&p, "bag", symbol.bytes), 1, NULL);
        programs_expect(&p, v0 ? "<bag::Bag>::put" : "bag::Bag::put", true);
        programs_run(&p, "objcopy --strip-debug bag");
        programs_resolve(&p, programs_symbol(&p, "bag", symbol.bytes), 1, NULL);
        programs_expect(&p, v0 ? "<bag::Bag>::put" : "bag::Bag::put", false);
    }
    programs_deinit(&p);
}

static void assembly_has_names_where_nothing_better_is(void **state)
{
    (void)state;
    struct programs p;

    programs_init(&p);
    programs_put(&p, "a.S",
                 ".text\n"
                 ".globl sized, bare, strong\n"
                 ".weak feeble\n"
                 "sized: .fill 16, 1, 0x90\n"
                 ".size sized, 8\n"
                 "bare: .fill 16, 1, 0x90\n"
                 ".Lmark: .fill 8, 1, 0x90\n"
                 "feeble:\n"
                 "strong:\n"
                 "_also: .fill 16, 1, 0x90\n"
                 ".size feeble, 16\n.size strong, 16\n.size _also, 16\n"
                 ".globl _start\n"
                 "_start: ret\n"
                 ".section .other, \"ax\"\n"
                 ".fill 16, 1, 0x90\n");
    programs_run(&p, "cc -nostdlib -static -Wl,--build-id -o a a.S");
    programs_record(&p, "a");

    uint64_t sized = programs_symbol(&p, "a", "sized"), bare = programs_symbol(&p, "a", "bare"),
             start = programs_symbol(&p, "a", "_start");

    programs_resolve(&p, sized + 7, 1, NULL);
    programs_expect(&p, "sized", false);
    programs_resolve(&p, sized + 8, 1, NULL);
    programs_expect(&p, NULL, false);
    programs_resolve(&p, bare + 23, 1, NULL);
    programs_expect(&p, "bare", false);
    programs_resolve(&p, bare + 24, 1, NULL);
    programs_expect(&p, "strong", false);
    programs_resolve(&p, start, 1, NULL);
    programs_expect(&p, "_start", false);
    programs_resolve(&p, start + 8, 1, NULL); /* in the next section */
    programs_expect(&p, NULL, false);
    programs_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c_is_as_addr2line_has_it),
        cmocka_unit_test(one_code_is_the_same_in_all_versions_of_dwarf),
        cmocka_unit_test(functions_of_32_bits_are_found_too),
        cmocka_unit_test(order_and_repetition_do_not_matter),
        cmocka_unit_test(names_of_cxx_are_whole),
        cmocka_unit_test(names_of_rust_are_whole),
        cmocka_unit_test(assembly_has_names_where_nothing_better_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
