/*
 * The memory syscalls as rows of one table: a new one is one row here and one kind in event.h.
 *
 *     {"munmap", EVENT_MUNMAP, 2, SYSCALL_SHRINKS, {11, 91, 11, 215}, {POINTER, SIZE}}
 *                                   x86-64, i386, x32, aarch64 --^
 *
 * Numbers are from the kernel's arch/x86/entry/syscalls/syscall_{64,32}.tbl and
 * include/uapi/asm-generic/unistd.h (aarch64). Two ways into the kernel need a word more: i386's
 * old mmap passes a pointer to its arguments, and i386's C libraries reach the shm calls through
 * ipc(2).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evidence/event.h"

enum syscall_flags {
    SYSCALL_GROWS = 1 << 0,         /* can add memory: worth a stack */
    SYSCALL_SHRINKS = 1 << 1,       /* can take memory away */
    SYSCALL_ADDRESS = 1 << 2,       /* the result is an address: printed in hexadecimal */
    SYSCALL_OLD_MMAP = 1 << 3,      /* i386 mmap: one pointer to six 32-bit arguments */
    SYSCALL_PAGE_OFFSET = 1 << 4,   /* the offset counts pages of 4096 bytes (mmap2) */
    SYSCALL_NAME_ARGUMENT = 1 << 5, /* args[0] points to a string to be read at entry */
    SYSCALL_STORED_ID = 1 << 6,     /* args[1] points to a word (of the ABI's size) that the kernel
                                     * stores: read at exit */
    SYSCALL_IPC = 1 << 7,           /* i386 ipc(2): see syscalls_unpack_ipc */
};

/* How an argument is printed; see call_text.h. */
enum syscall_argument {
    SYSCALL_ARG_NONE,
    SYSCALL_ARG_POINTER,
    SYSCALL_ARG_SIZE,
    SYSCALL_ARG_INT,
    SYSCALL_ARG_FD,
    SYSCALL_ARG_OFFSET,
    SYSCALL_ARG_PROT,
    SYSCALL_ARG_MAP_FLAGS,
    SYSCALL_ARG_MREMAP_FLAGS,
    SYSCALL_ARG_MADVICE,
    SYSCALL_ARG_SHMAT_FLAGS,
    SYSCALL_ARG_SHMGET_FLAGS,
    SYSCALL_ARG_SHMCTL_COMMAND,
    SYSCALL_ARG_IPC_KEY,
    SYSCALL_ARG_MEMFD_NAME,
    SYSCALL_ARG_MEMFD_FLAGS,
    SYSCALL_ARG_SHADOW_STACK_FLAGS,
    SYSCALL_ARG_AIO_CONTEXT,
    SYSCALL_ARG_UNSIGNED,
    SYSCALL_ARG_HEX,
};

struct syscall_row {
    const char *name; /* as strace prints it: i386's mmap2 is a row of its own */
    uint8_t kind;     /* enum event_kind; 0 in the row of ipc */
    uint8_t count;    /* of arguments */
    uint16_t flags;
    int16_t number[EVENT_ABI_UNKNOWN]; /* by enum event_abi; -1: not there */
    uint8_t arguments[6];              /* enum syscall_argument */
};

extern const struct syscall_row syscalls_table[];
extern const size_t syscalls_count;

/* The row of syscall NUMBER under ABI; NULL when it is none of ours. Constant time. An x32 NUMBER
 * may have its bit 30 set or not. */
const struct syscall_row *syscalls_find(enum event_abi abi, uint64_t number);

/* The row that an event of KIND under ABI came from (for names); NULL for lives. An i386 EVENT_MMAP
 * gives mmap2, which is what C libraries call; under EVENT_ABI_I386_OLD it gives the old one. */
const struct syscall_row *syscalls_of_event(uint8_t kind, enum event_abi abi);

/* What i386's ipc(ARGS) asks for: the row of shmat, shmdt, shmget or shmctl, or NULL when it is
 * about semaphores or messages. Puts ARGS in the order of that row's call. RET_RESULT_AT: where
 * shmat's result, an address in a 32-bit word, is to be read when the call returns 0; 0 for the
 * others. */
const struct syscall_row *syscalls_unpack_ipc(uint64_t args[6], uint64_t *ret_result_at);
