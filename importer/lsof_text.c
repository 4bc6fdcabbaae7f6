#include "importer/lsof_text.h"

#include <ctype.h>

bool lsof_text_header(const char *line, size_t len, struct lsof_header *ret_header)
{
    struct lsof_header header = {.count = 0};
    struct words w = words_of(line, len);
    struct word word;
    bool fd = false, name = false;

    if (!words_next(&w, &word) || !word_is(word, "COMMAND"))
        return false;
    do {
        if (header.count == LSOF_MAX_COLUMNS || word.len >= sizeof(header.columns[0].name))
            return false;
        memcpy(header.columns[header.count].name, word.text, word.len);
        header.columns[header.count].start = (size_t)(word.text - line);
        header.columns[header.count++].end = w.at;
        fd = fd || word_is(word, "FD");
        name = word_is(word, "NAME");
    } while (words_next(&w, &word));
    if (!fd || !name)
        return false;
    *ret_header = header;
    return true;
}

static bool column_is(const struct lsof_header *header, size_t i, const char *name)
{
    return i < header->count && strcmp(header->columns[i].name, name) == 0;
}

/* "202,1" */
static bool read_device(struct word word, struct lsof_row *row)
{
    const char *comma = word.len ? memchr(word.text, ',', word.len) : NULL;
    uint64_t major, minor;

    if (!comma)
        return false;
    if (!word_number((struct word){word.text, (size_t)(comma - word.text)}, &major) ||
        !word_number((struct word){comma + 1, (size_t)(word.text + word.len - comma - 1)},
                     &minor) ||
        major > UINT32_MAX || minor > UINT32_MAX)
        return false;
    row->major = (uint32_t)major;
    row->minor = (uint32_t)minor;
    return true;
}

/* "15u", "0r"; else a word such as "mem". */
static int64_t read_descriptor(struct word word)
{
    size_t digits = 0;
    uint64_t number;

    while (digits < word.len && isdigit((unsigned char)word.text[digits]))
        digits++;
    if (digits == 0 || !word_number((struct word){word.text, digits}, &number) ||
        number > INT32_MAX)
        return -1;
    return (int64_t)number;
}

/* COMMAND PID [TID] [TASKCMD] [PGID] [PPID] USER FD TYPE: all but TID and TASKCMD are always there. */
static bool read_left(const struct lsof_header *header, struct words *w, struct lsof_row *row,
                      size_t *ret_column)
{
    size_t i;
    struct word word;
    int pid;

    for (i = 0; i < header->count; i++) {
        const char *name = header->columns[i].name;
        struct words ahead = *w;

        if (column_is(header, i, "DEVICE") || !words_next(&ahead, &word))
            break;
        if (strcmp(name, "COMMAND") == 0) {
            row->command = word;
        } else if (strcmp(name, "PID") == 0) {
            if (!word_pid(word, &pid))
                return false;
            row->pid = pid;
        } else if (strcmp(name, "TID") == 0 || strcmp(name, "TASKCMD") == 0) {
            /* Blank for the process itself: then the word stands under another name. */
            if ((size_t)(word.text - ahead.line) >= header->columns[i].end)
                continue;
        } else if (strcmp(name, "USER") == 0) {
            row->user = word;
        } else if (strcmp(name, "FD") == 0) {
            row->fd = word;
        } else if (strcmp(name, "TYPE") == 0) {
            row->type = word;
        }
        *w = ahead;
    }
    *ret_column = i;
    return row->pid > 0 && row->fd.len && row->type.len && column_is(header, i, "DEVICE");
}

static void read_number(const char *name, struct word word, struct lsof_row *row)
{
    uint64_t number;

    if (strcmp(name, "DEVICE") == 0)
        read_device(word, row);
    else if (strncmp(name, "SIZE", 4) == 0 && word_number(word, &number))
        row->size_bytes = number; /* "0t123" is an offset */
    else if (strcmp(name, "NODE") == 0 && word_number(word, &number))
        row->inode = number;
}

bool lsof_text_row(const struct lsof_header *header, const char *line, size_t len,
                   struct lsof_row *ret_row)
{
    struct lsof_row row = {.size_bytes = LSOF_UNKNOWN, .inode = LSOF_UNKNOWN};
    struct words w = words_of(line, len);
    size_t column = 0;
    struct word word;

    if (!header->count || !read_left(header, &w, &row, &column))
        return false;
    for (struct words ahead = w; column < header->count && !column_is(header, column, "NAME");) {
        if (!words_next(&ahead, &word))
            break;
        /* The columns whose names end before the word does are blank. */
        while (!column_is(header, column, "NAME") && header->columns[column].end < ahead.at)
            column++;
        if (column_is(header, column, "NAME"))
            break;
        read_number(header->columns[column++].name, word, &row);
        w = ahead;
    }
    row.name = words_rest(&w);
    row.descriptor = read_descriptor(row.fd);
    row.deleted = word_begins(row.fd, "DEL") || word_has(row.name, "(deleted)");
    *ret_row = row;
    return true;
}
