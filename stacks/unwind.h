/*
 * From registers and the copied top of a stack to the frames of a call path.
 *
 *     registers   pc, sp, bp ...                     frame 0: pc
 *     copy        |............................|     frame 1: what the unwinders find there
 *                 sp                         end     ...
 *
 * Each step asks a small table of unwinders in turn. One that cannot tell says so, and the next is asked;
 * where none can, the path ends there and says why.
 *
 *     unwind tables       cfi.h: nearly all compiled code has them
 *     signal trampolines  without a table, by their bytes
 *     the code itself     without a table: what it does to the stack until it returns (static musl)
 *     frame pointers      where code cannot be read, as code made at run time
 *
 * No step is a guess. The last two are asked only where no table covers the code, and believed only when
 * what they lead to is code, behind a call where that can be read. A frame pointer says where a frame
 * is, not whose: where a frame without one may have been skipped, the path has a frame of kind GAP.
 * A frame of a file that is no ELF file that can be read has the offset in the file.
 *
 * It never touches the live process. An unwinder is one thread's; modules are shared.
 */
#pragma once

#include "base/error.h"
#include "evidence/event.h"
#include "evidence/mem_source.h"
#include "evidence/stack.h"
#include "stacks/layout.h"

enum {
    UNWIND_REGISTERS = 17
}; /* DWARF numbers of x86-64 (0-15, 16 the return address) and i386 (0-8) */

struct unwind_registers {
    uint8_t abi;    /* EVENT_ABI_X86_64 or EVENT_ABI_I386: what the thread executes */
    uint32_t known; /* bit N: values[N] is */
    uint64_t values
        [UNWIND_REGISTERS]; /* by DWARF number: sp is 7 on x86-64 and 4 on i386; pc 16 and 8 */
};

struct unwind_input {
    const struct layout *layout;
    struct unwind_registers registers;
    struct mem_source *stack; /* the copy, by the target's addresses */
    unsigned max_frames;      /* 1 to STACK_MAX_FRAMES */
};

struct unwinder;

struct seep_error *unwinder_create(struct unwinder **ret_unwinder);
void unwinder_destroy(struct unwinder *unwinder);
DEFINE_CLEANUP(struct unwinder *, unwinder_destroy);

/* RET_PATH's frames are the unwinder's, valid until its next run. Bounded in time by max_frames,
 * whatever the stack and the files hold. The only error is want of memory. */
struct seep_error *unwinder_run(struct unwinder *unwinder, const struct unwind_input *input,
                                struct stack_path *ret_path);
