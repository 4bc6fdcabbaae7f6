/*
 * Any registers, stack and unwind table, in a tiny module beside code made at run time: the walk ends, and
 * what it gives lies where code is.
 *
 *     byte 0: bits of the machine, bit 1: calls in its code, bit 2: few registers are known
 *     17 registers, 8 bytes each; 1024 bytes of stack; 128 bytes of code; the module's unwind table
 *
 * A register's top byte is taken as its kind: an address in the module, in the JIT's memory, on the
 * stack, or any number; so that mutations lead somewhere.
 */
#include <stdlib.h>

#include "stacks/unwind.h"
#include "tests/copied_stack.h"
#include "tests/tiny_elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE = 0x400000, JIT = 0x600000, STACK = 0x7000, STACK_BYTES = 1024, CODE_BYTES = 128 };

static struct unwinder *unwinder;

static uint64_t steer(uint64_t value)
{
    switch (value >> 56) {
    case 1:
        return BASE + TINY_CODE + (value & 0x7f);
    case 2:
        return JIT + (value & 0xfff);
    case 3:
        return STACK + (value & 0x3f8);
    default:
        return value;
    }
}

static void make_layout(int bits, bool calls, const uint8_t *bytes, size_t len,
                        struct modules *modules, struct layout **ret_layout)
{
    struct buffer elf = {0};
    struct tiny_table table = {.bits = bits};
    struct layout_ranges ranges = {0};
    struct module *module;
    uint8_t code[CODE_BYTES];

    memcpy(code, bytes, sizeof(code));
    for (size_t i = 3; calls && i < sizeof(code); i += 16)
        code[i] = 0xe8;
    bytes += sizeof(code);
    len -= sizeof(code);
    buffer_bytes(&table.bytes, bytes, len < 0x3f0 ? len : 0x3f0);
    tiny_elf(&elf, &(struct tiny_elf){.bits = bits,
                                      .table = &table,
                                      .code = code,
                                      .code_len = sizeof(code),
                                      .entry = TINY_CODE + 0x70});
    copied_check(modules_add_image(modules, "[tiny]", elf.bytes, elf.len, &module));
    copied_check(vector_push(&ranges, (struct layout_range){BASE, BASE + 0x1000, 0, module}));
    copied_check(vector_push(&ranges, (struct layout_range){JIT, JIT + 0x1000, 0, NULL}));
    copied_check(layout_create(&ranges, ret_layout));
    buffer_deinit(&table.bytes);
    buffer_deinit(&elf);
}

static void check(const struct layout *layout, const struct stack_path *path, unsigned max_frames)
{
    if (path->count < 1 || path->count > max_frames || path->end > STACK_END_BROKEN)
        abort();
    for (size_t i = 0; i < path->count; i++) {
        const struct stack_frame *frame = &path->frames[i];
        bool exact = frame->flags & STACK_FRAME_EXACT;
        const struct layout_range *range = layout_find(layout, frame->address - !exact);

        if (frame->kind == STACK_FRAME_GAP ? !frame->function || i == 0 : i > 0 && !range)
            abort();
        if ((frame->kind == STACK_FRAME_JIT) != (range && !range->module))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum {
        REGISTERS_AT = 1,
        STACK_AT = REGISTERS_AT + UNWIND_REGISTERS * 8,
        CODE_AT = STACK_AT + STACK_BYTES,
        TABLE_AT = CODE_AT + CODE_BYTES
    };
    static uint8_t stack[STACK_BYTES];
    struct copied_stack copy = {
        .source.read = copied_read, .start = STACK, .len = sizeof(stack), .bytes = stack};
    struct modules *modules;
    struct layout *layout;
    struct stack_path path;

    if (size < TABLE_AT)
        return 0;
    if (!unwinder) /* kept, so that its memory of other modules is tried too */
        copied_check(unwinder_create(&unwinder));
    copied_check(modules_create(&modules));
    make_layout(data[0] & 1 ? 32 : 64, data[0] & 2, data + CODE_AT, size - CODE_AT, modules,
                &layout);
    copy.registers.abi = data[0] & 1 ? EVENT_ABI_I386 : EVENT_ABI_X86_64;
    copy.registers.known = data[0] & 4 ? 0x101f0 : (1 << UNWIND_REGISTERS) - 1;
    for (int i = 0; i < UNWIND_REGISTERS; i++) {
        uint64_t value;

        memcpy(&value, data + REGISTERS_AT + 8 * i, sizeof(value));
        copy.registers.values[i] = steer(value);
    }
    for (size_t i = 0; i < STACK_BYTES; i += 8) {
        uint64_t value;

        memcpy(&value, data + STACK_AT + i, sizeof(value));
        value = steer(value);
        memcpy(stack + i, &value, sizeof(value));
    }
    for (unsigned max_frames = 1; max_frames <= STACK_MAX_FRAMES; max_frames *= 4) {
        struct unwind_input input = {layout, copy.registers, &copy.source, max_frames};

        copied_check(unwinder_run(unwinder, &input, &path));
        check(layout, &path, max_frames);
    }
    layout_unref(layout);
    modules_destroy(modules);
    return 0;
}
