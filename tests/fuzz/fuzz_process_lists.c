/* Listings of ps and lsof. */
#include <stdlib.h>

#include "importer/lsof_text.h"
#include "importer/ps_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line;
    struct lsof_header header = {.count = 0};
    struct ps_text ps = {.guessed_sizes = false};
    size_t at = 0, len;

    while ((line = words_line(text, size, &at, &len))) {
        struct lsof_row row;
        bool bad;

        if (!lsof_text_header(line, len, &header) && lsof_text_row(&header, line, len, &row) &&
            (row.pid <= 0 || row.name.len > len || row.fd.len > len))
            abort();
        ps_text_is_row(line, len);
        error_destroy(ps_text_feed(&ps, line, len, 1, &bad));
    }
    ps_text_settle(&ps);
    for (size_t i = 0; i < ps.rows.count; i++)
        if (ps.rows.items[i].pid <= 0)
            abort();
    ps_text_deinit(&ps);
    return 0;
}
