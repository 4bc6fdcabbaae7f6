/* Files that are compressed otherwise than by gzip: named, with what to do. */
#include "importer/importer.h"

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

static const char *find(const char *head, size_t len, const char **ret_tool)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (len >= kinds[i].len && memcmp(head, kinds[i].magic, kinds[i].len) == 0) {
            *ret_tool = kinds[i].tool;
            return kinds[i].kind;
        }
    return NULL;
}

static int recognise(const char *head, size_t len)
{
    const char *tool;

    return find(head, len, &tool) ? IMPORTER_CERTAIN : IMPORTER_NEVER;
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    const char *head, *kind, *tool = "";
    size_t len;
    struct seep_error *err = input_head(in, &head, &len);

    (void)c;
    if (err)
        return err;
    kind = find(head, len, &tool);
    return error_remedy(error_create(ERROR_UNSUPPORTED, "%s is compressed with %s", in->path,
                                     kind ? kind : "something unknown"),
                        "expand it first: %s %s", tool, in->path);
}

const struct importer importer_compressed = {
    .name = "compressed",
    .expected = "gzip-compressed ones of these",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise,
    .import = import,
};
