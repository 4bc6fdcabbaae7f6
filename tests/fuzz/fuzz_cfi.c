/*
 * Any bytes as .eh_frame, and as .debug_frame, of both machines: each row that is found can be used.
 *
 *     byte 0: bits; then addresses to look up, 2 bytes each, as many as byte 1 says; then the table
 */
#include <stdlib.h>
#include <string.h>

#include "evidence/event.h"
#include "stacks/cfi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct cfi_rule *rule)
{
    unsigned sum = 0;

    if (rule->kind > CFI_VAL_EXPRESSION)
        abort();
    if (rule->kind == CFI_EXPRESSION || rule->kind == CFI_VAL_EXPRESSION)
        for (uint32_t i = 0; i < rule->expression_len; i++)
            sum += rule->expression[i];
    if (sum == UINT32_MAX) /* so that it is read */
        abort();
}

static void look_up(const struct cfi *cfi, uint64_t address)
{
    struct cfi_row row;
    uint64_t start, end;

    if (!cfi_find(cfi, address, &row))
        return;
    if (!cfi_function(cfi, address, &start, &end) || address < start || address >= end ||
        row.cfa_register >= CFI_REGISTERS || row.return_register >= CFI_REGISTERS ||
        (row.cfa.kind != CFI_VAL_OFFSET && row.cfa.kind != CFI_VAL_EXPRESSION))
        abort();
    use(&row.cfa);
    for (size_t i = 0; i < CFI_REGISTERS; i++)
        use(&row.rules[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cfi *cfi = NULL;
    size_t addresses;

    if (size < 2 || size < 2 + 2u * (addresses = data[1]))
        return 0;

    const uint8_t *table = data + 2 + 2 * addresses;
    size_t len = size - (size_t)(table - data);
    struct cfi_input input = {.abi = data[0] & 1 ? EVENT_ABI_I386 : EVENT_ABI_X86_64,
                              .address_bytes = data[0] & 1 ? 4 : 8,
                              .code_end = data[0] & 4 ? UINT64_MAX : 0x10000};
    struct cfi_section *section = data[0] & 2 ? &input.debug_frame : &input.eh_frame;

    section->bytes = malloc(len ? len : 1);
    if (!section->bytes)
        abort();
    memcpy(section->bytes, table, len);
    section->len = len;
    section->address = 0x400;
    section->ends_at_zero = data[0] & 8;
    if (cfi_create(&input, &cfi))
        abort();
    for (size_t i = 0; cfi && i < addresses; i++)
        look_up(cfi, data[2 + 2 * i] | (uint64_t)data[3 + 2 * i] << 8);
    cfi_destroy(cfi);
    return 0;
}
