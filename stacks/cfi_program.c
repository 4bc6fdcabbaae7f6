/* The instructions of CIEs and FDEs (DWARF 5, 6.4.2 and 7.24), from the function's start to one pc. */
#include <string.h>

#include "stacks/cfi_records.h"

enum {
    MAX_STEPS = 1 << 15, /* a function with thousands of epilogues has that many */
    MAX_REMEMBERED = 16, /* compilers nest one deep */
};

enum {
    DW_CFA_advance_loc = 0x40, /* with the operand in the low 6 bits */
    DW_CFA_offset = 0x80,
    DW_CFA_restore = 0xc0,
    DW_CFA_nop = 0x00,
    DW_CFA_set_loc = 0x01,
    DW_CFA_advance_loc1 = 0x02,
    DW_CFA_advance_loc2 = 0x03,
    DW_CFA_advance_loc4 = 0x04,
    DW_CFA_offset_extended = 0x05,
    DW_CFA_restore_extended = 0x06,
    DW_CFA_undefined = 0x07,
    DW_CFA_same_value = 0x08,
    DW_CFA_register = 0x09,
    DW_CFA_remember_state = 0x0a,
    DW_CFA_restore_state = 0x0b,
    DW_CFA_def_cfa = 0x0c,
    DW_CFA_def_cfa_register = 0x0d,
    DW_CFA_def_cfa_offset = 0x0e,
    DW_CFA_def_cfa_expression = 0x0f,
    DW_CFA_expression = 0x10,
    DW_CFA_offset_extended_sf = 0x11,
    DW_CFA_def_cfa_sf = 0x12,
    DW_CFA_def_cfa_offset_sf = 0x13,
    DW_CFA_val_offset = 0x14,
    DW_CFA_val_offset_sf = 0x15,
    DW_CFA_val_expression = 0x16,
    DW_CFA_GNU_args_size = 0x2e,
    DW_CFA_GNU_negative_offset_extended = 0x2f,
};

struct run {
    const struct cfi_part *part;
    const struct cfi_cie *cie;
    struct cursor program;
    uint64_t pc, until; /* rules of code behind UNTIL are not wanted */
    struct cfi_row row;
    const struct cfi_row *initial; /* after the CIE's program; NULL during it */
    struct cfi_row remembered[MAX_REMEMBERED];
    unsigned remembered_count;
    unsigned steps;
};

/* Registers that are not ours (vector registers, flags) are read past. */
static void set_rule(struct run *run, uint64_t number, struct cfi_rule rule)
{
    if (number < CFI_REGISTERS)
        run->row.rules[number] = rule;
}

static void set_offset(struct run *run, uint64_t number, uint8_t kind, uint64_t factored)
{
    set_rule(run, number,
             (struct cfi_rule){.kind = kind,
                               .offset = (int64_t)(factored * (uint64_t)run->cie->data_align)});
}

static void restore(struct run *run, uint64_t number)
{
    if (!run->initial)
        run->program.failed = true;
    else if (number < CFI_REGISTERS)
        run->row.rules[number] = run->initial->rules[number];
}

static struct cfi_rule read_expression(struct run *run, uint8_t kind)
{
    uint64_t len = dwarf_uleb(&run->program);
    const uint8_t *bytes = cursor_bytes(&run->program, len > UINT32_MAX ? SIZE_MAX : (size_t)len);

    return (struct cfi_rule){.kind = kind, .expression_len = (uint32_t)len, .expression = bytes};
}

static void set_cfa_register(struct run *run, uint64_t number)
{
    if (number >= CFI_REGISTERS)
        run->program.failed = true;
    else
        run->row.cfa_register = (uint8_t)number;
}

static void set_cfa_offset(struct run *run, uint64_t offset)
{
    run->row.cfa = (struct cfi_rule){.kind = CFI_VAL_OFFSET, .offset = (int64_t)offset};
}

static void remember(struct run *run)
{
    if (run->remembered_count == MAX_REMEMBERED)
        run->program.failed = true;
    else
        run->remembered[run->remembered_count++] = run->row;
}

/* The CFA comes back too, as gcc and all readers since have it. */
static void recall(struct run *run)
{
    if (run->remembered_count == 0)
        run->program.failed = true;
    else
        run->row = run->remembered[--run->remembered_count];
}

static void advance(struct run *run, uint64_t delta)
{
    run->pc += delta * run->cie->code_align;
}

static void set_loc(struct run *run)
{
    struct dwarf_base base = {.address = run->part->address,
                              .address_bytes = run->cie->address_bytes};

    dwarf_pointer(&run->program, &base, run->cie->encoding, &run->pc);
}

static void set_cfa(struct run *run, uint8_t op)
{
    struct cursor *c = &run->program;
    uint64_t align = (uint64_t)run->cie->data_align;

    switch (op) {
    case DW_CFA_def_cfa:
        set_cfa_register(run, dwarf_uleb(c));
        set_cfa_offset(run, dwarf_uleb(c));
        break;
    case DW_CFA_def_cfa_sf:
        set_cfa_register(run, dwarf_uleb(c));
        set_cfa_offset(run, (uint64_t)dwarf_sleb(c) * align);
        break;
    case DW_CFA_def_cfa_register:
        set_cfa_register(run, dwarf_uleb(c));
        if (run->row.cfa.kind != CFI_VAL_OFFSET)
            c->failed = true;
        break;
    case DW_CFA_def_cfa_offset:
        set_cfa_offset(run, dwarf_uleb(c));
        break;
    case DW_CFA_def_cfa_offset_sf:
        set_cfa_offset(run, (uint64_t)dwarf_sleb(c) * align);
        break;
    default:
        run->row.cfa = read_expression(run, CFI_VAL_EXPRESSION);
    }
}

static void step_register(struct run *run, uint8_t op)
{
    struct cursor *c = &run->program;
    uint64_t number = dwarf_uleb(c);

    switch (op) {
    case DW_CFA_offset_extended:
        set_offset(run, number, CFI_OFFSET, dwarf_uleb(c));
        break;
    case DW_CFA_offset_extended_sf:
        set_offset(run, number, CFI_OFFSET, (uint64_t)dwarf_sleb(c));
        break;
    case DW_CFA_GNU_negative_offset_extended:
        set_offset(run, number, CFI_OFFSET, -dwarf_uleb(c));
        break;
    case DW_CFA_val_offset:
        set_offset(run, number, CFI_VAL_OFFSET, dwarf_uleb(c));
        break;
    case DW_CFA_val_offset_sf:
        set_offset(run, number, CFI_VAL_OFFSET, (uint64_t)dwarf_sleb(c));
        break;
    case DW_CFA_restore_extended:
        restore(run, number);
        break;
    case DW_CFA_undefined:
        set_rule(run, number, (struct cfi_rule){.kind = CFI_UNDEFINED});
        break;
    case DW_CFA_same_value:
        set_rule(run, number, (struct cfi_rule){.kind = CFI_SAME});
        break;
    case DW_CFA_register:
        set_rule(run, number,
                 (struct cfi_rule){.kind = CFI_REGISTER, .in_register = dwarf_uleb(c)});
        break;
    case DW_CFA_expression:
        set_rule(run, number, read_expression(run, CFI_EXPRESSION));
        break;
    default:
        set_rule(run, number, read_expression(run, CFI_VAL_EXPRESSION));
    }
}

static void step(struct run *run)
{
    struct cursor *c = &run->program;
    uint8_t op = cursor_u8(c), operand = op & 0x3f;

    switch (op & 0xc0) {
    case DW_CFA_advance_loc:
        advance(run, operand);
        return;
    case DW_CFA_offset:
        set_offset(run, operand, CFI_OFFSET, dwarf_uleb(c));
        return;
    case DW_CFA_restore:
        restore(run, operand);
        return;
    }
    switch (op) {
    case DW_CFA_nop:
        break;
    case DW_CFA_set_loc:
        set_loc(run);
        break;
    case DW_CFA_advance_loc1:
        advance(run, cursor_u8(c));
        break;
    case DW_CFA_advance_loc2:
        advance(run, dwarf_u16(c));
        break;
    case DW_CFA_advance_loc4:
        advance(run, cursor_u32(c));
        break;
    case DW_CFA_remember_state:
        remember(run);
        break;
    case DW_CFA_restore_state:
        recall(run);
        break;
    case DW_CFA_GNU_args_size: /* matters where control lands after a throw, not here */
        dwarf_uleb(c);
        break;
    case DW_CFA_def_cfa:
    case DW_CFA_def_cfa_sf:
    case DW_CFA_def_cfa_register:
    case DW_CFA_def_cfa_offset:
    case DW_CFA_def_cfa_offset_sf:
    case DW_CFA_def_cfa_expression:
        set_cfa(run, op);
        break;
    case DW_CFA_offset_extended:
    case DW_CFA_offset_extended_sf:
    case DW_CFA_GNU_negative_offset_extended:
    case DW_CFA_val_offset:
    case DW_CFA_val_offset_sf:
    case DW_CFA_restore_extended:
    case DW_CFA_undefined:
    case DW_CFA_same_value:
    case DW_CFA_register:
    case DW_CFA_expression:
    case DW_CFA_val_expression:
        step_register(run, op);
        break;
    default:
        c->failed = true;
    }
}

/* An instruction that moves pc beyond UNTIL ends the run, before any later rule. */
static bool run_program(struct run *run, struct cursor program)
{
    run->program = program;
    while (cursor_left(&run->program) > 0 && run->pc <= run->until) {
        if (++run->steps > MAX_STEPS)
            return false;
        step(run);
    }
    return !run->program.failed;
}

bool cfi_run(const struct cfi_part *part, const struct cfi_cie *cie, const struct cfi_fde *fde,
             uint64_t address, struct cfi_row *ret_row)
{
    struct cfi_row initial;
    struct run run;

    /* Not REMEMBERED, which is large and written before it is read. */
    memset(&run.row, 0, sizeof(run.row));
    run.part = part;
    run.cie = cie;
    run.pc = fde->start;
    run.until = address;
    run.initial = NULL;
    run.remembered_count = 0;
    run.steps = 0;
    run.row.return_register = cie->return_register;
    run.row.signal_frame = cie->signal_frame;
    if (!run_program(&run, cie->program))
        return false;
    initial = run.row;
    run.initial = &initial;
    run.pc = fde->start;
    run.remembered_count = 0;
    if (!run_program(&run, fde->program) || run.row.cfa.kind == CFI_UNSPECIFIED)
        return false;
    *ret_row = run.row;
    return true;
}
