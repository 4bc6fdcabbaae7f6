/* The index of saved memory, as it is and with the checksum made right, so that what lies behind it
 * is reached; what parses must format to an index that parses to the same. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "evidence/dump_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(const void *bytes, size_t len)
{
    _cleanup_(dump_range_deinit) struct dump_range range = {0}, again = {0};
    _cleanup_buffer_ struct buffer out = {0};
    struct seep_error *err = dump_index_parse(bytes, len, &range);

    if (err) {
        error_destroy(err);
        return;
    }
    if (dump_index_format(&range, &out) || dump_index_parse(out.bytes, out.len, &again) ||
        again.start != range.start || again.end != range.end ||
        again.member_count != range.member_count ||
        memcmp(again.pages, range.pages, dump_range_page_count(&range)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buffer_ struct buffer sealed = {0};

    try(data, size);
    if (size <= 8)
        return 0;
    buffer_bytes(&sealed, data, size - 8);
    buffer_u64(&sealed, XXH3_64bits(sealed.bytes, sealed.len));
    if (!sealed.failed)
        try(sealed.bytes, sealed.len);
    return 0;
}
