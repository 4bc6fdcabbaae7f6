/*
 * The unwind tables of one ELF file: .eh_frame, and .debug_frame for what that leaves out.
 *
 *     CIE    what holds for many functions: where the return address is, at each function's start
 *     FDE    [start, end) of code; a program that changes the rules as pc advances
 *
 *     cfi_find(cfi, 0x98a01, &row)   ->   CFA = sp+208   return address at CFA-8   bp at CFA-16
 *
 * See the LSB ("DWARF Extensions", .eh_frame) and DWARF 5, 6.4. For x86-64 and i386. The index is made by
 * one pass over the section, .eh_frame_hdr's is not believed. The bytes are hostile: each record lies
 * within its section, each program takes a bounded number of steps, and what makes no sense gives no
 * row. Never changes once made, so that threads share it. Knows neither registers' values nor memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    CFI_REGISTERS = 17, /* DWARF numbers of x86-64 (0-15, 16 the return address) and i386 (0-8) */
    CFI_MAX_SECTION_BYTES = 48 << 20,
    CFI_MAX_FDES = 1 << 20,
};

enum cfi_rule_kind {
    CFI_UNSPECIFIED = 0, /* as the calling convention has it */
    CFI_UNDEFINED,
    CFI_SAME,
    CFI_OFFSET,         /* saved at CFA + offset */
    CFI_VAL_OFFSET,     /* is CFA + offset */
    CFI_REGISTER,       /* is in the register of that number */
    CFI_EXPRESSION,     /* saved where the expression says */
    CFI_VAL_EXPRESSION, /* is what the expression says */
};

struct cfi_rule {
    uint8_t kind;            /* enum cfi_rule_kind */
    uint32_t expression_len; /* bytes */
    union {
        int64_t offset;
        uint64_t in_register;
        const uint8_t *expression; /* DWARF operations; as long as the cfi */
    };
};

/* How to get from a frame to its caller at one pc. */
struct cfi_row {
    struct cfi_rule cfa; /* CFI_VAL_OFFSET: CFA_REGISTER + offset; CFI_VAL_EXPRESSION */
    uint8_t cfa_register;
    uint8_t return_register; /* the rule of this one gives the return address */
    bool signal_frame;       /* the caller was interrupted: its pc is exact */
    struct cfi_rule rules[CFI_REGISTERS];
};

struct cfi_section {
    uint8_t *bytes; /* from malloc; NULL: there is none */
    size_t len;
    uint64_t address;  /* virtual, of its first byte */
    bool ends_at_zero; /* its length is not known: the first empty record is the last */
};

struct cfi_input {
    struct cfi_section eh_frame, debug_frame;
    uint8_t abi;           /* EVENT_ABI_X86_64 or EVENT_ABI_I386: whose registers they name */
    uint8_t address_bytes; /* 4 or 8, as the ELF file has it */
    uint64_t code_start,
        code_end; /* FDEs of other code are left out (functions the linker dropped) */
};

struct cfi;

/* Takes the sections' bytes over. RET_CFI: NULL when there is not one FDE. The only error is want of
 * memory. */
struct seep_error *cfi_create(struct cfi_input *input, struct cfi **ret_cfi);
void cfi_destroy(struct cfi *cfi);
DEFINE_CLEANUP(struct cfi *, cfi_destroy);

/* The row for the instruction at virtual ADDRESS; false: no FDE covers it, or none that makes sense. */
bool cfi_find(const struct cfi *cfi, uint64_t address, struct cfi_row *ret_row);

/* The bounds of the FDE that covers ADDRESS. */
bool cfi_function(const struct cfi *cfi, uint64_t address, uint64_t *ret_start, uint64_t *ret_end);

/* Whether it was made of just this. */
bool cfi_is_of(const struct cfi *cfi, const struct cfi_input *input);

/* A number that no other cfi of this process has or had. */
uint32_t cfi_serial(const struct cfi *cfi);

/* What it occupies. */
size_t cfi_bytes(const struct cfi *cfi);

/* The input's. */
uint8_t cfi_abi(const struct cfi *cfi);
