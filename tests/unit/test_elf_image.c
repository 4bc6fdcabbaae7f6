/* Tiny files of both sizes, whole, lying and cut; the machine's C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stacks/elf_image.h"
#include "temporary.h"
#include "tests/tiny_elf.h"

static void make(struct buffer *out, int bits, bool sections)
{
    struct tiny_table table = {.bits = bits};

    tiny_cie(&table, "zR", "", 0);
    tiny_elf(out, &(struct tiny_elf){.bits = bits,
                                     .table = &table,
                                     .sections = sections,
                                     .code = "\xc3",
                                     .code_len = 1,
                                     .entry = TINY_CODE,
                                     .id = 0xab});
    assert_false(out->failed);
    buffer_deinit(&table.bytes);
}

static bool open_bytes(const struct buffer *bytes, struct elf_image *ret_image)
{
    return elf_image_open(
        &(struct elf_source){.bytes = (const uint8_t *)bytes->bytes, .fd = -1, .len = bytes->len},
        ret_image);
}

static void reads_files_of_both_sizes(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        _cleanup_buffer_ struct buffer elf = {0};
        int bits = i & 1 ? 64 : 32;
        bool sections = i & 2, exact;
        struct elf_image image;
        struct elf_span span;
        uint64_t address = 0, offset = 0, len = 0;
        uint8_t id[20], expected[TINY_ID_BYTES];

        make(&elf, bits, sections);
        assert_true(open_bytes(&elf, &image));
        assert_int_equal(image.address_bytes, bits / 8);
        assert_int_equal(image.machine, bits == 64 ? EM_X86_64 : EM_386);
        assert_int_equal(image.entry, TINY_CODE);
        assert_int_equal(elf_image_build_id(&image, id, sizeof(id)), TINY_ID_BYTES);
        memset(expected, 0xab, sizeof(expected));
        assert_memory_equal(id, expected, sizeof(expected));
        assert_int_equal(elf_image_build_id(&image, id, 4), 0);
        assert_true(elf_image_address(&image, TINY_CODE, &address));
        assert_int_equal(address, TINY_CODE);
        assert_true(elf_image_offset(&image, TINY_CODE, &offset, &len));
        assert_int_equal(offset, TINY_CODE);
        assert_int_equal(len, elf.len - TINY_CODE);
        assert_false(elf_image_offset(&image, elf.len, &offset, &len));
        assert_int_equal(elf_image_section(&image, ".eh_frame", &span), sections);
        assert_false(elf_image_section(&image, ".eh_fram", &span));
        assert_true(elf_image_eh_frame(&image, &span, &exact));
        assert_int_equal(exact, sections);
        assert_int_equal(span.address, TINY_TABLE);
        assert_int_equal(span.offset, TINY_TABLE);
    }
}

static void lies_lead_nowhere(void **state)
{
    _cleanup_buffer_ struct buffer elf = {0};
    struct elf_image image;
    struct elf_span span;
    Elf64_Shdr *section;
    Elf64_Ehdr *header;

    (void)state;
    make(&elf, 64, true);
    header = (Elf64_Ehdr *)elf.bytes;
    section = (Elf64_Shdr *)(elf.bytes + header->e_shoff) + 1;
    section->sh_size = UINT64_MAX;
    assert_true(open_bytes(&elf, &image));
    assert_true(elf_image_section(&image, ".eh_frame", &span));
    assert_int_equal(span.offset + span.len, elf.len);
    section->sh_offset = elf.len;
    assert_false(elf_image_section(&image, ".eh_frame", &span));
    section->sh_offset = UINT64_MAX - 8;
    assert_false(elf_image_section(&image, ".eh_frame", &span));
    section->sh_name = UINT32_MAX;
    assert_false(elf_image_section(&image, ".eh_frame", &span));
    section[1].sh_size = UINT64_MAX;
    assert_false(elf_image_section(&image, ".eh_frame", &span));
    header->e_shoff = UINT64_MAX - 64;
    assert_true(open_bytes(&elf, &image));
    assert_false(elf_image_section(&image, ".eh_frame", &span));
    header->e_phoff = UINT64_MAX - 8;
    header->e_phnum = UINT16_MAX;
    assert_true(open_bytes(&elf, &image));
    assert_int_equal(image.segment_count, 0);
    header->e_ident[EI_DATA] = ELFDATA2MSB;
    assert_false(open_bytes(&elf, &image));
}

static void a_cut_file_is_read_up_to_the_cut(void **state)
{
    _cleanup_buffer_ struct buffer elf = {0};
    struct temporary t;

    (void)state;
    make(&elf, 64, true);
    temporary_init(&t);
    temporary_put(&t, "elf", elf.bytes, elf.len);

    int fd = temporary_open(&t, "elf");

    /* The length is from before the cut, as when a file is cut while it is read. */
    for (size_t len = elf.len; len > 0; len -= len < 40 ? 1 : 37) {
        struct elf_source source = {.fd = fd, .len = elf.len};
        struct elf_image image;
        struct elf_span span;
        bool exact;
        uint8_t id[20], bytes[16];

        assert_int_equal(ftruncate(fd, (off_t)len), 0);
        if (elf_image_open(&source, &image)) {
            elf_image_build_id(&image, id, sizeof(id));
            if (elf_image_eh_frame(&image, &span, &exact))
                assert_true(elf_source_read(&source, span.offset, bytes, sizeof(bytes)) <=
                            sizeof(bytes));
        } else {
            assert_true(len < sizeof(Elf64_Ehdr));
        }
    }
    close(fd);
    temporary_deinit(&t);
}

/* Segments that share a page of the file: the kernel maps the page twice, as code where asked for. */
static void code_is_preferred_in_a_shared_page(void **state)
{
    struct elf_image image = {.segment_count = 2};
    uint64_t address = 0;

    (void)state;
    image.segments[0] = (struct elf_segment){{0, 0x10000, 0x1600}, false};
    image.segments[1] = (struct elf_segment){{0x1600, 0x22600, 0x900}, true};
    assert_true(elf_image_address(&image, 0x1700, &address));
    assert_int_equal(address, 0x22700);
    assert_true(elf_image_address(&image, 0x1000, &address));
    assert_int_equal(address, 0x22000);
    assert_true(elf_image_address(&image, 0x10, &address));
    assert_int_equal(address, 0x10010);
    assert_true(elf_image_address(&image, 0x1fff, &address));
    assert_int_equal(address, 0x22fff);
    assert_false(elf_image_address(&image, 0x2000, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_files_of_both_sizes),
        cmocka_unit_test(lies_lead_nowhere),
        cmocka_unit_test(a_cut_file_is_read_up_to_the_cut),
        cmocka_unit_test(code_is_preferred_in_a_shared_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
