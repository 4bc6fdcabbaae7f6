/*
 * The numbers of DWARF and of .eh_frame, read by a bounded cursor (base/cursor.h).
 *
 *     dwarf_uleb(&c)  dwarf_sleb(&c)     LEB128 of any length; bits beyond 64 are dropped
 *     dwarf_pointer(&c, &base, encoding, &value)    DW_EH_PE_*, see the LSB, "DWARF Extensions"
 */
#pragma once

#include "base/cursor.h"

enum {
    DWARF_PE_ABSPTR = 0x00,
    DWARF_PE_ULEB128 = 0x01,
    DWARF_PE_UDATA2 = 0x02,
    DWARF_PE_UDATA4 = 0x03,
    DWARF_PE_UDATA8 = 0x04,
    DWARF_PE_SIGNED = 0x08,
    DWARF_PE_SLEB128 = 0x09,
    DWARF_PE_SDATA2 = 0x0a,
    DWARF_PE_SDATA4 = 0x0b,
    DWARF_PE_SDATA8 = 0x0c,
    DWARF_PE_FORMAT = 0x0f,
    DWARF_PE_PCREL = 0x10,
    DWARF_PE_DATAREL = 0x30,
    DWARF_PE_ALIGNED = 0x50,
    DWARF_PE_RELATION = 0x70,
    DWARF_PE_INDIRECT = 0x80,
    DWARF_PE_OMIT = 0xff,
};

/* What an encoded pointer may be relative to. */
struct dwarf_base {
    uint64_t address;      /* of the cursor's first byte */
    uint64_t data;         /* for DATAREL; 0: none is known */
    uint8_t address_bytes; /* 4 or 8 */
};

static inline uint16_t dwarf_u16(struct cursor *c)
{
    const uint8_t *bytes = cursor_bytes(c, 2);

    return bytes ? (uint16_t)(bytes[0] | bytes[1] << 8) : 0;
}

static inline uint64_t dwarf_address(struct cursor *c, uint8_t address_bytes)
{
    return address_bytes == 4 ? cursor_u32(c) : cursor_u64(c);
}

/* The bits of a LEB128; RET_SIGN: its last byte's sign, shifted to where the bits end. */
static inline uint64_t dwarf_leb(struct cursor *c, uint64_t *ret_sign)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        byte = cursor_u8(c);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += shift < 64 ? 7 : 0;
    } while (byte & 0x80);
    *ret_sign = byte & 0x40 && shift < 64 ? UINT64_MAX << shift : 0;
    return c->failed ? 0 : value;
}

static inline uint64_t dwarf_uleb(struct cursor *c)
{
    uint64_t sign;

    return dwarf_leb(c, &sign);
}

static inline int64_t dwarf_sleb(struct cursor *c)
{
    uint64_t sign, value = dwarf_leb(c, &sign);

    return c->failed ? 0 : (int64_t)(value | sign);
}

static inline uint64_t dwarf_pointer_bits(struct cursor *c, uint8_t address_bytes, uint8_t format)
{
    switch (format) {
    case DWARF_PE_ABSPTR:
    case DWARF_PE_SIGNED:
        return dwarf_address(c, address_bytes);
    case DWARF_PE_ULEB128:
        return dwarf_uleb(c);
    case DWARF_PE_SLEB128:
        return (uint64_t)dwarf_sleb(c);
    case DWARF_PE_UDATA2:
        return dwarf_u16(c);
    case DWARF_PE_SDATA2:
        return (uint64_t)(int16_t)dwarf_u16(c);
    case DWARF_PE_UDATA4:
        return cursor_u32(c);
    case DWARF_PE_SDATA4:
        return (uint64_t)(int32_t)cursor_u32(c);
    case DWARF_PE_UDATA8:
    case DWARF_PE_SDATA8:
        return cursor_u64(c);
    default:
        c->failed = true;
        return 0;
    }
}

/* Reads past a pointer of ENCODING; an indirect one is where the pointer lies. Relations that only a
 * running program knows make the cursor fail only when the value is asked for: RET_VALUE NULL skips. */
static inline void dwarf_pointer(struct cursor *c, const struct dwarf_base *base, uint8_t encoding,
                                 uint64_t *ret_value)
{
    uint64_t value;
    size_t at;

    if (encoding == DWARF_PE_OMIT)
        return;
    if ((encoding & DWARF_PE_RELATION) == DWARF_PE_ALIGNED)
        cursor_bytes(c, -(base->address + c->at) & (base->address_bytes - 1u));
    at = c->at;
    value = dwarf_pointer_bits(c, base->address_bytes, encoding & DWARF_PE_FORMAT);
    if (!ret_value || c->failed)
        return;
    switch (encoding & (DWARF_PE_RELATION | DWARF_PE_INDIRECT)) {
    case DWARF_PE_ABSPTR:
    case DWARF_PE_ALIGNED:
        break;
    case DWARF_PE_PCREL:
        value += base->address + at;
        break;
    case DWARF_PE_DATAREL:
        value += base->data;
        c->failed = base->data == 0;
        break;
    default:
        c->failed = true;
    }
    *ret_value = base->address_bytes == 4 ? (uint32_t)value : value;
}
