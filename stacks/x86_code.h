/*
 * x86 instructions, one at a time: how long each is, and what it does to the stack pointer and to other
 * general registers. For both machines; see the Intel SDM, volume 2, appendix A.
 *
 *     48 83 c4 18      add $0x18,%rsp       ADD_SP 0x18
 *     5b               pop %rbx             POP 3
 *     c3               ret                  RET
 *
 * Registers have the instructions' numbers (0 ax, 1 cx, 2 dx, 3 bx, 4 sp, 5 bp, 6 si, 7 di, 8-15), which
 * are not DWARF's. What it does not know it refuses, so that nobody reads on out of step.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { X86_MAX_BYTES = 15, X86_SP = 4, X86_BP = 5 };

enum x86_kind {
    X86_OTHER,
    X86_PUSH,   /* sp -= a word; memory at sp = REG. REG < 0: something else */
    X86_POP,    /* REG = memory at sp; sp += a word. REG < 0: into memory */
    X86_ADD_SP, /* sp += VALUE */
    X86_SP_BP,  /* sp = bp + VALUE */
    X86_LEAVE,  /* sp = bp; pop bp */
    X86_LOAD,   /* REG = the word at BASE (X86_SP or X86_BP) + VALUE */
    X86_RET,    /* VALUE: bytes it takes off the stack behind the return address */
    X86_JUMP,   /* to the next instruction + VALUE */
    X86_BRANCH, /* perhaps */
    X86_CALL,   /* VALUE 0: of the next instruction, which then pops its own address */
    X86_STOP,   /* control does not come to the next one, and nobody knows where it goes */
};

struct x86_instruction {
    uint8_t len;
    uint8_t kind; /* enum x86_kind */
    int8_t reg;
    uint8_t base;
    int32_t value;
    uint32_t
        writes; /* general registers that it changes, bit N for number N; of POP and LOAD but REG */
};

/* False: not an instruction, not one that is known here, or cut short by LEN. */
bool x86_decode(const uint8_t *code, size_t len, bool is_64,
                struct x86_instruction *ret_instruction);
