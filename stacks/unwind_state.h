/*
 * One walk along a stack, as the unwinders of unwind.c's table see it.
 *
 *     struct unwind_state     the frame at hand: its registers, where its code is
 *     struct unwinder_kind    one way of getting from it to its caller
 *
 * An unwinder that succeeds has replaced the registers by the caller's. One that cannot tell leaves all
 * as it was.
 */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "stacks/cfi.h"
#include "stacks/unwind.h"

enum {
    UNWIND_WINDOW_BYTES = 2048,
    UNWIND_KEPT_REGISTERS = 6,
    UNWIND_CACHE_BITS = 13,
    UNWIND_LOST = INT16_MIN
};

/* A part of the copied stack, so that a word costs no call. */
struct unwind_window {
    struct mem_source *source;
    uint64_t start;
    size_t len;
    uint8_t bytes[UNWIND_WINDOW_BYTES];
};

enum unwind_row_kind {
    UNWIND_ROW_NONE,      /* no FDE */
    UNWIND_ROW_SIMPLE,    /* CFA = register + offset, all saved registers at CFA - something */
    UNWIND_ROW_GENERAL,   /* must be looked up again and interpreted */
    UNWIND_ROW_OUTERMOST, /* there is no caller */
};

/* What was learnt of one place in code. Two share a line of the CPU's cache. */
struct unwind_row {
    uint64_t address; /* virtual, in the module */
    uint32_t
        serial; /* cfi_serial: layouts may change, and modules with equal tables share it; 0: unused */
    int32_t cfa_offset;
    uint8_t kind;
    uint8_t cfa_register;
    int16_t
        saved[UNWIND_KEPT_REGISTERS]; /* from the CFA, of unwind_abi.kept; 0: as in the caller */
};

/* What is different between x86-64 and i386. */
struct unwind_abi {
    uint8_t word_bytes;
    uint8_t registers; /* that have numbers here; the last is the return address */
    uint8_t pc, sp, bp;
    uint8_t kept_count;
    uint8_t
        kept[UNWIND_KEPT_REGISTERS]; /* those a function gives back as it got them, but for sp */
};

struct unwind_state {
    const struct unwind_abi *abi;
    const struct layout *layout;
    struct unwind_window *window;
    struct unwind_row *rows; /* the unwinder's, 1 << UNWIND_CACHE_BITS */
    struct unwind_registers registers;

    bool exact;                       /* pc was executing; else a call is in the byte before it */
    const struct layout_range *range; /* that holds the instruction; NULL: none */
    bool in_image;                    /* ADDRESS is an ELF file's */
    uint64_t address;                 /* virtual, of a byte of the instruction meant */

    bool unread; /* the copy did not hold something that was to be read */

    /* Of the last step. */
    bool by_pointer; /* it went by a frame pointer */
    bool may_miss;   /* and a frame may lie between the two */
    bool
        signal_frame; /* it went over a signal's frame: the pc is exact, the stack may be another */
    enum stack_end end; /* for UNWIND_ENDS */
};

enum unwind_step {
    UNWIND_STEPPED,
    UNWIND_CANNOT, /* the next unwinder may */
    UNWIND_ENDS,   /* for all of them; END says why */
};

enum unwind_step unwind_cfi_step(struct unwind_state *s);
enum unwind_step unwind_signal_step(struct unwind_state *s);
enum unwind_step unwind_code_step(struct unwind_state *s);
enum unwind_step unwind_pointers_step(struct unwind_state *s);

/* The place for what SERIAL says of the instruction at hand. RET_KNOWN: whether it is filled; else the
 * caller fills all of it. Valid until the next call. */
struct unwind_row *unwind_row(struct unwind_state *s, uint32_t serial, bool *ret_known);

/* Goes to the caller by a simple row. */
enum unwind_step unwind_by_row(struct unwind_state *s, const struct unwind_row *row);

/* Whether ADDRESS can be where a call returns to. UNKNOWN: its code cannot be read. */
enum unwind_behind { UNWIND_BEHIND_NO, UNWIND_BEHIND_UNKNOWN, UNWIND_BEHIND_CALL };
enum unwind_behind unwind_behind_call(const struct unwind_state *s, uint64_t address);

static inline uint64_t unwind_mask(const struct unwind_abi *abi)
{
    return abi->word_bytes == 4 ? UINT32_MAX : UINT64_MAX;
}

static inline bool unwind_knows(const struct unwind_registers *registers, uint64_t number)
{
    return number < UNWIND_REGISTERS && registers->known >> number & 1;
}

static inline void unwind_set(struct unwind_registers *registers, unsigned number, uint64_t value)
{
    registers->values[number] = value;
    registers->known |= UINT32_C(1) << number;
}

/* Reads around the window; false: the copy does not hold it. */
bool unwind_read_slowly(struct unwind_state *s, uint64_t address, void *bytes, size_t len);

/* Inlined for the sake of LEN, which then is a constant. */
__attribute__((always_inline)) static inline bool
unwind_read(struct unwind_state *s, uint64_t address, void *bytes, size_t len)
{
    const struct unwind_window *w = s->window;
    uint64_t at = address - w->start;

    if (at >= w->len || w->len - at < len)
        return unwind_read_slowly(s, address, bytes, len);
    memcpy(bytes, w->bytes + at, len);
    return true;
}

static inline bool unwind_read_word(struct unwind_state *s, uint64_t address, uint64_t *ret_word)
{
    uint32_t half;
    bool got;

    if (s->abi->word_bytes == 8)
        return unwind_read(s, address, ret_word, sizeof(*ret_word));
    got = unwind_read(s, address & UINT32_MAX, &half, sizeof(half));
    if (got)
        *ret_word = half;
    return got;
}

static inline enum unwind_step unwind_ends(struct unwind_state *s, enum stack_end end)
{
    s->end = end;
    return UNWIND_ENDS;
}
