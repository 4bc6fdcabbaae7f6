/* The kernel's log, through its importer: what is handed over is no larger than a few times what came in. */
#include "../unit/recorded_collection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct importer importer_kernel_log;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct importer *const rows[] = {&importer_kernel_log};
    struct seep_error *err;
    struct collection c;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        rows[i]->recognise((const char *)data, size);
    c = recorded_import_text(rows[0], (const char *)data, size, &err);
    if (c.lines.len > 64 * size + 4096)
        abort();
    error_destroy(err);
    recorded_deinit(&c);
    return 0;
}
