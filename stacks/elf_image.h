/*
 * What unwinding wants to know of an ELF file: where its bytes go, its build-id, where its unwind
 * tables lie.
 *
 *     elf_image_open(&(struct elf_source){.fd = fd, .len = st.st_size}, &image)
 *     elf_image_address(&image, 0x26000)             file offset -> virtual address
 *     elf_image_section(&image, ".eh_frame", &span)  -> where it is, never beyond the file's end
 *
 * 32 and 64 bits, little-endian; section headers are not needed, only used when they are there. The file
 * is hostile: all that is read is bounded by the limits here, whatever the headers claim. It is never
 * mapped, and may be cut while it is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_IMAGE_MAX_SEGMENTS = 64, ELF_IMAGE_MAX_NOTES = 16 };

/* A file, or bytes in memory; neither belongs to it. */
struct elf_source {
    const uint8_t *bytes; /* NULL: FD is read */
    int fd;
    uint64_t len;
};

/* Fewer bytes at the end, or where the file cannot be read. */
size_t elf_source_read(const struct elf_source *source, uint64_t offset, void *bytes, size_t len);

/* A run of the file and the virtual address of its first byte. */
struct elf_span {
    uint64_t offset, address, len;
};

struct elf_segment {
    struct elf_span span; /* what the file holds of it */
    bool executable;
};

struct elf_image {
    struct elf_source source;
    uint8_t address_bytes; /* 4 or 8 */
    uint16_t machine;      /* EM_386, EM_X86_64 ... */
    uint64_t entry;        /* the virtual address at which the kernel begins; 0: none */
    struct elf_segment segments[ELF_IMAGE_MAX_SEGMENTS]; /* PT_LOAD, as listed */
    size_t segment_count;
    struct elf_span notes[ELF_IMAGE_MAX_NOTES]; /* PT_NOTE */
    size_t note_count;
    struct elf_span eh_frame_hdr; /* PT_GNU_EH_FRAME; len 0: none */
    uint64_t sections_at;         /* the section headers; 0: none */
    uint32_t section_count, section_names;
    uint16_t section_bytes;
};

/* False: no ELF file that this can read. */
bool elf_image_open(const struct elf_source *source, struct elf_image *ret_image);

/* The virtual address of what lies at OFFSET of the file and is mapped as code if there is a choice;
 * bytes of a page that a segment shares count as the segment's, as the kernel maps them. */
bool elf_image_address(const struct elf_image *image, uint64_t offset, uint64_t *ret_address);

/* The file offset of virtual ADDRESS, and how many bytes of its segment the file holds from there. */
bool elf_image_offset(const struct elf_image *image, uint64_t address, uint64_t *ret_offset,
                      uint64_t *ret_len);

/* The section NAME, if the file holds bytes for it, and they are not compressed. */
bool elf_image_section(const struct elf_image *image, const char *name, struct elf_span *ret_span);

/* .eh_frame, by its name or as .eh_frame_hdr tells. RET_EXACT: its length is known; else the span goes on
 * to the segment's end, and the table ends at its first zero. */
bool elf_image_eh_frame(const struct elf_image *image, struct elf_span *ret_span, bool *ret_exact);

/* The GNU build-id; returns its length, 0: it has none, or one longer than MAX_LEN. */
size_t elf_image_build_id(const struct elf_image *image, uint8_t *ret_id, size_t max_len);
