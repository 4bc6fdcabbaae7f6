/* A function whose first instruction faults, right behind one with other unwind information: an
 * unwinder that looks at the byte before the instruction takes the wrong one. */
    .text
    .type other_function, @function
other_function:
    .cfi_startproc
    .cfi_def_cfa_offset 4096
    nop
    nop
    .cfi_endproc
    .size other_function, . - other_function

    .globl fault_at_start
    .type fault_at_start, @function
fault_at_start:
    .cfi_startproc
#ifdef __i386__
    movl $0, 0
#else
    movl $0, 0(%rdi)
#endif
    ret
    .cfi_endproc
    .size fault_at_start, . - fault_at_start

    .section .note.GNU-stack, "", @progbits
