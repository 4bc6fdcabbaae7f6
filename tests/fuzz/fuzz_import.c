/* Files of any bytes through the importers of listings and memory: through the one that they are taken
 * for, and through one that the first byte tells, as if an option named it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "importer/importer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct importer importer_core, importer_pmap, importer_smaps, importer_status,
    importer_smem, importer_lsof, importer_ps, importer_machine, importer_hexdump, importer_raw;

static const struct importer *const formats[] = {
    &importer_core, &importer_pmap, &importer_smaps,   &importer_status,  &importer_smem,
    &importer_lsof, &importer_ps,   &importer_machine, &importer_hexdump, &importer_raw};

static void import(const char *path, const struct importer *format)
{
    static const struct collection_options options = {.pid = 0};
    struct collection *c = NULL;
    struct input *in = NULL;
    struct seep_error *err = input_open(path, &in);
    const char *head;
    size_t len;
    _cleanup_close_ int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (err || (err = input_head(in, &head, &len)) || (err = collection_create(fd, &options, &c)))
        abort();
    if (!format) {
        int best = IMPORTER_NEVER;

        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
            int score = formats[i]->recognise(head, len);

            format = score > best ? formats[i] : format;
            best = score > best ? score : best;
        }
    }
    if (format) {
        err = collection_begin(c, in, format->name);
        if (!err)
            err = format->import(in, c);
        if (!err)
            err = collection_end(c);
        error_destroy(err);
    }
    collection_destroy(c);
    input_destroy(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
    char path[64];

    if (fd < 0)
        abort();
    error_destroy(io_write(fd, data, size));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    import(path, NULL);
    if (size)
        import(path, formats[data[0] % ARRAY_SIZE(formats)]);
    return 0;
}
