#include "importer/hexdump_text.h"

#include "importer/words.h"

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool add_bytes(struct hexdump_row *row, struct word word)
{
    if (word.len % 2 || row->count + word.len / 2 > HEXDUMP_MAX_BYTES)
        return false;
    for (size_t i = 0; i < word.len; i += 2) {
        int high = digit(word.text[i]), low = digit(word.text[i + 1]);

        if (high < 0 || low < 0)
            return false;
        row->bytes[row->count++] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Pairs up to the bar of hexdump -C or the angle of od's z. */
static bool read_pairs(struct words w, struct hexdump_row *row)
{
    struct word word;

    while (words_next(&w, &word)) {
        if (word.text[0] == '|' || word.text[0] == '>')
            return row->count > 0;
        if (word.len != 2 || !add_bytes(row, word))
            return false;
    }
    return false;
}

/* Groups parted by one blank; two part them from the text (xxd.c). */
static bool read_groups(struct words w, struct hexdump_row *row)
{
    struct word word;
    size_t before = w.at;

    while (words_next(&w, &word)) {
        if (row->count && (size_t)(word.text - w.line) - before >= 2)
            return true;
        if (!add_bytes(row, word))
            return false;
        before = w.at;
    }
    return row->count > 0;
}

/* "0x73 0x61": bytes; wider words would need the machine's order. */
static bool read_gdb(struct words w, struct hexdump_row *row)
{
    struct word word;

    while (words_next(&w, &word)) {
        if (word.len != 4 || !word_begins(word, "0x"))
            return false;
        word.text += 2;
        word.len -= 2;
        if (!add_bytes(row, word))
            return false;
    }
    return row->count > 0;
}

enum hexdump_line hexdump_text_line(const char *line, size_t len, struct hexdump_row *ret_row)
{
    struct words w = words_of(line, len);
    struct word word;
    bool colon, gdb, good;

    ret_row->count = 0;
    ret_row->address = false;
    if (!words_next(&w, &word))
        return HEXDUMP_EMPTY;
    if (word_is(word, "*"))
        return words_rest(&w).len ? HEXDUMP_BAD : HEXDUMP_REPEAT;
    gdb = word_begins(word, "0x");
    if (gdb) {
        word.text += 2;
        word.len -= 2;
    }
    colon = word.len && word.text[word.len - 1] == ':';
    word.len -= colon;
    if ((!gdb && word.len < 6) || !word_hex(word, &ret_row->offset))
        return HEXDUMP_BAD;
    if (gdb && !colon) {
        /* "<buf+16>:" */
        const char *end = memchr(w.line + w.at, ':', w.len - w.at);

        if (!end || !word_begins(words_rest(&w), "<"))
            return HEXDUMP_BAD;
        w.at = (size_t)(end - w.line) + 1;
    }
    if (!gdb && !colon && !words_rest(&w).len)
        return HEXDUMP_END;
    ret_row->address = gdb;
    good = gdb ? read_gdb(w, ret_row) : colon ? read_groups(w, ret_row) : read_pairs(w, ret_row);
    return good && ret_row->offset <= UINT64_MAX - ret_row->count ? HEXDUMP_BYTES : HEXDUMP_BAD;
}
