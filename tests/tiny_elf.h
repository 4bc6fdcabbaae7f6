/*
 * ELF files of a few hundred bytes with unwind tables written by hand, for tests.
 *
 *     struct tiny_table t = {.bits = 64};
 *     size_t cie = tiny_cie(&t, "zR", "\x0c\x07\x08\x90\x01", 5);      // CFA = sp+8, pc at CFA-8
 *     tiny_fde(&t, cie, 0x800, 0x20, program, len);                    // for code at 0x800
 *     tiny_elf(&elf, &(struct tiny_elf){.bits = 64, .table = &t, ...});
 *
 * Virtual addresses are file offsets; one segment holds everything.
 */
#pragma once

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { TINY_TABLE = 0x400, TINY_CODE = 0x800, TINY_ID_BYTES = 8 };

struct tiny_table {
    struct buffer bytes;
    int bits;
};

static inline size_t tiny_begin(struct tiny_table *t)
{
    buffer_u32(&t->bytes, 0);
    return t->bytes.len;
}

static inline void tiny_end(struct tiny_table *t, size_t begun)
{
    while (t->bytes.len % 4)
        buffer_u8(&t->bytes, 0); /* DW_CFA_nop */

    uint32_t len = (uint32_t)(t->bytes.len - begun);

    memcpy(t->bytes.bytes + begun - 4, &len, sizeof(len));
}

/* Addresses are pcrel sdata4, data align is a word; returns where it is. */
static inline size_t tiny_cie(struct tiny_table *t, const char *augmentation, const void *program,
                              size_t len)
{
    size_t begun = tiny_begin(t);

    buffer_u32(&t->bytes, 0);
    buffer_u8(&t->bytes, 1);
    buffer_bytes(&t->bytes, augmentation, strlen(augmentation) + 1);
    buffer_u8(&t->bytes, 1);
    buffer_u8(&t->bytes, t->bits == 64 ? 0x78 : 0x7c); /* -8, -4 */
    buffer_u8(&t->bytes, t->bits == 64 ? 16 : 8);
    if (augmentation[0] == 'z') {
        buffer_u8(&t->bytes, strchr(augmentation, 'R') ? 1 : 0);
        if (strchr(augmentation, 'R'))
            buffer_u8(&t->bytes, 0x1b);
    }
    buffer_bytes(&t->bytes, program, len);
    tiny_end(t, begun);
    return begun - 4;
}

static inline void tiny_fde(struct tiny_table *t, size_t cie, uint32_t start, uint32_t code_len,
                            const void *program, size_t len)
{
    size_t begun = tiny_begin(t);

    buffer_u32(&t->bytes, (uint32_t)(begun - cie));
    buffer_u32(&t->bytes, start - (uint32_t)(TINY_TABLE + t->bytes.len));
    buffer_u32(&t->bytes, code_len);
    buffer_u8(&t->bytes, 0);
    buffer_bytes(&t->bytes, program, len);
    tiny_end(t, begun);
}

struct tiny_elf {
    int bits;
    const struct tiny_table *table; /* at TINY_TABLE; NULL: none */
    bool sections;                  /* .eh_frame by name, else by PT_GNU_EH_FRAME */
    const void *code;               /* at TINY_CODE */
    size_t code_len;
    uint32_t entry;
    uint8_t id; /* each byte of the build-id; 0: none */
};

static inline void tiny_put(struct buffer *out, size_t at, const void *bytes, size_t len)
{
    while (out->len < at + len)
        buffer_u8(out, 0);
    memcpy(out->bytes + at, bytes, len);
}

static inline void tiny_program_header(struct buffer *out, const struct tiny_elf *elf, size_t index,
                                       uint32_t type, uint32_t flags, uint32_t at, uint32_t len)
{
    Elf64_Phdr large = {.p_type = type,
                        .p_flags = flags,
                        .p_offset = at,
                        .p_vaddr = at,
                        .p_filesz = len,
                        .p_memsz = len,
                        .p_align = 4};
    Elf32_Phdr small = {.p_type = type,
                        .p_flags = flags,
                        .p_offset = at,
                        .p_vaddr = at,
                        .p_filesz = len,
                        .p_memsz = len,
                        .p_align = 4};

    if (elf->bits == 64)
        tiny_put(out, sizeof(Elf64_Ehdr) + index * sizeof(large), &large, sizeof(large));
    else
        tiny_put(out, sizeof(Elf32_Ehdr) + index * sizeof(small), &small, sizeof(small));
}

static inline void tiny_sections(struct buffer *out, const struct tiny_elf *elf, uint32_t at,
                                 uint32_t names_at)
{
    static const char names[] = "\0.eh_frame\0.shstrtab";
    uint32_t table_len = elf->table ? (uint32_t)elf->table->bytes.len : 0;
    const Elf64_Shdr large[] = {
        {0},
        {.sh_name = 1,
         .sh_type = SHT_PROGBITS,
         .sh_addr = TINY_TABLE,
         .sh_offset = TINY_TABLE,
         .sh_size = table_len},
        {.sh_name = 11, .sh_type = SHT_STRTAB, .sh_offset = names_at, .sh_size = sizeof(names)}};

    tiny_put(out, names_at, names, sizeof(names));
    for (size_t i = 0; i < 3; i++) {
        Elf32_Shdr small = {.sh_name = large[i].sh_name,
                            .sh_type = large[i].sh_type,
                            .sh_addr = (uint32_t)large[i].sh_addr,
                            .sh_offset = (uint32_t)large[i].sh_offset,
                            .sh_size = (uint32_t)large[i].sh_size};

        if (elf->bits == 64)
            tiny_put(out, at + i * sizeof(*large), &large[i], sizeof(*large));
        else
            tiny_put(out, at + i * sizeof(small), &small, sizeof(small));
    }
}

/* Appends to OUT, which is empty. */
static inline void tiny_elf(struct buffer *out, const struct tiny_elf *elf)
{
    enum { HDR = 0x300, NOTE = 0x310, NAMES = 0x340, SECTIONS = 0xa00, LEN = 0xb00 };
    Elf64_Ehdr large = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                        .e_type = ET_DYN,
                        .e_machine = EM_X86_64,
                        .e_entry = elf->entry,
                        .e_phoff = sizeof(large),
                        .e_shoff = elf->sections ? SECTIONS : 0,
                        .e_phentsize = sizeof(Elf64_Phdr),
                        .e_phnum = 3,
                        .e_shentsize = sizeof(Elf64_Shdr),
                        .e_shnum = elf->sections ? 3 : 0,
                        .e_shstrndx = elf->sections ? 2 : 0};
    Elf32_Ehdr small = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                        .e_type = ET_DYN,
                        .e_machine = EM_386,
                        .e_entry = elf->entry,
                        .e_phoff = sizeof(small),
                        .e_shoff = large.e_shoff ? SECTIONS : 0,
                        .e_phentsize = sizeof(Elf32_Phdr),
                        .e_phnum = 3,
                        .e_shentsize = sizeof(Elf32_Shdr),
                        .e_shnum = large.e_shnum,
                        .e_shstrndx = large.e_shstrndx};
    /* version, eh_frame_ptr pcrel sdata4, no count, no table */
    struct {
        uint8_t bytes[4];
        int32_t pointer;
    } hdr = {{1, 0x1b, 0xff, 0xff}, TINY_TABLE - (HDR + 4)};
    struct {
        Elf64_Nhdr head;
        char name[4];
        uint8_t id[TINY_ID_BYTES];
    } note = {{4, TINY_ID_BYTES, NT_GNU_BUILD_ID}, "GNU", {0}};
    bool by_header = elf->table && !elf->sections;

    memset(note.id, elf->id, sizeof(note.id));
    if (elf->bits == 64)
        tiny_put(out, 0, &large, sizeof(large));
    else
        tiny_put(out, 0, &small, sizeof(small));
    tiny_program_header(out, elf, 0, PT_LOAD, PF_R | PF_X, 0, LEN);
    tiny_program_header(out, elf, 1, by_header ? PT_GNU_EH_FRAME : PT_NULL, PF_R, HDR, sizeof(hdr));
    tiny_program_header(out, elf, 2, elf->id ? PT_NOTE : PT_NULL, PF_R, NOTE, sizeof(note));
    tiny_put(out, HDR, &hdr, sizeof(hdr));
    tiny_put(out, NOTE, &note, sizeof(note));
    if (elf->table && elf->table->bytes.len)
        tiny_put(out, TINY_TABLE, elf->table->bytes.bytes, elf->table->bytes.len);
    if (elf->code_len)
        tiny_put(out, TINY_CODE, elf->code, elf->code_len);
    if (elf->sections)
        tiny_sections(out, elf, SECTIONS, NAMES);
    tiny_put(out, LEN - 1, "", 1);
}
