/* Any bytes, in pieces of any length; the first byte chooses. */
#include <stdlib.h>

#include "content/timestamps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct expected {
    struct timestamps_options options;
    uint64_t start, end;
};

static struct seep_error *check(const struct timestamps_found *found, void *context)
{
    const struct expected *want = context;

    if (found->address < want->start || found->address >= want->end ||
        found->epoch_ns < want->options.first_ns || found->epoch_ns > want->options.last_ns ||
        found->form >= TIMESTAMPS_FORM_COUNT)
        abort();
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;

    size_t piece = data[0] ? data[0] : size;
    struct expected want = {
        .options = {.last_ns = UINT64_MAX,
                    .utc_offset_s = (data[0] & 1) ? 14 * 3600 : -12 * 3600,
                    .forms = TIMESTAMPS_ALL_FORMS},
        .start = 0x1000,
        .end = 0x1000 + size - 1,
    };
    struct timestamps_scan scan;
    struct seep_error *err = NULL;

    if (data[0] & 2)
        want.options.first_ns = UINT64_C(1600000000000000000);
    data++;
    size--;
    timestamps_scan_init(&scan, &want.options, check, &want);
    for (size_t at = 0; at < size && !err; at += piece)
        err = timestamps_scan_push(&scan, want.start + at, data + at,
                                   size - at < piece ? size - at : piece);
    if (!err)
        err = timestamps_scan_finish(&scan);
    error_destroy(err);
    return 0;
}
