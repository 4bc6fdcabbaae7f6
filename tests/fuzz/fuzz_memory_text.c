/* Memory as text: hexdumps, and what vi shows. */
#include <stdlib.h>

#include "importer/caret_text.h"
#include "importer/hexdump_text.h"
#include "importer/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line;
    struct buffer bytes = {0};
    struct hexdump_row row;
    size_t at = 0, len;

    while ((line = words_line(text, size, &at, &len)))
        if (hexdump_text_line(line, len, &row) == HEXDUMP_BYTES &&
            (row.count == 0 || row.count > HEXDUMP_MAX_BYTES || row.count > len))
            abort();
    caret_text_is_one(text, size);
    caret_text_bytes(text, size, &bytes);
    if (bytes.len > size)
        abort();
    buffer_deinit(&bytes);
    return 0;
}
