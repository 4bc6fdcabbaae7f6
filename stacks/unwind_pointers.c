/*
 * Unwinding by frame pointers, where no unwind table covers the code:
 *
 *     sp ...  locals  | caller's bp | return address |  caller's frame ...
 *                     ^ bp
 *
 * bp says where a frame is, not whose: code that keeps no frame of its own (a system call's wrapper in
 * a static musl) leaves its caller's there, and the caller would be skipped. No frame is skipped when
 * nothing between sp and bp is an address behind a call; else the path says that one may be missing.
 */
#include "stacks/unwind_state.h"

enum {
    CALL_MAX_BYTES = 8,
    MAX_SCAN_WORDS = 4096,
    START_BYTES = 64, /* more than _start and its like have */
};

/* ff /2 with its addressing bytes, of just LEN bytes. */
static bool is_indirect_call(const uint8_t *code, size_t len, bool is_64)
{
    size_t need = 2;

    if (is_64 && (code[0] & 0xf0) == 0x40) {
        code++;
        len--;
    }
    if (len < 2 || code[0] != 0xff || (code[1] & 0x38) != 0x10)
        return false;

    uint8_t mod = code[1] >> 6, rm = code[1] & 7;

    if (mod != 3 && rm == 4) {
        if (len < 3)
            return false;
        need++;
        if (mod == 0 && (code[2] & 7) == 5)
            need += 4;
    } else if (mod == 0 && rm == 5) {
        need += 4;
    }
    need += mod == 1 ? 1 : mod == 2 ? 4 : 0;
    return len == need;
}

/* Prefixes that only fill (notrack, bnd, data16, cs) would stand before it and do not matter. */
static bool ends_with_call(const uint8_t *code, size_t len, bool is_64)
{
    if (len >= 5 && code[len - 5] == 0xe8)
        return true;
    for (size_t take = 2; take <= len && take <= CALL_MAX_BYTES; take++)
        if (is_indirect_call(code + len - take, take, is_64))
            return true;
    return false;
}

enum unwind_behind unwind_behind_call(const struct unwind_state *s, uint64_t address)
{
    const struct layout_range *range = address ? layout_find(s->layout, address - 1) : NULL;
    uint8_t code[CALL_MAX_BYTES];
    uint64_t offset, len;

    if (!range)
        return UNWIND_BEHIND_NO;
    len = address - range->start < sizeof(code) ? address - range->start : sizeof(code);
    if (!range->module ||
        !module_offset(range->module, address - len - range->start + range->file_offset, &offset) ||
        module_read_code(range->module, offset, code, len) != len)
        return UNWIND_BEHIND_UNKNOWN;
    return ends_with_call(code, len, s->abi->word_bytes == 8) ? UNWIND_BEHIND_CALL
                                                              : UNWIND_BEHIND_NO;
}

/*
 * Whether a frame may lie between START and the one at BP: whether any word there may be a return address.
 *
 * Code made at run time leaves much behind that looks like one, and cannot be read. Of addresses in it only
 * those count below which the same bp was saved: so begin compilers' functions that keep no frame pointer.
 */
static bool may_hold_return(struct unwind_state *s, uint64_t start, uint64_t bp)
{
    uint64_t below = 0, word;
    unsigned scanned = 0;

    for (uint64_t at = start; at < bp; at += s->abi->word_bytes, below = word) {
        if (++scanned > MAX_SCAN_WORDS || !unwind_read_word(s, at, &word))
            return true;
        switch (unwind_behind_call(s, word)) {
        case UNWIND_BEHIND_CALL:
            return true;
        case UNWIND_BEHIND_UNKNOWN:
            if (s->range->module || below == bp)
                return true;
            break;
        case UNWIND_BEHIND_NO:
            break;
        }
    }
    return false;
}

/* At the code where the kernel starts a program, which has no caller. */
static bool is_start(const struct unwind_state *s)
{
    uint64_t entry = s->in_image ? module_entry(s->range->module) : 0;

    return entry && s->address - entry < START_BYTES;
}

enum unwind_step unwind_pointers_step(struct unwind_state *s)
{
    const struct unwind_abi *abi = s->abi;
    struct unwind_registers *registers = &s->registers;
    uint64_t sp = registers->values[abi->sp], bp = registers->values[abi->bp], next, back;
    enum unwind_behind behind;

    if (!s->range)
        return UNWIND_CANNOT;
    if (is_start(s))
        return unwind_ends(s, STACK_END_COMPLETE);
    if (!unwind_knows(registers, abi->bp) || bp < sp || bp % abi->word_bytes)
        return UNWIND_CANNOT;
    if (!unwind_read_word(s, bp, &next) || !unwind_read_word(s, bp + abi->word_bytes, &back))
        return s->by_pointer ? unwind_ends(s, STACK_END_COPY) : UNWIND_CANNOT;
    if (back == 0 && next == 0)
        return unwind_ends(s, STACK_END_COMPLETE);
    /* A caller with a table need not keep a frame pointer: then the call alone vouches. */
    behind = unwind_behind_call(s, back);
    if (behind == UNWIND_BEHIND_NO || (behind == UNWIND_BEHIND_UNKNOWN && next != 0 && next <= bp))
        return UNWIND_CANNOT;
    s->may_miss = may_hold_return(s, sp, bp);
    registers->known = 0;
    unwind_set(registers, abi->bp, next);
    unwind_set(registers, abi->sp, (bp + 2u * abi->word_bytes) & unwind_mask(abi));
    unwind_set(registers, abi->pc, back);
    return UNWIND_STEPPED;
}
