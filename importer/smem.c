/*
 * Listings of smem (the script on top of Linux::Smaps): a process's resident memory by kind of page.
 * It names no addresses, so that its rows are facts and not regions.
 *
 *     VMSIZE:     835412 kb
 *     RSS:        274928 kb total
 *                   2880 kb shared
 *     PRIVATE MAPPINGS
 *          vmsize   rss clean   rss dirty   file
 *       406380 kb     7432 kb   258816 kb   [heap]
 */
#include <inttypes.h>
#include <stdio.h>

#include "importer/importer.h"
#include "importer/listing.h"
#include "importer/words.h"

enum { HEAD_LINES = 40, NAME_BYTES = 4096 };

struct reading {
    struct collection *c;
    struct when when;
    pid_t pid;
    enum fact_kind part; /* FACT_REGION_...; FACT_COUNT: neither heading was seen */
    size_t facts;
};

/* "406380 kb" */
static bool next_kb(struct words *w, uint64_t *ret_bytes)
{
    struct words ahead = *w;
    struct word number, unit;

    if (!words_next(&ahead, &number) || !words_next(&ahead, &unit) ||
        (!word_is(unit, "kb") && !word_is(unit, "kB")) || !word_kib(number, ret_bytes))
        return false;
    *w = ahead;
    return true;
}

static int recognise(const char *head, size_t len)
{
    size_t at = 0, line_len;
    const char *line;
    bool sizes = false;

    for (int i = 0; i < HEAD_LINES && (line = words_line(head, len, &at, &line_len)); i++) {
        struct words w = words_of(line, line_len);
        struct word word;

        if (!words_next(&w, &word))
            continue;
        sizes = sizes || word_is(word, "VMSIZE:");
        if (sizes && word_has(words_rest(&w), "MAPPINGS"))
            return IMPORTER_CERTAIN;
    }
    return sizes ? IMPORTER_LIKELY : IMPORTER_NEVER;
}

static struct seep_error *add(struct reading *r, enum fact_kind kind, uint64_t value,
                              const char *name, const char *text, uint64_t line)
{
    struct fact fact = {.kind = kind,
                        .pid = r->pid,
                        .name = name,
                        .has_value = true,
                        .value = value,
                        .text = text,
                        .line = line};

    r->facts++;
    return collection_fact(r->c, r->when, &fact);
}

/* "274928 kb total", "8112 kb private clean". */
static bool total_kind(struct word what, enum fact_kind *ret_kind)
{
    static const struct {
        const char *text;
        enum fact_kind kind;
    } rows[] = {
        {"total", FACT_PROCESS},
        {"shared", FACT_RSS_SHARED},
        {"private clean", FACT_RSS_PRIVATE_CLEAN},
        {"private dirty", FACT_RSS_PRIVATE_DIRTY},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (word_is(what, rows[i].text)) {
            *ret_kind = rows[i].kind;
            return true;
        }
    return false;
}

static struct seep_error *take_region(struct reading *r, struct words w, uint64_t size,
                                      uint64_t line, bool *ret_bad)
{
    char name[NAME_BYTES], text[48];
    uint64_t clean, dirty;

    *ret_bad = !next_kb(&w, &clean) || !next_kb(&w, &dirty);
    if (*ret_bad)
        return NULL;
    snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, clean, dirty);

    struct word rest = words_rest(&w);
    size_t len = rest.len < sizeof(name) - 1 ? rest.len : sizeof(name) - 1;

    memcpy(name, rest.text, len);
    name[len] = '\0';
    return add(r, r->part, size, name, text, line);
}

static struct seep_error *take_line(struct reading *r, const struct input_line *line)
{
    struct words w = words_of(line->text, line->len);
    struct words ahead = w;
    struct word word;
    enum fact_kind kind;
    uint64_t bytes;
    bool bad = false;
    struct seep_error *err = NULL;

    if (!words_next(&ahead, &word) || word_is(word, "vmsize"))
        return NULL;
    if (word_has(words_rest(&ahead), "MAPPINGS")) {
        r->part = word_is(word, "PRIVATE") ? FACT_REGION_PRIVATE : FACT_REGION_SHARED;
        return NULL;
    }
    if (word_is(word, "VMSIZE:") && next_kb(&ahead, &bytes))
        return add(r, FACT_VIRTUAL, bytes, NULL, NULL, line->number);
    if (word_is(word, "RSS:"))
        w = ahead;
    if (!next_kb(&w, &bytes))
        return collection_skip(r->c, line->number, line->text, line->len);
    if (r->part != FACT_COUNT)
        err = take_region(r, w, bytes, line->number, &bad);
    else if (total_kind(words_rest(&w), &kind))
        err = add(r, kind, bytes, NULL, NULL, line->number);
    else
        bad = true;
    return err || !bad ? err : collection_skip(r->c, line->number, line->text, line->len);
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    struct reading r = {.c = c, .part = FACT_COUNT};
    struct input_line line;
    struct seep_error *err = listing_pid(in, c, &r.pid);

    if (!err)
        err = collection_file_time(c, &r.when);
    while (!err && !(err = input_next_line(in, &line)) && line.text)
        err = take_line(&r, &line);
    if (!err && !r.facts)
        err = error_create(ERROR_CORRUPT, "no line of it is one of smem");
    return err;
}

const struct importer importer_smem = {
    .name = "smem",
    .option = "smem",
    .argument = "F@TIME",
    .doc = "What smem listed of a process: shared, private clean and private dirty by file",
    .expected = "smem listings",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise,
    .import = import,
};
