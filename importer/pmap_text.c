#include "importer/pmap_text.h"

#include <inttypes.h>
#include <string.h>

#include "importer/words.h"

struct row {
    uint64_t start, size_bytes;
    uint64_t offset, inode;
    uint64_t major, minor;
    char perms[5]; /* as maps has them */
    struct buffer *fields;
    struct word name;
};

/* --- parts of a row --- */

/* "r-x--", "rw-s-", "rw-sR" of pmap's Mode, or "rw-p" of its Perm. */
static bool read_perms(struct word word, struct row *row)
{
    static const char letters[] = "rwx";

    if (word.len != 4 && word.len != 5)
        return false;
    for (int i = 0; i < 3; i++) {
        if (word.text[i] != letters[i] && word.text[i] != '-')
            return false;
        row->perms[i] = word.text[i];
    }
    if (word.len == 4 ? !strchr("sp", word.text[3]) : !strchr("s-", word.text[3]))
        return false;
    if (word.len == 5 && !strchr("R-", word.text[4]))
        return false;
    row->perms[3] = word.text[3] == 's' ? 's' : 'p';
    row->perms[4] = '\0';
    return true;
}

/* "ca:01", "0fb:00001". */
static bool read_device(struct word word, struct row *row)
{
    const char *colon = word.len ? memchr(word.text, ':', word.len) : NULL;

    if (!colon)
        return false;

    struct word major = {word.text, (size_t)(colon - word.text)};
    struct word minor = {colon + 1, word.len - major.len - 1};

    return word_hex(major, &row->major) && word_hex(minor, &row->minor) &&
           row->major <= UINT32_MAX && row->minor <= UINT32_MAX;
}

/* "4092", or with a unit: "4092K". */
static bool read_kib(struct word word, uint64_t *ret_bytes)
{
    if (word.len > 1 && word.text[word.len - 1] == 'K')
        word.len--;
    return word_kib(word, ret_bytes);
}

/* A column of which the name is none of the kernel's is not passed on. */
static bool is_field_name(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return name[0] >= 'A' && name[0] <= 'Z' && name[len] == '\0';
}

static void put_field(struct buffer *out, const char *name, struct word value)
{
    bool plain = strcmp(name, "THPeligible") == 0 || strcmp(name, "ProtectionKey") == 0 ||
                 strcmp(name, "VmFlags") == 0;

    if (!is_field_name(name))
        return;
    buffer_printf(out, "%s: %.*s%s\n", name, (int)value.len, value.text, plain ? "" : " kB");
}

/* Names as pmap prints them, as the kernel has them (mapping_name() in procps' pmap.c). */
static void put_name(struct buffer *out, struct word name)
{
    if (word_is(name, "[ anon ]"))
        return;
    buffer_u8(out, ' ');
    if (name.len > 4 && word_begins(name, "[ ") && name.text[name.len - 1] == ']') {
        while (name.len > 3 && name.text[name.len - 2] == ' ')
            name.len--;
        if (word_begins(name, "[ shmid=0x")) {
            buffer_printf(out, "/SYSV (shmid %.*s)", (int)(name.len - 9), name.text + 8);
            return;
        }
        buffer_printf(out, "[%.*s]", (int)(name.len - 3), name.text + 2);
        return;
    }
    if (word_is(name, "zero (deleted)"))
        buffer_printf(out, "/dev/");
    else if (word_begins(name, "memfd:") || word_begins(name, "SYSV") ||
             word_begins(name, "anon_hugepage"))
        buffer_u8(out, '/');
    else if (name.text[0] != '/' && name.text[0] != '[' && !word_begins(name, "anon_inode:"))
        buffer_printf(out, "/.../");
    buffer_bytes(out, name.text, name.len);
}

static enum pmap_line add_row(struct pmap_text *t, const struct row *row)
{
    uint64_t end;

    /* procps 3.3.3 to 3.3.9 gives each region a second line of nothing but zeros. */
    if (row->size_bytes == 0)
        return PMAP_LINE_TAKEN;
    if (row->start % 1024 || __builtin_add_overflow(row->start, row->size_bytes, &end))
        return PMAP_LINE_BAD;
    buffer_printf(&t->text,
                  "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02" PRIx64 ":%02" PRIx64
                  " %" PRIu64,
                  row->start, end, row->perms, row->offset, row->major, row->minor, row->inode);
    if (row->name.len)
        put_name(&t->text, row->name);
    buffer_u8(&t->text, '\n');
    if (row->fields->len) {
        buffer_printf(&t->text, "Size: %" PRIu64 " kB\n", row->size_bytes / 1024);
        buffer_bytes(&t->text, row->fields->bytes, row->fields->len);
        t->has_fields = true;
    }
    t->unordered = t->unordered || row->start < t->end;
    t->end = end;
    t->regions++;
    if (row->perms[3] == 's')
        t->shared_bytes += row->size_bytes;
    if (__builtin_add_overflow(t->size_bytes, row->size_bytes, &t->size_bytes))
        t->size_bytes = UINT64_MAX;
    return PMAP_LINE_TAKEN;
}

/* --- columns --- */

static bool column_is(const struct pmap_column *column, const char *name)
{
    return strcmp(column->name, name) == 0;
}

static void add_column(struct pmap_text *t, const char *name, size_t len, size_t end)
{
    if (t->column_count == PMAP_MAX_COLUMNS)
        return;

    struct pmap_column *column = &t->columns[t->column_count++];

    if (len > sizeof(column->name) - 1)
        len = sizeof(column->name) - 1;
    memcpy(column->name, name, len);
    column->name[len] = '\0';
    column->end = end;
}

/* "Address  Kbytes  RSS ...  Mapping". procps 3.3.10 to 3.3.12 prints "VmFlagsMapping" in one. */
static bool read_header(struct pmap_text *t, const char *line, size_t len)
{
    struct words w = words_of(line, len);
    struct word word;

    if (!words_next(&w, &word) || !word_is(word, "Address") || !word_has(words_rest(&w), "Mapping"))
        return false;
    t->column_count = 0;
    do {
        size_t tail = strlen("Mapping");

        if (word.len > tail && memcmp(word.text + word.len - tail, "Mapping", tail) == 0 &&
            word_begins(word, "VmFlags")) {
            add_column(t, word.text, word.len - tail, w.at - tail);
            add_column(t, "Mapping", tail, w.at);
        } else {
            add_column(t, word.text, word.len, w.at);
        }
    } while (words_next(&w, &word));
    return true;
}

/* pmap's short names, as smaps has them; NULL: the name is the kernel's own. */
static const char *smaps_name(const char *name)
{
    static const struct {
        const char *pmap, *smaps;
    } rows[] = {
        {"RSS", "Rss"},
        {"PSS", "Pss"},
        {"Anon", "Anonymous"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(name, rows[i].pmap) == 0)
            return rows[i].smaps;
    return name;
}

/* The two-letter flags up to the column's end: what follows them is a name. */
static struct word read_flags(struct words *w, size_t end)
{
    struct words ahead = *w;
    struct word word, flags = {w->line + w->at, 0};

    while (words_next(&ahead, &word) && word.len == 2 && (size_t)(word.text - ahead.line) < end &&
           word.text[0] >= 'a' && word.text[0] <= 'z' && word.text[1] >= '0' &&
           word.text[1] <= 'z') {
        if (!flags.len)
            flags.text = word.text;
        flags.len = (size_t)(word.text + word.len - flags.text);
        *w = ahead;
    }
    return flags;
}

static bool read_column(struct row *row, const struct pmap_column *column, struct words *w)
{
    struct word word;
    uint64_t bytes;

    if (column_is(column, "VmFlags")) {
        word = read_flags(w, column->end);
        if (word.len)
            put_field(row->fields, column->name, word);
        return true;
    }
    if (!words_next(w, &word))
        return false;
    if (column_is(column, "Address"))
        return word_hex(word, &row->start);
    if (column_is(column, "Kbytes") || column_is(column, "Size"))
        return read_kib(word, &row->size_bytes);
    if (column_is(column, "Mode") || column_is(column, "Perm"))
        return read_perms(word, row);
    if (column_is(column, "Offset"))
        return word_hex(word, &row->offset);
    if (column_is(column, "Device"))
        return read_device(word, row);
    if (column_is(column, "Inode"))
        return word_number(word, &row->inode);
    if (word_is(word, "-"))
        return true;
    if (!word_kib(word, &bytes))
        return false;
    put_field(row->fields, smaps_name(column->name), word);
    return true;
}

static enum pmap_line take_columns(struct pmap_text *t, const char *line, size_t len)
{
    _cleanup_buffer_ struct buffer fields = {0};
    struct row row = {.perms = "", .fields = &fields};
    struct words w = words_of(line, len);

    for (size_t i = 0; i < t->column_count; i++) {
        if (column_is(&t->columns[i], "Mapping")) {
            row.name = words_rest(&w);
            break;
        }
        if (!read_column(&row, &t->columns[i], &w))
            return PMAP_LINE_BAD;
    }
    if (!row.perms[0])
        return PMAP_LINE_BAD;
    if (fields.failed)
        t->text.failed = true;
    return add_row(t, &row);
}

/* --- rows without a header --- */

/* "0000000000400000   4092K r-x-- nginx": what pmap without options prints. */
static bool read_plain(struct words w, struct row *row)
{
    struct word word;

    if (!words_next(&w, &word) || word.len < 8 || !word_hex(word, &row->start) ||
        !words_next(&w, &word) || word.len < 2 || word.text[word.len - 1] != 'K' ||
        !read_kib(word, &row->size_bytes) || !words_next(&w, &word) || word.len != 5 ||
        !read_perms(word, row))
        return false;
    row->name = words_rest(&w);
    return true;
}

/* "400000 4092 616 0 r-x-- nginx" is of -x; without the two numbers more, and with offset and device
 * behind the mode, it is of -d. */
static bool read_extended(struct words w, struct row *row)
{
    struct word word, numbers[3];
    size_t count = 0;

    if (!words_next(&w, &word) || word.len < 8 || !word_hex(word, &row->start))
        return false;
    while (words_next(&w, &word) && !read_perms(word, row)) {
        if (count == ARRAY_SIZE(numbers))
            return false;
        numbers[count++] = word;
    }
    if (!word.len || word.len != 5 || (count != 1 && count != 3) ||
        !word_kib(numbers[0], &row->size_bytes))
        return false;
    if (count == 1) {
        if (!words_next(&w, &word) || word.len != 16 || !word_hex(word, &row->offset) ||
            !words_next(&w, &word) || !read_device(word, row))
            return false;
    } else {
        uint64_t rss, dirty;

        if (!word_kib(numbers[1], &rss) || !word_kib(numbers[2], &dirty) || rss > row->size_bytes ||
            dirty > rss)
            return false;
        put_field(row->fields, "Rss", numbers[1]);
        put_field(row->fields, "Dirty", numbers[2]);
    }
    row->name = words_rest(&w);
    return true;
}

/* The columns of -X that each procps and kernel since 3.3.3 have first and, by their number, those
 * that cannot be others. -XX of kernels since 4.18 has page sizes in second and third place. */
static bool put_numbers(struct row *row, const struct word *numbers, size_t count)
{
    static const char *const seven[] = {"Referenced", "Anonymous", "Swap", "Locked"};
    uint64_t rss, pss;

    if (count < 3 || !word_kib(numbers[0], &row->size_bytes) || !word_kib(numbers[1], &rss) ||
        !word_kib(numbers[2], &pss))
        return false;
    if (rss > row->size_bytes || pss > rss)
        return true; /* the size alone is sure */
    if (count > 16 && rss == pss && rss == 4096)
        return true;
    put_field(row->fields, "Rss", numbers[1]);
    put_field(row->fields, "Pss", numbers[2]);
    for (size_t i = 0; count == 7 && i < ARRAY_SIZE(seven); i++)
        put_field(row->fields, seven[i], numbers[3 + i]);
    return true;
}

/* "7f4674483000 rw-p 00000000 00:00 0 1575296 1574868 1574868 1535980 1574868 0 0" */
static bool read_full(struct words w, struct row *row)
{
    struct word word, numbers[PMAP_MAX_COLUMNS];
    size_t count = 0;
    uint64_t number;

    if (!words_next(&w, &word) || !word_hex(word, &row->start) || !words_next(&w, &word) ||
        word.len != 4 || !read_perms(word, row) || !words_next(&w, &word) || word.len < 8 ||
        !word_hex(word, &row->offset) || !words_next(&w, &word) || !read_device(word, row) ||
        !words_next(&w, &word) || !word_number(word, &row->inode))
        return false;
    for (struct words ahead = w;
         words_next(&ahead, &word) && word_number(word, &number) && count < ARRAY_SIZE(numbers);
         w = ahead)
        numbers[count++] = word;
    row->name = words_rest(&w);
    return put_numbers(row, numbers, count);
}

static enum pmap_line take_shape(struct pmap_text *t, const char *line, size_t len)
{
    static bool (*const shapes[])(struct words, struct row *) = {read_plain, read_extended,
                                                                 read_full};

    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
        _cleanup_buffer_ struct buffer fields = {0};
        struct row row = {.fields = &fields};

        if (!shapes[i](words_of(line, len), &row))
            continue;
        if (fields.failed)
            t->text.failed = true;
        /* pmap without options never has a header. */
        t->no_header = t->no_header || i > 0;
        return add_row(t, &row);
    }
    return PMAP_LINE_BAD;
}

/* --- lines --- */

/* "1360:   nginx: worker process" */
static bool read_headline(const char *line, size_t len, pid_t *ret_pid, struct word *ret_command)
{
    struct words w = words_of(line, len);
    struct word word;
    int pid;

    if (!words_next(&w, &word) || word.len < 2 || word.text != line ||
        word.text[word.len - 1] != ':')
        return false;
    word.len--;
    if (!word_pid(word, &pid))
        return false;
    *ret_pid = (pid_t)pid;
    *ret_command = words_rest(&w);
    return true;
}

static bool is_ruler(const char *line, size_t len)
{
    size_t marks = 0;

    for (size_t i = 0; i < len; i++) {
        if (line[i] == '-' || line[i] == '=')
            marks++;
        else if (line[i] != ' ' && line[i] != '\t')
            return false;
    }
    return marks >= 4 || len == 0 || marks == 0;
}

/* " total   5008K", "total kB  35904  8076  6368", "mapped: 35904K  writeable/private: ..." and, under
 * the ruler of -X, "  5008 3948 ... KB". */
static bool read_total(struct pmap_text *t, const char *line, size_t len)
{
    struct words w = words_of(line, len);
    struct word word;
    uint64_t bytes;

    if (!words_next(&w, &word))
        return false;
    if (word_is(word, "total") || word_is(word, "mapped:")) {
        if (!words_next(&w, &word) ||
            ((word_is(word, "kB") || word_is(word, "KB")) && !words_next(&w, &word)) ||
            !read_kib(word, &bytes))
            return false;
        t->total_bytes = bytes;
        if (words_next(&w, &word) && read_kib(word, &bytes))
            t->rss_total_bytes = bytes;
        return true;
    }
    if (!t->ruled || !word_kib(word, &bytes) || !word_has(words_rest(&w), "KB"))
        return false;
    t->total_bytes = bytes;
    return true;
}

enum pmap_line pmap_text_feed(struct pmap_text *t, const char *line, size_t len)
{
    struct word command;
    pid_t pid;

    while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
        len--;
    if (read_headline(line, len, &pid, &command)) {
        if (t->pid || t->regions)
            return PMAP_LINE_NEXT;
        t->pid = pid;
        t->column_count = 0;
        buffer_bytes(&t->command, command.text, command.len);
        return PMAP_LINE_TAKEN;
    }
    if (is_ruler(line, len)) {
        t->ruled = t->ruled || len > 0;
        return PMAP_LINE_TAKEN;
    }
    if (read_header(t, line, len) || read_total(t, line, len))
        return PMAP_LINE_TAKEN;
    return t->column_count ? take_columns(t, line, len) : take_shape(t, line, len);
}

void pmap_text_init(struct pmap_text *ret_text)
{
    *ret_text = (struct pmap_text){.total_bytes = UINT64_MAX, .rss_total_bytes = UINT64_MAX};
}

void pmap_text_clear(struct pmap_text *t)
{
    buffer_clear(&t->command);
    buffer_clear(&t->text);
    t->pid = 0;
    t->has_fields = t->unordered = t->no_header = t->ruled = false;
    t->regions = 0;
    t->size_bytes = t->shared_bytes = t->end = 0;
    t->total_bytes = t->rss_total_bytes = UINT64_MAX;
}

void pmap_text_deinit(struct pmap_text *t)
{
    buffer_deinit(&t->command);
    buffer_deinit(&t->text);
    *t = (struct pmap_text){0};
}

bool pmap_text_total(const char *line, size_t len, pid_t *ret_pid, uint64_t *ret_bytes)
{
    struct words w = words_of(line, len);
    struct word word;
    uint64_t bytes;
    int pid;

    if (!words_next(&w, &word) || !word_pid(word, &pid) || !words_next(&w, &word) ||
        !word_is(word, "total") || !words_next(&w, &word) || word.len < 2 ||
        word.text[word.len - 1] != 'K' || !read_kib(word, &bytes) || words_rest(&w).len)
        return false;
    *ret_pid = (pid_t)pid;
    *ret_bytes = bytes;
    return true;
}
