#include "stacks/cfi_records.h"

#include <string.h>

enum { MAX_AUGMENTATION = 8 };

/* A record's head: its body begins behind the id. */
struct head {
    size_t id_at, next;
    uint64_t id;
    bool is_cie;
    struct cursor body; /* LEN is where the record ends */
};

/* The id has 4 bytes in .eh_frame even behind a 64-bit length (LSB). */
static bool read_head(const struct cfi_part *part, size_t at, struct head *ret_head)
{
    struct cursor c = {.bytes = part->bytes, .len = part->len, .at = at};
    uint64_t len;
    bool wide;

    if (at > part->len)
        return false;
    len = cursor_u32(&c);
    wide = len == UINT32_MAX;
    if (wide)
        len = cursor_u64(&c);
    if (c.failed || len > c.len - c.at)
        return false;
    *ret_head = (struct head){.id_at = c.at, .next = c.at + (size_t)len};
    if (len == 0)
        return true;
    c.len = ret_head->next;
    if (wide && !part->is_eh)
        ret_head->id = cursor_u64(&c);
    else
        ret_head->id = cursor_u32(&c);
    if (part->is_eh)
        ret_head->is_cie = ret_head->id == 0;
    else
        ret_head->is_cie = ret_head->id == (wide ? UINT64_MAX : UINT32_MAX);
    ret_head->body = c;
    return !c.failed;
}

bool cfi_record(const struct cfi_part *part, size_t at, enum cfi_record_kind *ret_kind,
                size_t *ret_next)
{
    struct head head;

    if (!read_head(part, at, &head))
        return false;
    *ret_kind = head.next == head.id_at ? CFI_RECORD_EMPTY
                : head.is_cie           ? CFI_RECORD_CIE
                                        : CFI_RECORD_FDE;
    *ret_next = head.next;
    return true;
}

/* The letters behind 'z' say what is in the augmentation data, in their order. */
static void read_augmentation(const char *letters, const struct cfi_part *part, struct cursor *c,
                              struct cfi_cie *cie)
{
    struct dwarf_base base = {.address = part->address, .address_bytes = cie->address_bytes};
    uint64_t len = dwarf_uleb(c);
    struct cursor data = *c;

    if (!cursor_bytes(c, len > SIZE_MAX ? SIZE_MAX : (size_t)len))
        return;
    data.len = c->at;
    for (const char *letter = letters; *letter; letter++) {
        if (*letter == 'R')
            cie->encoding = cursor_u8(&data);
        else if (*letter == 'P')
            dwarf_pointer(&data, &base, cursor_u8(&data), NULL);
        else if (*letter == 'L')
            cursor_u8(&data);
        else if (*letter == 'S')
            cie->signal_frame = true;
        else if (*letter != 'B' && *letter != 'G')
            break; /* unknown; its data is skipped by its length */
    }
    if (data.failed)
        c->failed = true;
}

bool cfi_read_cie(const struct cfi_part *part, size_t at, struct cfi_cie *ret_cie)
{
    struct cfi_cie cie = {.address_bytes = part->address_bytes, .encoding = DWARF_PE_ABSPTR};
    char letters[MAX_AUGMENTATION + 1] = "";
    struct head head;
    size_t count = 0;

    if (!read_head(part, at, &head) || !head.is_cie)
        return false;

    struct cursor c = head.body;
    uint8_t version = cursor_u8(&c);

    for (uint8_t letter; (letter = cursor_u8(&c)) != 0; letters[count++] = (char)letter)
        if (count == MAX_AUGMENTATION)
            return false;
    if (version != 1 && version != 3 && version != 4)
        return false;
    if (version == 4) {
        cie.address_bytes = cursor_u8(&c);
        /* no segments on x86 */
        if (cursor_u8(&c) != 0 || (cie.address_bytes != 4 && cie.address_bytes != 8))
            return false;
    }
    if (strncmp(letters, "eh", 2) == 0) { /* gcc 2 */
        dwarf_address(&c, cie.address_bytes);
        memmove(letters, letters + 2, sizeof(letters) - 2);
    }
    cie.code_align = dwarf_uleb(&c);
    cie.data_align = dwarf_sleb(&c);

    uint64_t return_register = version == 1 ? cursor_u8(&c) : dwarf_uleb(&c);

    if (letters[0] == 'z') {
        cie.has_data = true;
        read_augmentation(letters + 1, part, &c, &cie);
    } else if (letters[0] != '\0') {
        return false;
    }
    if (c.failed || return_register >= CFI_REGISTERS)
        return false;
    cie.return_register = (uint8_t)return_register;
    cie.program = c;
    *ret_cie = cie;
    return true;
}

bool cfi_fde_cie(const struct cfi_part *part, size_t at, size_t *ret_cie_at)
{
    struct head head;

    if (!read_head(part, at, &head) || head.next == head.id_at || head.is_cie)
        return false;
    if (part->is_eh ? head.id > head.id_at : head.id > part->len)
        return false;
    *ret_cie_at = part->is_eh ? head.id_at - (size_t)head.id : (size_t)head.id;
    return true;
}

bool cfi_read_fde(const struct cfi_part *part, size_t at, const struct cfi_cie *cie,
                  struct cfi_fde *ret_fde)
{
    struct dwarf_base base = {.address = part->address, .address_bytes = cie->address_bytes};
    struct cfi_fde fde = {0};
    struct head head;

    if (!cfi_fde_cie(part, at, &fde.cie_at) || !read_head(part, at, &head))
        return false;

    struct cursor c = head.body;

    if (cie->encoding & DWARF_PE_INDIRECT || cie->encoding == DWARF_PE_OMIT)
        return false;
    dwarf_pointer(&c, &base, cie->encoding, &fde.start);
    /* A length: it has the format, and is relative to nothing. */
    dwarf_pointer(&c, &base, cie->encoding & DWARF_PE_FORMAT, &fde.len);
    if (cie->has_data) {
        uint64_t len = dwarf_uleb(&c);

        cursor_bytes(&c, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
    }
    if (c.failed)
        return false;
    fde.program = c;
    *ret_fde = fde;
    return true;
}
