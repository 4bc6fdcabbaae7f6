/* Paths of the test itself against glibc's backtrace; made-up stacks against what they were made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "temporary.h"
#include "tests/copied_stack.h"
#include "tests/tiny_elf.h"

enum { MAX_FRAMES = 128 };

static struct modules *modules;
static struct layout *layout;
static struct unwinder *unwinder;

static int set_up(void **state)
{
    (void)state;
    must(modules_create(&modules));
    copied_layout(getpid(), modules, &layout);
    must(unwinder_create(&unwinder));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unwinder_destroy(unwinder);
    layout_unref(layout);
    modules_destroy(modules);
    return 0;
}

static void run(struct copied_stack *copy, unsigned max_frames, struct stack_path *ret_path)
{
    struct unwind_input input = {layout, copy->registers, &copy->source, max_frames};

    must(unwinder_run(unwinder, &input, ret_path));
}

/* The frames above the one that asks. */
static void compare_with_backtrace(void)
{
    void *expected[MAX_FRAMES];
    struct copied_stack copy;
    struct stack_path path;
    ucontext_t context;
    int count = backtrace(expected, MAX_FRAMES);

    assert_int_equal(getcontext(&context), 0);
    copied_stack_init(&copy, &context, 1 << 16);
    run(&copy, MAX_FRAMES, &path);
    assert_int_equal(path.end, STACK_END_COMPLETE);
    /* A sanitizer's backtrace begins in the sanitizer. */
    assert_true(path.count > 1 && (size_t)count >= path.count);
    for (size_t i = 1, skipped = (size_t)count - path.count; i < path.count; i++)
        assert_int_equal(path.frames[i].address, (uintptr_t)expected[i + skipped]);
    copied_stack_deinit(&copy);
}

__attribute__((noinline)) static int deeper(int depth)
{
    volatile char room[64];

    room[depth] = (char)depth;
    if (depth == 0)
        compare_with_backtrace();
    else
        deeper(depth - 1);
    return room[depth];
}

static void paths_are_those_of_backtrace(void **state)
{
    (void)state;
    deeper(0);
    deeper(20);
}

/* --- signals --- */

static struct copied_stack handler_copy;
static uint8_t handler_bytes[1 << 16];
static uint64_t handler_stack_end;
static int handler_memory; /* /proc/self/mem, which sanitizers do not watch */

/* A handler may not allocate. */
static void on_signal(int number)
{
    ucontext_t context;

    (void)number;
    getcontext(&context);
    copied_registers(&handler_copy, &context);
    handler_copy.bytes = handler_bytes;
    handler_copy.len = handler_stack_end - handler_copy.start;
    if (handler_copy.len > sizeof(handler_bytes))
        handler_copy.len = sizeof(handler_bytes);
    if (pread(handler_memory, handler_bytes, handler_copy.len, (off_t)handler_copy.start) !=
        (ssize_t)handler_copy.len)
        handler_copy.len = 0;
}

/* The handler's stack ends behind the address END, or with the stack that this runs on. */
static void catch_with(int flags, uint64_t end, struct stack_path *ret_path)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    struct copied_stack here;
    ucontext_t context;

    getcontext(&context);
    copied_stack_init(&here, &context, SIZE_MAX);
    handler_stack_end = end ? end : here.start + here.len;
    copied_stack_deinit(&here);
    handler_memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
    close(handler_memory);
    run(&handler_copy, MAX_FRAMES, ret_path);
}

static void a_handler_leads_to_the_interrupted(void **state)
{
    struct stack_path path;
    size_t exact = 0;

    (void)state;
    catch_with(0, 0, &path);
    assert_int_equal(path.end, STACK_END_COMPLETE);
    for (size_t i = 1; i < path.count; i++)
        exact += path.frames[i].flags & STACK_FRAME_EXACT;
    assert_int_equal(exact, 2); /* what was interrupted, and what the handler returns to */
}

static void another_stack_is_not_in_the_copy(void **state)
{
    enum { STACK_BYTES = 1 << 18 };
    stack_t stack = {.ss_size = STACK_BYTES}, none = {.ss_flags = SS_DISABLE};
    struct stack_path path;

    (void)state;
    stack.ss_sp =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(stack.ss_sp != MAP_FAILED);
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    catch_with(SA_ONSTACK, (uintptr_t)stack.ss_sp + STACK_BYTES, &path);
    assert_int_equal(path.end, STACK_END_COPY);
    assert_true(path.count >= 3);
    sigaltstack(&none, NULL);
    munmap(stack.ss_sp, STACK_BYTES);
}

/* --- threads --- */

static void *unwind_often(void *context)
{
    struct copied_stack *copy = context;
    struct unwinder *own;
    size_t count = 0;

    must(unwinder_create(&own));
    for (int i = 0; i < 200; i++) {
        struct unwind_input input = {layout_ref(layout), copy->registers, &copy->source,
                                     MAX_FRAMES};
        struct stack_path path;

        must(unwinder_run(own, &input, &path));
        assert_int_equal(path.end, STACK_END_COMPLETE);
        assert_true(count == 0 || count == path.count);
        count = path.count;
        layout_unref(layout);
    }
    unwinder_destroy(own);
    return NULL;
}

static void threads_share_modules(void **state)
{
    struct copied_stack copy;
    ucontext_t context;
    pthread_t threads[4];

    (void)state;
    tear_down(NULL); /* so that all of them load */
    set_up(NULL);
    getcontext(&context);
    copied_stack_init(&copy, &context, 1 << 16);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, unwind_often, &copy), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    copied_stack_deinit(&copy);
}

/* --- made-up stacks --- */

enum { BASE = 0x400000, JIT = 0x600000, STACK = 0x7000, CODE = BASE + TINY_CODE, WORDS = 64 };

/* Code without a table, at +0x80: test; jne 1f; push bx; pop bx; 1: add $2 words,sp; pop bx; ret; then the
 * same with a frame pointer, at +0xa0: lea -word(bp),sp; pop bx; pop bp; ret; then a way that never
 * ends, at +0xc0: sub ax,sp; ret. */
static const uint8_t code_64[] = {0x85, 0xc0, 0x75, 0x02, 0x53, 0x5b,
                                  0x48, 0x83, 0xc4, 0x10, 0x5b, 0xc3};
static const uint8_t code_32[] = {0x85, 0xc0, 0x75, 0x02, 0x53, 0x5b, 0x83, 0xc4, 0x08, 0x5b, 0xc3};
static const uint8_t framed_64[] = {0x48, 0x8d, 0x65, 0xf8, 0x5b, 0x5d, 0xc3};
static const uint8_t framed_32[] = {0x8d, 0x65, 0xfc, 0x5b, 0x5d, 0xc3};
static const uint8_t endless_64[] = {0x48, 0x29, 0xc4, 0xc3};
static const uint8_t endless_32[] = {0x29, 0xc4, 0xc3};
static const uint8_t trampoline_64[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
static const uint8_t trampoline_32[] = {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80};

/* Code with a table at +0 (CFA = sp + 4 words, bp at CFA - 2 words) and +0x20 (the outermost), a signal's
 * frame at +0x30; code without one from +0x40 on, where calls end at +0x50, +0x60, +0x70. */
struct stage {
    struct modules *modules;
    struct layout *layout;
    struct copied_stack copy;
    struct stack_path path;
    uint8_t bytes[WORDS * 8];
    int bits;
};

static void stage_code(struct tiny_table *table, int bits)
{
    static const char cie_64[] = "\x0c\x07\x08\x90\x01", cie_32[] = "\x0c\x04\x04\x88\x01";
    size_t cie = tiny_cie(table, "zR", bits == 64 ? cie_64 : cie_32, 5);
    size_t signal = tiny_cie(table, "zRS", bits == 64 ? cie_64 : cie_32, 5);

    tiny_fde(table, cie, TINY_CODE, 0x20, bits == 64 ? "\x0e\x20\x86\x02" : "\x0e\x10\x85\x02", 4);
    tiny_fde(table, cie, TINY_CODE + 0x20, 0x10, bits == 64 ? "\x07\x10" : "\x07\x08", 2);
    tiny_fde(table, signal, TINY_CODE + 0x30, 0x10, "", 0);
}

static void stage_init(struct stage *s, int bits)
{
    _cleanup_buffer_ struct buffer elf = {0};
    struct tiny_table table = {.bits = bits};
    struct layout_ranges ranges = {0};
    struct module *module;
    uint8_t code[0x100];

    *s = (struct stage){.bits = bits};
    memset(code, 0x90, sizeof(code));
    code[0x50 - 5] = 0xe8;                      /* call rel32 */
    memcpy(code + 0x60 - 2, "\xff\xd0", 2);     /* call *rax */
    memcpy(code + 0x70 - 3, "\xff\x50\x08", 3); /* call *8(rax) */
#define PUT(at, what)                                                                              \
    (bits == 64 ? memcpy(code + (at), what##_64, sizeof(what##_64))                                \
                : memcpy(code + (at), what##_32, sizeof(what##_32)))
    PUT(0x80, code);
    PUT(0xa0, framed);
    PUT(0xc0, endless);
    PUT(0xe0, trampoline);
#undef PUT
    memcpy(code + 0xd0, "\x75\x01\xc3\x5b\xc3", 5); /* jne 1f; ret; 1: pop bx; ret */
    memset(code + 0x74, 0xf4, 4); /* hlt: what lies before does not come to what lies behind */
    stage_code(&table, bits);
    tiny_elf(&elf, &(struct tiny_elf){
                       .bits = bits, .table = &table, .code = code, .code_len = sizeof(code)});
    buffer_deinit(&table.bytes);
    must(modules_create(&s->modules));
    must(modules_add_image(s->modules, "libtiny.so", elf.bytes, elf.len, &module));
    must(vector_push(&ranges, (struct layout_range){BASE, BASE + 0x1000, 0, module}));
    must(vector_push(&ranges, (struct layout_range){JIT, JIT + 0x1000, 0, NULL}));
    must(layout_create(&ranges, &s->layout));
    s->copy = (struct copied_stack){
        .source.read = copied_read, .start = STACK, .len = sizeof(s->bytes), .bytes = s->bytes};
    s->copy.registers.abi = bits == 64 ? EVENT_ABI_X86_64 : EVENT_ABI_I386;
}

static void stage_deinit(struct stage *s)
{
    layout_unref(s->layout);
    modules_destroy(s->modules);
}

static uint64_t word_at(const struct stage *s, unsigned index)
{
    return STACK + index * (unsigned)s->bits / 8;
}

static void put_word(struct stage *s, unsigned index, uint64_t value)
{
    memcpy(s->bytes + index * (unsigned)s->bits / 8, &value, (size_t)s->bits / 8);
}

/* From sp = the stack's first word. */
static void stage_run(struct stage *s, uint64_t pc, uint64_t bp)
{
    bool is_64 = s->bits == 64;
    struct unwind_input input = {s->layout, s->copy.registers, &s->copy.source, MAX_FRAMES};

    input.registers.known = is_64 ? 1 << 6 | 1 << 7 | 1 << 16 : 1 << 4 | 1 << 5 | 1 << 8;
    input.registers.values[is_64 ? 16 : 8] = pc;
    input.registers.values[is_64 ? 7 : 4] = STACK;
    input.registers.values[is_64 ? 6 : 5] = bp;
    must(unwinder_run(unwinder, &input, &s->path));
}

static void assert_frame(const struct stage *s, size_t index, uint8_t kind, unsigned flags,
                         uint64_t address)
{
    const struct stack_frame *frame = &s->path.frames[index];

    assert_true(index < s->path.count);
    assert_int_equal(frame->kind, kind);
    assert_int_equal(frame->flags, flags);
    assert_int_equal(frame->address, address);
    if (kind == STACK_FRAME_NATIVE)
        assert_int_equal(frame->offset, frame->module ? address - BASE : 0);
}

static void assert_end(const struct stage *s, size_t count, enum stack_end end)
{
    assert_int_equal(s->path.count, count);
    assert_int_equal(s->path.end, end);
}

static void tables_lead_to_the_outermost(void **state)
{
    (void)state;
    for (int bits = 32; bits <= 64; bits += 32) {
        struct stage s;

        stage_init(&s, bits);
        put_word(&s, 2, 0x1234);      /* bp */
        put_word(&s, 3, CODE + 0x20); /* the byte before it is of the first function */
        put_word(&s, 7, CODE + 0x21);
        stage_run(&s, CODE, 0);
        assert_frame(&s, 0, STACK_FRAME_NATIVE, STACK_FRAME_EXACT, CODE);
        assert_frame(&s, 1, STACK_FRAME_NATIVE, 0, CODE + 0x20);
        assert_frame(&s, 2, STACK_FRAME_NATIVE, 0, CODE + 0x21);
        assert_end(&s, 3, STACK_END_COMPLETE);
        assert_string_equal(s.path.frames[1].module->path, "libtiny.so");
        put_word(&s, 7, 0);
        stage_run(&s, CODE, 0);
        assert_end(&s, 2, STACK_END_COMPLETE);
        stage_deinit(&s);
    }
}

static void paths_end_where_they_must(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s, 64);
    for (unsigned i = 3; i < WORDS; i += 4)
        put_word(&s, i, CODE + 8);
    stage_run(&s, CODE, 0); /* the stack goes on, the copy does not */
    assert_end(&s, 1 + WORDS / 4, STACK_END_COPY);
    s.copy.len = 60;
    stage_run(&s, CODE, 0);
    assert_end(&s, 2, STACK_END_COPY);
    s.copy.len = 0;
    stage_run(&s, CODE, 0);
    assert_end(&s, 1, STACK_END_COPY);
    s.copy.len = sizeof(s.bytes);
    put_word(&s, 7, 0x123456); /* no code */
    stage_run(&s, CODE, 0);
    assert_end(&s, 2, STACK_END_BROKEN);
    stage_run(&s, 0x123456, 0);
    assert_frame(&s, 0, STACK_FRAME_NATIVE, STACK_FRAME_EXACT, 0x123456);
    assert_end(&s, 1, STACK_END_NO_UNWIND_INFO);
    assert_null(s.path.frames[0].module);
    stage_run(&s, CODE + 0x40, 0);
    assert_end(&s, 1, STACK_END_NO_UNWIND_INFO);
    stage_deinit(&s);
}

static void no_more_frames_than_wanted(void **state)
{
    struct copied_stack copy;
    struct stack_path path;
    ucontext_t context;
    size_t all;

    (void)state;
    getcontext(&context);
    copied_stack_init(&copy, &context, 1 << 16);
    run(&copy, MAX_FRAMES, &path);
    all = path.count;
    run(&copy, (unsigned)all - 1, &path);
    assert_int_equal(path.count, all - 1);
    assert_int_equal(path.end, STACK_END_MAX_FRAMES);
    run(&copy, (unsigned)all, &path);
    assert_int_equal(path.end, STACK_END_COMPLETE);
    copied_stack_deinit(&copy);
}

static void a_signal_frame_is_exact_and_its_caller_too(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s, 64);
    put_word(&s, 3, CODE + 0x31);
    put_word(&s, 4, CODE + 0x20); /* a function's first byte, which executed */
    stage_run(&s, CODE, 0);
    assert_frame(&s, 1, STACK_FRAME_NATIVE, STACK_FRAME_EXACT, CODE + 0x31);
    assert_frame(&s, 2, STACK_FRAME_NATIVE, STACK_FRAME_EXACT, CODE + 0x20);
    assert_end(&s, 3, STACK_END_COMPLETE);
    put_word(&s, 4, 0); /* null was called */
    stage_run(&s, CODE, 0);
    assert_frame(&s, 1, STACK_FRAME_NATIVE, STACK_FRAME_EXACT, CODE + 0x31);
    assert_end(&s, 2, STACK_END_BROKEN);
    stage_deinit(&s);
}

static void frame_pointers_lead_through_jit_code(void **state)
{
    (void)state;
    for (int bits = 32; bits <= 64; bits += 32) {
        struct stage s;

        stage_init(&s, bits);
        put_word(&s, 2, word_at(&s, 8)); /* bp of the caller, by the table */
        put_word(&s, 3, JIT + 0x10);
        put_word(&s, 8, word_at(&s, 12));
        put_word(&s, 9, JIT + 0x20);
        put_word(&s, 12, 1);
        put_word(&s, 13, CODE + 0x50);
        stage_run(&s, CODE, 0);
        assert_frame(&s, 1, STACK_FRAME_JIT, 0, JIT + 0x10);
        assert_frame(&s, 2, STACK_FRAME_JIT, STACK_FRAME_BY_POINTER, JIT + 0x20);
        assert_frame(&s, 3, STACK_FRAME_NATIVE, STACK_FRAME_BY_POINTER, CODE + 0x50);
        assert_end(&s, 4, STACK_END_NO_UNWIND_INFO);
        put_word(&s, 13, CODE + 0x51); /* behind no call */
        stage_run(&s, CODE, 0);
        assert_end(&s, 3, STACK_END_NO_UNWIND_INFO);
        put_word(&s, 8, word_at(&s, 7)); /* back down */
        stage_run(&s, CODE, 0);
        assert_end(&s, 2, STACK_END_NO_UNWIND_INFO);
        put_word(&s, 8, word_at(&s, 1000)); /* beyond the copy */
        stage_run(&s, CODE, 0);
        assert_end(&s, 3, STACK_END_COPY);
        stage_deinit(&s);
    }
}

static void a_frame_that_may_be_missing_is_told(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s, 64);
    put_word(&s, 4, 0);
    put_word(&s, 5, CODE + 0x70); /* the caller, or not: bp says nothing of it */
    put_word(&s, 8, word_at(&s, 20));
    put_word(&s, 9, CODE + 0x60);
    put_word(&s, 20, 0);
    put_word(&s, 21, 0);
    stage_run(&s, CODE + 0x45, word_at(&s, 8));
    assert_frame(&s, 1, STACK_FRAME_GAP, 0, 0);
    assert_string_equal(s.path.frames[1].function,
                        "a frame may be missing here: no unwind table in libtiny.so");
    assert_frame(&s, 2, STACK_FRAME_NATIVE, STACK_FRAME_BY_POINTER, CODE + 0x60);
    assert_end(&s, 3, STACK_END_COMPLETE);
    put_word(&s, 5, CODE + 0x71); /* behind no call: then nobody is missing */
    stage_run(&s, CODE + 0x45, word_at(&s, 8));
    assert_frame(&s, 1, STACK_FRAME_NATIVE, STACK_FRAME_BY_POINTER, CODE + 0x60);
    assert_end(&s, 2, STACK_END_COMPLETE);
    stage_run(&s, CODE + 0x45, word_at(&s, 8) + 1);
    assert_end(&s, 1, STACK_END_NO_UNWIND_INFO);
    put_word(&s, 4,
             word_at(&s, 8)); /* code made at run time that saved bp, and left it as it was */
    put_word(&s, 5, JIT + 0x20);
    stage_run(&s, JIT + 0x10, word_at(&s, 8));
    assert_frame(&s, 1, STACK_FRAME_GAP, 0, 0);
    assert_frame(&s, 2, STACK_FRAME_NATIVE, STACK_FRAME_BY_POINTER, CODE + 0x60);
    put_word(&s, 4, 0);
    stage_run(&s, JIT + 0x10, word_at(&s, 8));
    assert_frame(&s, 1, STACK_FRAME_NATIVE, STACK_FRAME_BY_POINTER, CODE + 0x60);
    stage_deinit(&s);
}

static void code_is_read_on_to_its_return(void **state)
{
    (void)state;
    for (int bits = 32; bits <= 64; bits += 32) {
        struct stage s;

        stage_init(&s, bits);
        put_word(&s, 2, word_at(&s, 20)); /* bx */
        put_word(&s, 3, CODE + 0x60);     /* behind a call; it has no table either, and no return */
        stage_run(&s, CODE + 0x80, 0);
        assert_frame(&s, 0, STACK_FRAME_NATIVE, STACK_FRAME_EXACT, CODE + 0x80);
        assert_frame(&s, 1, STACK_FRAME_NATIVE, 0, CODE + 0x60);
        assert_end(&s, 2, STACK_END_NO_UNWIND_INFO);
        stage_run(&s, CODE + 0x80, 0); /* what was learnt */
        assert_end(&s, 2, STACK_END_NO_UNWIND_INFO);
        put_word(&s, 3, CODE + 0x61); /* behind no call */
        stage_run(&s, CODE + 0x80, 0);
        assert_end(&s, 1, STACK_END_NO_UNWIND_INFO);

        put_word(&s, 8, 0);
        put_word(&s, 9, CODE + 0x70);
        stage_run(&s, CODE + 0xa0, word_at(&s, 8));
        assert_frame(&s, 1, STACK_FRAME_NATIVE, 0, CODE + 0x70);
        assert_end(&s, 2, STACK_END_NO_UNWIND_INFO);

        put_word(&s, 0, CODE + 0x60);
        stage_run(&s, CODE + 0xc0, 0);
        assert_end(&s, 1, STACK_END_NO_UNWIND_INFO);
        stage_deinit(&s);
    }
}

/* Two ways out that contradict each other: neither is believed. */
static void contradictions_are_not_believed(void **state)
{
    struct stage s;

    (void)state;
    stage_init(&s, 64);
    put_word(&s, 0, CODE + 0x60);
    put_word(&s, 1, CODE + 0x60);
    stage_run(&s, CODE + 0xd0, 0);
    assert_end(&s, 1, STACK_END_NO_UNWIND_INFO);
    stage_deinit(&s);
    stage_init(&s, 64);
    put_word(&s, 1, CODE + 0x60); /* one of them leads to no call */
    stage_run(&s, CODE + 0xd0, 0);
    assert_frame(&s, 1, STACK_FRAME_NATIVE, 0, CODE + 0x60);
    stage_deinit(&s);
}

static void trampolines_are_known_by_their_bytes(void **state)
{
    (void)state;
    for (int bits = 32; bits <= 64; bits += 32) {
        struct stage s;
        /* The saved registers: x86-64 at sp + 40; i386 20 behind what the third word points to. */
        unsigned at = bits == 64 ? 5 : 15, sp = bits == 64 ? 15 : 7, pc = bits == 64 ? 16 : 14;

        stage_init(&s, bits);
        put_word(&s, 2, word_at(&s, 10));
        put_word(&s, at + sp, word_at(&s, 40));
        put_word(&s, at + pc, CODE);
        put_word(&s, 43, 0);
        stage_run(&s, CODE + 0xe0, 0);
        assert_frame(&s, 1, STACK_FRAME_NATIVE, STACK_FRAME_EXACT, CODE);
        assert_end(&s, 2, STACK_END_COMPLETE);
        s.copy.len = 80;
        stage_run(&s, CODE + 0xe0, 0);
        assert_end(&s, 1, STACK_END_COPY);
        stage_deinit(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_those_of_backtrace),
        cmocka_unit_test(a_handler_leads_to_the_interrupted),
        cmocka_unit_test(another_stack_is_not_in_the_copy),
        cmocka_unit_test(threads_share_modules),
        cmocka_unit_test(tables_lead_to_the_outermost),
        cmocka_unit_test(paths_end_where_they_must),
        cmocka_unit_test(no_more_frames_than_wanted),
        cmocka_unit_test(a_signal_frame_is_exact_and_its_caller_too),
        cmocka_unit_test(frame_pointers_lead_through_jit_code),
        cmocka_unit_test(a_frame_that_may_be_missing_is_told),
        cmocka_unit_test(code_is_read_on_to_its_return),
        cmocka_unit_test(contradictions_are_not_believed),
        cmocka_unit_test(trampolines_are_known_by_their_bytes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
