/* Listings of ps: the family of processes, their sizes and commands. */
#include "importer/importer.h"
#include "importer/ps_text.h"
#include "importer/words.h"

enum { HEAD_LINES = 50 };

static int recognise(const char *head, size_t len)
{
    size_t at = 0, line_len, lines = 0, rows = 0;
    const char *line;

    while (lines < HEAD_LINES && (line = words_line(head, len, &at, &line_len))) {
        if (at == len && len == INPUT_HEAD_BYTES)
            break;
        /* top has a few lines above its own. */
        if (ps_text_is_header(line, line_len))
            return lines <= 8 ? IMPORTER_CERTAIN : IMPORTER_LIKELY;
        lines++;
        rows += ps_text_is_row(line, line_len);
    }
    return rows && rows * 2 > lines ? IMPORTER_LIKELY : IMPORTER_NEVER;
}

static struct seep_error *add_number(struct collection *c, struct when when, enum fact_kind kind,
                                     const struct ps_row *row, uint64_t value)
{
    struct fact fact = {
        .kind = kind, .pid = row->pid, .has_value = true, .value = value, .line = row->line};

    return value == PS_UNKNOWN ? NULL : collection_fact(c, when, &fact);
}

static struct seep_error *add_row(struct collection *c, struct when when, const struct ps_row *row)
{
    struct fact process = {
        .kind = FACT_PROCESS,
        .pid = row->pid,
        .name = row->command,
        .has_value = row->rss_bytes != PS_UNKNOWN,
        .value = row->rss_bytes,
        .line = row->line,
    };
    struct seep_error *err = collection_fact(c, when, &process);

    if (!err && row->ppid)
        err = add_number(c, when, FACT_PARENT, row, (uint64_t)row->ppid);
    if (!err)
        err = add_number(c, when, FACT_VIRTUAL, row, row->virtual_bytes);
    return err;
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    struct ps_text ps = {.guessed_sizes = false};
    struct input_line line;
    struct when when = {WHEN_NONE, 0};
    struct seep_error *err;

    while (!(err = input_next_line(in, &line)) && line.text) {
        bool bad = false;

        err = ps_text_feed(&ps, line.text, line.len, line.number, &bad);
        if (!err && bad)
            err = collection_skip(c, line.number, line.text, line.len);
        if (err)
            break;
    }
    ps_text_settle(&ps);
    if (!err && !ps.rows.count)
        err = error_create(ERROR_CORRUPT, "no line of it is one of ps");
    if (!err)
        err = collection_file_time(c, &when);
    if (!err && ps.guessed_sizes)
        err = collection_remark(c, "the names above its columns are missing: which of the numbers "
                                   "are RSS and VSZ is told by their sizes");
    if (!err && ps.unsure_sizes)
        err = collection_remark(c, "the names above its columns are missing: which of the numbers "
                                   "is RSS cannot be told");
    for (size_t i = 0; i < ps.rows.count && !err; i++)
        err = add_row(c, when, &ps.rows.items[i]);
    ps_text_deinit(&ps);
    return err;
}

const struct importer importer_ps = {
    .name = "ps",
    .option = "ps",
    .argument = "F@TIME",
    .doc = "What ps listed, best with the names above its columns",
    .expected = "ps listings",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise,
    .import = import,
};
