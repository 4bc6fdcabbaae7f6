#include "importer/ps_text.h"

#include <ctype.h>
#include <stdlib.h>

#include "importer/words.h"

enum ps_column {
    COLUMN_OTHER,
    COLUMN_PID,
    COLUMN_PPID,
    COLUMN_RSS,
    COLUMN_VSZ,
    COLUMN_START, /* may have blanks: lstart */
    COLUMN_COMMAND,
};

enum {
    SMALL_VIRTUAL_BYTES = 64 << 20
}; /* a program that has mapped its libraries and little else */

static enum ps_column column_of(struct word name)
{
    static const struct {
        const char *name;
        enum ps_column column;
    } rows[] = {
        {"PID", COLUMN_PID},      {"PPID", COLUMN_PPID},     {"RSS", COLUMN_RSS},
        {"RSZ", COLUMN_RSS},      {"RES", COLUMN_RSS},       {"VSZ", COLUMN_VSZ},
        {"VIRT", COLUMN_VSZ},     {"STARTED", COLUMN_START}, {"COMMAND", COLUMN_COMMAND},
        {"CMD", COLUMN_COMMAND},  {"ARGS", COLUMN_COMMAND},  {"COMM", COLUMN_COMMAND},
        {"UCMD", COLUMN_COMMAND},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (word_is(name, rows[i].name))
            return rows[i].column;
    return COLUMN_OTHER;
}

/* The branches of ps f and ps --forest: " \_ ", " |   \_ ". */
static struct word without_branches(struct word command)
{
    size_t at = 0;

    while (at < command.len && (command.text[at] == ' ' || command.text[at] == '|'))
        at++;
    if (command.len - at >= 3 && memcmp(command.text + at, "\\_ ", 3) == 0)
        at += 3;
    else if (!command.len || command.text[0] != '|')
        at = 0;
    return (struct word){command.text + at, command.len - at};
}

static struct seep_error *add_row(struct ps_text *ps, struct ps_row *row, struct word command)
{
    struct seep_error *err;

    command = without_branches(command);
    if (ps->rows.count >= PS_MAX_ROWS)
        return error_create(ERROR_INVALID, "more than %d processes", PS_MAX_ROWS);
    if (command.len) {
        row->command = strndup(command.text, command.len);
        if (!row->command)
            return error_no_memory();
    }
    err = vector_push(&ps->rows, *row);
    if (err)
        free(row->command);
    return err;
}

/* --- with a header --- */

bool ps_text_is_header(const char *line, size_t len)
{
    struct words w = words_of(line, len);
    struct word word;
    bool pid = false, command = false;

    while (words_next(&w, &word)) {
        pid = pid || column_of(word) == COLUMN_PID;
        command = column_of(word) == COLUMN_COMMAND;
    }
    return pid && command;
}

static struct seep_error *take_header(struct ps_text *ps, const char *line, size_t len)
{
    struct words w = words_of(line, len);
    struct word word;

    free(ps->columns);
    ps->column_count = 0;
    ps->columns = calloc(PS_MAX_COLUMNS, sizeof(*ps->columns));
    if (!ps->columns)
        return error_no_memory();
    while (words_next(&w, &word) && ps->column_count < PS_MAX_COLUMNS)
        ps->columns[ps->column_count++] = column_of(word);
    return NULL;
}

/* top shortens sizes to "1.1g". */
static uint64_t size_of(struct word word)
{
    uint64_t bytes;
    double number;
    char text[24], *end;

    if (word_kib(word, &bytes))
        return bytes;
    if (word.len >= sizeof(text))
        return PS_UNKNOWN;
    memcpy(text, word.text, word.len);
    text[word.len] = '\0';
    number = strtod(text, &end);
    if (end == text || !(number >= 0) || number > 1e9)
        return PS_UNKNOWN;
    switch (*end) {
    case 'm':
        return (uint64_t)(number * (1 << 20));
    case 'g':
        return (uint64_t)(number * (1 << 30));
    case 't':
        return (uint64_t)(number * (1ULL << 40));
    default:
        return PS_UNKNOWN;
    }
}

static bool take_column(struct ps_row *row, enum ps_column column, struct word word)
{
    int pid = 0;

    switch (column) {
    case COLUMN_PID:
        if (!word_pid(word, &pid))
            return false;
        row->pid = pid;
        return true;
    case COLUMN_PPID:
        if (!word_pid(word, &pid) && !word_is(word, "0"))
            return false;
        row->ppid = pid;
        return true;
    case COLUMN_RSS:
        row->rss_bytes = size_of(word);
        return true;
    case COLUMN_VSZ:
        row->virtual_bytes = size_of(word);
        return true;
    default:
        return true;
    }
}

/* "Tue Mar 26 11:22:33 2019", which ps -o lstart has under STARTED. */
static void skip_long_start(struct words *w, struct word first)
{
    struct word word;

    if (first.len == 3 && isalpha((unsigned char)first.text[0]) &&
        isalpha((unsigned char)first.text[2]))
        for (int i = 0; i < 4; i++)
            words_next(w, &word);
}

static bool read_columns(const struct ps_text *ps, const char *line, size_t len, struct ps_row *row,
                         struct word *ret_command)
{
    struct words w = words_of(line, len);
    struct word word;

    for (size_t i = 0; i < ps->column_count; i++) {
        if (ps->columns[i] == COLUMN_COMMAND && i + 1 == ps->column_count) {
            *ret_command = words_rest(&w);
            break;
        }
        if (!words_next(&w, &word) || !take_column(row, ps->columns[i], word))
            return false;
        if (ps->columns[i] == COLUMN_START)
            skip_long_start(&w, word);
    }
    return row->pid > 0;
}

/* --- by shape --- */

static bool is_number(struct word word)
{
    uint64_t number;

    return word_number(word, &number);
}

static bool is_share(struct word word)
{
    const char *dot = word.len ? memchr(word.text, '.', word.len) : NULL;

    return dot && word.len <= 6 && isdigit((unsigned char)word.text[0]);
}

static bool is_terminal(struct word word)
{
    return word_is(word, "?") || word_is(word, "-") || word_begins(word, "pts/") ||
           word_begins(word, "tty");
}

static bool is_time(struct word word)
{
    bool colon = false;

    for (size_t i = 0; i < word.len; i++) {
        colon = colon || word.text[i] == ':';
        if (!isdigit((unsigned char)word.text[i]) && !strchr(":-.", word.text[i]))
            return false;
    }
    return colon;
}

/* The words of one line. */
struct line_words {
    struct word at[PS_MAX_COLUMNS];
    size_t count;
};

/* Behind the first COUNT words of the line. */
static struct word behind(const struct line_words *w, size_t count, const char *line, size_t len)
{
    struct words words = words_of(line, len);

    words.at = (size_t)(w->at[count - 1].text + w->at[count - 1].len - line);
    return words_rest(&words);
}

static bool is_ef(const struct line_words *w)
{
    return w->count >= 8 && !is_number(w->at[0]) && is_number(w->at[1]) && is_number(w->at[2]) &&
           is_number(w->at[3]) && is_terminal(w->at[5]) && is_time(w->at[6]);
}

static bool is_aux(const struct line_words *w)
{
    return w->count >= 11 && is_number(w->at[1]) && is_share(w->at[2]) && is_share(w->at[3]) &&
           is_number(w->at[4]) && is_number(w->at[5]) && is_terminal(w->at[6]);
}

static bool is_ajx(const struct line_words *w)
{
    return w->count >= 10 && is_number(w->at[0]) && is_number(w->at[1]) && is_number(w->at[2]) &&
           is_number(w->at[3]) && is_terminal(w->at[4]) && !is_number(w->at[6]) &&
           is_time(w->at[8]);
}

/* pid, ppid, user ... numbers command: the last run of numbers that follows a time. */
static bool read_own(const struct line_words *w, struct ps_row *row, size_t *ret_used)
{
    size_t at = 3, first;

    if (w->count < 7 || !take_column(row, COLUMN_PID, w->at[0]) ||
        !take_column(row, COLUMN_PPID, w->at[1]) || is_number(w->at[2]))
        return false;
    while (at < w->count && at < 8 && !is_number(w->at[at]))
        at++;
    if (at == w->count || !is_time(w->at[at - 1]))
        return false;
    for (first = at; at < w->count && is_number(w->at[at]) && at - first < 3; at++)
        row->numbers[at - first] = size_of(w->at[at]);
    row->number_count = (uint8_t)(at - first);
    *ret_used = at;
    return row->number_count >= 2 && at < w->count && !is_number(w->at[at]);
}

static bool read_shape(const char *line, size_t len, struct ps_row *row, struct word *ret_command)
{
    struct words words = words_of(line, len);
    struct line_words w = {.count = 0};
    size_t used = 0;

    while (w.count < PS_MAX_COLUMNS && words_next(&words, &w.at[w.count]))
        w.count++;
    if (is_ef(&w)) {
        used = 7;
        if (!take_column(row, COLUMN_PID, w.at[1]) || !take_column(row, COLUMN_PPID, w.at[2]))
            return false;
    } else if (is_aux(&w)) {
        used = 10;
        if (!take_column(row, COLUMN_PID, w.at[1]))
            return false;
        row->virtual_bytes = size_of(w.at[4]);
        row->rss_bytes = size_of(w.at[5]);
    } else if (is_ajx(&w)) {
        used = 9;
        if (!take_column(row, COLUMN_PPID, w.at[0]) || !take_column(row, COLUMN_PID, w.at[1]))
            return false;
    } else if (!read_own(&w, row, &used)) {
        return false;
    }
    *ret_command = behind(&w, used, line, len);
    return ret_command->len > 0;
}

static struct ps_row new_row(uint64_t number)
{
    return (struct ps_row){.rss_bytes = PS_UNKNOWN, .virtual_bytes = PS_UNKNOWN, .line = number};
}

bool ps_text_is_row(const char *line, size_t len)
{
    struct ps_row row = new_row(0);
    struct word command;

    return read_shape(line, len, &row, &command);
}

struct seep_error *ps_text_feed(struct ps_text *ps, const char *line, size_t len, uint64_t number,
                                bool *ret_bad)
{
    struct ps_row row = new_row(number);
    struct words w = words_of(line, len);
    struct word command = {"", 0};

    *ret_bad = false;
    if (!words_rest(&w).len)
        return NULL;
    if (ps_text_is_header(line, len))
        return take_header(ps, line, len);
    if (ps->columns ? !read_columns(ps, line, len, &row, &command)
                    : !read_shape(line, len, &row, &command)) {
        *ret_bad = true;
        return NULL;
    }
    return add_row(ps, &row, command);
}

/* --- which of the numbers is what --- */

/* Which of COUNT numbers is nowhere below another; COUNT: none. */
static size_t largest(const struct ps_text *ps, uint8_t count)
{
    size_t found = count;

    for (size_t n = 0; n < count; n++) {
        bool holds = true;

        for (size_t i = 0; i < ps->rows.count && holds; i++)
            for (size_t other = 0; other < count && ps->rows.items[i].number_count == count;
                 other++)
                holds = holds && ps->rows.items[i].numbers[n] >= ps->rows.items[i].numbers[other];
        if (holds && found != count)
            return count;
        if (holds)
            found = n;
    }
    return found;
}

static size_t resident(const struct ps_text *ps, uint8_t count, size_t virtual)
{
    const struct ps_row *small = NULL;
    size_t a = virtual == 0 ? 1 : 0, b = virtual == 2 ? 1 : 2;

    if (count == 2)
        return a;
    for (size_t i = 0; i < ps->rows.count; i++) {
        const struct ps_row *row = &ps->rows.items[i];

        if (row->number_count == count &&
            (!small || row->numbers[virtual] < small->numbers[virtual]))
            small = row;
    }
    if (!small || small->numbers[virtual] > SMALL_VIRTUAL_BYTES)
        return count;
    if (small->numbers[a] / 2 >= small->numbers[b])
        return a;
    return small->numbers[b] / 2 >= small->numbers[a] ? b : count;
}

void ps_text_settle(struct ps_text *ps)
{
    for (uint8_t count = 2; count <= 3; count++) {
        size_t virtual = largest(ps, count);
        size_t rss = virtual < count ? resident(ps, count, virtual) : count;

        for (size_t i = 0; i < ps->rows.count; i++) {
            struct ps_row *row = &ps->rows.items[i];

            if (row->number_count != count)
                continue;
            if (virtual < count)
                row->virtual_bytes = row->numbers[virtual];
            if (rss < count)
                row->rss_bytes = row->numbers[rss];
            ps->guessed_sizes = ps->guessed_sizes || rss < count;
            ps->unsure_sizes = ps->unsure_sizes || rss == count;
        }
    }
}

void ps_text_deinit(struct ps_text *ps)
{
    for (size_t i = 0; i < ps->rows.count; i++)
        free(ps->rows.items[i].command);
    vector_deinit(&ps->rows);
    free(ps->columns);
    *ps = (struct ps_text){0};
}
