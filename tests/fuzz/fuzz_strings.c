/* Any bytes, in pieces of any length, as every set of encodings. The first two bytes choose. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "content/strings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
    uint64_t start, end;
    uint64_t last; /* no string begins before it */
};

static struct seep_error *check(const struct strings_found *found, void *context)
{
    struct bounds *bounds = context;

    if (found->address < bounds->last || found->raw_len == 0 ||
        found->address + found->raw_len > bounds->end || found->len > STRINGS_MAX_BYTES)
        abort();
    for (size_t at = 0; at < found->len;) {
        uint32_t point;
        size_t step = utf8_decode(found->text + at, found->len - at, &point);

        if (step == 0 || (point < 0x20 && point != '\t'))
            abort();
        at += step;
    }
    bounds->last = found->address;
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    struct strings_options options = {.encodings = (data[0] & 15U) ? data[0] & 15U : STRINGS_ALL,
                                      .min_chars = 1 + (data[0] >> 4)};
    size_t piece = data[1] ? data[1] : size;
    struct bounds bounds = {.start = 0x1000, .end = 0x1000 + size - 2};
    struct strings_scan scan;
    struct seep_error *err = strings_scan_init(&scan, &options, check, &bounds);

    data += 2;
    size -= 2;
    for (size_t at = 0; at < size && !err; at += piece)
        err =
            strings_scan_push(&scan, 0x1000 + at, data + at, size - at < piece ? size - at : piece);
    if (!err)
        err = strings_scan_finish(&scan);
    error_destroy(err);
    strings_scan_deinit(&scan);
    return 0;
}
