#include "stacks/x86_code.h"

#include <string.h>

#include "base/cursor.h"
#include "stacks/dwarf_cursor.h"

/* What stands behind an opcode. */
enum {
    M = 1,   /* a ModRM byte and what it asks for */
    B = 2,   /* an immediate byte */
    Z = 4,   /* an immediate of the operand's size, at most 4 bytes */
    W = 8,   /* 2 bytes */
    X = 16,  /* not known here, or handled elsewhere */
    N = 32,  /* not in 64-bit code */
    E = 64,  /* writes the register or memory that ModRM names */
    G = 128, /* writes the register in ModRM's middle */

    BN = B | N,
    MB = M | B,
    MBE = M | B | E,
    MBG = M | B | G,
    MBN = M | B | N,
    ME = M | E,
    MEG = M | E | G,
    MG = M | G,
    MZE = M | Z | E,
    MZG = M | Z | G,
};

/* clang-format off */
static const uint8_t one_byte[256] = {
    /* 00 */ M, ME, M, MG, B, Z, N, N, M, ME, M, MG, B, Z, N, X,
    /* 10 */ M, ME, M, MG, B, Z, N, N, M, ME, M, MG, B, Z, N, N,
    /* 20 */ M, ME, M, MG, B, Z, X, N, M, ME, M, MG, B, Z, X, N,
    /* 30 */ M, ME, M, MG, B, Z, X, N, M, M, M, M, B, Z, X, N,
    /* 40 */ N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
    /* 50 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 60 */ N, N, X, MG, X, X, X, X, Z, MZG, B, MBG, 0, 0, 0, 0,
    /* 70 */ B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
    /* 80 */ MB, MZE, MBN, MBE, M, M, MG, MEG, M, ME, M, MG, M, MG, X, ME,
    /* 90 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, X, 0, 0, 0, 0, 0,
    /* a0 */ 0, 0, 0, 0, 0, 0, 0, 0, B, Z, 0, 0, 0, 0, 0, 0,
    /* b0 */ B, B, B, B, B, B, B, B, Z, Z, Z, Z, Z, Z, Z, Z,
    /* c0 */ MB, MBE, W, 0, X, X, MB, MZE, X, 0, X, X, 0, B, N, X,
    /* d0 */ M, ME, M, ME, BN, BN, X, 0, M, M, M, M, M, M, M, M,
    /* e0 */ B, B, B, B, B, B, B, B, Z, Z, X, B, 0, 0, 0, 0,
    /* f0 */ X, 0, X, X, 0, 0, M, ME, 0, 0, 0, 0, 0, 0, M, ME,
};

static const uint8_t two_bytes[256] = {
    /* 00 */ M, M, MG, MG, X, 0, 0, 0, 0, 0, X, 0, X, M, 0, X,
    /* 10 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
    /* 20 */ X, X, X, X, X, X, X, X, M, M, M, M, MG, MG, M, M,
    /* 30 */ 0, 0, 0, 0, X, X, X, 0, X, X, X, X, X, X, X, X,
    /* 40 */ MG, MG, MG, MG, MG, MG, MG, MG, MG, MG, MG, MG, MG, MG, MG, MG,
    /* 50 */ MG, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
    /* 60 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
    /* 70 */ MB, MB, MB, MB, M, M, M, 0, X, X, X, X, M, M, ME, M,
    /* 80 */ Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z,
    /* 90 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
    /* a0 */ 0, 0, 0, M, MBE, ME, X, X, 0, 0, X, ME, MBE, ME, M, MG,
    /* b0 */ M, ME, X, ME, X, X, MG, MG, MG, M, MBE, ME, MG, MG, MG, MG,
    /* c0 */ M, MEG, MB, M, MB, MBG, MB, M, 0, 0, 0, 0, 0, 0, 0, 0,
    /* d0 */ M, M, M, M, M, M, M, MG, M, M, M, M, M, M, M, M,
    /* e0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
    /* f0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
};
/* clang-format on */

struct decoder {
    struct cursor code;
    bool is_64, operand_16;
    uint8_t rex, opcode, mod, reg, rm; /* REG and RM with the bits of REX */
    bool plain_base;                   /* memory at sp or bp + DISPLACEMENT, without an index */
    uint8_t base;
    int32_t displacement;
    int64_t immediate;
    struct x86_instruction out;
};

/* False: addresses of 16 or, in 64-bit code, 32 bits, which compilers do not make. */
static bool read_prefixes(struct decoder *d)
{
    for (;;) {
        uint8_t byte = cursor_u8(&d->code);

        switch (byte) {
        case 0x66:
            d->operand_16 = true;
            break;
        case 0x67:
            if (!d->is_64)
                return false;
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65:
        case 0xf0:
        case 0xf2:
        case 0xf3:
            break;
        default:
            if (d->is_64 && (byte & 0xf0) == 0x40) {
                d->rex = byte;
                byte = cursor_u8(&d->code);
            }
            d->opcode = byte;
            return !d->code.failed;
        }
    }
}

static void read_sib(struct decoder *d)
{
    uint8_t sib = cursor_u8(&d->code), base = sib & 7, index = sib >> 3 & 7;

    if (d->mod == 0 && base == 5)
        d->displacement = (int32_t)cursor_u32(&d->code);
    else if (index == 4 && !(d->rex & 3)) {
        d->plain_base = base == X86_SP || base == X86_BP;
        d->base = base;
    }
}

static void read_modrm(struct decoder *d)
{
    uint8_t byte = cursor_u8(&d->code), rm = byte & 7;

    d->mod = byte >> 6;
    d->reg = (uint8_t)((byte >> 3 & 7) | (d->rex & 4) << 1);
    d->rm = (uint8_t)(rm | (d->rex & 1) << 3);
    if (d->mod == 3)
        return;
    if (rm == 4) {
        read_sib(d);
    } else if (rm == 5 && d->mod == 0) {
        d->displacement = (int32_t)cursor_u32(&d->code);
    } else if (d->rm == X86_BP) {
        d->plain_base = true;
        d->base = X86_BP;
    }
    if (d->mod == 1)
        d->displacement = (int8_t)cursor_u8(&d->code);
    else if (d->mod == 2)
        d->displacement = (int32_t)cursor_u32(&d->code);
}

static void read_immediate(struct decoder *d, unsigned form)
{
    bool wide = d->rex & 8;

    if (form & B)
        d->immediate = (int8_t)cursor_u8(&d->code);
    else if (form & W)
        d->immediate = dwarf_u16(&d->code);
    else if (form & Z && d->operand_16 && !wide)
        d->immediate = (int16_t)dwarf_u16(&d->code);
    else if (form & Z)
        d->immediate = (int32_t)cursor_u32(&d->code);
}

static void note_writes(struct decoder *d, unsigned form)
{
    if (form & E && d->mod == 3)
        d->out.writes |= UINT32_C(1) << d->rm;
    if (form & G)
        d->out.writes |= UINT32_C(1) << d->reg;
}

static void set(struct decoder *d, enum x86_kind kind, int64_t value)
{
    d->out.kind = (uint8_t)kind;
    d->out.value = (int32_t)value;
}

static bool is_word(const struct decoder *d)
{
    return d->is_64 ? d->rex & 8 : !d->operand_16;
}

/* What stack instructions and jumps do; a change of sp that is not one of these stays in WRITES. */
static void classify_modrm(struct decoder *d)
{
    unsigned group = d->reg & 7;
    bool on_sp = d->mod == 3 && d->rm == X86_SP && is_word(d);

    switch (d->opcode) {
    case 0x81:
    case 0x83:
        if (group == 7) /* cmp */
            d->out.writes = 0;
        else if (on_sp && (group == 0 || group == 5)) {
            set(d, X86_ADD_SP, group == 0 ? d->immediate : -d->immediate);
            d->out.writes = 0;
        }
        break;
    case 0x8d:
        if (d->reg == X86_SP && d->plain_base && is_word(d)) {
            set(d, d->base == X86_SP ? X86_ADD_SP : X86_SP_BP, d->displacement);
            d->out.writes = 0;
        }
        break;
    case 0x8b:
        if (d->mod == 3 && d->reg == X86_SP && d->rm == X86_BP && is_word(d)) {
            set(d, X86_SP_BP, 0);
            d->out.writes = 0;
        } else if (d->mod != 3 && d->plain_base && is_word(d) && d->reg != X86_SP) {
            set(d, X86_LOAD, d->displacement);
            d->out.reg = (int8_t)d->reg;
            d->out.base = d->base;
        }
        break;
    case 0x89:
        if (on_sp && d->reg == X86_BP) {
            set(d, X86_SP_BP, 0);
            d->out.writes = 0;
        }
        break;
    case 0x8f:
        set(d, X86_POP, 0);
        d->out.reg = d->mod == 3 ? (int8_t)d->rm : -1;
        break;
    case 0xf7: /* test; mul and div change ax and dx only */
        if (group != 2 && group != 3)
            d->out.writes = 0;
        break;
    case 0xff:
        if (group >= 2)
            d->out.writes = 0;
        if (group == 2 || group == 3)
            set(d, X86_CALL, 1); /* anywhere */
        else if (group == 4 || group == 5)
            set(d, X86_STOP, 0);
        else if (group == 6)
            set(d, X86_PUSH, 0);
        break;
    }
}

static void classify_plain(struct decoder *d)
{
    uint8_t op = d->opcode, low = (uint8_t)((op & 7) | (d->rex & 1) << 3);

    if (op >= 0x50 && op < 0x58) {
        set(d, X86_PUSH, 0);
        d->out.reg = (int8_t)low;
    } else if (op >= 0x58 && op < 0x60) {
        set(d, X86_POP, 0);
        d->out.reg = (int8_t)low;
    } else if ((op >= 0x70 && op < 0x80) || (op >= 0xe0 && op < 0xe4)) {
        set(d, X86_BRANCH, d->immediate);
    } else if (op >= 0x40 && op < 0x50) {
        d->out.writes |= UINT32_C(1) << low;
    } else if ((op >= 0x90 && op < 0x98) || (op >= 0xb8 && op < 0xc0)) {
        if (op != 0x90 || d->rex & 1)
            d->out.writes |= UINT32_C(1) << low;
    }
    switch (op) {
    case 0x68:
    case 0x6a:
    case 0x9c:
        set(d, X86_PUSH, 0);
        break;
    case 0x9d:
        set(d, X86_POP, 0);
        d->out.reg = -1;
        break;
    case 0x06: /* segments, and all registers at once: not in compiled code */
    case 0x07:
    case 0x0e:
    case 0x16:
    case 0x17:
    case 0x1e:
    case 0x1f:
    case 0x60:
    case 0x61:
        d->out.writes |= 1 << X86_SP;
        break;
    case 0xc2:
    case 0xc3:
        set(d, X86_RET, d->immediate);
        break;
    case 0xc9:
        set(d, X86_LEAVE, 0);
        break;
    case 0xe8:
        set(d, X86_CALL, d->immediate);
        break;
    case 0xe9:
    case 0xeb:
        set(d, X86_JUMP, d->immediate);
        break;
    case 0xcc:
    case 0xf4:
        set(d, X86_STOP, 0);
        break;
    }
}

static bool decode_one(struct decoder *d)
{
    unsigned form = one_byte[d->opcode];
    bool test = d->opcode == 0xf6 || d->opcode == 0xf7;

    if (form & X || (form & N && d->is_64))
        return false;
    if ((d->opcode == 0xe8 || d->opcode == 0xe9) && d->operand_16)
        return false;
    if (form & M) {
        read_modrm(d);
        note_writes(d, form);
        if (test && (d->reg & 7) < 2)
            form |= d->opcode == 0xf6 ? B : Z;
        if (d->opcode == 0x8f && d->reg & 7) /* XOP */
            return false;
    }
    if (d->opcode >= 0xa0 && d->opcode < 0xa4) /* an address without ModRM */
        cursor_bytes(&d->code, d->is_64 ? 8 : 4);
    else if (d->opcode >= 0xb8 && d->opcode < 0xc0 && d->rex & 8)
        cursor_bytes(&d->code, 8);
    else
        read_immediate(d, form);
    if (form & M)
        classify_modrm(d);
    else
        classify_plain(d);
    return true;
}

static bool decode_two(struct decoder *d)
{
    d->opcode = cursor_u8(&d->code);
    if (d->opcode == 0x38 || d->opcode == 0x3a) {
        uint8_t third = cursor_u8(&d->code);

        read_modrm(d);
        /* movbe, crc32, adcx and adox */
        if (d->opcode == 0x38 && third >= 0xf0)
            note_writes(d, G);
        if (d->opcode == 0x3a) {
            read_immediate(d, B);
            note_writes(d, third >= 0x14 && third <= 0x17 ? E : 0); /* pextr */
        }
        return true;
    }

    unsigned form = two_bytes[d->opcode];

    if (form & X || (form & Z && d->operand_16))
        return false;
    if (form & M) {
        read_modrm(d);
        note_writes(d, form);
    }
    read_immediate(d, form);
    if (d->opcode >= 0x80 && d->opcode < 0x90)
        set(d, X86_BRANCH, d->immediate);
    else if (d->opcode == 0x0b || d->opcode == 0xb9)
        set(d, X86_STOP, 0);
    else if (d->opcode >= 0xc8 && d->opcode < 0xd0)
        d->out.writes |= UINT32_C(1) << ((d->opcode & 7) | (d->rex & 1) << 3);
    else if (d->opcode == 0xa2) /* cpuid */
        d->out.writes |= 0xf;
    else if (d->opcode == 0xa0 || d->opcode == 0xa1 || d->opcode == 0xa8 || d->opcode == 0xa9)
        d->out.writes |= 1 << X86_SP;
    return true;
}

/* VEX and EVEX: vectors, but for BMI, whose results go to any general register. */
static bool decode_vector(struct decoder *d)
{
    unsigned map = 1, payload = d->opcode == 0xc5 ? 1 : d->opcode == 0xc4 ? 2 : 3;
    const uint8_t *prefix = cursor_bytes(&d->code, payload);

    if (!prefix)
        return false;
    if (payload > 1)
        map = prefix[0] & (payload == 2 ? 0x1f : 7);
    d->opcode = cursor_u8(&d->code);
    if (map == 1 && d->opcode == 0x77)
        return true; /* vzeroupper */
    if (map == 0 || map > 6 || map == 4 || (payload < 3 && map > 3))
        return false;
    d->rex = (uint8_t)((prefix[0] & 0x80 ? 0 : 4) | (payload > 1 && !(prefix[0] & 0x20) ? 1 : 0));
    read_modrm(d);
    if (map == 3 || (map == 1 && ((d->opcode >= 0x70 && d->opcode < 0x74) || d->opcode == 0xc2 ||
                                  (d->opcode >= 0xc4 && d->opcode < 0xc7))))
        cursor_u8(&d->code);
    if ((map == 2 && d->opcode >= 0xf0) || (map == 3 && d->opcode == 0xf0)) {
        note_writes(d, G | E);
        if (payload == 2) /* the third operand */
            d->out.writes |= UINT32_C(1) << (~prefix[1] >> 3 & 15);
    } else if (map == 1 && (d->opcode == 0x50 || d->opcode == 0xd7 || d->opcode == 0xc5 ||
                            d->opcode == 0x2c || d->opcode == 0x2d || d->opcode == 0x93)) {
        note_writes(d, G);
    } else if ((map == 1 && d->opcode == 0x7e) ||
               (map == 3 && d->opcode >= 0x14 && d->opcode < 0x18)) {
        note_writes(d, E);
    }
    return true;
}

bool x86_decode(const uint8_t *code, size_t len, bool is_64,
                struct x86_instruction *ret_instruction)
{
    struct decoder d = {.code = cursor_of(code, len < X86_MAX_BYTES ? len : X86_MAX_BYTES),
                        .is_64 = is_64,
                        .out = {.reg = -1}};
    bool known;

    if (!read_prefixes(&d))
        return false;
    /* In 32-bit code les, lds and bound have memory behind them, never a register. */
    bool is_vector = d.opcode == 0xc4 || d.opcode == 0xc5 || d.opcode == 0x62;

    if (is_vector)
        known = (is_64 || (cursor_left(&d.code) && d.code.bytes[d.code.at] >= 0xc0)) &&
                decode_vector(&d);
    else
        known = d.opcode == 0x0f ? decode_two(&d) : decode_one(&d);
    if (!known || d.code.failed)
        return false;
    d.out.len = (uint8_t)d.code.at;
    *ret_instruction = d.out;
    return true;
}
