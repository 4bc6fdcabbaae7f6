#include "evidence/core_reader.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "evidence/core_notes.h"

enum {
    PAGE_BYTES = 4096,
    CHUNK_BYTES = 64 * 1024,
    TYPE_AT = 16, /* of e_type, in both classes */
};

struct note_segment {
    uint64_t at, len;
};

struct reading {
    struct core *core;
    struct mem_source *file;
    uint64_t program_at, section_at;
    uint32_t program_bytes, section_bytes;
    uint64_t program_count;
    VECTOR(struct note_segment) notes;
};

bool core_is_one(const void *bytes, size_t len)
{
    const uint8_t *ident = bytes;

    return len >= TYPE_AT + 2 && memcmp(ident, ELFMAG, SELFMAG) == 0 &&
           (ident[EI_DATA] == ELFDATA2LSB ? ident[TYPE_AT] == ET_CORE && ident[TYPE_AT + 1] == 0
                                          : ident[TYPE_AT + 1] == ET_CORE && ident[TYPE_AT] == 0);
}

/* A word of the file's class. */
static uint64_t word(struct cursor *c, const struct core *core)
{
    return core->bits == 64 ? cursor_u64(c) : cursor_u32(c);
}

static uint32_t half(struct cursor *c)
{
    uint32_t low = cursor_u8(c);

    return low | (uint32_t)cursor_u8(c) << 8;
}

static enum event_abi abi_of(const struct core *core)
{
    if (core->machine == EM_X86_64)
        return core->bits == 64 ? EVENT_ABI_X86_64 : EVENT_ABI_X32;
    if (core->machine == EM_386)
        return EVENT_ABI_I386;
    return core->machine == EM_AARCH64 && core->bits == 64 ? EVENT_ABI_AARCH64 : EVENT_ABI_UNKNOWN;
}

/* From here on CORE's bits are known. */
static struct seep_error *read_header(struct reading *r)
{
    uint8_t bytes[sizeof(Elf64_Ehdr)];
    size_t got = 0;
    struct seep_error *err = mem_source_read(r->file, 0, bytes, sizeof(bytes), &got);

    if (err)
        return err;
    if (!core_is_one(bytes, got))
        return error_create(ERROR_CORRUPT, "this is no ELF core");
    if (bytes[EI_DATA] != ELFDATA2LSB)
        return error_create(ERROR_UNSUPPORTED, "a core of a big-endian machine");
    r->core->bits = bytes[EI_CLASS] == ELFCLASS32 ? 32 : 64;

    struct cursor c = cursor_of(bytes, got);

    cursor_bytes(&c, TYPE_AT + 2);
    r->core->machine = (uint16_t)half(&c);
    cursor_u32(&c); /* e_version */
    word(&c, r->core);
    r->program_at = word(&c, r->core);
    r->section_at = word(&c, r->core);
    cursor_u32(&c); /* e_flags */
    half(&c);       /* e_ehsize */
    r->program_bytes = half(&c);
    r->program_count = half(&c);
    r->section_bytes = half(&c);
    if (c.failed ||
        r->program_bytes < (r->core->bits == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return error_create(ERROR_CORRUPT, "the header of the core is cut or odd");
    r->core->abi = abi_of(r->core);
    return NULL;
}

/* The count that does not fit into 16 bits stands in sh_info of section 0, which the kernel writes
 * behind the memory. When that is cut off: what the first segment holds begins right behind the
 * program headers (elf_core_dump() in fs/binfmt_elf.c). */
static struct seep_error *count_programs(struct reading *r)
{
    uint8_t bytes[sizeof(Elf64_Shdr)];
    size_t info_at =
        r->core->bits == 64 ? offsetof(Elf64_Shdr, sh_info) : offsetof(Elf32_Shdr, sh_info);
    size_t got = 0;
    struct seep_error *err = NULL;

    if (r->program_count != PN_XNUM)
        return NULL;
    size_t offset_at =
        r->core->bits == 64 ? offsetof(Elf64_Phdr, p_offset) : offsetof(Elf32_Phdr, p_offset);

    err = mem_source_read(r->file, r->program_at + offset_at, bytes, 8, &got);
    if (!err && got == 8) {
        struct cursor c = cursor_of(bytes, got);
        uint64_t first = word(&c, r->core);

        if (first > r->program_at)
            r->program_count = (first - r->program_at) / r->program_bytes;
    }
    got = 0;
    if (!err && r->section_at && r->section_bytes >= info_at + 4)
        err = mem_source_read(r->file, r->section_at + info_at, bytes, 4, &got);
    if (!err && got == 4) {
        struct cursor c = cursor_of(bytes, got);
        uint32_t count = cursor_u32(&c);

        if (count >= PN_XNUM)
            r->program_count = count;
    }
    return err;
}

/* Bits of p_flags are in the other order than those of a VMA's permissions. */
static uint32_t perms_of(uint32_t flags)
{
    return (flags & PF_R ? VMA_READ : 0) | (flags & PF_W ? VMA_WRITE : 0) |
           (flags & PF_X ? VMA_EXEC : 0);
}

static struct seep_error *add_program(struct reading *r, const uint8_t *bytes)
{
    struct cursor c = cursor_of(bytes, r->program_bytes);
    struct core *core = r->core;
    uint32_t type = cursor_u32(&c), flags = core->bits == 64 ? cursor_u32(&c) : 0;
    struct core_segment segment = {.name = ""};
    uint64_t mapped, end;

    segment.file_at = word(&c, core);
    segment.start = word(&c, core);
    word(&c, core); /* p_paddr */
    segment.saved_bytes = word(&c, core);
    mapped = word(&c, core);
    if (core->bits == 32)
        flags = cursor_u32(&c);
    if (__builtin_add_overflow(segment.file_at, segment.saved_bytes, &end))
        end = UINT64_MAX;
    if (type == PT_NOTE || type == PT_LOAD)
        core->need_bytes = end > core->need_bytes ? end : core->need_bytes;
    if (type == PT_NOTE)
        return vector_push(&r->notes, (struct note_segment){segment.file_at, segment.saved_bytes});
    if (type != PT_LOAD)
        return NULL;
    segment.perms = perms_of(flags);
    if (mapped < segment.saved_bytes)
        mapped = segment.saved_bytes;
    if (!mapped || segment.start % PAGE_BYTES || mapped % PAGE_BYTES || end == UINT64_MAX ||
        __builtin_add_overflow(segment.start, mapped, &segment.end)) {
        core->odd_segments++;
        return NULL;
    }
    segment.saved_bytes -= segment.saved_bytes % PAGE_BYTES;
    return vector_push(&core->segments, segment);
}

static struct seep_error *read_programs(struct reading *r)
{
    _cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
    uint64_t at = r->program_at, left = r->program_count;
    uint32_t step = CHUNK_BYTES / r->program_bytes;
    struct seep_error *err = NULL;

    if (!chunk)
        return error_no_memory();
    if (left > CORE_MAX_SEGMENTS)
        return error_create(ERROR_CORRUPT, "a core of %llu segments", (unsigned long long)left);
    while (left && step && !err) {
        size_t want = left < step ? (size_t)left : step, got = 0;

        err = mem_source_read(r->file, at, chunk, want * r->program_bytes, &got);
        if (!err && got < want * r->program_bytes) {
            r->core->cut = true;
            left = want = got / r->program_bytes;
        }
        for (size_t i = 0; i < want && !err; i++)
            err = add_program(r, chunk + i * r->program_bytes);
        left -= want;
        at += want * r->program_bytes;
    }
    return err;
}

static int compare_segments(const void *a, const void *b)
{
    const struct core_segment *left = a, *right = b;

    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    return (left->file_at > right->file_at) - (left->file_at < right->file_at);
}

/* Of segments that overlap, which no process has, the lower one is kept. */
static void sort_segments(struct core *core)
{
    size_t kept = 0;

    if (core->segments.count)
        qsort(core->segments.items, core->segments.count, sizeof(*core->segments.items),
              compare_segments);
    for (size_t i = 0; i < core->segments.count; i++) {
        struct core_segment segment = core->segments.items[i];

        if (kept && segment.start < core->segments.items[kept - 1].end)
            core->odd_segments++;
        else
            core->segments.items[kept++] = segment;
    }
    core->segments.count = kept;
}

static const struct core_segment *find_segment(const struct core *core, uint64_t addr)
{
    size_t low = 0, high = core->segments.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (core->segments.items[middle].end <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low < core->segments.count && core->segments.items[low].start <= addr
               ? &core->segments.items[low]
               : NULL;
}

static void name_segment(struct core *core, uint64_t addr, const char *name)
{
    struct core_segment *segment = (struct core_segment *)find_segment(core, addr);

    if (addr && segment && !segment->name[0])
        segment->name = name;
}

struct seep_error *core_read(struct mem_source *file, struct core *ret_core)
{
    struct core core = {0};
    struct reading r = {.core = &core, .file = file};
    struct seep_error *err = read_header(&r);

    if (!err)
        err = count_programs(&r);
    if (!err)
        err = read_programs(&r);
    if (!err)
        sort_segments(&core);
    for (size_t i = 0; i < r.notes.count && !err; i++)
        err = core_notes_read(&core, file, r.notes.items[i].at, r.notes.items[i].len);
    vector_deinit(&r.notes);
    if (err) {
        core_deinit(&core);
        return err;
    }
    name_segment(&core, core.stack_at, "[stack]");
    name_segment(&core, core.vdso_at, "[vdso]");
    *ret_core = core;
    return NULL;
}

void core_deinit(struct core *core)
{
    vector_deinit(&core->segments);
    vector_deinit(&core->threads);
    buffer_deinit(&core->auxv);
    free(core->names);
    *core = (struct core){0};
}

/* --- the memory --- */

struct core_source {
    struct mem_source source;
    const struct core *core;
    struct mem_source *file;
};

static struct seep_error *source_read(struct mem_source *source, uint64_t addr, void *buf,
                                      size_t len, size_t *ret_got)
{
    struct core_source *src = (struct core_source *)source;
    size_t done = 0;

    while (done < len) {
        const struct core_segment *segment = find_segment(src->core, addr + done);
        uint64_t into = segment ? addr + done - segment->start : 0;
        size_t got = 0;

        if (!segment || into >= segment->saved_bytes)
            break;

        uint64_t left = segment->saved_bytes - into;
        size_t want = len - done < left ? len - done : (size_t)left;
        struct seep_error *err =
            mem_source_read(src->file, segment->file_at + into, (char *)buf + done, want, &got);

        if (err)
            return err;
        done += got;
        if (got < want || addr + done < addr)
            break;
    }
    *ret_got = done;
    return NULL;
}

static void source_destroy(struct mem_source *source)
{
    free(source);
}

struct seep_error *core_source_create(const struct core *core, struct mem_source *file,
                                      struct mem_source **ret_source)
{
    struct core_source *src = calloc(1, sizeof(*src));

    if (!src)
        return error_no_memory();
    *src = (struct core_source){{source_read, source_destroy}, core, file};
    *ret_source = &src->source;
    return NULL;
}
