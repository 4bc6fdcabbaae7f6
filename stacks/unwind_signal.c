/*
 * Unwinding over a signal's frame where no table tells of it: musl's and other libraries' trampolines.
 *
 *     handler returns to    mov $15,%rax; syscall        known by its bytes, as debuggers know it
 *     sp                    struct ucontext              all registers of the interrupted code
 *
 * See arch/x86/include/asm/sigframe.h and uapi/asm/sigcontext.h of the kernel.
 */
#include "stacks/unwind_state.h"

enum { TRAMPOLINE_BYTES = 9, NONE = 0xff };

/* What the kernel saved, by DWARF numbers, word after word. */
static const uint8_t saved_64[] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
static const uint8_t saved_32[] = {NONE, NONE, NONE, NONE, 7, 6, 5, 4, 3, 2, 1, 0, NONE, NONE, 8};

static const struct trampoline {
    uint8_t word_bytes;
    uint8_t len;
    uint8_t code[TRAMPOLINE_BYTES];
    uint8_t saved_at; /* from sp */
    bool by_pointer;  /* sp + 2 words points to the context, and SAVED_AT counts from there */
} trampolines[] = {
    {8, 9, {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}, 40, false}, /* rt_sigreturn */
    {8, 7, {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05}, 40, false},
    {4, 8, {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}, 4, false}, /* pop %eax; sigreturn */
    {4, 7, {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80}, 20, true},       /* rt_sigreturn */
};

static const struct trampoline *find(const struct unwind_state *s)
{
    uint8_t code[TRAMPOLINE_BYTES];
    size_t got = module_read_code(s->range->module, s->address + !s->exact, code, sizeof(code));

    for (size_t i = 0; i < ARRAY_SIZE(trampolines); i++) {
        const struct trampoline *t = &trampolines[i];

        if (t->word_bytes == s->abi->word_bytes && t->len <= got &&
            memcmp(t->code, code, t->len) == 0)
            return t;
    }
    return NULL;
}

enum unwind_step unwind_signal_step(struct unwind_state *s)
{
    const struct unwind_abi *abi = s->abi;
    const uint8_t *saved = abi->word_bytes == 8 ? saved_64 : saved_32;
    size_t count = abi->word_bytes == 8 ? sizeof(saved_64) : sizeof(saved_32);
    struct unwind_registers caller = {.abi = s->registers.abi};
    uint64_t at = s->registers.values[abi->sp], value;
    const struct trampoline *t = s->in_image ? find(s) : NULL;

    if (!t)
        return UNWIND_CANNOT;
    if (t->by_pointer && !unwind_read_word(s, at + 2u * abi->word_bytes, &at))
        return unwind_ends(s, STACK_END_COPY);
    for (size_t i = 0; i < count; i++) {
        if (!unwind_read_word(s, at + t->saved_at + i * abi->word_bytes, &value))
            return unwind_ends(s, STACK_END_COPY);
        if (saved[i] != NONE)
            unwind_set(&caller, saved[i], value);
    }
    s->registers = caller;
    s->signal_frame = true;
    return UNWIND_STEPPED;
}
