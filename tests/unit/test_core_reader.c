#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <string.h>
#include <sys/procfs.h>

#include "bytes_source.h"
#include "evidence/core_reader.h"
#include "temporary.h"

enum { PAGE = 4096, SEGMENTS = 3, MANY = 70000 };

static void note(struct buffer *out, uint32_t type, const void *bytes, size_t len)
{
    buffer_u32(out, 5);
    buffer_u32(out, (uint32_t)len);
    buffer_u32(out, type);
    buffer_bytes(out, "CORE\0\0\0", 8);
    buffer_bytes(out, bytes, len);
    while (out->len % 4)
        buffer_u8(out, 0);
}

static void add_status(struct buffer *notes, pid_t tid, int signal, uint64_t pc)
{
    struct elf_prstatus status = {.pr_pid = tid,
                                  .pr_cursig = (short)signal,
                                  .pr_utime = {1, 500000},
                                  .pr_stime = {0, 250000}};
    struct user_regs_struct registers = {.rip = pc, .rsp = 0x7ffc00000100, .rbp = 3, .rax = 4};

    memcpy(status.pr_reg, &registers, sizeof(registers));
    note(notes, NT_PRSTATUS, &status, sizeof(status));
}

static void add_process(struct buffer *notes)
{
    struct elf_prpsinfo info = {.pr_pid = 4242, .pr_ppid = 1, .pr_fname = "a (name)"};

    memcpy(info.pr_psargs, "./a name with blanks ", 22);
    note(notes, NT_PRPSINFO, &info, sizeof(info));
}

static void add_files(struct buffer *notes)
{
    _cleanup_buffer_ struct buffer files = {0};

    buffer_u64(&files, 2);
    buffer_u64(&files, PAGE);
    buffer_u64(&files, 0x400000);
    buffer_u64(&files, 0x402000);
    buffer_u64(&files, 3);
    buffer_u64(&files, 0x600000);
    buffer_u64(&files, 0x601000);
    buffer_u64(&files, 0);
    buffer_bytes(&files, "/bin/a name\0/bin/b", 19);
    note(notes, NT_FILE, files.bytes, files.len);
}

static void add_auxv(struct buffer *notes)
{
    uint64_t auxv[] = {AT_SYSINFO_EHDR, 0x600000, AT_RANDOM, 0x7ffc00000800, AT_NULL, 0};

    note(notes, NT_AUXV, auxv, sizeof(auxv));
}

/* COUNT segments, of which SEGMENT gives the headers, behind one of notes; then the memory, a page for
 * each that has any, filled with its number; then, if there are many, section 0. */
static void build(struct buffer *out, const struct buffer *notes, const Elf64_Phdr *segments,
                  size_t count)
{
    bool many = count + 1 >= PN_XNUM;
    uint64_t notes_at = sizeof(Elf64_Ehdr) + (count + 1) * sizeof(Elf64_Phdr);
    uint64_t memory_at = (notes_at + notes->len + PAGE - 1) / PAGE * PAGE, at = memory_at;
    Elf64_Ehdr header = {.e_ident = ELFMAG,
                         .e_type = ET_CORE,
                         .e_machine = EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_phoff = sizeof(Elf64_Ehdr),
                         .e_ehsize = sizeof(Elf64_Ehdr),
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = many ? PN_XNUM : (uint16_t)(count + 1)};
    Elf64_Phdr first = {.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = notes->len};

    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    for (size_t i = 0; i < count; i++)
        at += segments[i].p_filesz;
    if (many) {
        header.e_shoff = at;
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = 1;
    }
    buffer_bytes(out, &header, sizeof(header));
    buffer_bytes(out, &first, sizeof(first));
    at = memory_at;
    for (size_t i = 0; i < count; i++) {
        Elf64_Phdr segment = segments[i];

        segment.p_type = PT_LOAD;
        segment.p_offset = at;
        at += segment.p_filesz;
        buffer_bytes(out, &segment, sizeof(segment));
    }
    buffer_bytes(out, notes->bytes, notes->len);
    memset(buffer_extend(out, memory_at - out->len), 0, memory_at - notes_at - notes->len);
    for (size_t i = 0; i < count; i++)
        if (segments[i].p_filesz)
            memset(buffer_extend(out, segments[i].p_filesz), (int)i + 1, segments[i].p_filesz);
    if (many) {
        Elf64_Shdr section = {.sh_info = (uint32_t)count + 1};

        buffer_bytes(out, &section, sizeof(section));
    }
    assert_false(out->failed);
}

static void build_usual(struct buffer *out)
{
    static const Elf64_Phdr segments[SEGMENTS] = {
        {.p_vaddr = 0x401000, .p_filesz = PAGE, .p_memsz = PAGE, .p_flags = PF_R | PF_X},
        {.p_vaddr = 0x600000, .p_filesz = 0, .p_memsz = PAGE, .p_flags = PF_R},
        {.p_vaddr = 0x7ffc00000000, .p_filesz = PAGE, .p_memsz = 2 * PAGE, .p_flags = PF_R | PF_W},
    };
    _cleanup_buffer_ struct buffer notes = {0};

    add_process(&notes);
    add_status(&notes, 4250, 11, 0x401234);
    add_status(&notes, 4242, 0, 0x401000);
    add_files(&notes);
    add_auxv(&notes);
    build(out, &notes, segments, SEGMENTS);
}

static struct core read_bytes(struct bytes_source *file)
{
    struct core core;

    must(core_read(&file->source, &core));
    return core;
}

static void test_usual(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    const struct core_segment *segments;

    (void)state;
    build_usual(&bytes);
    assert_true(core_is_one(bytes.bytes, bytes.len));

    struct bytes_source file = bytes_source_of(bytes.bytes, bytes.len);
    _cleanup_core_ struct core core = read_bytes(&file);

    assert_int_equal(core.bits, 64);
    assert_int_equal(core.abi, EVENT_ABI_X86_64);
    assert_int_equal(core.pid, 4242);
    assert_int_equal(core.ppid, 1);
    assert_string_equal(core.name, "a (name)");
    assert_string_equal(core.arguments, "./a name with blanks");
    assert_int_equal(core.segments.count, 3);
    assert_int_equal(core.need_bytes, bytes.len);
    assert_false(core.cut);
    assert_int_equal(core.odd_segments, 0);
    segments = core.segments.items;
    assert_int_equal(segments[0].perms, VMA_READ | VMA_EXEC);
    assert_string_equal(segments[0].name, "/bin/a name");
    assert_int_equal(segments[0].offset, 4 * PAGE); /* the second page of what begins at page 3 */
    assert_string_equal(segments[1].name, "/bin/b");
    assert_int_equal(segments[1].saved_bytes, 0);
    assert_string_equal(segments[2].name, "[stack]");
    assert_int_equal(segments[2].saved_bytes, PAGE);
    assert_int_equal(segments[2].end, 0x7ffc00002000);
    assert_int_equal(core.threads.count, 2);
    assert_int_equal(core.threads.items[0].tid, 4250);
    assert_int_equal(core.threads.items[0].signal, 11);
    assert_int_equal(core.threads.items[0].pc, 0x401234);
    assert_int_equal(core.threads.items[0].sp, 0x7ffc00000100);
    assert_int_equal(core.threads.items[0].registers[6], 3); /* rbp */
    assert_int_equal(core.threads.items[0].registers[0], 4); /* rax */
    assert_int_equal(core.threads.items[0].cpu_ns, 1750000000);
}

static void test_memory(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    _cleanup_(mem_source_destroyp) struct mem_source *memory = NULL;
    uint8_t got[2 * PAGE];
    size_t len = 99;

    (void)state;
    build_usual(&bytes);

    struct bytes_source file = bytes_source_of(bytes.bytes, bytes.len - 100);
    _cleanup_core_ struct core core = read_bytes(&file);

    must(core_source_create(&core, &file.source, &memory));
    must(mem_source_read(memory, 0x401ff0, got, 32, &len));
    assert_int_equal(len, 16);
    assert_int_equal(got[0], 1);
    must(mem_source_read(memory, 0x600000, got, 1, &len));
    assert_int_equal(len, 0);
    must(mem_source_read(memory, 0x7ffc00000000, got, sizeof(got), &len));
    assert_int_equal(len, PAGE - 100); /* the file is cut */
    assert_int_equal(got[0], 3);
    must(mem_source_read(memory, UINT64_MAX, got, 8, &len));
    assert_int_equal(len, 0);
}

/* As the kernel counts them, and where the count is cut off. */
static void test_many_segments(void **state)
{
    Elf64_Phdr *segments = calloc(MANY, sizeof(*segments));
    _cleanup_buffer_ struct buffer bytes = {0}, notes = {0};

    (void)state;
    assert_non_null(segments);
    for (size_t i = 0; i < MANY; i++)
        segments[i] =
            (Elf64_Phdr){.p_vaddr = 0x10000000 + i * 2 * PAGE, .p_memsz = PAGE, .p_flags = PF_R};
    segments[MANY - 1].p_filesz = PAGE;
    add_process(&notes);
    build(&bytes, &notes, segments, MANY);
    free(segments);
    for (size_t cut = 0; cut <= sizeof(Elf64_Shdr); cut += sizeof(Elf64_Shdr)) {
        struct bytes_source file = bytes_source_of(bytes.bytes, bytes.len - cut);
        _cleanup_core_ struct core core = read_bytes(&file);

        assert_int_equal(core.segments.count, MANY);
        assert_int_equal(core.segments.items[MANY - 1].saved_bytes, PAGE);
        assert_int_equal(core.pid, 4242);
    }

    /* Cut among the program headers: those that are there count. */
    struct bytes_source file =
        bytes_source_of(bytes.bytes, sizeof(Elf64_Ehdr) + 1001 * sizeof(Elf64_Phdr) + 7);
    _cleanup_core_ struct core core = read_bytes(&file);

    assert_int_equal(core.segments.count, 1000);
    assert_true(core.cut);
}

/* Readable up to the cut, wherever that is. */
static void test_cut_anywhere(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};

    (void)state;
    build_usual(&bytes);
    for (size_t len = 0; len <= bytes.len; len += len < 2000 ? 1 : 97) {
        struct bytes_source file = bytes_source_of(bytes.bytes, len);
        struct core core;
        struct seep_error *err = core_read(&file.source, &core);

        if (err) {
            assert_true(len < sizeof(Elf64_Ehdr));
            error_destroy(err);
            continue;
        }
        assert_true(core.segments.count <= 3);
        assert_true(len < 300 || core.segments.count == 3);
        core_deinit(&core);
    }
}

static void test_odd(void **state)
{
    static const Elf64_Phdr segments[] = {
        {.p_vaddr = 0x401000, .p_filesz = PAGE, .p_memsz = PAGE},
        {.p_vaddr = 0x400000, .p_filesz = PAGE, .p_memsz = 2 * PAGE}, /* overlaps the first */
        {.p_vaddr = 0x500001, .p_filesz = PAGE, .p_memsz = PAGE},
        {.p_vaddr = 0x600000, .p_filesz = 0, .p_memsz = 0},
        {.p_vaddr = UINT64_MAX - PAGE + 1, .p_filesz = 0, .p_memsz = 2 * PAGE},
    };
    _cleanup_buffer_ struct buffer bytes = {0}, notes = {0};

    (void)state;
    add_process(&notes);
    build(&bytes, &notes, segments, ARRAY_SIZE(segments));

    struct bytes_source file = bytes_source_of(bytes.bytes, bytes.len);
    _cleanup_core_ struct core core = read_bytes(&file);

    assert_int_equal(core.segments.count, 1);
    assert_int_equal(core.segments.items[0].start, 0x400000);
    assert_int_equal(core.odd_segments, 4);
}

static void test_refused(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    struct core core;

    (void)state;
    build_usual(&bytes);

    struct bytes_source file = bytes_source_of(bytes.bytes, bytes.len);

    bytes.bytes[16] = ET_EXEC;
    must_fail(core_read(&file.source, &core), ERROR_CORRUPT);
    bytes.bytes[16] = 0;
    bytes.bytes[17] = ET_CORE;
    bytes.bytes[EI_DATA] = ELFDATA2MSB;
    must_fail(core_read(&file.source, &core), ERROR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual),         cmocka_unit_test(test_memory),
        cmocka_unit_test(test_many_segments), cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_odd),           cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
