#include "stacks/elf_image.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "stacks/dwarf_cursor.h"

enum {
    MAX_PROGRAM_HEADERS = 256,
    MAX_SECTIONS = 4096,
    MAX_NAMES_BYTES = 1 << 20,
    MAX_NOTES_BYTES = 1 << 16,
    PAGE_BYTES = 4096, /* what x86 maps by */
};

size_t elf_source_read(const struct elf_source *source, uint64_t offset, void *bytes, size_t len)
{
    size_t done = 0;

    if (offset >= source->len)
        return 0;
    if (len > source->len - offset)
        len = (size_t)(source->len - offset);
    if (source->bytes) {
        memcpy(bytes, source->bytes + offset, len);
        return len;
    }
    while (done < len) {
        ssize_t got = TEMP_FAILURE_RETRY(
            pread(source->fd, (char *)bytes + done, len - done, (off_t)(offset + done)));

        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

static bool read_whole(const struct elf_source *source, uint64_t offset, void *bytes, size_t len)
{
    return elf_source_read(source, offset, bytes, len) == len;
}

/* SPAN without what lies beyond the file's end. */
static struct elf_span clip(const struct elf_image *image, struct elf_span span)
{
    if (span.offset > image->source.len)
        span.offset = image->source.len;
    if (span.len > image->source.len - span.offset)
        span.len = image->source.len - span.offset;
    return span;
}

/* --- headers --- */

static bool read_program_header(const struct elf_image *image, uint64_t at, Elf64_Phdr *ret_header)
{
    Elf32_Phdr small;

    if (image->address_bytes == 8)
        return read_whole(&image->source, at, ret_header, sizeof(*ret_header));
    if (!read_whole(&image->source, at, &small, sizeof(small)))
        return false;
    *ret_header = (Elf64_Phdr){
        .p_type = small.p_type,
        .p_flags = small.p_flags,
        .p_offset = small.p_offset,
        .p_vaddr = small.p_vaddr,
        .p_filesz = small.p_filesz,
        .p_memsz = small.p_memsz,
    };
    return true;
}

static bool read_section_header(const struct elf_image *image, uint32_t index,
                                Elf64_Shdr *ret_header)
{
    uint64_t at = image->sections_at + (uint64_t)index * image->section_bytes;
    Elf32_Shdr small;

    if (image->address_bytes == 8)
        return read_whole(&image->source, at, ret_header, sizeof(*ret_header));
    if (!read_whole(&image->source, at, &small, sizeof(small)))
        return false;
    *ret_header = (Elf64_Shdr){
        .sh_name = small.sh_name,
        .sh_type = small.sh_type,
        .sh_flags = small.sh_flags,
        .sh_addr = small.sh_addr,
        .sh_offset = small.sh_offset,
        .sh_size = small.sh_size,
        .sh_link = small.sh_link,
    };
    return true;
}

static void take_program_header(struct elf_image *image, const Elf64_Phdr *header)
{
    struct elf_span span = clip(image, (struct elf_span){.offset = header->p_offset,
                                                         .address = header->p_vaddr,
                                                         .len = header->p_filesz});

    if (header->p_type == PT_LOAD && image->segment_count < ELF_IMAGE_MAX_SEGMENTS)
        image->segments[image->segment_count++] =
            (struct elf_segment){.span = span, .executable = header->p_flags & PF_X};
    else if (header->p_type == PT_NOTE && image->note_count < ELF_IMAGE_MAX_NOTES)
        image->notes[image->note_count++] = span;
    else if (header->p_type == PT_GNU_EH_FRAME)
        image->eh_frame_hdr = span;
}

/* More sections than 16 bits hold are counted in section 0 (gABI, "Sections"). */
static void find_sections(struct elf_image *image, const Elf64_Ehdr *header)
{
    size_t wanted = image->address_bytes == 8 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    Elf64_Shdr first;

    if (header->e_shoff == 0 || header->e_shoff >= image->source.len ||
        header->e_shentsize < wanted)
        return;
    image->sections_at = header->e_shoff;
    image->section_bytes = header->e_shentsize;
    image->section_count = header->e_shnum;
    image->section_names = header->e_shstrndx;
    if (header->e_shnum == 0 || header->e_shstrndx == SHN_XINDEX) {
        if (!read_section_header(image, 0, &first))
            return;
        if (header->e_shnum == 0)
            image->section_count = first.sh_size > MAX_SECTIONS ? 0 : (uint32_t)first.sh_size;
        if (header->e_shstrndx == SHN_XINDEX)
            image->section_names = first.sh_link;
    }
    if (image->section_count > MAX_SECTIONS)
        image->section_count = MAX_SECTIONS;
}

static bool read_header(struct elf_image *image, Elf64_Ehdr *ret_header)
{
    unsigned char ident[EI_NIDENT];
    Elf32_Ehdr small;

    if (!read_whole(&image->source, 0, ident, sizeof(ident)) ||
        memcmp(ident, ELFMAG, SELFMAG) != 0 || ident[EI_DATA] != ELFDATA2LSB)
        return false;
    if (ident[EI_CLASS] == ELFCLASS64) {
        image->address_bytes = 8;
        return read_whole(&image->source, 0, ret_header, sizeof(*ret_header)) &&
               ret_header->e_phentsize == sizeof(Elf64_Phdr);
    }
    if (ident[EI_CLASS] != ELFCLASS32 || !read_whole(&image->source, 0, &small, sizeof(small)) ||
        small.e_phentsize != sizeof(Elf32_Phdr))
        return false;
    image->address_bytes = 4;
    *ret_header = (Elf64_Ehdr){
        .e_machine = small.e_machine,
        .e_entry = small.e_entry,
        .e_phoff = small.e_phoff,
        .e_shoff = small.e_shoff,
        .e_phentsize = small.e_phentsize,
        .e_phnum = small.e_phnum,
        .e_shentsize = small.e_shentsize,
        .e_shnum = small.e_shnum,
        .e_shstrndx = small.e_shstrndx,
    };
    return true;
}

bool elf_image_open(const struct elf_source *source, struct elf_image *ret_image)
{
    struct elf_image image = {.source = *source};
    Elf64_Ehdr header;
    Elf64_Phdr program;

    if (!read_header(&image, &header))
        return false;
    image.machine = header.e_machine;
    image.entry = header.e_entry;
    for (unsigned i = 0; i < header.e_phnum && i < MAX_PROGRAM_HEADERS; i++) {
        if (!read_program_header(&image, header.e_phoff + (uint64_t)i * header.e_phentsize,
                                 &program))
            break;
        take_program_header(&image, &program);
    }
    find_sections(&image, &header);
    *ret_image = image;
    return true;
}

/* --- addresses --- */

bool elf_image_address(const struct elf_image *image, uint64_t offset, uint64_t *ret_address)
{
    const struct elf_segment *best = NULL;
    int best_rank = 0;

    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        const struct elf_span *span = &segment->span;
        uint64_t end = span->offset + span->len;
        bool inside = offset >= span->offset && offset < end;
        bool beside = offset >= (span->offset & -(uint64_t)PAGE_BYTES) &&
                      offset < ((end + PAGE_BYTES - 1) & -(uint64_t)PAGE_BYTES);
        int rank = span->len == 0 || !beside ? 0 : 1 + inside + 2 * segment->executable;

        if (rank > best_rank) {
            best_rank = rank;
            best = segment;
        }
    }
    if (!best)
        return false;
    *ret_address = best->span.address + (offset - best->span.offset);
    return true;
}

bool elf_image_offset(const struct elf_image *image, uint64_t address, uint64_t *ret_offset,
                      uint64_t *ret_len)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_span *span = &image->segments[i].span;

        if (address - span->address < span->len) {
            *ret_offset = span->offset + (address - span->address);
            *ret_len = span->len - (address - span->address);
            return true;
        }
    }
    return false;
}

/* --- sections and notes --- */

bool elf_image_section(const struct elf_image *image, const char *name, struct elf_span *ret_span)
{
    size_t name_len = strlen(name) + 1;
    Elf64_Shdr names, header;

    if (image->section_names >= image->section_count ||
        !read_section_header(image, image->section_names, &names) || names.sh_size == 0 ||
        names.sh_size > MAX_NAMES_BYTES)
        return false;

    _cleanup_free_ char *text = malloc(names.sh_size);

    if (!text || !read_whole(&image->source, names.sh_offset, text, names.sh_size))
        return false;
    for (uint32_t i = 1; i < image->section_count; i++) {
        if (!read_section_header(image, i, &header))
            return false;
        if (header.sh_name >= names.sh_size || names.sh_size - header.sh_name < name_len ||
            memcmp(text + header.sh_name, name, name_len) != 0)
            continue;
        if (header.sh_type == SHT_NOBITS || header.sh_flags & SHF_COMPRESSED)
            return false;
        *ret_span = clip(image, (struct elf_span){.offset = header.sh_offset,
                                                  .address = header.sh_addr,
                                                  .len = header.sh_size});
        return ret_span->len > 0;
    }
    return false;
}

bool elf_image_eh_frame(const struct elf_image *image, struct elf_span *ret_span, bool *ret_exact)
{
    uint8_t header[32];
    size_t got;
    uint64_t address = 0;

    if (elf_image_section(image, ".eh_frame", ret_span)) {
        *ret_exact = true;
        return true;
    }
    if (image->eh_frame_hdr.len < 4)
        return false;
    got = elf_source_read(&image->source, image->eh_frame_hdr.offset, header, sizeof(header));

    /* version, encodings of eh_frame_ptr, of the count, of the table; eh_frame_ptr */
    struct cursor c = cursor_of(header, got);
    struct dwarf_base base = {.address = image->eh_frame_hdr.address,
                              .data = image->eh_frame_hdr.address,
                              .address_bytes = image->address_bytes};
    uint8_t version = cursor_u8(&c), encoding = cursor_u8(&c);

    cursor_bytes(&c, 2);
    if (version != 1 || encoding == DWARF_PE_OMIT)
        return false;
    dwarf_pointer(&c, &base, encoding, &address);
    if (c.failed || !elf_image_offset(image, address, &ret_span->offset, &ret_span->len))
        return false;
    ret_span->address = address;
    *ret_exact = false;
    return true;
}

/* Notes are aligned to 4 bytes, in spite of the gABI; those of PT_NOTE with an alignment of 8 hold
 * no build-id (the linkers put properties there). */
static size_t find_build_id(struct cursor c, uint8_t *ret_id, size_t max_len)
{
    while (cursor_left(&c) >= 12) {
        uint32_t name_len = cursor_u32(&c), len = cursor_u32(&c), type = cursor_u32(&c);
        const uint8_t *name = cursor_bytes(&c, name_len);

        cursor_bytes(&c, -name_len & 3);

        const uint8_t *bytes = cursor_bytes(&c, len);

        if (bytes && type == NT_GNU_BUILD_ID && name_len == 4 && memcmp(name, "GNU", 4) == 0) {
            if (len > max_len)
                return 0;
            memcpy(ret_id, bytes, len);
            return len;
        }
        /* The last one's padding may be missing. */
        cursor_bytes(&c, -len & 3);
    }
    return 0;
}

size_t elf_image_build_id(const struct elf_image *image, uint8_t *ret_id, size_t max_len)
{
    for (size_t i = 0; i < image->note_count; i++) {
        const struct elf_span *span = &image->notes[i];
        size_t len = span->len < MAX_NOTES_BYTES ? (size_t)span->len : MAX_NOTES_BYTES;
        _cleanup_free_ uint8_t *notes = malloc(len ? len : 1);

        if (!notes)
            return 0;
        len = elf_source_read(&image->source, span->offset, notes, len);
        len = find_build_id(cursor_of(notes, len), ret_id, max_len);
        if (len)
            return len;
    }
    return 0;
}
