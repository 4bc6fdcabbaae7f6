/* Listings of lsof: files without a name that a process still holds or maps, and shared memory that
 * its descriptors hold. The listing itself goes with the process's snapshot. */
#include <inttypes.h>

#include "evidence/proc_text.h"
#include "importer/importer.h"
#include "importer/listing.h"
#include "importer/lsof_text.h"
#include "importer/words.h"

enum {
    HEAD_LINES = 20,
    MAX_TEXT_BYTES = 512 << 20,
    NAME_BYTES = 4096,
};

static int recognise(const char *head, size_t len)
{
    struct lsof_header header;
    size_t at = 0, line_len;
    const char *line;

    for (int i = 0; i < HEAD_LINES && (line = words_line(head, len, &at, &line_len)); i++)
        if (lsof_text_header(line, line_len, &header))
            return IMPORTER_CERTAIN;
    return IMPORTER_NEVER;
}

struct reading {
    struct listing listing;
    struct lsof_header header;
    pid_t pid;          /* of what was gathered */
    struct buffer text; /* its lines */
    struct buffer held; /* as the section of that name has it */
    size_t rows;
};

static bool is_shared_memory(struct word name)
{
    return word_begins(name, "/memfd:") || word_begins(name, "/dev/shm/") ||
           word_begins(name, "/dev/zero") || word_begins(name, "/SYSV") ||
           word_begins(name, "/anon_hugepage");
}

/* "fd 7 0:1 4711 1048576 - - /memfd:x (deleted)": what of it really exists lsof does not say. */
static void add_held(struct reading *r, const struct lsof_row *row)
{
    struct buffer *out = &r->held;

    if (row->descriptor < 0 || !is_shared_memory(row->name) ||
        (word_begins(row->name, "/dev/zero") && !row->deleted))
        return;
    buffer_printf(out, "fd %" PRId64 " %" PRIx32 ":%" PRIx32, row->descriptor, row->major,
                  row->minor);
    if (row->inode == LSOF_UNKNOWN)
        buffer_printf(out, " -");
    else
        buffer_printf(out, " %" PRIu64, row->inode);
    if (row->size_bytes == LSOF_UNKNOWN)
        buffer_printf(out, " - - - ");
    else
        buffer_printf(out, " %" PRIu64 " - - ", row->size_bytes);
    proc_text_escape(out, row->name.text, row->name.len);
    buffer_u8(out, '\n');
}

static struct seep_error *add_deleted(struct reading *r, const struct lsof_row *row, uint64_t line)
{
    char name[NAME_BYTES], text[96];
    struct fact fact = {
        .kind = FACT_DELETED_FILE,
        .pid = row->pid,
        .name = name,
        .has_value = row->size_bytes != LSOF_UNKNOWN,
        .value = row->size_bytes,
        .text = text,
        .line = line,
    };
    size_t len = row->name.len < sizeof(name) - 1 ? row->name.len : sizeof(name) - 1;

    if (!row->deleted)
        return NULL;
    memcpy(name, row->name.text, len);
    name[len] = '\0';
    len = (size_t)snprintf(text, sizeof(text), "%.*s, device %" PRIu32 ":%" PRIu32,
                           row->fd.len < 16 ? (int)row->fd.len : 16, row->fd.text, row->major,
                           row->minor);
    if (row->inode != LSOF_UNKNOWN && len < sizeof(text))
        snprintf(text + len, sizeof(text) - len, ", inode %" PRIu64, row->inode);
    return collection_fact(r->listing.c, r->listing.when, &fact);
}

/* The program file. */
static struct seep_error *add_program(struct reading *r, const struct lsof_row *row)
{
    char name[NAME_BYTES];

    if (!word_is(row->fd, "txt") || row->name.len >= sizeof(name) || row->name.text[0] != '/')
        return NULL;
    memcpy(name, row->name.text, row->name.len);
    name[row->name.len] = '\0';
    return collection_process(r->listing.c, row->pid, name, NULL, NULL);
}

static struct seep_error *take(struct reading *r)
{
    struct seep_error *err = NULL;

    if (r->text.failed || r->held.failed)
        return error_no_memory();
    if (r->pid)
        err = listing_look(&r->listing, r->pid, "lsof", &r->text);
    if (!err && r->held.len)
        err = listing_also(&r->listing, "held", r->held.bytes, r->held.len);
    buffer_clear(&r->text);
    buffer_clear(&r->held);
    r->pid = 0;
    return err;
}

static struct seep_error *take_line(struct reading *r, const struct input_line *line)
{
    struct lsof_row row;
    struct seep_error *err = NULL;
    struct words w = words_of(line->text, line->len);

    if (!words_rest(&w).len)
        return NULL;
    if (lsof_text_header(line->text, line->len, &r->header))
        return take(r);
    if (!lsof_text_row(&r->header, line->text, line->len, &row))
        return collection_skip(r->listing.c, line->number, line->text, line->len);
    if (r->pid && r->pid != row.pid)
        err = take(r);
    if (err)
        return err;
    r->pid = row.pid;
    r->rows++;
    buffer_bytes(&r->text, line->text, line->len);
    buffer_u8(&r->text, '\n');
    add_held(r, &row);
    if (r->text.len > MAX_TEXT_BYTES)
        return error_create(ERROR_INVALID, "more files than a process can have");
    err = add_deleted(r, &row, line->number);
    return err ? err : add_program(r, &row);
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    struct reading r = {.pid = 0};
    struct input_line line;
    struct seep_error *err, *last;

    listing_init(&r.listing, in, c);
    while (!(err = input_next_line(in, &line)) && line.text && !(err = take_line(&r, &line)))
        ;
    if (!err)
        err = take(&r);
    last = listing_end(&r.listing);
    if (!err && !last && !r.rows)
        err = error_create(ERROR_CORRUPT, "no line of it is one of lsof");
    if (err)
        error_destroy(last);
    buffer_deinit(&r.text);
    buffer_deinit(&r.held);
    return err ? err : last;
}

const struct importer importer_lsof = {
    .name = "lsof",
    .option = "lsof",
    .argument = "F@TIME",
    .doc = "What lsof listed, with the names above its columns",
    .expected = "lsof listings",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise,
    .import = import,
};
