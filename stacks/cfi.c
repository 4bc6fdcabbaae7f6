#include "stacks/cfi.h"

#include <stdatomic.h>
#include <string.h>

#include "base/vector.h"
#include "stacks/cfi_records.h"

enum { EH_FRAME, DEBUG_FRAME, PARTS };

/* Sorted by start; of equal ones the last counts, so that .eh_frame goes before .debug_frame. */
struct entry {
    uint64_t start;
    uint32_t len;
    uint32_t at : 31; /* of the FDE, in its section */
    uint32_t is_eh : 1;
};

struct cfi {
    struct cfi_part parts[PARTS];
    struct entry *entries;
    size_t count;
    uint32_t serial;
    uint8_t abi;
};

VECTOR_TYPE(entries, struct entry);

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->is_eh != y->is_eh)
        return x->is_eh ? 1 : -1;
    return x->at < y->at ? -1 : 1;
}

/* Consecutive FDEs mostly share their CIE, which is kept in CIE with its place in CIE_AT. */
static bool read_entry(const struct cfi_part *part, size_t at, const struct cfi_input *input,
                       struct cfi_cie *cie, size_t *cie_at, struct entry *ret_entry)
{
    struct cfi_fde fde;
    size_t wanted;

    if (!cfi_fde_cie(part, at, &wanted))
        return false;
    if (wanted != *cie_at) {
        *cie_at = SIZE_MAX;
        if (!cfi_read_cie(part, wanted, cie))
            return false;
        *cie_at = wanted;
    }
    if (!cfi_read_fde(part, at, cie, &fde) || fde.len == 0 || fde.len > UINT32_MAX ||
        fde.start < input->code_start || fde.start >= input->code_end)
        return false;
    *ret_entry = (struct entry){
        .start = fde.start, .len = (uint32_t)fde.len, .at = (uint32_t)at, .is_eh = part->is_eh};
    return true;
}

/* A table whose end was not known ends behind its first empty record. */
static struct seep_error *index_part(struct cfi_part *part, bool ends_at_zero,
                                     const struct cfi_input *input, struct entries *entries)
{
    struct cfi_cie cie;
    size_t cie_at = SIZE_MAX, next;
    enum cfi_record_kind kind;
    struct entry entry;

    for (size_t at = 0; at < part->len && cfi_record(part, at, &kind, &next); at = next) {
        if (kind == CFI_RECORD_EMPTY && ends_at_zero) {
            uint8_t *fitted = realloc((void *)part->bytes, next);

            part->bytes = fitted ? fitted : part->bytes;
            part->len = next;
            break;
        }
        if (kind != CFI_RECORD_FDE || !read_entry(part, at, input, &cie, &cie_at, &entry))
            continue;
        if (entries->count == CFI_MAX_FDES)
            break;

        struct seep_error *err = vector_push(entries, entry);

        if (err)
            return err;
    }
    return NULL;
}

static void sort(struct entries *entries)
{
    for (size_t i = 1; i < entries->count; i++)
        if (compare(&entries->items[i - 1], &entries->items[i]) > 0) {
            qsort(entries->items, entries->count, sizeof(*entries->items), compare);
            break;
        }
}

static void take_part(struct cfi *cfi, int which, struct cfi_section *section,
                      uint8_t address_bytes)
{
    size_t len = section->bytes ? section->len : 0;

    cfi->parts[which] =
        (struct cfi_part){.bytes = take_ptr(section->bytes),
                          .len = len < CFI_MAX_SECTION_BYTES ? len : CFI_MAX_SECTION_BYTES,
                          .address = section->address,
                          .address_bytes = address_bytes,
                          .is_eh = which == EH_FRAME};
}

struct seep_error *cfi_create(struct cfi_input *input, struct cfi **ret_cfi)
{
    static _Atomic uint32_t last_serial;
    _cleanup_(cfi_destroyp) struct cfi *cfi = calloc(1, sizeof(*cfi));
    struct entries entries = {0};
    struct seep_error *err;

    if (!cfi)
        return error_no_memory();
    cfi->abi = input->abi;
    take_part(cfi, EH_FRAME, &input->eh_frame, input->address_bytes);
    take_part(cfi, DEBUG_FRAME, &input->debug_frame, input->address_bytes);
    err = index_part(&cfi->parts[EH_FRAME], input->eh_frame.ends_at_zero, input, &entries);
    if (!err)
        err = index_part(&cfi->parts[DEBUG_FRAME], false, input, &entries);
    sort(&entries);
    cfi->entries = entries.items;
    cfi->count = entries.count;
    if (err)
        return err;
    if (entries.count) {
        struct entry *fitted = reallocarray(entries.items, entries.count, sizeof(*fitted));

        if (fitted)
            cfi->entries = fitted;
        cfi->serial = atomic_fetch_add(&last_serial, 1) + 1;
    }
    *ret_cfi = entries.count ? take_ptr(cfi) : NULL;
    return NULL;
}

void cfi_destroy(struct cfi *cfi)
{
    if (!cfi)
        return;
    for (int i = 0; i < PARTS; i++)
        free((void *)cfi->parts[i].bytes);
    free(cfi->entries);
    free(cfi);
}

static const struct entry *find(const struct cfi *cfi, uint64_t address)
{
    size_t low = 0, high = cfi->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (cfi->entries[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || address - cfi->entries[low - 1].start >= cfi->entries[low - 1].len)
        return NULL;
    return &cfi->entries[low - 1];
}

bool cfi_find(const struct cfi *cfi, uint64_t address, struct cfi_row *ret_row)
{
    const struct entry *entry = find(cfi, address);

    if (!entry)
        return false;

    const struct cfi_part *part = &cfi->parts[entry->is_eh ? EH_FRAME : DEBUG_FRAME];
    struct cfi_cie cie;
    struct cfi_fde fde;
    size_t cie_at;

    return cfi_fde_cie(part, entry->at, &cie_at) && cfi_read_cie(part, cie_at, &cie) &&
           cfi_read_fde(part, entry->at, &cie, &fde) && cfi_run(part, &cie, &fde, address, ret_row);
}

bool cfi_function(const struct cfi *cfi, uint64_t address, uint64_t *ret_start, uint64_t *ret_end)
{
    const struct entry *entry = find(cfi, address);

    if (!entry)
        return false;
    *ret_start = entry->start;
    *ret_end = entry->start + entry->len;
    return true;
}

static bool is_same(const struct cfi_part *part, const struct cfi_section *section)
{
    size_t len = section->bytes ? section->len : 0;

    if (section->ends_at_zero && len > part->len)
        len = part->len;
    return part->len == len && (len == 0 || (part->address == section->address &&
                                             memcmp(part->bytes, section->bytes, len) == 0));
}

bool cfi_is_of(const struct cfi *cfi, const struct cfi_input *input)
{
    return cfi->abi == input->abi && cfi->parts[EH_FRAME].address_bytes == input->address_bytes &&
           is_same(&cfi->parts[EH_FRAME], &input->eh_frame) &&
           is_same(&cfi->parts[DEBUG_FRAME], &input->debug_frame);
}

uint32_t cfi_serial(const struct cfi *cfi)
{
    return cfi->serial;
}

size_t cfi_bytes(const struct cfi *cfi)
{
    size_t bytes = sizeof(*cfi) + cfi->count * sizeof(*cfi->entries);

    for (int i = 0; i < PARTS; i++)
        bytes += cfi->parts[i].len;
    return bytes;
}

uint8_t cfi_abi(const struct cfi *cfi)
{
    return cfi->abi;
}
