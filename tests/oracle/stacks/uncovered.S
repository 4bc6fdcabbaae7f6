/*
 * Functions without unwind information, each calling a function of one argument:
 *
 *     uncovered_framed(function, n)      with a frame pointer
 *     uncovered_frameless(function, n)   without: it leaves its caller's frame pointer as it is
 *     uncovered_clobbered(function, n)   without, and its caller's frame pointer is overwritten
 *     uncovered_leaf(bytes)              maps by itself
 */
    .text

    .globl uncovered_framed
    .type uncovered_framed, @function
uncovered_framed:
    push %rbp
    mov %rsp, %rbp
    mov %rdi, %rax
    mov %esi, %edi
    call *%rax
    pop %rbp
    ret
    .size uncovered_framed, . - uncovered_framed

    .globl uncovered_frameless
    .type uncovered_frameless, @function
uncovered_frameless:
    sub $40, %rsp
    mov %rdi, %rax
    mov %esi, %edi
    call *%rax
    add $40, %rsp
    ret
    .size uncovered_frameless, . - uncovered_frameless

    .globl uncovered_clobbered
    .type uncovered_clobbered, @function
uncovered_clobbered:
    push %rbp
    sub $32, %rsp
    mov $0x5ee95ee9, %ebp
    mov %rdi, %rax
    mov %esi, %edi
    call *%rax
    add $32, %rsp
    pop %rbp
    ret
    .size uncovered_clobbered, . - uncovered_clobbered

    .globl uncovered_leaf
    .type uncovered_leaf, @function
uncovered_leaf:
    mov %rdi, %rsi
    mov $9, %eax
    xor %edi, %edi
    mov $1, %edx
    mov $0x4022, %r10d
    mov $-1, %r8
    xor %r9d, %r9d
    syscall
    ret
    .size uncovered_leaf, . - uncovered_leaf

    .section .note.GNU-stack, "", @progbits
