/* Tables written by hand, and those of the machine's C library against what libdw makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <link.h>

#include "evidence/event.h"
#include "stacks/cfi.h"
#include "stacks/elf_image.h"
#include "temporary.h"
#include "tests/tiny_elf.h"

#define CIE_64 "\x0c\x07\x08\x90\x01" /* CFA = sp+8, pc at CFA-8 */

/* A cfi of TABLE, for code from TINY_CODE on; NULL when nothing in it makes sense. */
static struct cfi *create(struct tiny_table *table)
{
    struct cfi_input input = {.abi = table->bits == 64 ? EVENT_ABI_X86_64 : EVENT_ABI_I386,
                              .address_bytes = (uint8_t)(table->bits / 8),
                              .code_start = TINY_CODE,
                              .code_end = 0x10000};
    struct cfi *cfi = NULL;

    assert_false(table->bytes.failed);
    input.eh_frame = (struct cfi_section){
        .bytes = malloc(table->bytes.len + 1), .len = table->bytes.len, .address = TINY_TABLE};
    assert_non_null(input.eh_frame.bytes);
    if (table->bytes.len)
        memcpy(input.eh_frame.bytes, table->bytes.bytes, table->bytes.len);
    must(cfi_create(&input, &cfi));
    buffer_deinit(&table->bytes);
    return cfi;
}

/* The row at TINY_CODE + AT of a function of 0x100 bytes with the FDE's PROGRAM. */
static bool row_of(const char *program, size_t len, unsigned at, struct cfi_row *ret_row)
{
    struct tiny_table table = {.bits = 64};
    size_t cie = tiny_cie(&table, "zR", CIE_64, 5);

    tiny_fde(&table, cie, TINY_CODE, 0x100, program, len);

    struct cfi *cfi = create(&table);
    bool found;

    assert_non_null(cfi);
    found = cfi_find(cfi, TINY_CODE + at, ret_row);
    /* Expressions lie in the cfi. */
    for (int i = 0; i < CFI_REGISTERS && found; i++)
        if (ret_row->rules[i].kind >= CFI_EXPRESSION)
            ret_row->rules[i].expression = NULL;
    cfi_destroy(cfi);
    return found;
}
#define ROW_OF(program, at, row) row_of(program, sizeof(program) - 1, at, row)

static void assert_cfa(const struct cfi_row *row, unsigned number, int64_t offset)
{
    assert_int_equal(row->cfa.kind, CFI_VAL_OFFSET);
    assert_int_equal(row->cfa_register, number);
    assert_int_equal(row->cfa.offset, offset);
}

static void assert_offset(const struct cfi_row *row, unsigned number, int64_t offset)
{
    assert_int_equal(row->rules[number].kind, CFI_OFFSET);
    assert_int_equal(row->rules[number].offset, offset);
}

static void rules_change_with_the_pc(void **state)
{
    /* push rbp; mov rsp, rbp: at 1 CFA = sp+16, bp at CFA-16; at 4 CFA = bp+16; at 0x20 back */
    static const char program[] = "\x41\x0e\x10\x86\x02\x43\x0d\x06\x5c\x0c\x07\x08\xc6";
    struct cfi_row row;

    (void)state;
    assert_true(ROW_OF(program, 0, &row));
    assert_cfa(&row, 7, 8);
    assert_offset(&row, 16, -8);
    assert_int_equal(row.rules[6].kind, CFI_UNSPECIFIED);
    assert_true(ROW_OF(program, 1, &row));
    assert_cfa(&row, 7, 16);
    assert_offset(&row, 6, -16);
    assert_true(ROW_OF(program, 4, &row));
    assert_cfa(&row, 6, 16);
    assert_true(ROW_OF(program, 0x1f, &row));
    assert_cfa(&row, 6, 16);
    assert_true(ROW_OF(program, 0x20, &row));
    assert_cfa(&row, 7, 8);
    assert_int_equal(row.rules[6].kind, CFI_UNSPECIFIED);
    assert_true(ROW_OF(program, 0xff, &row));
    assert_false(ROW_OF(program, 0x100, &row));
}

static void every_instruction_does_its_part(void **state)
{
    struct cfi_row row;

    (void)state;
    assert_true(ROW_OF("\x05\x03\x02"         /* offset_extended rbx 2 */
                       "\x11\x0c\x7d"         /* offset_extended_sf r12 -3 */
                       "\x14\x0d\x04"         /* val_offset r13 4 */
                       "\x15\x0e\x7b"         /* val_offset_sf r14 -5 */
                       "\x09\x00\x01"         /* register rax in rdx */
                       "\x07\x02"             /* undefined rcx */
                       "\x08\x04"             /* same_value rsi */
                       "\x10\x05\x01\x96"     /* expression rdi */
                       "\x16\x08\x02\x96\x96" /* val_expression r8 */
                       "\x2f\x09\x06"         /* GNU_negative_offset_extended r9 6 */
                       "\x2e\x20"             /* GNU_args_size */
                       "\x05\xb5\x01\x01"     /* of a register beyond ours */
                       "\x02\x01\x03\x01\x00\x04\x01\x00\x00\x00" /* advance_loc 1, 2, 4 */
                       "\x12\x06\x7e"                             /* def_cfa_sf bp -2 */
                       "\x0d\x0c",                                /* def_cfa_register r12 */
                       3, &row));
    assert_offset(&row, 3, -16);
    assert_offset(&row, 12, 24);
    assert_int_equal(row.rules[13].kind, CFI_VAL_OFFSET);
    assert_int_equal(row.rules[13].offset, -32);
    assert_int_equal(row.rules[14].kind, CFI_VAL_OFFSET);
    assert_int_equal(row.rules[14].offset, 40);
    assert_int_equal(row.rules[0].kind, CFI_REGISTER);
    assert_int_equal(row.rules[0].in_register, 1);
    assert_int_equal(row.rules[2].kind, CFI_UNDEFINED);
    assert_int_equal(row.rules[4].kind, CFI_SAME);
    assert_int_equal(row.rules[5].kind, CFI_EXPRESSION);
    assert_int_equal(row.rules[5].expression_len, 1);
    assert_int_equal(row.rules[8].kind, CFI_VAL_EXPRESSION);
    assert_int_equal(row.rules[8].expression_len, 2);
    assert_offset(&row, 9, 48);
    assert_cfa(&row, 12, 16);
    assert_true(ROW_OF("\x13\x7d", 0, &row)); /* def_cfa_offset_sf -3 */
    assert_cfa(&row, 7, 24);
    assert_true(ROW_OF("\x0f\x02\x77\x08", 0, &row)); /* def_cfa_expression breg7 8 */
    assert_int_equal(row.cfa.kind, CFI_VAL_EXPRESSION);
    assert_int_equal(row.cfa.expression_len, 2);
}

static void states_are_remembered(void **state)
{
    /* push; remember; pop, ret at 4; then as before */
    static const char program[] = "\x41\x0e\x10\x83\x02\x42\x0a\x0e\x08\xc3\x41\x0b\x42\x06\x03";
    struct cfi_row row;

    (void)state;
    assert_true(ROW_OF(program, 3, &row));
    assert_cfa(&row, 7, 8);
    assert_int_equal(row.rules[3].kind, CFI_UNSPECIFIED);
    assert_true(ROW_OF(program, 4, &row));
    assert_cfa(&row, 7, 16);
    assert_offset(&row, 3, -16);
    assert_true(ROW_OF(program, 6, &row)); /* restore_extended */
    assert_int_equal(row.rules[3].kind, CFI_UNSPECIFIED);
}

static void nonsense_gives_no_row(void **state)
{
    char many[17];
    struct cfi_row row;

    (void)state;
    memset(many, 0x0a, sizeof(many));
    assert_false(row_of(many, sizeof(many), 0, &row));
    assert_true(row_of(many, sizeof(many) - 1, 0, &row));
    assert_false(ROW_OF("\x0b", 0, &row));                     /* nothing was remembered */
    assert_false(ROW_OF("\x3b", 0, &row));                     /* no such instruction */
    assert_false(ROW_OF("\x0c\x40\x08", 0, &row));             /* no such register */
    assert_false(ROW_OF("\x0f\x01\x96\x0d\x06", 0, &row));     /* a register for an expression */
    assert_false(ROW_OF("\x10\x03\x7f\x96\x96\x96", 0, &row)); /* an expression beyond the end */
    assert_false(ROW_OF("\x04\x01\x01", 0, &row));             /* half a number, padded to more */
    assert_false(ROW_OF("\x41\x3b", 1, &row));
    assert_true(ROW_OF("\x41\x3b", 0, &row)); /* what lies behind the pc is not looked at */
}

static void programs_end(void **state)
{
    enum { LEN = 1 << 20 };
    struct cfi_row row;
    char *endless = malloc(LEN);

    (void)state;
    assert_non_null(endless);
    memset(endless, 0x0e, LEN); /* def_cfa_offset 14, half a million times */
    assert_false(row_of(endless, LEN, 0, &row));
    memset(endless, 0x40, LEN); /* advance by nothing */
    assert_false(row_of(endless, LEN, 0, &row));
    free(endless);
}

static void functions_are_found_by_address(void **state)
{
    struct tiny_table table = {.bits = 64};
    size_t cie = tiny_cie(&table, "zR", CIE_64, 5);
    uint64_t start = 0, end = 0;
    struct cfi_row row;

    (void)state;
    /* Out of order, one inside another, one twice; one that the linker dropped; one of no length. */
    tiny_fde(&table, cie, TINY_CODE + 0x100, 0x40, "\x0e\x18", 2);
    tiny_fde(&table, cie, TINY_CODE, 0x100, "\x0e\x10", 2);
    tiny_fde(&table, cie, TINY_CODE + 0x20, 0x10, "\x0e\x20", 2);
    tiny_fde(&table, cie, TINY_CODE + 0x200, 0x10, "\x0e\x28", 2);
    tiny_fde(&table, cie, TINY_CODE + 0x200, 0x10, "\x0e\x30", 2);
    tiny_fde(&table, cie, 0, 0x2000, "", 0);
    tiny_fde(&table, cie, TINY_CODE + 0x300, 0, "", 0);
    tiny_fde(&table, cie + 4, TINY_CODE + 0x400, 0x10, "", 0); /* no CIE there */

    struct cfi *cfi = create(&table);

    assert_true(cfi_find(cfi, TINY_CODE + 0x1f, &row));
    assert_cfa(&row, 7, 16);
    assert_true(cfi_find(cfi, TINY_CODE + 0x2f, &row));
    assert_cfa(&row, 7, 32);
    assert_true(cfi_find(cfi, TINY_CODE + 0x100, &row));
    assert_cfa(&row, 7, 24);
    assert_true(cfi_find(cfi, TINY_CODE + 0x20f, &row));
    assert_cfa(&row, 7, 48);
    assert_false(cfi_find(cfi, TINY_CODE - 1, &row));
    assert_false(cfi_find(cfi, TINY_CODE + 0x140, &row));
    assert_false(cfi_find(cfi, TINY_CODE + 0x300, &row));
    assert_false(cfi_find(cfi, TINY_CODE + 0x400, &row));
    assert_false(cfi_find(cfi, UINT64_MAX, &row));
    assert_true(cfi_function(cfi, TINY_CODE + 0x105, &start, &end));
    assert_int_equal(start, TINY_CODE + 0x100);
    assert_int_equal(end, TINY_CODE + 0x140);
    cfi_destroy(cfi);
}

static void augmentations_are_read(void **state)
{
    struct cfi_row row;

    (void)state;
    for (int i = 0; i < 3; i++) {
        static const char *const augmentations[] = {"zRS", "zR", "q"};
        struct tiny_table table = {.bits = i == 1 ? 32 : 64};
        size_t cie = tiny_cie(&table, augmentations[i], CIE_64, 5);

        tiny_fde(&table, cie, TINY_CODE, 0x10, "", 0);

        struct cfi *cfi = create(&table);

        if (i == 2) { /* unknown, and without 'z' there is no skipping it */
            assert_null(cfi);
            continue;
        }
        assert_int_equal(cfi_abi(cfi), i == 1 ? EVENT_ABI_I386 : EVENT_ABI_X86_64);
        assert_true(cfi_find(cfi, TINY_CODE, &row));
        assert_int_equal(row.signal_frame, i == 0);
        assert_int_equal(row.return_register, i == 1 ? 8 : 16);
        cfi_destroy(cfi);
    }
}

/* .debug_frame: absolute addresses, the CIE by its offset; version 4, and a 64-bit FDE. */
static void debug_frame_fills_the_gaps(void **state)
{
    struct buffer b = {0};
    struct tiny_table table = {.bits = 64};
    struct cfi_input input = {
        .abi = EVENT_ABI_X86_64, .address_bytes = 8, .code_start = TINY_CODE, .code_end = 0x10000};
    struct cfi *cfi;
    struct cfi_row row;

    (void)state;
    tiny_fde(&table, tiny_cie(&table, "zR", CIE_64, 5), TINY_CODE, 0x10, "\x0e\x10", 2);
    buffer_u32(&b, 16);
    buffer_u32(&b, UINT32_MAX);
    buffer_bytes(&b, "\x04\0\x08\0\x01\x78\x10" CIE_64, 12);
    for (int i = 0; i < 2; i++) {
        buffer_u32(&b, UINT32_MAX);
        buffer_u64(&b, 26);
        buffer_u64(&b, 0);
        buffer_u64(&b, TINY_CODE + (uint64_t)i * 0x10);
        buffer_u64(&b, 0x10);
        buffer_bytes(&b, "\x0e\x20", 2);
    }
    input.eh_frame = (struct cfi_section){
        .bytes = (uint8_t *)table.bytes.bytes, .len = table.bytes.len, .address = TINY_TABLE};
    input.debug_frame = (struct cfi_section){.bytes = (uint8_t *)b.bytes, .len = b.len};
    must(cfi_create(&input, &cfi));
    assert_null(input.eh_frame.bytes);
    assert_null(input.debug_frame.bytes);
    assert_true(cfi_find(cfi, TINY_CODE, &row));
    assert_cfa(&row, 7, 16);
    assert_true(cfi_find(cfi, TINY_CODE + 0x10, &row));
    assert_cfa(&row, 7, 32);
    cfi_destroy(cfi);
}

/* --- against libdw --- */

static bool same_rule(Dwarf_Frame *frame, const struct cfi_row *row, int number)
{
    Dwarf_Op memory[3], *ops;
    size_t count;
    const struct cfi_rule *rule = &row->rules[number];

    if (dwarf_frame_register(frame, number, memory, &ops, &count) != 0)
        return false;
    switch (rule->kind) {
    case CFI_OFFSET:
        return count >= 1 && ops[0].atom == DW_OP_call_frame_cfa &&
               (count == 1 ? rule->offset == 0
                           : count == 2 && ops[1].atom == DW_OP_plus_uconst &&
                                 (int64_t)ops[1].number == rule->offset);
    case CFI_EXPRESSION:
    case CFI_VAL_EXPRESSION:
        return count > 0;
    case CFI_UNDEFINED:
        return count == 0 && ops == memory;
    case CFI_UNSPECIFIED: /* libdw has its own mind about rbx */
        return count == 0;
    case CFI_SAME:
        return count == 0 && ops == NULL;
    default:
        return true;
    }
}

static bool same_row(Dwarf_Frame *frame, const struct cfi_row *row)
{
    static const int compared[] = {3, 6, 12, 13, 14, 15, 16};
    Dwarf_Op *ops;
    size_t count;
    bool signal_frame;

    if (dwarf_frame_cfa(frame, &ops, &count) != 0 ||
        dwarf_frame_info(frame, NULL, NULL, &signal_frame) < 0 || signal_frame != row->signal_frame)
        return false;
    if (row->cfa.kind == CFI_VAL_OFFSET &&
        (count != 1 || ops[0].atom != DW_OP_bregx || ops[0].number != row->cfa_register ||
         (int64_t)ops[0].number2 != row->cfa.offset) &&
        (count != 1 || ops[0].atom != DW_OP_breg0 + row->cfa_register ||
         (int64_t)ops[0].number != row->cfa.offset))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(compared); i++)
        if (!same_rule(frame, row, compared[i]))
            return false;
    return true;
}

static void compare_file(const char *path, size_t *compared)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    struct elf_image image;
    struct elf_span span;
    bool exact;
    struct cfi *cfi;

    elf_version(EV_CURRENT);
    if (fd < 0 || fstat(fd, &st) != 0 ||
        !elf_image_open(&(struct elf_source){.fd = fd, .len = (uint64_t)st.st_size}, &image) ||
        image.machine != EM_X86_64 || !elf_image_eh_frame(&image, &span, &exact))
        return;

    struct cfi_input input = {.abi = EVENT_ABI_X86_64, .address_bytes = 8, .code_end = UINT64_MAX};
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    Dwarf_CFI *dwarf = dwarf_getcfi_elf(elf);

    input.eh_frame =
        (struct cfi_section){.bytes = malloc(span.len), .len = span.len, .address = span.address};
    assert_int_equal(elf_source_read(&image.source, span.offset, input.eh_frame.bytes, span.len),
                     span.len);
    must(cfi_create(&input, &cfi));
    assert_non_null(dwarf);
    for (uint64_t pc = image.entry; pc < image.entry + 200000; pc += 11) {
        Dwarf_Frame *frame = NULL;
        struct cfi_row row;
        bool theirs = dwarf_cfi_addrframe(dwarf, pc, &frame) == 0;

        if (theirs != cfi_find(cfi, pc, &row) || (theirs && !same_row(frame, &row)))
            fail_msg("%s: another row at %lx", path, pc);
        *compared += theirs;
        free(frame);
    }
    cfi_destroy(cfi);
    dwarf_cfi_end(dwarf);
    elf_end(elf);
}

static int compare_object(struct dl_phdr_info *info, size_t size, void *compared)
{
    (void)size;
    if (info->dlpi_name[0])
        compare_file(info->dlpi_name, compared);
    return 0;
}

static void rows_are_those_of_libdw(void **state)
{
    size_t compared = 0;

    (void)state;
    dl_iterate_phdr(compare_object, &compared);
    if (compared == 0)
        skip();
    assert_true(compared > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_change_with_the_pc),
        cmocka_unit_test(every_instruction_does_its_part),
        cmocka_unit_test(states_are_remembered),
        cmocka_unit_test(nonsense_gives_no_row),
        cmocka_unit_test(programs_end),
        cmocka_unit_test(functions_are_found_by_address),
        cmocka_unit_test(augmentations_are_read),
        cmocka_unit_test(debug_frame_fills_the_gaps),
        cmocka_unit_test(rows_are_those_of_libdw),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
