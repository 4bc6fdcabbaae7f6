#include "stacks/dwarf_expression.h"

#include "stacks/dwarf_cursor.h"

enum { MAX_DEPTH = 64, MAX_STEPS = 1024 };

enum {
    DW_OP_deref = 0x06,
    DW_OP_const1u = 0x08,
    DW_OP_const1s = 0x09,
    DW_OP_const2u = 0x0a,
    DW_OP_const2s = 0x0b,
    DW_OP_const4u = 0x0c,
    DW_OP_const4s = 0x0d,
    DW_OP_const8u = 0x0e,
    DW_OP_const8s = 0x0f,
    DW_OP_constu = 0x10,
    DW_OP_consts = 0x11,
    DW_OP_dup = 0x12,
    DW_OP_drop = 0x13,
    DW_OP_over = 0x14,
    DW_OP_pick = 0x15,
    DW_OP_swap = 0x16,
    DW_OP_rot = 0x17,
    DW_OP_abs = 0x19,
    DW_OP_and = 0x1a,
    DW_OP_div = 0x1b,
    DW_OP_minus = 0x1c,
    DW_OP_mod = 0x1d,
    DW_OP_mul = 0x1e,
    DW_OP_neg = 0x1f,
    DW_OP_not = 0x20,
    DW_OP_or = 0x21,
    DW_OP_plus = 0x22,
    DW_OP_plus_uconst = 0x23,
    DW_OP_shl = 0x24,
    DW_OP_shr = 0x25,
    DW_OP_shra = 0x26,
    DW_OP_xor = 0x27,
    DW_OP_bra = 0x28,
    DW_OP_eq = 0x29,
    DW_OP_ge = 0x2a,
    DW_OP_gt = 0x2b,
    DW_OP_le = 0x2c,
    DW_OP_lt = 0x2d,
    DW_OP_ne = 0x2e,
    DW_OP_skip = 0x2f,
    DW_OP_lit0 = 0x30,
    DW_OP_breg0 = 0x70,
    DW_OP_bregx = 0x92,
    DW_OP_deref_size = 0x94,
    DW_OP_nop = 0x96,
};

/* Values have the size of an address and are kept zero-extended. */
struct machine {
    struct unwind_state *state;
    struct cursor code;
    uint64_t stack[MAX_DEPTH];
    unsigned depth;
    bool failed;
};

static void push(struct machine *m, uint64_t value)
{
    if (m->depth == MAX_DEPTH)
        m->failed = true;
    else
        m->stack[m->depth++] = value & unwind_mask(m->state->abi);
}

static uint64_t pop(struct machine *m)
{
    if (m->depth == 0) {
        m->failed = true;
        return 0;
    }
    return m->stack[--m->depth];
}

static uint64_t pick(struct machine *m, unsigned index)
{
    if (index >= m->depth) {
        m->failed = true;
        return 0;
    }
    return m->stack[m->depth - 1 - index];
}

static int64_t as_signed(const struct machine *m, uint64_t value)
{
    return m->state->abi->word_bytes == 4 ? (int32_t)value : (int64_t)value;
}

static void push_register(struct machine *m, uint64_t number, int64_t offset)
{
    const struct unwind_registers *registers = &m->state->registers;

    if (unwind_knows(registers, number))
        push(m, registers->values[number] + (uint64_t)offset);
    else
        m->failed = true;
}

static void dereference(struct machine *m, size_t len)
{
    uint64_t address = pop(m), value = 0;

    if (m->failed || len == 0 || len > m->state->abi->word_bytes ||
        !unwind_read(m->state, address, &value, len))
        m->failed = true;
    else
        push(m, value);
}

static void jump(struct machine *m, bool taken)
{
    int16_t distance = (int16_t)dwarf_u16(&m->code);
    size_t target = m->code.at + (size_t)distance;

    if (!taken)
        return;
    if (target > m->code.len)
        m->failed = true;
    else
        m->code.at = target;
}

static void swap_or_rotate(struct machine *m, uint8_t op)
{
    uint64_t first = pop(m), second = pop(m), third = op == DW_OP_rot ? pop(m) : 0;

    push(m, first);
    if (op == DW_OP_rot)
        push(m, third);
    push(m, second);
}

static uint64_t divide(struct machine *m, uint64_t a, uint64_t b)
{
    int64_t x = as_signed(m, a), y = as_signed(m, b);

    if (y == 0)
        m->failed = true;
    if (y == 0 || y == -1) /* the least number by -1 has no quotient */
        return 0 - a;
    return (uint64_t)(x / y);
}

static uint64_t shift(const struct machine *m, uint8_t op, uint64_t a, uint64_t b)
{
    unsigned bits = m->state->abi->word_bytes * 8;

    if (op == DW_OP_shra)
        return (uint64_t)(as_signed(m, a) >> (b < bits ? b : bits - 1));
    if (b >= bits)
        return 0;
    return op == DW_OP_shl ? a << b : a >> b;
}

static uint64_t binary(struct machine *m, uint8_t op, uint64_t a, uint64_t b)
{
    int64_t x = as_signed(m, a), y = as_signed(m, b);

    switch (op) {
    case DW_OP_and:
        return a & b;
    case DW_OP_or:
        return a | b;
    case DW_OP_xor:
        return a ^ b;
    case DW_OP_plus:
        return a + b;
    case DW_OP_minus:
        return a - b;
    case DW_OP_mul:
        return a * b;
    case DW_OP_div:
        return divide(m, a, b);
    case DW_OP_mod:
        m->failed |= b == 0;
        return b ? a % b : 0;
    case DW_OP_eq:
        return x == y;
    case DW_OP_ge:
        return x >= y;
    case DW_OP_gt:
        return x > y;
    case DW_OP_le:
        return x <= y;
    case DW_OP_lt:
        return x < y;
    case DW_OP_ne:
        return x != y;
    default:
        return shift(m, op, a, b);
    }
}

static void push_constant(struct machine *m, uint8_t op)
{
    struct cursor *c = &m->code;

    switch (op) {
    case DW_OP_const1u:
        push(m, cursor_u8(c));
        break;
    case DW_OP_const1s:
        push(m, (uint64_t)(int8_t)cursor_u8(c));
        break;
    case DW_OP_const2u:
        push(m, dwarf_u16(c));
        break;
    case DW_OP_const2s:
        push(m, (uint64_t)(int16_t)dwarf_u16(c));
        break;
    case DW_OP_const4u:
        push(m, cursor_u32(c));
        break;
    case DW_OP_const4s:
        push(m, (uint64_t)(int32_t)cursor_u32(c));
        break;
    case DW_OP_const8u:
    case DW_OP_const8s:
        push(m, cursor_u64(c));
        break;
    case DW_OP_constu:
        push(m, dwarf_uleb(c));
        break;
    default:
        push(m, (uint64_t)dwarf_sleb(c));
    }
}

/* What changes the order of values, or the next operation. */
static bool step_stack(struct machine *m, uint8_t op)
{
    switch (op) {
    case DW_OP_dup:
        push(m, pick(m, 0));
        return true;
    case DW_OP_drop:
        pop(m);
        return true;
    case DW_OP_over:
        push(m, pick(m, 1));
        return true;
    case DW_OP_pick:
        push(m, pick(m, cursor_u8(&m->code)));
        return true;
    case DW_OP_swap:
    case DW_OP_rot:
        swap_or_rotate(m, op);
        return true;
    case DW_OP_bra:
        jump(m, pop(m) != 0);
        return true;
    case DW_OP_skip:
        jump(m, true);
        return true;
    case DW_OP_nop:
        return true;
    default:
        return false;
    }
}

static bool step_unary(struct machine *m, uint8_t op)
{
    int64_t value;

    switch (op) {
    case DW_OP_deref:
        dereference(m, m->state->abi->word_bytes);
        return true;
    case DW_OP_deref_size:
        dereference(m, cursor_u8(&m->code));
        return true;
    case DW_OP_abs:
        value = as_signed(m, pop(m));
        push(m, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
        return true;
    case DW_OP_neg:
        push(m, 0 - pop(m));
        return true;
    case DW_OP_not:
        push(m, ~pop(m));
        return true;
    case DW_OP_plus_uconst:
        push(m, pop(m) + dwarf_uleb(&m->code));
        return true;
    default:
        return false;
    }
}

static void step(struct machine *m)
{
    uint8_t op = cursor_u8(&m->code);

    if (op >= DW_OP_lit0 && op < DW_OP_lit0 + 32) {
        push(m, op - DW_OP_lit0);
    } else if (op >= DW_OP_breg0 && op < DW_OP_breg0 + 32) {
        push_register(m, op - DW_OP_breg0, dwarf_sleb(&m->code));
    } else if (op == DW_OP_bregx) {
        uint64_t number = dwarf_uleb(&m->code);

        push_register(m, number, dwarf_sleb(&m->code));
    } else if (op >= DW_OP_const1u && op <= DW_OP_consts) {
        push_constant(m, op);
    } else if (!step_stack(m, op) && !step_unary(m, op)) {
        uint64_t b = pop(m), a = pop(m);

        if (op < DW_OP_and || op > DW_OP_ne)
            m->failed = true;
        else
            push(m, binary(m, op, a, b));
    }
}

bool dwarf_expression(struct unwind_state *s, const uint8_t *expression, size_t len,
                      const uint64_t *initial, uint64_t *ret_value)
{
    struct machine m;

    m.state = s;
    m.code = cursor_of(expression, len);
    m.depth = 0;
    m.failed = false;
    if (initial)
        push(&m, *initial);
    for (unsigned steps = 0; cursor_left(&m.code) > 0; steps++) {
        if (steps == MAX_STEPS)
            return false;
        step(&m);
        if (m.failed || m.code.failed)
            return false;
    }
    if (m.depth == 0)
        return false;
    *ret_value = m.stack[m.depth - 1];
    return true;
}
