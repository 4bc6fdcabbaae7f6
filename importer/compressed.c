#include "importer/compressed.h"

#include <string.h>

#include "base/cleanup.h"

static const struct {
    const char *magic;
    size_t len;
    const char *kind, *tool;
} kinds[] = {
    {"\x28\xb5\x2f\xfd", 4, "zstd", "zstd -d"},
    {"\x04\x22\x4d\x18", 4, "lz4", "lz4 -d"},
    {"\x02\x21\x4c\x18", 4, "lz4", "lz4 -d"},
    {"\xfd\x37\x7a\x58\x5a", 5, "xz", "xz -d"},
    {"BZh", 3, "bzip2", "bzip2 -d"},
    {"PK\3\4", 4, "zip", "unzip"},
    {"7z\xbc\xaf", 4, "7-zip", "7z x"},
};

const char *compressed_kind(const char *head, size_t len, const char **ret_tool)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (len >= kinds[i].len && memcmp(head, kinds[i].magic, kinds[i].len) == 0) {
            *ret_tool = kinds[i].tool;
            return kinds[i].kind;
        }
    return NULL;
}
