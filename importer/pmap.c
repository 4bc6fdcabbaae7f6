/* Listings of pmap: one look at each process, with the listing itself beside what was made of it. */
#include "importer/importer.h"
#include "importer/listing.h"
#include "importer/pmap_text.h"
#include "importer/words.h"

enum {
    HEAD_LINES = 100,
    MAX_TEXT_BYTES = 512 << 20, /* a million regions with every field */
};

static int recognise(const char *head, size_t len)
{
    struct pmap_text text;
    size_t at = 0, line_len, lines = 0, totals = 0, bad = 0;
    const char *line;
    int score = IMPORTER_NEVER;
    uint64_t bytes;
    pid_t pid;

    pmap_text_init(&text);
    while (lines < HEAD_LINES && (line = words_line(head, len, &at, &line_len))) {
        if (at == len && len == INPUT_HEAD_BYTES)
            break;
        lines++;
        if (pmap_text_total(line, line_len, &pid, &bytes))
            totals++;
        else if (pmap_text_feed(&text, line, line_len) == PMAP_LINE_BAD)
            bad++;
    }
    if (text.regions && (text.pid || text.column_count))
        score = bad * 2 < lines ? IMPORTER_CERTAIN : IMPORTER_PERHAPS;
    else if (text.regions + totals)
        score = bad * 2 < lines ? IMPORTER_LIKELY : IMPORTER_PERHAPS;
    pmap_text_deinit(&text);
    return score;
}

struct reading {
    struct listing listing;
    struct pmap_text text;
    struct buffer raw; /* the lines of this process */
    pid_t path_pid;
    bool path_pid_known;
    size_t looks, totals;
};

static struct seep_error *whose(struct reading *r, pid_t *ret_pid)
{
    struct seep_error *err = NULL;

    if (r->text.pid) {
        *ret_pid = r->text.pid;
        return NULL;
    }
    if (!r->path_pid_known)
        err = listing_pid(r->listing.in, r->listing.c, &r->path_pid);
    r->path_pid_known = true;
    *ret_pid = r->path_pid;
    return err;
}

static struct seep_error *add_virtual(struct collection *c, struct when when, pid_t pid,
                                      uint64_t bytes, uint64_t line)
{
    struct fact fact = {
        .kind = FACT_VIRTUAL, .pid = pid, .has_value = true, .value = bytes, .line = line};

    return collection_fact(c, when, &fact);
}

/* The total tells whether lines are missing. *RET_PARTIAL: why it is a part; NULL: it is all. */
static struct seep_error *check_total(struct reading *r, pid_t pid, const char **ret_partial)
{
    const struct pmap_text *t = &r->text;
    struct collection *c = r->listing.c;
    struct seep_error *err = NULL;

    if (t->no_header)
        err =
            collection_remark(c, "lines of pmap without the names above them: what is not sure by "
                                 "their shape is unknown");
    if (err)
        return err;
    *ret_partial = NULL;
    if (t->total_bytes == UINT64_MAX) {
        *ret_partial = "the listing has no total";
        err = collection_remark(c, "without a total: taken for a part of the listing");
    } else if (t->total_bytes < t->size_bytes) {
        err = collection_remark(c,
                                "the lines of pid %d are %llu KiB, its total says %llu KiB: it "
                                "grew while pmap, which reads "
                                "twice, looked at it",
                                (int)pid, (unsigned long long)(t->size_bytes / 1024),
                                (unsigned long long)(t->total_bytes / 1024));
    } else if (t->total_bytes != t->size_bytes &&
               t->total_bytes != t->size_bytes + t->shared_bytes) {
        *ret_partial = "the lines are less than the listing's total";
        err = collection_remark(
            c, "the lines of pid %d are %llu KiB, its total says %llu KiB: lines are missing",
            (int)pid, (unsigned long long)(t->size_bytes / 1024),
            (unsigned long long)(t->total_bytes / 1024));
    }
    return err;
}

/* What was read of one process. */
static struct seep_error *take(struct reading *r)
{
    struct pmap_text *t = &r->text;
    const char *partial = NULL;
    pid_t pid = 0;
    struct seep_error *err = NULL;

    if (t->text.failed || t->command.failed || r->raw.failed)
        return error_no_memory();
    if (t->regions) {
        err = whose(r, &pid);
        if (!err)
            err = check_total(r, pid, &partial);
        if (!err && t->command.len)
            err = collection_process(r->listing.c, pid, NULL, t->command.bytes, NULL);
        if (!err)
            err = listing_look(&r->listing, pid, t->has_fields ? "smaps" : "maps", &t->text);
        if (!err)
            err = listing_also(&r->listing, "pmap", r->raw.bytes, r->raw.len);
        if (!err && partial)
            err = listing_also(&r->listing, "partial", partial, strlen(partial));
        r->looks++;
    }
    pmap_text_clear(t);
    buffer_clear(&r->raw);
    return err;
}

static struct seep_error *take_line(struct reading *r, const struct input_line *line)
{
    struct collection *c = r->listing.c;
    struct seep_error *err = NULL;
    struct when when;
    uint64_t bytes;
    pid_t pid;

    if (pmap_text_total(line->text, line->len, &pid, &bytes)) {
        r->totals++;
        return add_virtual(c, r->listing.when, pid, bytes, line->number);
    }
    if (listing_time(line->text, line->len, &when)) {
        err = take(r);
        r->listing.when = when;
        return err;
    }
    switch (pmap_text_feed(&r->text, line->text, line->len)) {
    case PMAP_LINE_NEXT:
        err = take(r);
        if (!err)
            pmap_text_feed(&r->text, line->text, line->len);
        break;
    case PMAP_LINE_BAD:
        return collection_skip(c, line->number, line->text, line->len);
    case PMAP_LINE_TAKEN:
        break;
    }
    buffer_bytes(&r->raw, line->text, line->len);
    buffer_u8(&r->raw, '\n');
    if (!err && r->text.text.len > MAX_TEXT_BYTES)
        err = error_create(ERROR_INVALID, "more regions than a process can have");
    return err;
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    struct reading r = {.path_pid = 0};
    struct input_line line;
    struct seep_error *err, *last;

    listing_init(&r.listing, in, c);
    pmap_text_init(&r.text);
    while (!(err = input_next_line(in, &line)) && line.text && !err) {
        err = take_line(&r, &line);
        if (err)
            break;
        if (line.number % 4096 == 0)
            collection_progress(c);
    }
    if (!err)
        err = take(&r);
    last = listing_end(&r.listing);
    if (!err && !last && !r.looks && !r.totals)
        err = error_create(ERROR_CORRUPT, "no line of it is one of pmap's");
    if (err)
        error_destroy(last);
    pmap_text_deinit(&r.text);
    buffer_deinit(&r.raw);
    return err ? err : last;
}

const struct importer importer_pmap = {
    .name = "pmap",
    .option = "pmap",
    .argument = "F@TIME",
    .doc = "What pmap printed, with any of its options, of one process or several",
    .expected = "pmap listings",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise,
    .import = import,
};
