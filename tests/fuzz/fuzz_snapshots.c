/*
 * The snapshots: a whole file when the input begins with the mark, else the raw bytes of one
 * record, to which no checksum keeps the way.
 */
#include <string.h>

#include "evidence/block.h"
#include "evidence/snapshot.h"
#include "tests/fuzz/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int directory_with_record(const uint8_t *data, size_t size)
{
    int dir_fd = directory_with("snapshots", (const uint8_t *)"SEEPBLK1", BLOCK_MARK_BYTES);
    _cleanup_close_ int fd = openat(dir_fd, "snapshots", O_RDWR | O_CLOEXEC);

    if (block_write(fd, BLOCK_SNAPSHOT, data, size, NULL))
        abort();
    return dir_fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool whole = size >= 8 && memcmp(data, "SEEPBLK1", 8) == 0, more = true;
    int dir_fd =
        whole ? directory_with("snapshots", data, size) : directory_with_record(data, size);
    struct snapshots_reader *reader;
    struct seep_error *err = snapshots_reader_create(dir_fd, &reader);

    if (err)
        abort();
    if (size % 2)
        err = snapshots_reader_sort(reader);
    while (!err && more) {
        struct snapshot_record record;
        struct snapshot snap;

        err = snapshots_reader_next(reader, &record, &more);
        if (err || !more)
            continue;
        for (size_t i = 0; i < record.sections.count; i++)
            if (record.sections.items[i].text[record.sections.items[i].len] != '\0')
                abort();
        err = snapshot_parse(&record, &snap);
        if (!err)
            snapshot_deinit(&snap);
        snapshot_record_deinit(&record);
    }
    error_destroy(err);
    snapshots_reader_destroy(reader);
    return 0;
}
