#include "evidence/core_notes.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/units.h"

enum {
    NOTE_HEAD_BYTES = 12,
    NOTE_NAME_BYTES = 64,
    DESCRIPTOR_BYTES = 1024, /* of what is looked at but NT_FILE and NT_AUXV */
    AUXV_BYTES = 64 * 1024,
    ARM_BITS = EM_ARM,
};

/* Where struct elf_prstatus has what, and how its registers are numbered in DWARF. The general
 * registers stand in the order of struct user_regs_struct (x86) or user_pt_regs (arm64). */
struct layout {
    uint16_t machine;
    uint8_t bits;
    uint16_t pid_at, utime_at, time_bytes, registers_at, register_bytes;
    uint8_t register_count;        /* in DWARF's numbers */
    uint8_t slots[CORE_REGISTERS]; /* which register of the kernel's each is */
    uint8_t pc, sp;                /* DWARF numbers */
};

/* clang-format off */
static const struct layout layouts[] = {
    {EM_X86_64, 64, 32, 48, 16, 112, 8, 17,
     /* rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip */
     {10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16}, 16, 7},
    {EM_X86_64, 32, 24, 40, 8, 72, 8, 17,
     {10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16}, 16, 7},
    {EM_386, 32, 24, 40, 8, 72, 4, 9,
     /* eax ecx edx ebx esp ebp esi edi eip */
     {6, 1, 2, 0, 15, 5, 3, 4, 12}, 8, 4},
    {EM_AARCH64, 64, 32, 48, 16, 112, 8, 34,
     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
      26, 27, 28, 29, 30, 31, 32, 33}, 32, 31},
};
/* clang-format on */

struct note {
    uint32_t type;
    const uint8_t *descriptor;
    size_t len;
};

static uint64_t number_at(const struct note *note, size_t at, size_t bytes)
{
    uint64_t number = 0;

    if (at + bytes <= note->len)
        memcpy(&number, note->descriptor + at, bytes);
    return number;
}

/* A struct timeval: seconds and microseconds, each of half its size. */
static uint64_t time_at(const struct note *note, size_t at, size_t bytes)
{
    uint64_t seconds = number_at(note, at, bytes / 2), ns;
    uint64_t micros = number_at(note, at + bytes / 2, bytes / 2);

    if (__builtin_mul_overflow(seconds, NS_PER_S, &ns) || micros >= 1000 * 1000 ||
        __builtin_add_overflow(ns, micros * NS_PER_US, &ns))
        return 0;
    return ns;
}

static const struct layout *find_layout(const struct core *core)
{
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
        if (layouts[i].machine == core->machine && layouts[i].bits == core->bits)
            return &layouts[i];
    return NULL;
}

static struct seep_error *add_thread(struct core *core, const struct note *note)
{
    const struct layout *layout = find_layout(core);
    size_t pid_at = core->bits == 64 ? 32 : 24;
    struct core_thread thread = {0};
    uint64_t tid = number_at(note, layout ? layout->pid_at : pid_at, 4);

    if (tid == 0 || tid > INT32_MAX)
        return NULL;
    thread.tid = (pid_t)tid;
    thread.signal = (int)number_at(note, 12, 2); /* pr_cursig */
    if (layout) {
        uint64_t user = time_at(note, layout->utime_at, layout->time_bytes);
        uint64_t system = time_at(note, layout->utime_at + layout->time_bytes, layout->time_bytes);

        if (__builtin_add_overflow(user, system, &thread.cpu_ns))
            thread.cpu_ns = 0;
        for (size_t i = 0; i < layout->register_count; i++)
            thread.registers[i] = number_at(
                note, layout->registers_at + (size_t)layout->slots[i] * layout->register_bytes,
                layout->register_bytes);
        thread.register_count = layout->register_count;
        thread.pc = thread.registers[layout->pc];
        thread.sp = thread.registers[layout->sp];
    }
    if (!core->pid)
        core->pid = thread.tid; /* until NT_PRPSINFO says better */
    return vector_push(&core->threads, thread);
}

/* struct elf_prpsinfo: pr_flag is a word, the ids of user and group have 16 bits on i386 and 32
 * elsewhere, which only the length tells. */
static void read_process(struct core *core, const struct note *note)
{
    size_t pid_at = core->bits == 64 ? 24 : note->len >= 128 ? 16 : 12;
    size_t name_at = pid_at + 16, arguments_at = name_at + 16;
    uint64_t pid = number_at(note, pid_at, 4), ppid = number_at(note, pid_at + 4, 4);

    if (note->len < arguments_at + 80)
        return;
    if (pid && pid <= INT32_MAX)
        core->pid = (pid_t)pid;
    if (ppid <= INT32_MAX)
        core->ppid = (pid_t)ppid;
    memcpy(core->name, note->descriptor + name_at, 16);
    core->name[16] = '\0';
    memcpy(core->arguments, note->descriptor + arguments_at, 80);
    core->arguments[80] = '\0';
    /* The kernel joins the arguments by blanks, and so the last NUL becomes one. */
    for (size_t len = strlen(core->arguments); len && core->arguments[len - 1] == ' '; len--)
        core->arguments[len - 1] = '\0';
}

static struct seep_error *read_auxv(struct core *core, const struct note *note)
{
    size_t word = core->bits / 8;

    buffer_clear(&core->auxv);
    buffer_bytes(&core->auxv, note->descriptor, note->len);
    if (core->auxv.failed)
        return error_no_memory();
    for (size_t at = 0; at + 2 * word <= note->len; at += 2 * word) {
        uint64_t value = number_at(note, at + word, word);

        switch (number_at(note, at, word)) {
        case AT_NULL:
            return NULL;
        case AT_SYSINFO_EHDR:
            core->vdso_at = value;
            break;
        case AT_ENTRY:
            core->entry_at = value;
            break;
        case AT_RANDOM:
            core->stack_at = value;
            break;
        }
    }
    return NULL;
}

static size_t first_from(const struct core *core, uint64_t start)
{
    size_t low = 0, high = core->segments.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (core->segments.items[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Count and page size, then start, end and page offset of each, then the paths one after another. */
static struct seep_error *read_files(struct core *core, const struct note *note)
{
    size_t word = core->bits / 8, at = 2 * word;
    uint64_t count = number_at(note, 0, word), page = number_at(note, word, word);

    if (core->names || note->len < at || count > (note->len - at) / (3 * word))
        return NULL;

    size_t names_at = at + (size_t)count * 3 * word, names_len = note->len - names_at;
    char *names = malloc(names_len + 1), *name = names;

    if (!names)
        return error_no_memory();
    memcpy(names, note->descriptor + names_at, names_len);
    names[names_len] = '\0';
    core->names = names;
    for (uint64_t i = 0; i < count && name < names + names_len; i++, at += 3 * word) {
        uint64_t start = number_at(note, at, word), end = number_at(note, at + word, word);
        uint64_t offset = number_at(note, at + 2 * word, word) * page;

        /* A segment that lies in it, one as a rule, gets the name; each gets one at most, so that
         * the work is bounded by the segments. */
        for (size_t n = first_from(core, start); n < core->segments.count; n++) {
            struct core_segment *segment = &core->segments.items[n];

            if (segment->end > end || segment->name[0])
                break;
            segment->name = name;
            segment->offset = offset + (segment->start - start);
        }
        name += strlen(name) + 1;
    }
    return NULL;
}

static struct seep_error *take_note(struct core *core, const struct note *note)
{
    switch (note->type) {
    case NT_PRSTATUS:
        return add_thread(core, note);
    case NT_PRPSINFO:
        read_process(core, note);
        return NULL;
    case NT_AUXV:
        return read_auxv(core, note);
    case NT_FILE:
        return read_files(core, note);
    default:
        return NULL;
    }
}

/* How much of a descriptor of TYPE is worth reading; 0: it is not looked at. */
static size_t wanted(uint32_t type)
{
    switch (type) {
    case NT_PRSTATUS:
    case NT_PRPSINFO:
        return DESCRIPTOR_BYTES;
    case NT_AUXV:
        return AUXV_BYTES;
    case NT_FILE:
        return CORE_MAX_FILES_BYTES;
    default:
        return 0;
    }
}

/* Reads LEN bytes at AT in pieces, so that no more is allocated than there is. */
static struct seep_error *read_descriptor(struct mem_source *file, uint64_t at, size_t len,
                                          struct buffer *bytes)
{
    buffer_clear(bytes);
    while (bytes->len < len) {
        size_t had = bytes->len, want = len - had < AUXV_BYTES ? len - had : AUXV_BYTES, got = 0;
        void *room = buffer_extend(bytes, want);

        if (!room)
            return error_no_memory();

        struct seep_error *err = mem_source_read(file, at + had, room, want, &got);

        if (err)
            return err;
        bytes->len = had + got;
        if (got < want)
            return NULL;
    }
    return NULL;
}

static uint64_t padded(uint64_t len)
{
    return (len + 3) & ~3ULL;
}

struct seep_error *core_notes_read(struct core *core, struct mem_source *file, uint64_t at,
                                   uint64_t len)
{
    _cleanup_buffer_ struct buffer descriptor = {0};
    uint64_t end;
    struct seep_error *err = NULL;

    if (__builtin_add_overflow(at, len, &end))
        end = UINT64_MAX;
    while (end - at >= NOTE_HEAD_BYTES && !err) {
        uint8_t bytes[NOTE_HEAD_BYTES + NOTE_NAME_BYTES];
        size_t got = 0;

        err = mem_source_read(file, at, bytes, sizeof(bytes), &got);
        if (err || got < NOTE_HEAD_BYTES) {
            core->cut = true;
            break;
        }

        struct cursor c = cursor_of(bytes, got);
        uint32_t name_len = cursor_u32(&c), descriptor_len = cursor_u32(&c), type = cursor_u32(&c);
        bool is_core = name_len == 5 && got >= NOTE_HEAD_BYTES + 5 &&
                       memcmp(bytes + NOTE_HEAD_BYTES, "CORE", 5) == 0;
        uint64_t descriptor_at = at + NOTE_HEAD_BYTES + padded(name_len);
        size_t want = is_core ? wanted(type) : 0;

        if (want > descriptor_len)
            want = descriptor_len;
        if (want) {
            err = read_descriptor(file, descriptor_at, want, &descriptor);
            if (!err && descriptor.len < want)
                core->cut = true;
            if (!err && descriptor.len)
                err = take_note(core,
                                &(struct note){type, (uint8_t *)descriptor.bytes, descriptor.len});
        }
        if (__builtin_add_overflow(descriptor_at, padded(descriptor_len), &at) || at > end)
            break;
    }
    return err;
}
