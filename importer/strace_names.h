/*
 * What the name of a call in a strace log stands for, told without a look at all the others: by its
 * length and its first character.
 *
 *     mmap           STRACE_MEMORY, with its row
 *     clone3         STRACE_CLONE
 *     syscall_0x1c5  map_shadow_stack, of a strace that did not know it yet
 *     futex          STRACE_OTHER
 */
#pragma once

#include <stddef.h>

#include "evidence/syscalls.h"

enum strace_meaning {
    STRACE_OTHER,  /* of no interest */
    STRACE_MEMORY, /* a row of evidence/syscalls.h */
    STRACE_EXEC,
    STRACE_CLONE, /* clone, clone3, fork, vfork */
    STRACE_PRCTL,
    STRACE_WHO,   /* its result is the caller's tid: gettid, set_tid_address */
    STRACE_WHOSE, /* and its process's pid: getpid */
};

/* RET_ROW: of STRACE_MEMORY. */
enum strace_meaning strace_names_find(const char *name, size_t len,
                                      const struct syscall_row **ret_row);
