#include "tracer/capture.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "evidence/syscalls.h"
#include "target/tracee.h"

bool capture_is_wanted(const struct capture_options *options, const struct event *ev,
                       uint64_t brk_before)
{
    uint64_t bytes = UINT64_MAX; /* what asks for no size is always wanted */

    if (!options->pool || !(syscalls_of_event(ev->kind, ev->abi)->flags & SYSCALL_GROWS))
        return false;
    switch (ev->kind) {
    case EVENT_MMAP:
    case EVENT_SHMGET:
    case EVENT_MAP_SHADOW_STACK:
        bytes = ev->args[1];
        break;
    case EVENT_MREMAP:
        if (ev->args[2] <= ev->args[1])
            return false;
        bytes = ev->args[2];
        break;
    case EVENT_BRK:
        /* brk(0) asks, and so does one that the kernel did not heed. */
        if (ev->args[0] == 0 || (uint64_t)ev->result <= brk_before)
            return false;
        if (brk_before)
            bytes = (uint64_t)ev->result - brk_before;
        break;
    case EVENT_MPROTECT:
    case EVENT_PKEY_MPROTECT:
        if (!(ev->args[2] & PROT_WRITE))
            return false;
        bytes = ev->args[1];
        break;
    case EVENT_SHMAT:
        bytes = ev->args[3] ? ev->args[3] : UINT64_MAX;
        break;
    default:
        break;
    }
    return bytes >= options->from_bytes;
}

#if defined(__x86_64__)

/* As PTRACE_GETREGSET gives them of a thread that runs 32-bit code (struct user_regs_struct32 of the
 * kernel's arch/x86/include/asm/user32.h). */
struct registers32 {
    uint32_t bx, cx, dx, si, di, bp, ax, ds, es, fs, gs, orig_ax, ip, cs, flags, sp, ss;
};

static void from_64(const struct user_regs_struct *from, struct unwind_registers *to)
{
    *to = (struct unwind_registers){
        .abi = EVENT_ABI_X86_64,
        .known = (1u << 17) - 1,
        .values = {from->rax, from->rdx, from->rcx, from->rbx, from->rsi, from->rdi, from->rbp,
                   from->rsp, from->r8, from->r9, from->r10, from->r11, from->r12, from->r13,
                   from->r14, from->r15, from->rip},
    };
}

static void from_32(const struct registers32 *from, struct unwind_registers *to)
{
    *to = (struct unwind_registers){
        .abi = EVENT_ABI_I386,
        .known = (1u << 9) - 1,
        .values = {from->ax, from->cx, from->dx, from->bx, from->sp, from->bp, from->si, from->di,
                   from->ip},
    };
}

static bool read_registers(pid_t tid, struct unwind_registers *ret_registers, uint64_t *ret_sp)
{
    union {
        struct user_regs_struct wide;
        struct registers32 narrow;
    } registers;
    size_t got;

    if (tracee_registers(tid, &registers, sizeof(registers), &got) != TRACEE_DONE)
        return false;
    if (got == sizeof(registers.wide)) {
        from_64(&registers.wide, ret_registers);
        *ret_sp = registers.wide.rsp;
    } else if (got == sizeof(registers.narrow)) {
        from_32(&registers.narrow, ret_registers);
        *ret_sp = registers.narrow.sp;
    } else {
        return false;
    }
    return true;
}

#else

static bool read_registers(pid_t tid, struct unwind_registers *ret_registers, uint64_t *ret_sp)
{
    (void)tid;
    (void)ret_registers;
    (void)ret_sp;
    return false;
}

#endif

static size_t copy_stack(pid_t tid, struct capture *capture, size_t len)
{
    struct iovec local = {capture->bytes, len};
    struct iovec remote = {(void *)(uintptr_t)capture->sp, len};
    ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);

    return got > 0 ? (size_t)got : 0;
}

struct seep_error *capture_take(const struct capture_options *options, struct code_map *map,
                                struct code_map_stack *stack, pid_t tid,
                                struct capture **ret_capture)
{
    const struct layout *layout = NULL;
    struct unwind_registers registers;
    struct capture *capture;
    uint64_t sp = 0;
    struct seep_error *err;

    *ret_capture = NULL;
    /* The process's first thread may have ended, or another process have the memory now. */
    map->pid = tid;
    err = code_map_layout(map, &layout);
    if (err || !layout || !read_registers(tid, &registers, &sp)) {
        stack_pool_count_lost(options->pool);
        return err;
    }

    uint64_t above = code_map_stack_end(map, stack, sp) - sp;
    size_t len = above < options->stack_bytes ? (size_t)above : options->stack_bytes;

    len = code_map_present(map, stack, sp, len);
    capture = stack_pool_take(options->pool, len);
    if (!capture)
        return NULL;
    capture->layout = layout_ref((struct layout *)layout);
    capture->registers = registers;
    capture->sp = sp;
    capture->len = copy_stack(tid, capture, len);
    stack_pool_submit(options->pool, capture);
    *ret_capture = capture;
    return NULL;
}
