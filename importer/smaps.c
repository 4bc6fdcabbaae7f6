/* /proc/PID/maps, smaps, smaps_rollup and status, whole or in part, of one process or several. They
 * are kept as they are: the case's snapshots hold the same texts. */
#include <string.h>

#include "evidence/maps.h"
#include "evidence/proc_text.h"
#include "importer/importer.h"
#include "importer/listing.h"
#include "importer/words.h"

enum {
    HEAD_LINES = 200,
    MAX_TEXT_BYTES = 512 << 20,
    FAR_BYTES = 1 << 30, /* further down than a text goes that the kernel tore */
    PATH_BYTES = 256,
};

enum line_kind {
    LINE_OTHER,
    LINE_EMPTY,
    LINE_REGION, /* 7f46d46e3000-7f46d46e4000 rw-p ... */
    LINE_ROLLUP, /* the same, named [rollup] */
    LINE_FIELD,  /* Rss:  4 kB */
    LINE_NAME,   /* Name:  nginx, the first of status */
};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* *RET_START: of LINE_REGION. */
static enum line_kind classify(const char *line, size_t len, uint64_t *ret_start)
{
    enum line_kind kind = LINE_OTHER;
    struct words w = words_of(line, len);
    struct word word;
    struct maps maps;

    if (!words_next(&w, &word))
        return LINE_EMPTY;
    if (word_is(word, "Name:") && word.text == line)
        return LINE_NAME;
    if (word.text != line)
        return LINE_OTHER;
    if (line[0] >= 'A' && line[0] <= 'Z')
        return word.text[word.len - 1] == ':' ? LINE_FIELD : LINE_OTHER;
    if (!is_hex(line[0]) || !memchr(word.text, '-', word.len))
        return LINE_OTHER;

    struct seep_error *err = maps_parse(line, len, &maps);

    if (err) {
        error_destroy(err);
        return LINE_OTHER;
    }
    if (maps.count == 1) {
        *ret_start = maps.vmas[0].start;
        kind = strcmp(maps.vmas[0].name, "[rollup]") == 0 ? LINE_ROLLUP : LINE_REGION;
    }
    maps_deinit(&maps);
    return kind;
}

static int recognise_counts(const char *head, size_t len, size_t *ret_regions, size_t *ret_names)
{
    size_t at = 0, line_len, lines = 0, regions = 0, fields = 0, names = 0;
    uint64_t start;
    const char *line;

    while (lines < HEAD_LINES && (line = words_line(head, len, &at, &line_len))) {
        if (at == len && len == INPUT_HEAD_BYTES)
            break;
        switch (classify(line, line_len, &start)) {
        case LINE_EMPTY:
            continue;
        case LINE_REGION:
        case LINE_ROLLUP:
            regions++;
            break;
        case LINE_FIELD:
            fields++;
            break;
        case LINE_NAME:
            names++;
            break;
        case LINE_OTHER:
            break;
        }
        lines++;
    }
    *ret_regions = regions;
    *ret_names = names;
    if (regions + names == 0)
        return IMPORTER_NEVER;
    return (regions + fields + names) * 3 >= lines * 2 ? IMPORTER_CERTAIN : IMPORTER_PERHAPS;
}

static int recognise_smaps(const char *head, size_t len)
{
    size_t regions, names;
    int score = recognise_counts(head, len, &regions, &names);

    return regions ? score : IMPORTER_NEVER;
}

static int recognise_status(const char *head, size_t len)
{
    size_t regions, names;
    int score = recognise_counts(head, len, &regions, &names);
    uint64_t pid;

    return names && !regions && proc_text_number(head, len, "Pid", &pid) ? score : IMPORTER_NEVER;
}

/* --- maps, smaps, smaps_rollup --- */

struct reading {
    struct listing listing;
    struct buffer text;
    enum line_kind kind; /* of its regions: LINE_REGION, LINE_ROLLUP; LINE_NAME: status */
    bool has_fields;
    uint64_t first, last; /* starts of regions */
    size_t regions, looks;
    pid_t pid;
    bool pid_known;
};

static struct seep_error *whose(struct reading *r, pid_t *ret_pid)
{
    struct seep_error *err = NULL;

    if (!r->pid_known)
        err = listing_pid(r->listing.in, r->listing.c, &r->pid);
    r->pid_known = true;
    *ret_pid = r->pid;
    return err;
}

/* Every process has a stack (kernel threads, which have no regions at all, aside). */
static bool has_stack(const struct buffer *text)
{
    return memmem(text->bytes, text->len, "[stack]", strlen("[stack]")) != NULL;
}

static struct seep_error *say_partial(struct reading *r)
{
    static const char why[] = "there is no [stack] among the regions";
    struct seep_error *err = listing_also(&r->listing, "partial", why, strlen(why));

    return err ? err : collection_remark(r->listing.c, "%s: taken for a part of them", why);
}

static struct seep_error *take_regions(struct reading *r)
{
    pid_t pid = 0;
    struct seep_error *err = NULL;

    if (r->text.failed)
        return error_no_memory();
    if (r->regions) {
        const char *name = r->kind == LINE_ROLLUP ? "smaps_rollup"
                           : r->has_fields        ? "smaps"
                                                  : "maps";

        err = whose(r, &pid);
        if (!err)
            err = listing_look(&r->listing, pid, name, &r->text);
        if (!err && r->kind == LINE_REGION && !has_stack(&r->text))
            err = say_partial(r);
        r->looks++;
    }
    buffer_clear(&r->text);
    r->regions = 0;
    r->has_fields = false;
    return err;
}

/* Regions come by address: where they begin anew, another look does. */
static bool begins_anew(const struct reading *r, enum line_kind kind, uint64_t start)
{
    return r->regions && (kind == LINE_ROLLUP || r->kind == LINE_ROLLUP || start <= r->first ||
                          (start < r->last && r->last - start > FAR_BYTES));
}

static struct seep_error *append(struct reading *r, const char *line, size_t len)
{
    buffer_bytes(&r->text, line, len);
    buffer_u8(&r->text, '\n');
    return r->text.len > MAX_TEXT_BYTES
               ? error_create(ERROR_INVALID, "more regions than a process can have")
               : NULL;
}

/* "==> /proc/1360/smaps <==": another file. */
static struct seep_error *take_banner(struct reading *r, const char *path)
{
    struct seep_error *err = take_regions(r);
    bool sure;
    pid_t pid = listing_path_pid(path, &sure);

    if (sure) {
        r->pid = pid;
        r->pid_known = true;
    }
    return err;
}

static struct seep_error *take_line(struct reading *r, const struct input_line *line)
{
    struct collection *c = r->listing.c;
    struct seep_error *err = NULL;
    char path[PATH_BYTES];
    struct when when;
    uint64_t start = 0;
    enum line_kind kind = classify(line->text, line->len, &start);

    switch (kind) {
    case LINE_EMPTY:
        return NULL;
    case LINE_REGION:
    case LINE_ROLLUP:
        if (begins_anew(r, kind, start))
            err = take_regions(r);
        if (r->regions++ == 0) {
            r->first = start;
            r->kind = kind;
        }
        r->last = start;
        return err ? err : append(r, line->text, line->len);
    case LINE_FIELD:
        if (!r->regions)
            break;
        r->has_fields = true;
        return append(r, line->text, line->len);
    case LINE_NAME:
    case LINE_OTHER:
        if (listing_time(line->text, line->len, &when)) {
            err = take_regions(r);
            r->listing.when = when;
            return err;
        }
        if (listing_banner(line->text, line->len, path, sizeof(path)))
            return take_banner(r, path);
        break;
    }
    return collection_skip(c, line->number, line->text, line->len);
}

static struct seep_error *import_smaps(struct input *in, struct collection *c)
{
    struct reading r = {.regions = 0};
    struct input_line line;
    struct seep_error *err, *last;

    listing_init(&r.listing, in, c);
    while (!(err = input_next_line(in, &line)) && line.text && !(err = take_line(&r, &line)))
        if (line.number % 4096 == 0)
            collection_progress(c);
    if (!err)
        err = take_regions(&r);
    last = listing_end(&r.listing);
    if (!err && !last && !r.looks)
        err = error_create(ERROR_CORRUPT, "no line of it is one of maps or smaps");
    if (err)
        error_destroy(last);
    buffer_deinit(&r.text);
    return err ? err : last;
}

/* --- status --- */

static struct seep_error *take_status(struct reading *r)
{
    uint64_t number = 0;
    pid_t pid = 0;
    struct seep_error *err = NULL;

    if (r->text.failed)
        return error_no_memory();
    if (!r->text.len)
        return NULL;
    if (proc_text_number(r->text.bytes, r->text.len, "Tgid", &number) ||
        proc_text_number(r->text.bytes, r->text.len, "Pid", &number))
        pid = number <= INT32_MAX ? (pid_t)number : 0;
    if (!pid)
        err = whose(r, &pid);
    if (!err && proc_text_number(r->text.bytes, r->text.len, "PPid", &number) && number && pid) {
        struct fact fact = {.kind = FACT_PARENT, .pid = pid, .has_value = true, .value = number};

        err = collection_fact(r->listing.c, r->listing.when, &fact);
    }
    if (!err)
        err = listing_look(&r->listing, pid, "status", &r->text);
    r->looks++;
    buffer_clear(&r->text);
    return err;
}

static struct seep_error *take_status_line(struct reading *r, const struct input_line *line)
{
    struct seep_error *err = NULL;
    char path[PATH_BYTES];
    struct when when;
    uint64_t start;

    switch (classify(line->text, line->len, &start)) {
    case LINE_EMPTY:
        return NULL;
    case LINE_NAME:
        err = take_status(r);
        return err ? err : append(r, line->text, line->len);
    case LINE_FIELD:
        if (r->text.len)
            return append(r, line->text, line->len);
        break;
    default:
        if (listing_time(line->text, line->len, &when)) {
            err = take_status(r);
            r->listing.when = when;
            return err;
        }
        if (listing_banner(line->text, line->len, path, sizeof(path)))
            return take_status(r);
        /* "voluntary_ctxt_switches:" and its like. */
        if (r->text.len && line->len && memchr(line->text, ':', line->len))
            return append(r, line->text, line->len);
        break;
    }
    return collection_skip(r->listing.c, line->number, line->text, line->len);
}

static struct seep_error *import_status(struct input *in, struct collection *c)
{
    struct reading r = {.regions = 0};
    struct input_line line;
    struct seep_error *err, *last;

    listing_init(&r.listing, in, c);
    while (!(err = input_next_line(in, &line)) && line.text && !(err = take_status_line(&r, &line)))
        ;
    if (!err)
        err = take_status(&r);
    last = listing_end(&r.listing);
    if (!err && !last && !r.looks)
        err = error_create(ERROR_CORRUPT, "no line of it is one of /proc/PID/status");
    if (err)
        error_destroy(last);
    buffer_deinit(&r.text);
    return err ? err : last;
}

const struct importer importer_smaps = {
    .name = "smaps",
    .option = "smaps",
    .argument = "F@TIME",
    .doc = "/proc/PID/maps, smaps or smaps_rollup, whole or in part",
    .expected = "/proc/PID/maps and smaps",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise_smaps,
    .import = import_smaps,
};

const struct importer importer_status = {
    .name = "status",
    .option = "status",
    .argument = "F@TIME",
    .doc = "/proc/PID/status, of one process or several",
    .expected = "/proc/PID/status",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise_status,
    .import = import_status,
};
