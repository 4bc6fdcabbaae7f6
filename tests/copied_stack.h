/*
 * Stacks to unwind, for tests and measurements: the program's own, as the tracer would capture it.
 *
 *     copied_layout(getpid(), modules, &layout)        where the process has code
 *     getcontext(&context);
 *     copied_stack_init(&copy, &context, 65536)        registers, and the bytes from sp on
 *     unwinder_run(unwinder, &(struct unwind_input){layout, copy.registers, &copy.source, 128}, &path)
 *
 * What fails here ends the program: it has no other purpose.
 */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <ucontext.h>
#include <unistd.h>

#include "evidence/maps.h"
#include "stacks/unwind.h"
#include "target/mapped.h"

struct copied_stack {
    struct mem_source source;
    struct unwind_registers registers;
    uint64_t start;
    size_t len;
    uint8_t *bytes;
};

static inline void copied_check(struct seep_error *err)
{
    if (err) {
        fprintf(stderr, "%s\n", err->message);
        abort();
    }
}

static inline struct seep_error *copied_read(struct mem_source *source, uint64_t addr, void *buf,
                                             size_t len, size_t *ret_got)
{
    const struct copied_stack *copy = (const struct copied_stack *)source;
    uint64_t at = addr - copy->start;

    *ret_got = 0;
    if (at < copy->len) {
        *ret_got = len < copy->len - at ? len : copy->len - (size_t)at;
        memcpy(buf, copy->bytes + at, *ret_got);
    }
    return NULL;
}

static inline int copied_open(pid_t pid, const struct vma *vma)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)pid, vma->start, vma->end);

    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 ? fd : open(vma->name, O_RDONLY | O_CLOEXEC);
}

static inline struct module *copied_module(pid_t pid, struct modules *modules,
                                           const struct vma *vma)
{
    struct module *module = NULL;

    if (vma->name[0] == '/') {
        copied_check(modules_add(modules, vma->name, copied_open(pid, vma), &module));
    } else if (strcmp(vma->name, "[vdso]") == 0) {
        size_t len = vma->end - vma->start;
        char path[32], *bytes = malloc(len);

        snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);

        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (!bytes || pread(fd, bytes, len, (off_t)vma->start) != (ssize_t)len)
            abort();
        close(fd);
        copied_check(modules_add_image(modules, vma->name, bytes, len, &module));
        free(bytes);
    }
    return module;
}

static inline void copied_layout(pid_t pid, struct modules *modules, struct layout **ret_layout)
{
    struct layout_ranges ranges = {0};
    struct maps maps;

    copied_check(mapped_regions(pid, &maps));
    for (size_t i = 0; i < maps.count; i++) {
        const struct vma *vma = &maps.vmas[i];

        if (vma->perms & VMA_EXEC && strcmp(vma->name, "[vsyscall]") != 0)
            copied_check(
                vector_push(&ranges, (struct layout_range){vma->start, vma->end, vma->offset,
                                                           copied_module(pid, modules, vma)}));
    }
    maps_deinit(&maps);
    copied_check(layout_create(&ranges, ret_layout));
}

/* At most MAX_LEN bytes of the stack of PID, which may be this process, from sp on. */
static inline void copied_bytes(struct copied_stack *copy, pid_t pid, size_t max_len)
{
    struct maps maps;
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    copied_check(mapped_regions(pid, &maps));

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const struct vma *vma = maps_find(&maps, copy->start);

    if (!vma || fd < 0)
        abort();
    copy->len = vma->end - copy->start < max_len ? vma->end - copy->start : max_len;
    copy->bytes = malloc(copy->len);
    if (!copy->bytes || pread(fd, copy->bytes, copy->len, (off_t)copy->start) != (ssize_t)copy->len)
        abort();
    close(fd);
    maps_deinit(&maps);
}

#ifdef __x86_64__
/* Of PID, which is stopped under ptrace; 32-bit programs run with another code segment. */
static inline void copied_stack_of(struct copied_stack *copy, pid_t pid, size_t max_len)
{
    enum { USER32_CS = 0x23 };
    struct user_regs_struct r;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &r) < 0)
        abort();
    *copy = (struct copied_stack){
        .source.read = copied_read,
        .start = r.rsp,
        .registers = {.abi = EVENT_ABI_X86_64,
                      .known = (1 << UNWIND_REGISTERS) - 1,
                      .values = {r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9,
                                 r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip}},
    };
    if (r.cs == USER32_CS)
        copy->registers = (struct unwind_registers){
            .abi = EVENT_ABI_I386,
            .known = (1 << 9) - 1,
            .values = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.rip}};
    copied_bytes(copy, pid, max_len);
}

/* The registers in CONTEXT, and no bytes yet. */
static inline void copied_registers(struct copied_stack *copy, const ucontext_t *context)
{
    static const int order[UNWIND_REGISTERS] = {
        REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
        REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

    *copy = (struct copied_stack){.source.read = copied_read};
    copy->registers.abi = EVENT_ABI_X86_64;
    copy->registers.known = (1 << UNWIND_REGISTERS) - 1;
    for (int i = 0; i < UNWIND_REGISTERS; i++)
        copy->registers.values[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
    copy->start = copy->registers.values[7];
}

/* The same, and at most MAX_LEN bytes of this process's stack from sp on. */
static inline void copied_stack_init(struct copied_stack *copy, const ucontext_t *context,
                                     size_t max_len)
{
    copied_registers(copy, context);
    copied_bytes(copy, getpid(), max_len);
}
#endif

static inline void copied_stack_deinit(struct copied_stack *copy)
{
    free(copy->bytes);
}
