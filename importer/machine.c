/*
 * What free, /proc/meminfo and the settings of transparent huge pages say of the machine.
 *
 *     Mem:    7982   7372  229 ...         free, of which the unit must be guessed
 *     MemTotal:       8174092 kB           meminfo, or lines of it
 *     [always] madvise never               transparent_hugepage/enabled or defrag
 */
#include <ctype.h>
#include <stdlib.h>

#include "evidence/proc_text.h"
#include "importer/importer.h"
#include "importer/words.h"

enum {
    HEAD_LINES = 20,
    KIB_FROM = 1 << 20, /* of free's total: 1 GiB in KiB, or 1 TiB in MiB */
    MIB_FROM = 1 << 10, /* 1 GiB in MiB, or 1 TiB in GiB */
    NAME_BYTES = 24,
};

static const struct {
    const char *name;
    enum fact_kind kind;
} meminfo_rows[] = {
    {"MemTotal:", FACT_MEMORY_TOTAL},    {"MemAvailable:", FACT_MEMORY_AVAILABLE},
    {"SwapTotal:", FACT_SWAP_TOTAL},     {"SwapFree:", FACT_SWAP_FREE},
    {"AnonHugePages:", FACT_HUGE_PAGES},
};

struct reading {
    struct input *in;
    struct collection *c;
    struct when when;
    bool timed;
    size_t facts, known_lines;

    char columns[8][NAME_BYTES]; /* of free, without the first */
    size_t column_count;
    uint64_t unit; /* of free's numbers; 0: not told yet */
    bool free_doubtful;
};

/* --- recognising --- */

/* The word in brackets of "always [madvise] never"; what stands before a path's colon is passed over,
 * as grep prints it. */
static bool thp_setting(const char *line, size_t len, struct word *ret_word, bool *ret_defrag,
                        bool *ret_shmem)
{
    struct words w = words_of(line, len);
    struct word word;
    size_t known = 0, chosen = 0;

    *ret_defrag =
        word_has((struct word){line, len}, "defer") || word_has((struct word){line, len}, "defrag");
    *ret_shmem = word_has((struct word){line, len}, "within_size");
    while (words_next(&w, &word)) {
        const char *colon = memrchr(word.text, ':', word.len);

        if (colon) {
            word.len -= (size_t)(colon + 1 - word.text);
            word.text = colon + 1;
        }
        if (word.len > 2 && word.text[0] == '[' && word.text[word.len - 1] == ']') {
            *ret_word = word = (struct word){word.text + 1, word.len - 2};
            chosen++;
        }
        known += word_is(word, "always") || word_is(word, "madvise") || word_is(word, "never") ||
                 word_is(word, "advise");
    }
    return chosen == 1 && known >= 2;
}

static bool is_free_header(const char *line, size_t len)
{
    struct words w = words_of(line, len);
    struct word first, second;

    return words_next(&w, &first) && words_next(&w, &second) && word_is(first, "total") &&
           word_is(second, "used");
}

/* "MemTotal:  8174092 kB", "HugePages_Total:  0": any line of meminfo. */
static bool is_meminfo(const char *line, size_t len)
{
    static const char *const names[] = {
        "Mem",           "Swap",          "AnonHugePages:", "HugePages_",
        "Hugepagesize:", "Hugetlb:",      "Buffers:",       "Cached:",
        "Active",        "Inactive",      "Slab:",          "SReclaimable:",
        "SUnreclaim:",   "Commit",        "Anon",           "Mapped:",
        "Shmem",         "KReclaimable:", "PageTables:",    "Vmalloc",
        "DirectMap",     "Dirty:",        "Writeback",      "Unevictable:",
        "Mlocked:",      "KernelStack:",  "Percpu:",        "Cma",
        "File",
    };
    struct words w = words_of(line, len);
    struct word name, number, unit;
    uint64_t value;

    if (!words_next(&w, &name) || name.text[name.len - 1] != ':' || !words_next(&w, &number) ||
        !word_number(number, &value) ||
        (words_next(&w, &unit) && !(word_is(unit, "kB") && !words_rest(&w).len)))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (word_begins(name, names[i]))
            return true;
    return false;
}

static int recognise(const char *head, size_t len)
{
    size_t at = 0, line_len, lines = 0, meminfo = 0;
    struct word word;
    bool defrag, shmem;
    const char *line;

    for (int i = 0; i < HEAD_LINES && (line = words_line(head, len, &at, &line_len)); i++) {
        lines += line_len > 0;
        if (is_free_header(line, line_len))
            return IMPORTER_CERTAIN;
        meminfo +=
            is_meminfo(line, line_len) || thp_setting(line, line_len, &word, &defrag, &shmem);
    }
    return meminfo && meminfo * 2 >= lines ? IMPORTER_LIKELY : IMPORTER_NEVER;
}

/* --- facts --- */

static struct seep_error *add(struct reading *r, enum fact_kind kind, uint64_t value,
                              struct word text, uint64_t line)
{
    char copy[NAME_BYTES];
    struct fact fact = {.kind = kind,
                        .has_value = !text.len,
                        .value = value,
                        .text = text.len ? copy : NULL,
                        .line = line};
    struct seep_error *err = r->timed ? NULL : collection_file_time(r->c, &r->when);

    if (err || text.len >= sizeof(copy))
        return err;
    memcpy(copy, text.text, text.len);
    copy[text.len] = '\0';
    r->timed = true;
    r->facts++;
    return collection_fact(r->c, r->when, &fact);
}

static struct seep_error *take_thp(struct reading *r, struct word setting, bool defrag, bool shmem,
                                   uint64_t line)
{
    bool by_name = word_has((struct word){r->in->path, strlen(r->in->path)}, "defrag");
    struct seep_error *err = NULL;

    r->known_lines++;
    if (shmem || word_has((struct word){r->in->path, strlen(r->in->path)}, "shmem"))
        return NULL;
    if (!defrag && !by_name &&
        !word_has((struct word){r->in->path, strlen(r->in->path)}, "enabled"))
        err =
            collection_remark(r->c, "taken for transparent_hugepage/enabled: nothing says whether "
                                    "it is that or defrag");
    return err ? err
               : add(r, defrag || by_name ? FACT_THP_DEFRAG : FACT_THP_ENABLED, 0, setting, line);
}

/* Names of free's columns: "total used free shared buff/cache available". */
static void take_free_header(struct reading *r, const char *line, size_t len)
{
    struct words w = words_of(line, len);
    struct word word;

    r->column_count = 0;
    while (r->column_count < ARRAY_SIZE(r->columns) && words_next(&w, &word) &&
           word.len < NAME_BYTES) {
        memcpy(r->columns[r->column_count], word.text, word.len);
        r->columns[r->column_count++][word.len] = '\0';
    }
}

/* "7982", or with free -h "7.8Gi". 0 in *RET_UNIT: it has no unit. */
static bool free_number(struct word word, double *ret_number, uint64_t *ret_unit)
{
    static const struct {
        char letter;
        uint64_t unit;
    } units[] = {{'B', 1}, {'K', 1 << 10}, {'M', 1 << 20}, {'G', 1 << 30}, {'T', 1ULL << 40}};
    char text[NAME_BYTES], *end;

    if (word.len >= sizeof(text) || !isdigit((unsigned char)word.text[0]))
        return false;
    memcpy(text, word.text, word.len);
    text[word.len] = '\0';
    *ret_number = strtod(text, &end);
    *ret_unit = 0;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (*end == units[i].letter)
            *ret_unit = units[i].unit;
    return (*end == '\0' || *ret_unit) && *ret_number < 1e15;
}

/* free's default is KiB, people use -m. No machine that runs anything has less than 1 GiB, or so it is
 * taken; numbers below it may be GiB. */
static struct seep_error *settle_unit(struct reading *r, double total)
{
    if (r->unit || r->free_doubtful)
        return NULL;
    r->unit = total >= KIB_FROM ? 1 << 10 : total >= MIB_FROM ? 1 << 20 : 0;
    r->free_doubtful = !r->unit;
    if (r->free_doubtful)
        return collection_remark(r->c, "free does not say whether its numbers are MiB or GiB: they "
                                       "are left out; give /proc/meminfo instead");
    return collection_remark(r->c, "the numbers of free are taken for %s, by their size",
                             r->unit == 1 << 10 ? "KiB" : "MiB");
}

static struct seep_error *take_free(struct reading *r, struct words w, bool swap, uint64_t line)
{
    struct seep_error *err = NULL;
    struct word word;

    for (size_t i = 0; i < r->column_count && words_next(&w, &word) && !err; i++) {
        const char *name = r->columns[i];
        enum fact_kind kind = strcmp(name, "total") == 0
                                  ? (swap ? FACT_SWAP_TOTAL : FACT_MEMORY_TOTAL)
                              : strcmp(name, "available") == 0 && !swap ? FACT_MEMORY_AVAILABLE
                              : strcmp(name, "free") == 0 && swap       ? FACT_SWAP_FREE
                                                                        : FACT_COUNT;
        double number;
        uint64_t unit;

        if (!free_number(word, &number, &unit))
            return collection_skip(r->c, line, w.line, w.len);
        if (!unit && kind == FACT_MEMORY_TOTAL)
            err = settle_unit(r, number);
        if (!unit)
            unit = number == 0 ? 1 : r->unit;
        if (!err && kind != FACT_COUNT && unit)
            err = add(r, kind, (uint64_t)(number * (double)unit), (struct word){"", 0}, line);
    }
    r->known_lines++;
    return err;
}

static struct seep_error *take_meminfo(struct reading *r, struct words w, struct word name,
                                       uint64_t line)
{
    struct word number;
    uint64_t bytes;

    r->known_lines++;
    if (!words_next(&w, &number) || !word_kib(number, &bytes))
        return collection_skip(r->c, line, w.line, w.len);
    for (size_t i = 0; i < ARRAY_SIZE(meminfo_rows); i++)
        if (word_is(name, meminfo_rows[i].name))
            return add(r, meminfo_rows[i].kind, bytes, (struct word){"", 0}, line);
    return NULL;
}

static struct seep_error *take_line(struct reading *r, const struct input_line *line)
{
    struct words w = words_of(line->text, line->len);
    struct word word, setting;
    bool defrag, shmem;

    if (!words_next(&w, &word))
        return NULL;
    if (is_free_header(line->text, line->len)) {
        take_free_header(r, line->text, line->len);
        return NULL;
    }
    if (r->column_count && (word_is(word, "Mem:") || word_is(word, "Swap:")))
        return take_free(r, w, word_is(word, "Swap:"), line->number);
    if (thp_setting(line->text, line->len, &setting, &defrag, &shmem))
        return take_thp(r, setting, defrag, shmem, line->number);
    if (is_meminfo(line->text, line->len))
        return take_meminfo(r, w, word, line->number);
    if (r->column_count && word_is(word, "-/+")) /* of free before 2015 */
        return NULL;
    /* Kernels add lines to meminfo. */
    if (r->known_lines && word.text[word.len - 1] == ':')
        return NULL;
    return collection_skip(r->c, line->number, line->text, line->len);
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    struct reading r = {.in = in, .c = c};
    struct input_line line;
    struct seep_error *err;

    while (!(err = input_next_line(in, &line)) && line.text && !(err = take_line(&r, &line)))
        ;
    if (!err && !r.known_lines)
        err = error_create(ERROR_CORRUPT, "no line of it is one of free, meminfo or a THP setting");
    return err;
}

const struct importer importer_machine = {
    .name = "machine",
    .option = "meminfo",
    .argument = "F@TIME",
    .doc = "/proc/meminfo, what free printed, or the settings of transparent huge pages",
    .expected = "free, /proc/meminfo and transparent_hugepage settings",
    .stage = IMPORTER_REGIONS,
    .repeatable = true, /* "[always] madvise never" of two files */
    .recognise = recognise,
    .import = import,
};
