/* dump.json; what parses must format to a text that parses to as much. */
#include <stdlib.h>

#include "evidence/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(dump_deinit) struct dump dump = {.dir_fd = -1}, again = {.dir_fd = -1};
    _cleanup_buffer_ struct buffer out = {0};
    struct seep_error *err = dump_json_parse((const char *)data, size, &dump);

    if (err) {
        error_destroy(err);
        return 0;
    }
    if (dump_json_format(&dump, &out) || dump_json_parse(out.bytes, out.len, &again) ||
        again.regions.count != dump.regions.count || again.gaps.count != dump.gaps.count)
        abort();
    return 0;
}
