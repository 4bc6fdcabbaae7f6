/* The table against the kernel's own headers, read as text: their macro names are all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "evidence/syscalls.h"

static bool read_header(const char *name, struct buffer *ret_text)
{
    static const char *const folders[] = {"/usr/include/x86_64-linux-gnu", "/usr/include"};

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        char path[128];
        struct seep_error *err;

        snprintf(path, sizeof(path), "%s/%s", folders[i], name);
        err = io_read_file(AT_FDCWD, path, 1 << 20, ret_text);
        if (!err)
            return true;
        error_destroy(err);
    }
    return false;
}

/* The number in "#define __NR_NAME 9" or "(__X32_SYSCALL_BIT + 9)"; -1: not there, or not plain. */
static int header_number(const struct buffer *text, const char *name)
{
    char wanted[64];
    const char *line;
    int number;

    snprintf(wanted, sizeof(wanted), "#define __NR_%s ", name);
    line = strstr(text->bytes, wanted);
    if (!line)
        return -1;
    line += strlen(wanted);
    return sscanf(line, "(__X32_SYSCALL_BIT + %d", &number) == 1 || sscanf(line, "%d", &number) == 1
               ? number
               : -1;
}

static void check_header(const char *header, enum event_abi abi)
{
    _cleanup_buffer_ struct buffer text = {0};
    size_t known = 0;

    if (!read_header(header, &text)) {
        print_message("no %s on this machine\n", header);
        skip();
    }
    for (size_t i = 0; i < syscalls_count; i++) {
        const struct syscall_row *row = &syscalls_table[i];
        int number = header_number(&text, row->name);

        if (row->number[abi] < 0 || number < 0)
            continue;
        assert_int_equal(row->number[abi], number);
        known++;
    }
    assert_true(known >= 15);
}

static void test_x86_64(void **state)
{
    (void)state;
    check_header("asm/unistd_64.h", EVENT_ABI_X86_64);
}

static void test_i386(void **state)
{
    (void)state;
    check_header("asm/unistd_32.h", EVENT_ABI_I386);
}

static void test_x32(void **state)
{
    (void)state;
    check_header("asm/unistd_x32.h", EVENT_ABI_X32);
}

static void test_aarch64(void **state)
{
    (void)state;
    check_header("asm-generic/unistd.h", EVENT_ABI_AARCH64);
}

static void test_every_number_is_found(void **state)
{
    (void)state;
    for (size_t abi = 0; abi < EVENT_ABI_UNKNOWN; abi++) {
        size_t found = 0, rows = 0;

        for (uint64_t number = 0; number < 4096; number++) {
            const struct syscall_row *row = syscalls_find(abi, number);

            if (!row)
                continue;
            assert_int_equal(row->number[abi], number);
            found++;
        }
        for (size_t i = 0; i < syscalls_count; i++)
            rows += syscalls_table[i].number[abi] >= 0;
        assert_int_equal(found, rows);
    }
    assert_ptr_equal(syscalls_find(EVENT_ABI_X32, 0x40000000 + 9), syscalls_find(EVENT_ABI_X32, 9));
    assert_null(syscalls_find(EVENT_ABI_X86_64, 0x40000000 + 9));
    assert_null(syscalls_find(EVENT_ABI_X86_64, UINT64_MAX));
    assert_null(syscalls_find(EVENT_ABI_UNKNOWN, 9));
}

static void test_rows_are_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < syscalls_count; i++) {
        const struct syscall_row *row = &syscalls_table[i];

        for (size_t k = 0; k < ARRAY_SIZE(row->arguments); k++)
            assert_int_equal(row->arguments[k] != SYSCALL_ARG_NONE, k < row->count);
    }
}

static void test_of_event(void **state)
{
    (void)state;
    for (uint8_t kind = EVENT_MMAP; kind <= EVENT_SYSCALL_LAST; kind++) {
        for (size_t abi = 0; abi <= EVENT_ABI_UNKNOWN; abi++) {
            assert_non_null(syscalls_of_event(kind, abi));
            assert_int_equal(syscalls_of_event(kind, abi)->kind, kind);
        }
    }
    assert_string_equal(syscalls_of_event(EVENT_MMAP, EVENT_ABI_I386)->name, "mmap2");
    assert_string_equal(syscalls_of_event(EVENT_MMAP, EVENT_ABI_X86_64)->name, "mmap");
    assert_int_equal(syscalls_of_event(EVENT_MMAP, EVENT_ABI_I386_OLD)->number[EVENT_ABI_I386], 90);
    assert_null(syscalls_of_event(0, EVENT_ABI_I386));
    assert_null(syscalls_of_event(EVENT_PROCESS_START, EVENT_ABI_I386));
    assert_null(syscalls_of_event(UINT8_MAX, EVENT_ABI_X86_64));
}

static const struct syscall_row *unpack(const uint64_t raw[6], uint64_t args[6], uint64_t *ret_at)
{
    memcpy(args, raw, 6 * sizeof(args[0]));
    return syscalls_unpack_ipc(args, ret_at);
}

static void test_ipc(void **state)
{
    uint64_t args[6], at = 1;
    const struct syscall_row *row;

    (void)state;
    row = unpack((uint64_t[]){21, 7, 010000, 0xffd0, 0x1000, 99}, args, &at);
    assert_string_equal(row->name, "shmat");
    assert_memory_equal(args, ((uint64_t[]){7, 0x1000, 010000, 0, 0, 0}), sizeof(args));
    assert_int_equal(at, 0xffd0);

    row = unpack((uint64_t[]){22, 1, 2, 3, 0x2000, 5}, args, &at);
    assert_string_equal(row->name, "shmdt");
    assert_memory_equal(args, ((uint64_t[]){0x2000, 0, 0, 0, 0, 0}), sizeof(args));
    assert_int_equal(at, 0);

    row = unpack((uint64_t[]){23, 1, 4096, 01600, 4, 5}, args, &at);
    assert_string_equal(row->name, "shmget");
    assert_memory_equal(args, ((uint64_t[]){1, 4096, 01600, 0, 0, 0}), sizeof(args));

    row = unpack((uint64_t[]){24, 7, 0x102, 3, 0xff00, 5}, args, &at);
    assert_string_equal(row->name, "shmctl");
    assert_memory_equal(args, ((uint64_t[]){7, 0x102, 0xff00, 0, 0, 0}), sizeof(args));

    /* semop, and the shmat that the kernel refuses: left alone */
    at = 77;
    assert_null(unpack((uint64_t[]){1, 2, 3, 4, 5, 6}, args, &at));
    assert_memory_equal(args, ((uint64_t[]){1, 2, 3, 4, 5, 6}), sizeof(args));
    assert_null(unpack((uint64_t[]){1 << 16 | 21, 2, 3, 4, 5, 6}, args, &at));
    assert_int_equal(at, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_x86_64),
        cmocka_unit_test(test_i386),
        cmocka_unit_test(test_x32),
        cmocka_unit_test(test_aarch64),
        cmocka_unit_test(test_every_number_is_found),
        cmocka_unit_test(test_rows_are_consistent),
        cmocka_unit_test(test_of_event),
        cmocka_unit_test(test_ipc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
