/* Raw dumps: what gdb's `dump memory` and dd write, bytes and nothing else. */
#include <unistd.h>

#include "importer/compressed.h"
#include "importer/importer.h"
#include "importer/place.h"
#include "importer/saved_bytes.h"

enum { RAW_PERHAPS = 10 }; /* everything that is not text might be */

static int recognise(const char *head, size_t len)
{
    static const char *const others[] = {"\177ELF", "\x89PNG",          "\xff\xd8\xff",
                                         "%PDF",    "\xca\xfe\xba\xbe", "JAVA PROFILE",
                                         "SQLite",  "SEEPBLK1",         "SEEPIDX1"};
    const char *tool;
    size_t zeros = 0;

    if (compressed_kind(head, len, &tool))
        return IMPORTER_NEVER;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (len >= strlen(others[i]) && memcmp(head, others[i], strlen(others[i])) == 0)
            return IMPORTER_NEVER;
    for (size_t i = 0; i < len; i++)
        zeros += head[i] == '\0';
    return zeros > len / 50 ? RAW_PERHAPS : IMPORTER_NEVER;
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    _cleanup_close_ int fd = -1;
    _cleanup_(saved_bytes_destroyp) struct saved_bytes *saved = NULL;
    struct place place;
    struct when when;
    uint64_t len = 0;
    struct seep_error *err = input_seekable(in, &fd, &len);

    if (!err && !len)
        err = error_create(ERROR_CORRUPT, "the file is empty");
    if (!err)
        err = place_find(in, c, len, &place);
    if (!err && in->suffix)
        when = (struct when){WHEN_ABSOLUTE, (int64_t)in->mtime_ns};
    else if (!err)
        err = collection_file_time(c, &when);
    if (!err && place.start > UINT64_MAX - len - SAVED_BYTES_PAGE)
        err = error_create(ERROR_INVALID, "it would reach beyond the end of all addresses");
    if (!err && (place.start % SAVED_BYTES_PAGE || len % SAVED_BYTES_PAGE))
        err =
            collection_remark(c, "it is not whole pages: what the first and the last page lack is "
                                 "shown as zeros");
    if (!err)
        err = saved_bytes_create(take_fd(&fd), &saved);
    if (!err)
        err = saved_bytes_add(saved, place.start, len, 0);
    if (err)
        return err;
    saved_bytes_settle(saved);
    return place_hand_over(c, &place, saved, when);
}

const struct importer importer_raw = {
    .name = "raw",
    .option = "raw",
    .argument = "F@ADDR",
    .doc = "Memory as gdb's dump memory or dd wrote it, and the address it was at",
    .expected = "raw dumps of memory",
    .stage = IMPORTER_MEMORY,
    .recognise = recognise,
    .import = import,
};
