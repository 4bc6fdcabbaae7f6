/* The registry: the same file once, equal tables once, files that change, lie, or are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/auxv.h>

#include "stacks/cfi.h"
#include "stacks/module.h"
#include "temporary.h"
#include "tests/tiny_elf.h"

struct fixture {
    struct temporary t;
    struct modules *modules;
};

static void set_up(struct fixture *f)
{
    temporary_init(&f->t);
    must(modules_create(&f->modules));
}

static void tear_down(struct fixture *f)
{
    modules_destroy(f->modules);
    temporary_deinit(&f->t);
}

static void make(struct buffer *out, const char *program, uint8_t id)
{
    struct tiny_table table = {.bits = 64};
    size_t cie = tiny_cie(&table, "zR", "\x0c\x07\x08\x90\x01", 5);

    tiny_fde(&table, cie, TINY_CODE, 0x10, program, 2);
    tiny_elf(out, &(struct tiny_elf){.bits = 64,
                                     .table = &table,
                                     .code = "\x90\x90\xc3",
                                     .code_len = 3,
                                     .entry = TINY_CODE + 2,
                                     .id = id});
    buffer_deinit(&table.bytes);
}

static void put(struct fixture *f, const char *name, const char *program, uint8_t id)
{
    _cleanup_buffer_ struct buffer elf = {0};

    make(&elf, program, id);
    temporary_put(&f->t, name, elf.bytes, elf.len);
}

static struct module *add(struct fixture *f, const char *name)
{
    struct module *module = NULL;

    must(modules_add(f->modules, name, openat(f->t.fd, name, O_RDONLY | O_CLOEXEC), &module));
    return module;
}

static void files_are_known_again(void **state)
{
    struct fixture f;
    struct module *first, *other;
    uint8_t code[4];
    uint64_t offset = 0;

    (void)state;
    set_up(&f);
    put(&f, "one", "\x0e\x10", 7);
    first = add(&f, "one");
    assert_ptr_equal(add(&f, "one"), first);
    assert_string_equal(module_identity(first)->path, "one");
    assert_int_equal(module_identity(first)->build_id_len, TINY_ID_BYTES);
    assert_int_equal(module_identity(first)->build_id[0], 7);
    assert_int_equal(module_entry(first), TINY_CODE + 2);
    assert_true(module_offset(first, TINY_CODE, &offset));
    assert_int_equal(offset, TINY_CODE);
    assert_int_equal(module_read_code(first, TINY_CODE, code, 3), 3);
    assert_memory_equal(code, "\x90\x90\xc3", 3);
    assert_int_equal(module_read_code(first, 0xaff, code, 4), 1);
    assert_int_equal(module_read_code(first, 0xb00, code, 4), 0);
    assert_non_null(module_cfi(first));

    put(&f, "one", "\x0e\x20", 8); /* written anew: its times differ */
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    assert_int_equal(utimensat(f.t.fd, "one", times, 0), 0);
    other = add(&f, "one");
    assert_ptr_not_equal(other, first);
    assert_int_equal(module_identity(other)->build_id[0], 8);
    assert_int_equal(module_identity(first)->build_id[0], 7);
    tear_down(&f);
}

static void equal_tables_are_shared(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    put(&f, "one", "\x0e\x10", 7);
    put(&f, "two", "\x0e\x10", 7);
    put(&f, "liar", "\x0e\x18", 7); /* the same build-id, but not the same tables */
    put(&f, "other", "\x0e\x10", 9);

    const struct cfi *cfi = module_cfi(add(&f, "one"));

    assert_non_null(cfi);
    assert_ptr_equal(module_cfi(add(&f, "two")), cfi);
    assert_ptr_not_equal(module_cfi(add(&f, "liar")), cfi);
    assert_ptr_not_equal(module_cfi(add(&f, "other")), cfi);
    assert_int_not_equal(cfi_serial(module_cfi(add(&f, "liar"))), cfi_serial(cfi));
    tear_down(&f);
}

static void images_are_known_again(void **state)
{
    _cleanup_buffer_ struct buffer elf = {0};
    struct fixture f;
    struct module *first, *again, *other;
    char code[2];

    (void)state;
    set_up(&f);
    make(&elf, "\x0e\x10", 0);
    must(modules_add_image(f.modules, "[vdso]", elf.bytes, elf.len, &first));
    must(modules_add_image(f.modules, "[vdso]", elf.bytes, elf.len, &again));
    must(modules_add_image(f.modules, "[vdso]", elf.bytes, elf.len - 1, &other));
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
    assert_int_equal(module_identity(first)->build_id_len, 0);
    assert_int_equal(module_read_code(first, TINY_CODE, code, 2), 2);
    assert_non_null(module_cfi(first));
    tear_down(&f);
}

/* The vdso, which ends with its section headers. */
static const uint8_t *own_vdso(size_t *ret_len)
{
    const uint8_t *vdso = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
    Elf64_Ehdr header;

    if (!vdso)
        return NULL;
    memcpy(&header, vdso, sizeof(header));
    *ret_len = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize;
    return vdso;
}

static void images_name_their_functions(void **state)
{
    void *library = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    const char *function = library ? dlsym(library, "__vdso_getcpu") : NULL;
    const uint8_t *vdso;
    struct module *module;
    struct fixture f;
    size_t len = 0;

    (void)state;
    vdso = own_vdso(&len);
    if (!function || !vdso)
        skip();
    set_up(&f);
    must(modules_add_image(f.modules, "[vdso]", vdso, len, &module));
    /* getcpu is another name of it, and stands first in some kernels' tables. */
    assert_non_null(module_function(module, (uint64_t)((const uint8_t *)function - vdso)));
    assert_non_null(strstr(
        module_function(module, (uint64_t)((const uint8_t *)function - vdso) + 3), "getcpu"));
    assert_null(module_function(module, 0));
    assert_null(module_function(module, UINT64_MAX));
    tear_down(&f);
    dlclose(library);
}

static void spoilt_images_do_no_harm(void **state)
{
    enum { ROUNDS = 300 };
    unsigned random = 7;
    const uint8_t *vdso;
    size_t len = 0;

    (void)state;
    vdso = own_vdso(&len);
    if (!vdso)
        skip();
    for (int round = 0; round < ROUNDS; round++) {
        _cleanup_free_ uint8_t *bytes = malloc(len);
        struct module *module;
        struct fixture f;

        assert_non_null(bytes);
        memcpy(bytes, vdso, len);
        for (int i = 0; i < 200; i++) {
            random = random * 1103515245 + 12345;
            bytes[(random >> 8) % len] ^= (uint8_t)(1 << (random >> 4) % 8);
        }
        set_up(&f);
        must(modules_add_image(f.modules, "[vdso]", bytes, len - random % 64, &module));
        for (uint64_t offset = 0; offset < len; offset += 16)
            module_function(module, offset);
        tear_down(&f);
    }
}

static void what_cannot_be_read_has_a_name(void **state)
{
    struct fixture f;
    struct module *module;
    uint64_t offset;
    char code[2];
    int ends[2];

    (void)state;
    set_up(&f);
    temporary_put(&f.t, "text", "no ELF file", 11);
    temporary_put(&f.t, "empty", "", 0);
    assert_int_equal(pipe(ends), 0);
    close(ends[1]);

    const int fds[] = {-1, openat(f.t.fd, "text", O_RDONLY), openat(f.t.fd, "empty", O_RDONLY),
                       openat(f.t.fd, ".", O_RDONLY), ends[0]};

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        char name[] = {'/', (char)('a' + i), '\0'};

        must(modules_add(f.modules, name, fds[i], &module));
        assert_string_equal(module_identity(module)->path, name);
        assert_int_equal(module_identity(module)->build_id_len, 0);
        assert_null(module_cfi(module));
        assert_false(module_offset(module, 0, &offset));
        assert_int_equal(module_read_code(module, 0, code, 2), 0);
        assert_int_equal(module_entry(module), 0);
    }
    must(modules_add(f.modules, "/lib/libfoo.so", -1, &module));
    assert_string_equal(module_gap_text(module),
                        "a frame may be missing here: no unwind table in libfoo.so");
    tear_down(&f);
}

static void huge_holes_cost_little(void **state)
{
    struct fixture f;
    struct module *module;
    int fd;

    (void)state;
    set_up(&f);
    put(&f, "sparse", "\x0e\x10", 0);
    fd = temporary_open(&f.t, "sparse");
    assert_int_equal(ftruncate(fd, INT64_C(1) << 40), 0);

    /* The segment, and with it .eh_frame, goes on for a tebibyte; its first zero ends the table. */
    Elf64_Phdr header;

    assert_int_equal(pread(fd, &header, sizeof(header), sizeof(Elf64_Ehdr)), sizeof(header));
    header.p_filesz = header.p_memsz = UINT64_C(1) << 40;
    assert_int_equal(pwrite(fd, &header, sizeof(header), sizeof(Elf64_Ehdr)), sizeof(header));
    close(fd);
    module = add(&f, "sparse");
    assert_non_null(module_cfi(module));
    assert_true(cfi_bytes(module_cfi(module)) < 4096);
    tear_down(&f);
}

static size_t count_descriptors(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 2000; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void descriptors_are_bounded(void **state)
{
    struct fixture f;
    size_t before;
    struct module *last = NULL;
    char name[16], code[1];

    (void)state;
    set_up(&f);
    before = count_descriptors();
    for (int i = 0; i < MODULES_MAX_DESCRIPTORS + 20; i++) {
        snprintf(name, sizeof(name), "file%d", i);
        put(&f, name, "\x0e\x10", 1);
        last = add(&f, name);
    }
    assert_int_equal(count_descriptors(), before + MODULES_MAX_DESCRIPTORS);
    assert_null(module_cfi(last));
    assert_int_equal(module_read_code(last, TINY_CODE, code, 1), 0);
    while (modules_load_next(f.modules))
        continue;
    assert_int_equal(count_descriptors(), before);
    last = add(&f, "file0");
    assert_non_null(module_cfi(last));
    assert_int_equal(module_read_code(last, TINY_CODE, code, 1), 1);
    tear_down(&f);
    assert_true(count_descriptors() <= before);
}

static void *use(void *context)
{
    struct fixture *f = context;
    char name[16], code[4];

    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "file%d", i);

        struct module *module = add(f, name);
        struct cfi_row row;

        assert_int_equal(module_identity(module)->build_id[0], 1 + i % 3);
        assert_true(cfi_find(module_cfi(module), TINY_CODE, &row));
        assert_int_equal(module_read_code(module, TINY_CODE, code, 3), 3);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    struct fixture f;
    pthread_t threads[4];
    char name[16];

    (void)state;
    set_up(&f);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "file%d", i);
        put(&f, name, "\x0e\x10", (uint8_t)(1 + i % 3));
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, &f), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_known_again),
        cmocka_unit_test(equal_tables_are_shared),
        cmocka_unit_test(images_are_known_again),
        cmocka_unit_test(what_cannot_be_read_has_a_name),
        cmocka_unit_test(huge_holes_cost_little),
        cmocka_unit_test(descriptors_are_bounded),
        cmocka_unit_test(threads_share_it),
        cmocka_unit_test(images_name_their_functions),
        cmocka_unit_test(spoilt_images_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
