/* Unwinding by the tables of cfi.h. Most rows are alike and are kept in a form that needs no interpreting. */
#include "stacks/dwarf_expression.h"
#include "stacks/unwind_state.h"

/* --- what was learnt --- */

static int kept_index(const struct unwind_abi *abi, unsigned number)
{
    for (int i = 0; i < abi->kept_count; i++)
        if (abi->kept[i] == number)
            return i;
    return -1;
}

static bool fits_16(int64_t value)
{
    return value > UNWIND_LOST && value <= INT16_MAX;
}

static bool simplify(const struct unwind_abi *abi, const struct cfi_row *row,
                     struct unwind_row *simple)
{
    const struct cfi_rule *back = &row->rules[abi->pc];

    if (row->signal_frame || row->return_register != abi->pc || row->cfa.kind != CFI_VAL_OFFSET ||
        row->cfa.offset < INT32_MIN || row->cfa.offset > INT32_MAX || back->kind != CFI_OFFSET ||
        back->offset != -(int64_t)abi->word_bytes)
        return false;
    simple->cfa_register = row->cfa_register;
    simple->cfa_offset = (int32_t)row->cfa.offset;
    for (unsigned i = 0; i < abi->pc; i++) {
        const struct cfi_rule *rule = &row->rules[i];
        int kept = kept_index(abi, i);

        if (rule->kind == CFI_UNSPECIFIED || (kept < 0 && rule->kind == CFI_UNDEFINED) ||
            (kept >= 0 && rule->kind == CFI_SAME))
            continue;
        if (kept < 0 || rule->kind != CFI_OFFSET || rule->offset == 0 || !fits_16(rule->offset))
            return false;
        simple->saved[kept] = (int16_t)rule->offset;
    }
    return true;
}

static void learn(struct unwind_state *s, const struct cfi *cfi, struct unwind_row *ret_row)
{
    struct unwind_row learnt = {
        .address = s->address, .serial = cfi_serial(cfi), .kind = UNWIND_ROW_NONE};
    struct cfi_row row;

    if (cfi_find(cfi, s->address, &row)) {
        if (row.rules[row.return_register].kind == CFI_UNDEFINED)
            learnt.kind = UNWIND_ROW_OUTERMOST;
        else
            learnt.kind = simplify(s->abi, &row, &learnt) ? UNWIND_ROW_SIMPLE : UNWIND_ROW_GENERAL;
    }
    *ret_row = learnt;
}

/* --- steps --- */

/* Stacks grow down: a caller's frame lies above. A signal's handler may run on a stack of its own, and the
 * innermost function may have taken its return address off the stack (vfork). */
static bool makes_progress(const struct unwind_state *s, uint64_t cfa, bool signal_frame)
{
    uint64_t sp = s->registers.values[s->abi->sp];

    return signal_frame || cfa > sp || (s->exact && cfa == sp);
}

static enum unwind_step unreadable(struct unwind_state *s)
{
    return unwind_ends(s, s->unread ? STACK_END_COPY : STACK_END_NO_UNWIND_INFO);
}

enum unwind_step unwind_by_row(struct unwind_state *s, const struct unwind_row *row)
{
    const struct unwind_abi *abi = s->abi;
    struct unwind_registers *registers = &s->registers;
    uint64_t cfa, back, value;
    uint32_t known = 0;

    if (!unwind_knows(registers, row->cfa_register))
        return unwind_ends(s, STACK_END_NO_UNWIND_INFO);
    cfa = (registers->values[row->cfa_register] + (uint64_t)(int64_t)row->cfa_offset) &
          unwind_mask(abi);
    if (!makes_progress(s, cfa, false))
        return unwind_ends(s, STACK_END_BROKEN);
    if (!unwind_read_word(s, cfa - abi->word_bytes, &back))
        return unreadable(s);
    for (unsigned i = 0; i < abi->kept_count; i++) {
        unsigned number = abi->kept[i];

        if (row->saved[i] == 0) {
            known |= registers->known & UINT32_C(1) << number;
        } else if (row->saved[i] != UNWIND_LOST &&
                   unwind_read_word(s, cfa + (uint64_t)(int64_t)row->saved[i], &value)) {
            registers->values[number] = value;
            known |= UINT32_C(1) << number;
        }
    }
    registers->known = known;
    unwind_set(registers, abi->sp, cfa);
    unwind_set(registers, abi->pc, back);
    return UNWIND_STEPPED;
}

static bool apply(struct unwind_state *s, const struct cfi_row *row, unsigned number, uint64_t cfa,
                  uint64_t *ret_value)
{
    const struct cfi_rule *rule = &row->rules[number];
    uint64_t address;

    switch (rule->kind) {
    case CFI_UNSPECIFIED:
        if (number == s->abi->sp) {
            *ret_value = cfa;
            return true;
        }
        if (kept_index(s->abi, number) < 0 && !row->signal_frame)
            return false;
        __attribute__((fallthrough));
    case CFI_SAME:
        *ret_value = s->registers.values[number];
        return unwind_knows(&s->registers, number);
    case CFI_OFFSET:
        return unwind_read_word(s, cfa + (uint64_t)rule->offset, ret_value);
    case CFI_VAL_OFFSET:
        *ret_value = cfa + (uint64_t)rule->offset;
        return true;
    case CFI_REGISTER:
        if (!unwind_knows(&s->registers, rule->in_register))
            return false;
        *ret_value = s->registers.values[rule->in_register];
        return true;
    case CFI_EXPRESSION:
        return dwarf_expression(s, rule->expression, rule->expression_len, &cfa, &address) &&
               unwind_read_word(s, address, ret_value);
    case CFI_VAL_EXPRESSION:
        return dwarf_expression(s, rule->expression, rule->expression_len, &cfa, ret_value);
    default:
        return false;
    }
}

static bool find_cfa(struct unwind_state *s, const struct cfi_row *row, uint64_t *ret_cfa)
{
    const struct cfi_rule *rule = &row->cfa;

    if (rule->kind == CFI_VAL_EXPRESSION)
        return dwarf_expression(s, rule->expression, rule->expression_len, NULL, ret_cfa);
    if (!unwind_knows(&s->registers, row->cfa_register))
        return false;
    *ret_cfa =
        (s->registers.values[row->cfa_register] + (uint64_t)rule->offset) & unwind_mask(s->abi);
    return true;
}

static enum unwind_step step_general(struct unwind_state *s, const struct cfi_row *row)
{
    const struct unwind_abi *abi = s->abi;
    struct unwind_registers caller = {.abi = s->registers.abi};
    uint64_t cfa, value;

    if (row->return_register >= abi->registers)
        return unwind_ends(s, STACK_END_NO_UNWIND_INFO);
    if (!find_cfa(s, row, &cfa))
        return unreadable(s);
    if (!makes_progress(s, cfa, row->signal_frame))
        return unwind_ends(s, STACK_END_BROKEN);
    for (unsigned i = 0; i < abi->registers; i++)
        if (i != abi->pc && apply(s, row, i, cfa, &value))
            unwind_set(&caller, i, value & unwind_mask(abi));
    if (row->rules[row->return_register].kind == CFI_UNSPECIFIED || !unwind_knows(&caller, abi->sp))
        return unwind_ends(s, STACK_END_NO_UNWIND_INFO);
    s->unread = false;
    if (!apply(s, row, row->return_register, cfa, &value))
        return unreadable(s);
    unwind_set(&caller, abi->pc, value & unwind_mask(abi));
    s->registers = caller;
    s->signal_frame = row->signal_frame;
    return UNWIND_STEPPED;
}

enum unwind_step unwind_cfi_step(struct unwind_state *s)
{
    const struct cfi *cfi = s->in_image ? module_cfi(s->range->module) : NULL;
    struct unwind_row *learnt;
    struct cfi_row row;
    bool known;

    if (!cfi || cfi_abi(cfi) != s->registers.abi)
        return UNWIND_CANNOT;
    learnt = unwind_row(s, cfi_serial(cfi), &known);
    if (!known)
        learn(s, cfi, learnt);
    switch (learnt->kind) {
    case UNWIND_ROW_SIMPLE:
        return unwind_by_row(s, learnt);
    case UNWIND_ROW_GENERAL:
        return cfi_find(cfi, s->address, &row) ? step_general(s, &row) : UNWIND_CANNOT;
    case UNWIND_ROW_OUTERMOST:
        return unwind_ends(s, STACK_END_COMPLETE);
    default:
        return UNWIND_CANNOT;
    }
}
