#include "stacks/no_alt.h"

#include <elf.h>
#include <endian.h>
#include <stddef.h>

enum { SECTION_NONE, SECTION_NAMES, SECTION_LINE, SECTIONS };
enum {
    NAME_OF_NAMES = 1,
    NAME_OF_LINE = sizeof("\0.shstrtab"),
    NAMES_BYTES = sizeof("\0.shstrtab\0.debug_line"),
};

/* libdw takes no file for debug information that has no section of it, or an empty one. */
struct image {
    Elf64_Ehdr header;
    Elf64_Shdr sections[SECTIONS];
    char names[NAMES_BYTES];
    char line[1];
};

Elf *no_alt_elf(void)
{
    static struct image image = {
        .header =
            {
                .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                            __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB,
                            EV_CURRENT},
                .e_type = ET_DYN,
                .e_machine = EM_NONE,
                .e_version = EV_CURRENT,
                .e_shoff = offsetof(struct image, sections),
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_shentsize = sizeof(Elf64_Shdr),
                .e_shnum = SECTIONS,
                .e_shstrndx = SECTION_NAMES,
            },
        .sections =
            {
                [SECTION_NAMES] = {.sh_name = NAME_OF_NAMES,
                                   .sh_type = SHT_STRTAB,
                                   .sh_offset = offsetof(struct image, names),
                                   .sh_size = NAMES_BYTES,
                                   .sh_addralign = 1},
                [SECTION_LINE] = {.sh_name = NAME_OF_LINE,
                                  .sh_type = SHT_PROGBITS,
                                  .sh_offset = offsetof(struct image, line),
                                  .sh_size = 1,
                                  .sh_addralign = 1},
            },
        .names = "\0.shstrtab\0.debug_line",
    };

    return elf_memory((char *)&image, sizeof(image));
}
