#include "cmd/hex_lines.h"

#include <inttypes.h>

enum { LINE_BYTES = 16 };

void hex_lines_print(FILE *out, unsigned indent, uint64_t address, const uint8_t *bytes,
                     const bool *shown, size_t len)
{
    for (size_t at = 0; at < len; at += LINE_BYTES) {
        size_t count = len - at < LINE_BYTES ? len - at : LINE_BYTES;

        fprintf(out, "%*s%08" PRIx64 " ", (int)indent, "", address + at);
        for (size_t i = 0; i < LINE_BYTES; i++) {
            if (i % 8 == 0)
                putc(' ', out);
            if (i >= count)
                fputs("   ", out);
            else if (shown && !shown[at + i])
                fputs(".. ", out);
            else
                fprintf(out, "%02x ", bytes[at + i]);
        }
        fputs(" |", out);
        for (size_t i = 0; i < count; i++) {
            uint8_t byte = bytes[at + i];

            putc(byte >= 0x20 && byte < 0x7f && (!shown || shown[at + i]) ? byte : '.', out);
        }
        fputs("|\n", out);
    }
}
