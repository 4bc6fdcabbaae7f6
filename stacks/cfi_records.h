/*
 * The records of .eh_frame and .debug_frame, one at a time: cfi.c indexes them, cfi_program.c runs
 * what is in them.
 *
 *     length  id          .eh_frame: 0 = CIE, else how far back from here its CIE lies
 *             ...         .debug_frame: all ones = CIE, else the CIE's offset
 */
#pragma once

#include "stacks/cfi.h"
#include "stacks/dwarf_cursor.h"

struct cfi_part {
    const uint8_t *bytes;
    size_t len;
    uint64_t address;
    uint8_t address_bytes;
    bool is_eh;
};

struct cfi_cie {
    uint8_t address_bytes;
    uint8_t encoding;  /* of the addresses in its FDEs */
    bool has_data;     /* 'z': its FDEs have augmentation data */
    bool signal_frame; /* 'S' */
    uint8_t return_register;
    uint64_t code_align;
    int64_t data_align;
    struct cursor program; /* over the section's bytes; AT where the instructions begin */
};

struct cfi_fde {
    size_t cie_at;
    uint64_t start, len; /* of the code */
    struct cursor program;
};

/* What stands at AT: its kind, and where the next one is. False: nothing, or nothing that makes sense;
 * the walk ends there. */
enum cfi_record_kind { CFI_RECORD_EMPTY, CFI_RECORD_CIE, CFI_RECORD_FDE };
bool cfi_record(const struct cfi_part *part, size_t at, enum cfi_record_kind *ret_kind,
                size_t *ret_next);

/* Both take constant time, whatever the record's length. */
bool cfi_read_cie(const struct cfi_part *part, size_t at, struct cfi_cie *ret_cie);
bool cfi_fde_cie(const struct cfi_part *part, size_t at, size_t *ret_cie_at);
bool cfi_read_fde(const struct cfi_part *part, size_t at, const struct cfi_cie *cie,
                  struct cfi_fde *ret_fde);

/* Runs both programs up to ADDRESS. */
bool cfi_run(const struct cfi_part *part, const struct cfi_cie *cie, const struct cfi_fde *fde,
             uint64_t address, struct cfi_row *ret_row);
