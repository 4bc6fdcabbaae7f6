#include "stacks/unwind.h"

#include <stdlib.h>

#include "stacks/unwind_state.h"

static const struct unwind_abi x86_64 = {
    .word_bytes = 8,
    .registers = 17,
    .pc = 16,
    .sp = 7,
    .bp = 6,
    .kept_count = 6,
    .kept = {3, 6, 12, 13, 14, 15}, /* rbx, rbp, r12 - r15 */
};

static const struct unwind_abi i386 = {
    .word_bytes = 4,
    .registers = 9,
    .pc = 8,
    .sp = 4,
    .bp = 5,
    .kept_count = 4,
    .kept = {3, 5, 6, 7}, /* ebx, ebp, esi, edi */
};

/* In the order in which they are asked. */
static enum unwind_step (*const unwinders[])(struct unwind_state *s) = {
    unwind_cfi_step,
    unwind_signal_step,
    unwind_code_step,
    unwind_pointers_step,
};

struct unwinder {
    struct stack_frame frames[STACK_MAX_FRAMES];
    struct unwind_window window;
    struct unwind_row rows[1 << UNWIND_CACHE_BITS] __attribute__((aligned(64)));
};

struct seep_error *unwinder_create(struct unwinder **ret_unwinder)
{
    struct unwinder *unwinder = aligned_alloc(64, sizeof(*unwinder));

    if (!unwinder)
        return error_no_memory();
    memset(unwinder, 0, sizeof(*unwinder));
    *ret_unwinder = unwinder;
    return NULL;
}

void unwinder_destroy(struct unwinder *unwinder)
{
    free(unwinder);
}

/* The window is moved to begin a little before ADDRESS: saved registers lie below a return address. */
bool unwind_read_slowly(struct unwind_state *s, uint64_t address, void *bytes, size_t len)
{
    enum { BEFORE_BYTES = 64 };
    struct unwind_window *w = s->window;
    const uint64_t starts[] = {address < BEFORE_BYTES ? 0 : address - BEFORE_BYTES, address};

    if (len > UINT64_MAX - address)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        size_t got = 0;
        uint64_t start = starts[i];

        error_destroy(mem_source_read(w->source, start, w->bytes, sizeof(w->bytes), &got));
        w->start = start;
        w->len = got;
        if (address - start < got && got - (address - start) >= len) {
            memcpy(bytes, w->bytes + (address - start), len);
            return true;
        }
    }
    s->unread = true;
    return false;
}

/* One of two places; the one that was not hit last gives way. */
struct unwind_row *unwind_row(struct unwind_state *s, uint32_t serial, bool *ret_known)
{
    uint64_t hash = (s->address ^ (uint64_t)serial << 40) * UINT64_C(0x9e3779b97f4a7c15);
    struct unwind_row *pair = &s->rows[hash >> (64 - UNWIND_CACHE_BITS) & ~UINT64_C(1)];
    struct unwind_row first = pair[0];

    *ret_known = true;
    if (first.address == s->address && first.serial == serial)
        return &pair[0];
    if (pair[1].address == s->address && pair[1].serial == serial)
        pair[0] = pair[1];
    else
        *ret_known = false;
    pair[1] = first;
    return &pair[0];
}

/* Where the frame's code is. The byte before a return address is the call's, which may end its
 * function. */
static void locate(struct unwind_state *s)
{
    uint64_t lookup = s->registers.values[s->abi->pc] - !s->exact;

    s->range = layout_find(s->layout, lookup);
    s->in_image = false;
    if (s->range && s->range->module) {
        uint64_t at = lookup - s->range->start + s->range->file_offset;

        s->in_image = module_offset(s->range->module, at, &s->address);
        if (!s->in_image)
            s->address = at;
    }
}

static void fill_frame(const struct unwind_state *s, struct stack_frame *ret_frame)
{
    *ret_frame = (struct stack_frame){
        .kind = s->range && !s->range->module ? STACK_FRAME_JIT : STACK_FRAME_NATIVE,
        .flags = (uint8_t)((s->exact ? STACK_FRAME_EXACT : 0) |
                           (s->by_pointer ? STACK_FRAME_BY_POINTER : 0)),
        .address = s->registers.values[s->abi->pc],
    };
    if (s->range && s->range->module) {
        ret_frame->module = module_identity(s->range->module);
        ret_frame->offset = s->address + !s->exact;
        ret_frame->function = module_function(s->range->module, s->address);
    }
}

/* No call led to the code that the kernel makes a handler return to. */
static void make_exact(struct stack_frame *frame, struct module *module)
{
    frame->flags |= STACK_FRAME_EXACT;
    if (module)
        frame->function = module_function(module, frame->offset);
}

static enum unwind_step step(struct unwind_state *s)
{
    uint64_t pc = s->registers.values[s->abi->pc], sp = s->registers.values[s->abi->sp];

    s->unread = s->may_miss = s->signal_frame = false;
    for (size_t i = 0; i < ARRAY_SIZE(unwinders); i++) {
        enum unwind_step how = unwinders[i](s);

        if (how == UNWIND_ENDS)
            return how;
        if (how == UNWIND_CANNOT)
            continue;
        s->by_pointer = unwinders[i] == unwind_pointers_step;
        /* Nobody called: so starts mark the end. But whom a signal interrupted there had called null. */
        if (s->registers.values[s->abi->pc] == 0)
            return unwind_ends(s, s->signal_frame ? STACK_END_BROKEN : STACK_END_COMPLETE);
        if (s->registers.values[s->abi->pc] == pc && s->registers.values[s->abi->sp] == sp)
            return unwind_ends(s, STACK_END_BROKEN);
        return UNWIND_STEPPED;
    }
    return unwind_ends(s, STACK_END_NO_UNWIND_INFO);
}

/* MODULE: of the frame before it; NULL: that was made at run time. */
static struct stack_frame gap_after(struct module *module)
{
    static char made[] = "a frame may be missing here: no unwind table of code made at run time";

    return (struct stack_frame){.kind = STACK_FRAME_GAP,
                                .module = module ? module_identity(module) : NULL,
                                .function = module ? module_gap_text(module) : made};
}

/* Returns how many frames there are; S says where the path ends. */
static size_t walk(struct unwind_state *s, struct stack_frame *frames, size_t max_frames)
{
    size_t count = 0;

    s->exact = true;
    locate(s);
    for (;;) {
        struct module *module = s->range ? s->range->module : NULL;

        fill_frame(s, &frames[count++]);
        enum unwind_step how = step(s);

        if (s->signal_frame)
            make_exact(&frames[count - 1], module);
        if (how == UNWIND_ENDS)
            return count;
        s->exact = s->signal_frame;
        locate(s);
        if (!s->range) {
            s->end = STACK_END_BROKEN;
            return count;
        }
        if (count + s->may_miss >= max_frames) {
            s->end = STACK_END_MAX_FRAMES;
            return count;
        }
        if (s->may_miss)
            frames[count++] = gap_after(module);
    }
}

struct seep_error *unwinder_run(struct unwinder *unwinder, const struct unwind_input *input,
                                struct stack_path *ret_path)
{
    struct unwind_state s = {
        .abi = input->registers.abi == EVENT_ABI_I386 ? &i386 : &x86_64,
        .layout = input->layout,
        .window = &unwinder->window,
        .rows = unwinder->rows,
        .registers = input->registers,
    };
    size_t max_frames = input->max_frames < 1                  ? 1
                        : input->max_frames > STACK_MAX_FRAMES ? STACK_MAX_FRAMES
                                                               : input->max_frames;

    s.registers.abi = s.abi == &i386 ? EVENT_ABI_I386 : EVENT_ABI_X86_64;
    unwinder->window.source = input->stack;
    unwinder->window.len = 0;

    size_t count = walk(&s, unwinder->frames, max_frames);

    *ret_path = (struct stack_path){.end = s.end, .frames = unwinder->frames, .count = count};
    return NULL;
}
