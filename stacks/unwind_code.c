/*
 * Unwinding by the code itself, where no table covers it: it is read on from the frame's pc until it
 * returns, since what it does to the stack on its way out tells where the return address is.
 *
 *     -> mov  %rax,%rbx
 *        je   1f                both ways
 *        ...
 *     1: add  $0x18,%rsp        the return address lies at sp + 0x18 + 8
 *        pop  %rbx              the caller's bx at sp + 0x18
 *        ret
 *
 * Nothing is executed and no value is guessed: a way on which sp is changed by what is not known here
 * leads nowhere. What is found counts when it stands behind a call, and when all ways that lead to
 * such an address lead to the same one: a way behind a call that never returns runs into another
 * function, and tells something else.
 */
#include "stacks/unwind_state.h"
#include "stacks/x86_code.h"

enum {
    MAX_STEPS = 4096,
    MAX_WAYS = 64,
    MAX_PUSHES = 12,
    VISITED_BITS = 13,
    CODE_BYTES = 512,
};

enum value_kind { VALUE_KEPT, VALUE_SAVED, VALUE_LOST };

/* An address: that of BASE as it is at the frame's pc, + OFFSET. */
struct place {
    bool by_bp; /* else by sp */
    int32_t offset;
};

/* Of a register that a function gives back as it got it. */
struct value {
    uint8_t kind; /* enum value_kind */
    struct place saved;
};

/* One way through the code. */
struct way {
    uint64_t at;
    struct place sp;
    struct value kept[UNWIND_KEPT_REGISTERS];
    uint32_t loaded; /* of these, since the last jump, not by pop: bit N for kept[N] */
    struct {
        struct place at;
        struct value value;
    } pushes[MAX_PUSHES];
    unsigned push_count;
};

struct search {
    struct unwind_state *state;
    struct module *module;
    struct way ways[MAX_WAYS]; /* still to go */
    unsigned way_count;
    uint64_t visited[1 << VISITED_BITS]; /* 0: free */
    unsigned steps;
    uint64_t code_at;
    size_t code_len;
    uint8_t code[CODE_BYTES + X86_MAX_BYTES];
    struct unwind_row found;
    uint64_t found_cfa;
    bool is_found, is_contradicted, is_exhausted;
};

static int kept_index(const struct search *q, int number)
{
    static const uint8_t dwarf_64[] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};
    const struct unwind_abi *abi = q->state->abi;

    if (number < 0 || number > 15)
        return -1;
    for (int i = 0; i < abi->kept_count; i++)
        if (abi->kept[i] == (abi->word_bytes == 8 ? dwarf_64[number] : number))
            return i;
    return -1;
}

/* bp is where it was. */
static bool has_bp(const struct search *q, const struct way *way)
{
    return way->kept[kept_index(q, X86_BP)].kind == VALUE_KEPT;
}

static bool is_same_place(struct place a, struct place b)
{
    return a.by_bp == b.by_bp && a.offset == b.offset;
}

static uint64_t address_of(const struct search *q, struct place place)
{
    const struct unwind_state *s = q->state;
    uint64_t base = s->registers.values[place.by_bp ? s->abi->bp : s->abi->sp];

    return (base + (uint64_t)(int64_t)place.offset) & unwind_mask(s->abi);
}

/* A way that comes to where another one was, with the same stack, says nothing new. */
static bool is_new(struct search *q, const struct way *way)
{
    uint64_t key = (way->at << 21 ^ (uint64_t)(uint32_t)way->sp.offset << 1 ^ way->sp.by_bp) + 1;
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - VISITED_BITS);

    while (q->visited[hash] && q->visited[hash] != key)
        hash = (hash + 1) & ((1 << VISITED_BITS) - 1);
    if (q->visited[hash] == key)
        return false;
    q->visited[hash] = key; /* never full: MAX_STEPS is less */
    return true;
}

static bool fetch(struct search *q, uint64_t at, struct x86_instruction *ret_instruction)
{
    uint64_t offset = at - q->code_at;

    if (offset >= CODE_BYTES || offset >= q->code_len) {
        q->code_at = at;
        q->code_len = module_read_code(q->module, at, q->code, sizeof(q->code));
        offset = 0;
    }
    return x86_decode(q->code + offset, q->code_len - offset, q->state->abi->word_bytes == 8,
                      ret_instruction);
}

/* --- what instructions do --- */

static void set_value(const struct search *q, struct way *way, int number, struct value value)
{
    int kept = kept_index(q, number);

    if (kept >= 0)
        way->kept[kept] = value;
}

static bool push(const struct search *q, struct way *way, int number)
{
    int kept = kept_index(q, number);

    if (way->push_count == MAX_PUSHES)
        return false;
    way->sp.offset -= q->state->abi->word_bytes;
    way->pushes[way->push_count].at = way->sp;
    way->pushes[way->push_count++].value =
        kept >= 0 ? way->kept[kept] : (struct value){.kind = VALUE_LOST};
    return true;
}

static void pop(const struct search *q, struct way *way, int number)
{
    struct value value = {.kind = VALUE_SAVED, .saved = way->sp};

    if (way->push_count && is_same_place(way->pushes[way->push_count - 1].at, way->sp))
        value = way->pushes[--way->push_count].value;
    set_value(q, way, number, value);
    way->sp.offset += q->state->abi->word_bytes;
}

/* What was pushed on the way and now lies below sp is gone. */
static void move_sp(struct way *way, struct place sp)
{
    way->sp = sp;
    while (way->push_count && (way->pushes[way->push_count - 1].at.by_bp != sp.by_bp ||
                               way->pushes[way->push_count - 1].at.offset < sp.offset))
        way->push_count--;
}

/* A load may be of any variable. Only what is loaded on the last stretch before the return is what
 * had been saved. */
static void load(const struct search *q, struct way *way, const struct x86_instruction *in)
{
    int kept = kept_index(q, in->reg);
    struct value value = {.kind = VALUE_SAVED};

    if (kept < 0)
        return;
    if (in->base == X86_SP)
        value.saved = (struct place){way->sp.by_bp, way->sp.offset + in->value};
    else if (has_bp(q, way))
        value.saved = (struct place){true, in->value};
    else
        value.kind = VALUE_LOST;
    way->kept[kept] = value;
    way->loaded |= UINT32_C(1) << kept;
}

static void forget_loads(const struct search *q, struct way *way)
{
    for (int i = 0; i < q->state->abi->kept_count; i++)
        if (way->loaded >> i & 1)
            way->kept[i].kind = VALUE_LOST;
    way->loaded = 0;
}

static void lose_written(const struct search *q, struct way *way, uint32_t writes)
{
    for (int number = 0; number < 16; number++)
        if (writes >> number & 1)
            set_value(q, way, number, (struct value){.kind = VALUE_LOST});
}

/* --- where a way ends --- */

static int16_t saved_from(const struct value *value, struct place cfa)
{
    int32_t distance = value->saved.offset - cfa.offset;

    if (value->kind == VALUE_KEPT)
        return 0;
    if (value->kind == VALUE_LOST || value->saved.by_bp != cfa.by_bp || distance >= 0 ||
        distance <= UNWIND_LOST)
        return UNWIND_LOST;
    return (int16_t)distance;
}

static void found(struct search *q, const struct way *way)
{
    struct unwind_state *s = q->state;
    struct place cfa = {way->sp.by_bp, way->sp.offset + s->abi->word_bytes};
    uint64_t address = address_of(q, way->sp), back;
    struct unwind_row row = {.kind = UNWIND_ROW_SIMPLE,
                             .cfa_register = cfa.by_bp ? s->abi->bp : s->abi->sp,
                             .cfa_offset = cfa.offset};

    if (address < s->registers.values[s->abi->sp] || !unwind_read_word(s, address, &back) ||
        unwind_behind_call(s, back) != UNWIND_BEHIND_CALL)
        return;
    for (int i = 0; i < s->abi->kept_count; i++)
        row.saved[i] = saved_from(&way->kept[i], cfa);
    if (!q->is_found) {
        q->is_found = true;
        q->found = row;
        q->found_cfa = address_of(q, cfa);
    } else if (q->found_cfa != address_of(q, cfa)) {
        q->is_contradicted = true;
    } else {
        for (int i = 0; i < s->abi->kept_count; i++)
            if (row.cfa_register != q->found.cfa_register || row.saved[i] != q->found.saved[i])
                q->found.saved[i] = UNWIND_LOST;
    }
}

static void branch(struct search *q, const struct way *way, uint64_t target)
{
    if (q->way_count == MAX_WAYS) {
        q->is_exhausted = true;
        return;
    }
    q->ways[q->way_count] = *way;
    q->ways[q->way_count++].at = target;
}

/* One instruction; false: the way ends. */
static bool step(struct search *q, struct way *way, const struct x86_instruction *in)
{
    uint64_t target;

    way->at += in->len;
    target = (way->at + (uint64_t)(int64_t)in->value) & unwind_mask(q->state->abi);
    if (in->writes & 1 << X86_SP)
        return false;
    switch (in->kind) {
    case X86_PUSH:
        return push(q, way, in->reg);
    case X86_POP:
        pop(q, way, in->reg);
        return in->reg != X86_SP;
    case X86_ADD_SP:
        move_sp(way, (struct place){way->sp.by_bp, way->sp.offset + in->value});
        return true;
    case X86_SP_BP:
    case X86_LEAVE:
        if (!has_bp(q, way))
            return false;
        move_sp(way, (struct place){true, in->value});
        if (in->kind == X86_LEAVE)
            pop(q, way, X86_BP);
        return true;
    case X86_LOAD:
        load(q, way, in);
        return true;
    case X86_CALL:
        forget_loads(q, way);
        return in->value ? true : push(q, way, -1);
    case X86_BRANCH:
        forget_loads(q, way);
        branch(q, way, target);
        return true;
    case X86_JUMP:
        forget_loads(q, way);
        way->at = target;
        return true;
    case X86_RET:
        if (in->value == 0)
            found(q, way);
        return false;
    case X86_STOP:
        return false;
    default:
        lose_written(q, way, in->writes);
        return true;
    }
}

static void follow(struct search *q, struct way *way)
{
    struct x86_instruction in;

    while (!q->is_contradicted && is_new(q, way)) {
        if (++q->steps > MAX_STEPS) {
            q->is_exhausted = true;
            return;
        }
        /* Far offsets come from no compiler, and would overflow. */
        if (way->sp.offset < -(1 << 30) || way->sp.offset > 1 << 30 || !fetch(q, way->at, &in) ||
            !step(q, way, &in))
            return;
    }
}

static void learn(struct unwind_state *s, struct unwind_row *ret_row)
{
    struct way start = {.at = s->address + !s->exact};
    struct search *q = calloc(1, sizeof(*q));
    struct unwind_row row = {.kind = UNWIND_ROW_NONE};

    if (q) {
        q->state = s;
        q->module = s->range->module;
        if (!unwind_knows(&s->registers, s->abi->bp))
            start.kept[kept_index(q, X86_BP)].kind = VALUE_LOST;
        branch(q, &start, start.at);
        while (q->way_count && !q->is_contradicted && !q->is_exhausted) {
            struct way way = q->ways[--q->way_count];

            follow(q, &way);
        }
        if (q->is_found && !q->is_contradicted && !q->is_exhausted)
            row = q->found;
        free(q);
    }
    row.address = s->address;
    /* With bp there might have been a way. */
    if (row.kind != UNWIND_ROW_NONE || unwind_knows(&s->registers, s->abi->bp))
        row.serial = module_serial(s->range->module);
    *ret_row = row;
}

enum unwind_step unwind_code_step(struct unwind_state *s)
{
    struct unwind_row *row;
    uint64_t cfa, back;
    bool known;

    if (!s->in_image)
        return UNWIND_CANNOT;
    row = unwind_row(s, module_serial(s->range->module), &known);
    if (!known)
        learn(s, row);
    if (row->kind != UNWIND_ROW_SIMPLE || !unwind_knows(&s->registers, row->cfa_register))
        return UNWIND_CANNOT;
    cfa = s->registers.values[row->cfa_register] + (uint64_t)(int64_t)row->cfa_offset;
    if (!unwind_read_word(s, cfa - s->abi->word_bytes, &back) ||
        unwind_behind_call(s, back) != UNWIND_BEHIND_CALL)
        return UNWIND_CANNOT;
    return unwind_by_row(s, row);
}
