#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cursor.h"
#include "evidence/block.h"
#include "evidence/case.h"
#include "evidence/snapshot.h"

enum {
    PART_BYTES = 16 << 20,
    MAX_SECTIONS = 256,
};

/* --- records --- */

struct seep_error *snapshot_record_add(struct snapshot_record *record, const char *name,
                                       const char *text, size_t len)
{
    return vector_push(&record->sections, (struct snapshot_section){name, text, len});
}

const struct snapshot_section *snapshot_record_find(const struct snapshot_record *record,
                                                    const char *name)
{
    for (size_t i = 0; i < record->sections.count; i++)
        if (strcmp(record->sections.items[i].name, name) == 0)
            return &record->sections.items[i];
    return NULL;
}

void snapshot_record_deinit(struct snapshot_record *record)
{
    vector_deinit(&record->sections);
    free(record->storage);
    *record = (struct snapshot_record){0};
}

/* --- coding --- */

static struct seep_error *format_record(const struct snapshot_record *record, struct buffer *out)
{
    buffer_varint(out, (uint64_t)record->pid);
    buffer_varint(out, record->start_ticks);
    buffer_varint(out, record->begin_ns);
    buffer_varint(out, record->end_ns);
    buffer_u8(out, (uint8_t)record->reason);
    buffer_u8(out, record->stopped);
    buffer_varint(out, record->sections.count);
    for (size_t i = 0; i < record->sections.count; i++) {
        const struct snapshot_section *section = &record->sections.items[i];

        buffer_text(out, section->name, strlen(section->name));
        buffer_u8(out, 0);
        buffer_text(out, section->text, section->len);
        buffer_u8(out, 0);
    }
    return out->failed ? error_no_memory() : NULL;
}

/* A text with the NUL after it, in place; NULL when it is not so. */
static const char *read_text(struct cursor *c, size_t *ret_len)
{
    const char *text = cursor_text(c, ret_len);

    return cursor_u8(c) == 0 && !c->failed ? text : NULL;
}

/* RECORD's sections point into RAW; on failure they are the caller's to deinit too. */
static struct seep_error *parse_record(const char *raw, size_t len, struct snapshot_record *record)
{
    struct cursor c = cursor_of(raw, len);
    uint64_t pid = cursor_varint(&c);

    record->start_ticks = cursor_varint(&c);
    record->begin_ns = cursor_varint(&c);
    record->end_ns = cursor_varint(&c);

    uint8_t reason = cursor_u8(&c);

    record->stopped = cursor_u8(&c) != 0;

    uint64_t count = cursor_varint(&c);
    struct seep_error *err = NULL;
    bool ok = pid <= INT_MAX && reason <= SNAPSHOT_SINGLE && count <= MAX_SECTIONS;

    record->pid = (pid_t)pid;
    record->reason = reason;
    for (uint64_t i = 0; !err && ok && i < count; i++) {
        struct snapshot_section section;
        size_t name_len;

        section.name = read_text(&c, &name_len);
        section.text = read_text(&c, &section.len);
        ok = section.name && section.text;
        if (ok)
            err = vector_push(&record->sections, section);
    }
    if (!err && (!ok || c.failed))
        err = error_create(ERROR_CORRUPT, "a snapshot breaks off at byte %zu of %zu", c.at, len);
    return err;
}

/* --- the file --- */

struct seep_error *snapshot_write(int fd, const struct snapshot_record *record,
                                  uint64_t *ret_written)
{
    _cleanup_buffer_ struct buffer raw = {0};
    off_t start = lseek(fd, 0, SEEK_END);
    uint64_t total = 0;

    if (start < 0)
        return error_errno(errno, NULL, "cannot append a snapshot");

    struct seep_error *err = format_record(record, &raw);

    if (!err && raw.len > SNAPSHOT_MAX_RECORD_BYTES)
        err = error_create(ERROR_INVALID, "a snapshot of %zu bytes is too long", raw.len);
    if (!err && start == 0) {
        err = block_write_mark(fd);
        total = BLOCK_MARK_BYTES;
    }
    for (size_t at = 0, len; !err && at < raw.len; at += len) {
        uint64_t written = 0;

        len = raw.len - at < PART_BYTES ? raw.len - at : PART_BYTES;
        err = block_write(fd, at + len < raw.len ? BLOCK_SNAPSHOT_PART : BLOCK_SNAPSHOT,
                          raw.bytes + at, len, &written);
        total += written;
    }
    /* Parts without their end would be taken for the next record's. */
    if (err && ftruncate(fd, start) == 0)
        lseek(fd, start, SEEK_SET);
    if (!err && ret_written)
        *ret_written = total;
    return err;
}

/* Where a record begins in the file, and what it is sorted by. */
struct place {
    uint64_t end_ns, offset;
};

struct snapshots_reader {
    int fd;
    bool cut;
    struct block_reader blocks;
    struct buffer parts; /* of the record to come */
    bool sorted;
    VECTOR(struct place) places; /* when sorted */
    size_t next_place;
};

struct seep_error *snapshots_reader_create(int dir_fd, struct snapshots_reader **ret_reader)
{
    _cleanup_close_ int fd = -1;
    struct seep_error *err = case_open_file(dir_fd, "snapshots", &fd);

    if (err)
        return err;

    struct snapshots_reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return error_no_memory();
    reader->fd = take_fd(&fd);
    block_reader_init(&reader->blocks, reader->fd);
    *ret_reader = reader;
    return NULL;
}

void snapshots_reader_destroy(struct snapshots_reader *reader)
{
    if (!reader)
        return;
    block_reader_deinit(&reader->blocks);
    buffer_deinit(&reader->parts);
    vector_deinit(&reader->places);
    cleanup_close(&reader->fd);
    free(reader);
}

bool snapshots_reader_cut(const struct snapshots_reader *reader)
{
    return reader->cut;
}

/* Collects blocks up to the end of a record into reader->parts. */
static struct seep_error *read_record(struct snapshots_reader *reader, bool *ret_more)
{
    struct buffer *parts = &reader->parts;
    uint8_t type = BLOCK_SNAPSHOT_PART;

    while (type != BLOCK_SNAPSHOT) {
        enum block_step step;
        struct seep_error *err = block_reader_next(&reader->blocks, &type, &step);

        if (err)
            return err;
        if (step != BLOCK_MORE) {
            reader->cut = step == BLOCK_CUT || parts->len;
            *ret_more = false;
            return NULL;
        }
        if (type != BLOCK_SNAPSHOT && type != BLOCK_SNAPSHOT_PART)
            continue;
        if (parts->len + reader->blocks.raw.len > SNAPSHOT_MAX_RECORD_BYTES)
            return error_create(ERROR_CORRUPT, "a snapshot is longer than %d bytes",
                                SNAPSHOT_MAX_RECORD_BYTES);
        if (parts->len == 0) {
            /* The usual case: one block, not copied. */
            buffer_deinit(parts);
            *parts = reader->blocks.raw;
            reader->blocks.raw = (struct buffer){0};
        } else {
            buffer_bytes(parts, reader->blocks.raw.bytes, reader->blocks.raw.len);
        }
        if (parts->failed)
            return error_no_memory();
    }
    *ret_more = true;
    return NULL;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    if (left->end_ns != right->end_ns)
        return left->end_ns < right->end_ns ? -1 : 1;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

struct seep_error *snapshots_reader_sort(struct snapshots_reader *reader)
{
    for (;;) {
        struct place place = {.offset = reader->blocks.offset};
        bool more;
        struct seep_error *err = read_record(reader, &more);

        if (err || !more) {
            if (reader->places.count)
                qsort(reader->places.items, reader->places.count, sizeof(place), compare_places);
            reader->sorted = true;
            return error_prefix(err, "snapshots");
        }

        struct cursor c = cursor_of(reader->parts.bytes, reader->parts.len);

        cursor_varint(&c); /* pid, start ticks, begin */
        cursor_varint(&c);
        cursor_varint(&c);
        place.end_ns = cursor_varint(&c);
        buffer_clear(&reader->parts);
        err = vector_push(&reader->places, place);
        if (err)
            return err;
    }
}

struct seep_error *snapshots_reader_next(struct snapshots_reader *reader,
                                         struct snapshot_record *ret_record, bool *ret_more)
{
    struct snapshot_record record = {0};
    bool more;

    if (reader->sorted && reader->next_place == reader->places.count) {
        *ret_more = false;
        return NULL;
    }
    if (reader->sorted)
        reader->blocks.offset = reader->places.items[reader->next_place++].offset;

    struct seep_error *err = read_record(reader, &more);

    if (!err && more) {
        size_t len = reader->parts.len;

        record.storage = reader->parts.bytes;
        reader->parts = (struct buffer){0};
        err = parse_record(record.storage, len, &record);
    }
    if (err) {
        snapshot_record_deinit(&record);
        return error_prefix(err, "snapshots");
    }
    if (more)
        *ret_record = record;
    *ret_more = more;
    return NULL;
}
