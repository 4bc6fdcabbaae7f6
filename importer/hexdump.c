/* Memory as text: what hexdump -C, xxd, od and gdb's x print, and what vi shows. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"
#include "importer/caret_text.h"
#include "importer/hexdump_text.h"
#include "importer/importer.h"
#include "importer/place.h"
#include "importer/saved_bytes.h"
#include "importer/words.h"

enum {
    HEAD_LINES = 50,
    /* What all `*` together may stand for: this, and so much for each byte of text. */
    FEW_REPEATED_BYTES = 64 << 20,
    REPEATED_PER_BYTE = 256,
    PLACE_GAP_BYTES = 64 << 20, /* as place_hand_over parts them */
    MAX_PLACES = 1 << 16,       /* far from each other: a file of the dump each */
    MAX_CARET_BYTES = 64 << 20,
    OFFSET_BYTES = 16 << 20, /* what begins below is counted from a file's beginning */
};

static int recognise(const char *head, size_t len)
{
    size_t at = 0, line_len, lines = 0, rows = 0;
    struct hexdump_row row;
    const char *line;

    while (lines < HEAD_LINES && (line = words_line(head, len, &at, &line_len))) {
        if (at == len && len == INPUT_HEAD_BYTES)
            break;
        lines += line_len > 0;
        rows += hexdump_text_line(line, line_len, &row) >= HEXDUMP_BYTES;
    }
    if (rows && rows * 4 >= lines * 3)
        return IMPORTER_CERTAIN;
    return caret_text_is_one(head, len) ? IMPORTER_PERHAPS : IMPORTER_NEVER;
}

struct run {
    uint64_t start, len;
    uint64_t file_at;
    uint8_t pattern[SAVED_BYTES_PATTERN];
    uint8_t pattern_len; /* 0: the bytes are in the file */
};

struct reading {
    struct input *in;
    struct collection *c;
    int fd; /* of a file without a name that takes the bytes */
    uint64_t file_bytes;
    struct buffer pending; /* of the file's end, not written yet */
    VECTOR(struct run) runs;
    struct hexdump_row before; /* count 0: none */
    bool repeating, addresses;
    size_t places; /* far from the one before */
    uint64_t text_bytes, repeated_bytes;
    bool elided; /* a `*` that cannot be what hexdump means by it */
};

static struct seep_error *open_temporary(struct reading *r)
{
    FILE *file = tmpfile();

    if (!file)
        return error_errno(errno, NULL, "cannot make a temporary file");
    r->fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    fclose(file);
    return r->fd < 0 ? error_errno(errno, NULL, "cannot keep a temporary file") : NULL;
}

static struct seep_error *flush(struct reading *r)
{
    struct seep_error *err =
        r->pending.failed ? error_no_memory() : io_write(r->fd, r->pending.bytes, r->pending.len);

    buffer_clear(&r->pending);
    return err;
}

static struct seep_error *add_bytes(struct reading *r, uint64_t start, const void *bytes,
                                    size_t len)
{
    struct run *last = r->runs.count ? &r->runs.items[r->runs.count - 1] : NULL;
    struct run run = {.start = start, .len = len, .file_at = r->file_bytes};

    buffer_bytes(&r->pending, bytes, len);
    r->file_bytes += len;
    if (r->pending.len >= 1 << 20 || r->pending.failed) {
        struct seep_error *err = flush(r);

        if (err)
            return err;
    }
    if (last && !last->pattern_len && last->start + last->len == start) {
        last->len += len;
        return NULL;
    }
    if (last && start - (last->start + last->len) >= PLACE_GAP_BYTES && ++r->places > MAX_PLACES)
        return error_create(ERROR_CORRUPT,
                            "its lines lie in more than %d places far from each other", MAX_PLACES);
    return vector_push(&r->runs, run);
}

/* Is it eight bytes again and again? Whatever else repeats a whole line exactly is rarer than a person
 * who put a star for what is left out. */
static bool is_uniform(const struct hexdump_row *row)
{
    size_t period = row->count > 8 ? 8 : 1;

    for (size_t i = period; i < row->count; i++)
        if (row->bytes[i] != row->bytes[i - period])
            return false;
    return row->count > 0 && row->count <= SAVED_BYTES_PATTERN;
}

/* The star before the line at OFFSET. */
static struct seep_error *fill(struct reading *r, uint64_t offset)
{
    struct run run = {.start = r->before.offset + r->before.count,
                      .pattern_len = (uint8_t)r->before.count};

    r->repeating = false;
    if (offset <= run.start || !r->before.count)
        return NULL;
    run.len = offset - run.start;
    if (!is_uniform(&r->before) ||
        run.len > FEW_REPEATED_BYTES + r->text_bytes * REPEATED_PER_BYTE - r->repeated_bytes) {
        r->elided = true;
        return NULL;
    }
    r->repeated_bytes += run.len;
    memcpy(run.pattern, r->before.bytes, r->before.count);
    return vector_push(&r->runs, run);
}

static struct seep_error *take_line(struct reading *r, const struct input_line *line)
{
    struct hexdump_row row;
    struct seep_error *err = NULL;

    r->text_bytes += line->len;
    switch (hexdump_text_line(line->text, line->len, &row)) {
    case HEXDUMP_EMPTY:
        return NULL;
    case HEXDUMP_REPEAT:
        r->repeating = true;
        return NULL;
    case HEXDUMP_END:
        return r->repeating ? fill(r, row.offset) : NULL;
    case HEXDUMP_BYTES:
        if (r->repeating)
            err = fill(r, row.offset);
        if (!err)
            err = add_bytes(r, row.offset, row.bytes, row.count);
        r->addresses = r->addresses || row.address;
        r->before = row;
        return err;
    default:
        return collection_skip(r->c, line->number, line->text, line->len);
    }
}

/* Content in vi's notation: its place is never known. */
static struct seep_error *take_caret(struct reading *r)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_buffer_ struct buffer bytes = {0};
    size_t len = 0;
    struct seep_error *err = input_read_all(r->in, MAX_CARET_BYTES, &text, &len);

    if (err)
        return err;
    caret_text_bytes(text, len, &bytes);
    if (bytes.failed)
        return error_no_memory();
    err = add_bytes(r, 0, bytes.bytes, bytes.len);
    return err ? err
               : collection_remark(r->c, "bytes as an editor shows them: line breaks and letters "
                                         "beyond ASCII are not sure");
}

static void extent(const struct reading *r, uint64_t *ret_start, uint64_t *ret_end)
{
    *ret_start = UINT64_MAX;
    *ret_end = 0;
    for (size_t i = 0; i < r->runs.count; i++) {
        const struct run *run = &r->runs.items[i];

        *ret_start = run->start < *ret_start ? run->start : *ret_start;
        *ret_end = run->start + run->len > *ret_end ? run->start + run->len : *ret_end;
    }
}

/* Offsets are addresses when gdb printed them, or when they are too large for offsets and a region
 * is known to lie there. Otherwise they count from where place.h says. */
static struct seep_error *find_place(struct reading *r, struct place *ret_place)
{
    struct place place = {.placed = true};
    struct snapshot snap;
    bool found = false, there;
    uint64_t start, end, address;
    struct seep_error *err = input_suffix_address(r->in, &address, &there);

    extent(r, &start, &end);
    if (!err && !there)
        err = collection_last_snapshot(r->c, 0, &snap, &found);
    if (err)
        return err;
    if (found) {
        const struct vma *vma = start >= OFFSET_BYTES ? maps_find(&snap.maps, start) : NULL;

        if (vma) {
            place.pid = snap.pid;
            place.perms = vma->perms;
            snprintf(place.name, sizeof(place.name), "%s", vma->name);
            r->addresses = true;
        }
        snapshot_deinit(&snap);
    }
    if (!r->addresses || there)
        return place_find(r->in, r->c, end, ret_place);
    *ret_place = place;
    return NULL;
}

static struct seep_error *hand_over(struct reading *r)
{
    _cleanup_(saved_bytes_destroyp) struct saved_bytes *saved = NULL;
    struct place place;
    struct when when = {WHEN_NONE, 0};
    uint64_t start, end;
    struct seep_error *err = find_place(r, &place);

    extent(r, &start, &end);
    if (!err && place.start > UINT64_MAX - end - SAVED_BYTES_PAGE)
        err = error_create(ERROR_INVALID, "it would reach beyond the end of all addresses");
    if (!err && r->in->suffix)
        when = (struct when){WHEN_ABSOLUTE, (int64_t)r->in->mtime_ns};
    else if (!err)
        err = collection_file_time(r->c, &when);
    if (!err)
        err = collection_remark(r->c, "text of memory: what is not shown of its pages reads as "
                                      "zeros");
    if (!err && r->elided)
        err = collection_remark(r->c,
                                "a `*` stands between lines that do not repeat, or for more than "
                                "such a text can: what it stands for is unknown");
    if (err)
        return err;
    err = saved_bytes_create(take_fd(&r->fd), &saved);
    for (size_t i = 0; i < r->runs.count && !err; i++) {
        const struct run *run = &r->runs.items[i];

        err = run->pattern_len
                  ? saved_bytes_repeat(saved, place.start + run->start, run->len, run->pattern,
                                       run->pattern_len)
                  : saved_bytes_add(saved, place.start + run->start, run->len, run->file_at);
    }
    if (err)
        return err;
    saved_bytes_settle(saved);
    return place_hand_over(r->c, &place, saved, when);
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    struct reading r = {.in = in, .c = c, .fd = -1};
    struct input_line line;
    const char *head;
    size_t len;
    struct seep_error *err = input_head(in, &head, &len);

    if (!err)
        err = open_temporary(&r);
    if (!err && recognise(head, len) < IMPORTER_CERTAIN && caret_text_is_one(head, len)) {
        err = take_caret(&r);
    } else {
        while (!err && !(err = input_next_line(in, &line)) && line.text) {
            err = take_line(&r, &line);
            if (line.number % 4096 == 0)
                collection_progress(c);
        }
    }
    if (!err && !r.runs.count)
        err = error_create(ERROR_CORRUPT, "no line of it is one of a hexdump");
    if (!err)
        err = flush(&r);
    if (!err)
        err = hand_over(&r);
    cleanup_close(&r.fd);
    vector_deinit(&r.runs);
    buffer_deinit(&r.pending);
    return err;
}

const struct importer importer_hexdump = {
    .name = "hexdump",
    .option = "hexdump",
    .argument = "F@ADDR",
    .doc = "Memory as hexdump -C, xxd or gdb's x printed it",
    .expected = "hexdumps",
    .stage = IMPORTER_MEMORY,
    .recognise = recognise,
    .import = import,
};
